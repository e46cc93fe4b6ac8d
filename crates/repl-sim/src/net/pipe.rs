//! One direction of one connection: the bytes between a writer and a reader.
//!
//! ```text
//!   write -> [ .... on the wire, in segments .... | .... arrived .... ] -> read
//!             back of `bytes`                        front of `bytes`
//! ```
//! Knows nothing of hosts, links or the other direction.

use std::{collections::VecDeque, io::IoSlice, task::Waker};

use repl_core::base::time::Instant;

use crate::draw::Draw;

/// A link of small pieces carries what is waiting in at least so many.
const BULK_PIECES: usize = 64;

/// Bytes that travel together.
#[derive(Clone, Copy, Debug)]
struct Segment {
    arrives_at: Instant,
    len: usize,
}

/// The writer's orderly end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fin {
    Unsent,
    Sent { arrives_at: Instant },
    Arrived,
}

/// See the picture of this file.
#[derive(Debug)]
pub(super) struct Pipe {
    bytes: VecDeque<u8>,
    /// How many of `bytes`, from the front, the reader can take.
    arrived: usize,
    segments: VecDeque<Segment>,
    fin: Fin,
    /// How many bytes may be unread or unacknowledged before the writer must wait.
    window: usize,
    /// Read, but the acknowledgement is held up on the way back.
    unacknowledged: usize,
    /// Since when nothing that was sent has been acknowledged.
    pub(super) stuck_since: Option<Instant>,
    /// A slow reader takes nothing before this time.
    pub(super) reads_at: Instant,
    /// When a slow reader is woken, if that is arranged.
    pub(super) read_again_at: Option<Instant>,
    pub(super) reader: Option<Waker>,
    pub(super) writer: Option<Waker>,
}

/// What a read found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    Bytes(usize),
    EndOfStream,
    Nothing,
}

impl Pipe {
    pub(super) const fn new(window: usize) -> Self {
        Self {
            bytes: VecDeque::new(),
            arrived: 0,
            segments: VecDeque::new(),
            fin: Fin::Unsent,
            window,
            unacknowledged: 0,
            stuck_since: None,
            reads_at: Instant::ORIGIN,
            read_again_at: None,
            reader: None,
            writer: None,
        }
    }

    /// How many bytes the writer may add now.
    pub(super) fn room(&self) -> usize {
        self.window.saturating_sub(self.bytes.len() + self.unacknowledged)
    }

    /// Takes at most `room` bytes of `from`; they are on no segment yet.
    pub(super) fn push(&mut self, from: &[IoSlice<'_>]) -> usize {
        let mut room = self.room();
        let mut taken = 0;
        for part in from {
            let count = part.len().min(room);
            self.bytes.extend(&part[..count]);
            room -= count;
            taken += count;
        }
        taken
    }

    /// Puts the last `len` bytes pushed on the wire. Never overtakes what is there already.
    pub(super) fn send(&mut self, len: usize, arrives_at: Instant) -> Instant {
        assert!(self.fin == Fin::Unsent, "nothing follows a FIN");
        let arrives_at = arrives_at.max(self.last_arrival());
        match self.segments.back_mut() {
            // Two writes that arrive at one instant are one piece to the reader.
            Some(last) if last.arrives_at == arrives_at => last.len += len,
            Some(_) | None => self.segments.push_back(Segment { arrives_at, len }),
        }
        arrives_at
    }

    /// Puts the orderly end behind everything that is on the wire.
    pub(super) fn send_fin(&mut self, arrives_at: Instant) -> Instant {
        let arrives_at = arrives_at.max(self.last_arrival());
        self.fin = Fin::Sent { arrives_at };
        arrives_at
    }

    fn last_arrival(&self) -> Instant {
        self.segments.back().map_or(Instant::ORIGIN, |last| last.arrives_at)
    }

    /// Makes readable what is due, `limit` bytes at most. Says how many bytes; `None` when neither
    /// bytes nor the end were due.
    pub(super) fn deliver(&mut self, now: Instant, limit: usize) -> Option<usize> {
        let mut moved = false;
        let mut left = limit;
        while left > 0
            && let Some(first) = self.segments.front_mut()
            && first.arrives_at <= now
        {
            let count = first.len.min(left);
            first.len -= count;
            left -= count;
            self.arrived += count;
            if first.len == 0 {
                self.segments.pop_front();
            }
            moved = true;
        }
        if let Fin::Sent { arrives_at } = self.fin
            && arrives_at <= now
            && self.segments.is_empty()
        {
            self.fin = Fin::Arrived;
            moved = true;
        }
        assert!(self.arrived <= self.bytes.len(), "only what was written arrives");
        moved.then_some(limit - left)
    }

    /// The line is fast again: what is on the wire arrives by `due`.
    pub(super) fn hurry(&mut self, due: Instant) {
        for segment in &mut self.segments {
            segment.arrives_at = segment.arrives_at.min(due);
        }
        if let Fin::Sent { arrives_at } = &mut self.fin {
            *arrives_at = (*arrives_at).min(due);
        }
    }

    /// Sends everything on the wire once more, to arrive together.
    pub(super) fn resend(&mut self, arrives_at: Instant) {
        for segment in &mut self.segments {
            segment.arrives_at = segment.arrives_at.max(arrives_at);
        }
        if let Fin::Sent { arrives_at: fin_at } = &mut self.fin {
            *fin_at = (*fin_at).max(arrives_at);
        }
    }

    /// Moves some of what has arrived to `into`: sometimes less than is there, as segments would.
    ///
    /// About `piece` bytes at the most, while little is there; of bulk a fraction, so that a
    /// snapshot does not take a million reads.
    pub(super) fn take(
        &mut self,
        into: &mut [u8],
        piece: usize,
        ack: Ack,
        draw: &mut Draw,
    ) -> Taken {
        let available = self.arrived.min(into.len());
        if available == 0 {
            let ended = self.fin == Fin::Arrived && !into.is_empty();
            return if ended { Taken::EndOfStream } else { Taken::Nothing };
        }
        let most = piece.max(available / BULK_PIECES).min(available);
        let cut_short = most < available || draw.once_in(8);
        let count = if cut_short { 1 + draw.index(most) } else { available };
        let (head, tail) = self.bytes.as_slices();
        let from_head = count.min(head.len());
        into[..from_head].copy_from_slice(&head[..from_head]);
        into[from_head..count].copy_from_slice(&tail[..count - from_head]);
        self.bytes.drain(..count);
        self.arrived -= count;
        match ack {
            Ack::Passes => {}
            Ack::Held => self.unacknowledged += count,
        }
        Taken::Bytes(count)
    }

    /// The way back is open: the writer learns how far the reader got.
    pub(super) fn acknowledge(&mut self) {
        self.unacknowledged = 0;
        self.stuck_since = None;
    }

    /// Whether the writer waits for an acknowledgement of bytes or of its end.
    pub(super) fn awaits_acknowledgement(&self) -> bool {
        self.unacknowledged > 0 || self.on_wire()
    }

    /// Whether anything is under way.
    pub(super) fn on_wire(&self) -> bool {
        !self.segments.is_empty() || matches!(self.fin, Fin::Sent { .. })
    }

    /// Whether something has arrived that nobody read.
    pub(super) const fn has_unread(&self) -> bool {
        self.arrived > 0
    }

    /// A reset: what is under way is gone, what has arrived can still be read.
    pub(super) fn lose_wire(&mut self) {
        self.segments.clear();
        self.bytes.truncate(self.arrived);
        if matches!(self.fin, Fin::Sent { .. }) {
            self.fin = Fin::Unsent;
        }
    }

    pub(super) fn wake_reader(&mut self) {
        if let Some(waker) = self.reader.take() {
            waker.wake();
        }
    }

    pub(super) fn wake_writer(&mut self) {
        if let Some(waker) = self.writer.take() {
            waker.wake();
        }
    }
}

/// Whether the reader's acknowledgements reach the writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ack {
    Passes,
    Held,
}
