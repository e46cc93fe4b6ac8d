//! A snapshot on its way to one or more replicas, or to a file: cut once, encoded once, read by
//! each at its own pace.
//!
//! Chunks are made when the fastest reader has used up the last one, and freed when the slowest
//! has. What lies between is bounded by the replicas' output limit: the node drops the slowest
//! beyond it.

use alloc::{collections::VecDeque, vec::Vec};
use core::time::Duration;

use bytes::Bytes;

use crate::{
    base::{REDIS_VERSION, ids::ConnId, rng::Rng, time::Instant},
    keyspace::{DbIndex, Keyspace, SnapshotId, Walked},
    rdb::{Encoder, Options},
    repl::Place,
};

/// A chunk is closed once it is this long. One entry may make it longer.
const CHUNK_BYTES: usize = 64 * 1024;
/// Nor do more keys: whoever waits meanwhile must not feel it, however small they are.
const CHUNK_KEYS: u32 = 64;
/// What goes into a file waits for the disk after each chunk, and what is to be whole before it
/// leaves for its next turn: fewer of them.
const FILE_CHUNK_KEYS: u32 = 256;

/// How many bytes are set aside for a chunk at least.
const ROOM_MIN: usize = 1024;

/// With a pace a chunk holds what that takes so long.
const PACED_CHUNK: Duration = Duration::from_millis(10);

/// Names a transfer of a node; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransferId(pub u64);

/// How the replica is told where the payload ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// `$EOF:<mark>` before and the 40 bytes of the mark behind it.
    Mark([u8; 40]),
    /// `$<length>` before it. The whole payload is encoded before the first byte leaves.
    Length,
    /// The snapshot and nothing else: it goes into a file.
    Bare,
}

impl Framing {
    /// A mark that no payload contains but by a chance of 1 in 2^160.
    pub fn mark(rng: &mut Rng) -> Self {
        Self::Mark(rng.hex())
    }
}

/// What the payload says about its origin.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// The last byte of which history the snapshot contains; `None` when nobody could go on from
    /// there.
    pub place: Option<Place>,
    /// When the cut was taken, in seconds since the epoch.
    pub ctime: i64,
    /// Memory in use, in bytes.
    pub used_memory: u64,
}

/// How fast keys may be encoded.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    now: Instant,
    per_key: Duration,
}

impl Pace {
    /// As fast as readers read.
    pub const FREE: Self = Self { now: Instant::ORIGIN, per_key: Duration::ZERO };

    /// Each key takes so many microseconds. Redis throws a die for negative ones, which come to
    /// less than one.
    // redis: rdb.c, debugDelay
    pub fn of(now: Instant, micros: i32) -> Self {
        let micros = u64::try_from(micros).unwrap_or(0);
        Self { now, per_key: Duration::from_micros(micros) }
    }

    /// Whether these keys are as many as may go at once: what a moment of the slow pace would hold.
    fn is_used_up(&self, keys: u32) -> bool {
        self.per_key * keys >= PACED_CHUNK
    }

    /// When the next key may go, after so many.
    pub fn next(&self, keys: u32) -> Option<Instant> {
        (!self.per_key.is_zero()).then(|| self.now + self.per_key * keys)
    }
}

/// Where the bytes come from.
#[derive(Debug)]
enum Source {
    /// The walk over a snapshot of the keyspace.
    Walk(SnapshotId),
    /// Everything is encoded.
    Done,
}

/// One payload.
#[derive(Debug)]
pub struct Transfer {
    id: TransferId,
    framing: Framing,
    source: Source,
    encoder: Encoder,
    /// The database of the entry encoded last.
    db: Option<DbIndex>,
    /// Nothing is encoded before that instant.
    due: Option<Instant>,
    /// How many bytes are set aside for the next chunk: somewhat more than the last one had.
    room: usize,
    /// Who has read all of it.
    delivered: Vec<ConnId>,
    chunks: VecDeque<Bytes>,
    /// Position of the first byte of the first chunk.
    base: u64,
    /// Position behind the last chunk.
    end: u64,
}

impl Transfer {
    /// A payload of the snapshot `source`, or an empty one.
    pub fn new(
        id: TransferId,
        framing: Framing,
        source: Option<SnapshotId>,
        options: Options,
        origin: Origin,
    ) -> Self {
        let mut encoder = Encoder::new(options);
        let mut head = Vec::with_capacity(512);
        if let Framing::Mark(mark) = framing {
            head.extend_from_slice(b"$EOF:");
            head.extend_from_slice(&mark);
            head.extend_from_slice(b"\r\n");
        }
        encoder.header(&mut head);
        let mut digits = itoa::Buffer::new();
        encoder.aux(&mut head, b"redis-ver", REDIS_VERSION.as_bytes());
        encoder.aux(&mut head, b"redis-bits", b"64");
        encoder.aux(&mut head, b"ctime", digits.format(origin.ctime).as_bytes());
        encoder.aux(&mut head, b"used-mem", digits.format(origin.used_memory).as_bytes());
        if let Some(Place { replid, offset, stream_db }) = origin.place {
            encoder.aux(&mut head, b"repl-stream-db", digits.format(stream_db.0).as_bytes());
            encoder.aux(&mut head, b"repl-id", replid.as_bytes());
            encoder.aux(&mut head, b"repl-offset", digits.format(offset).as_bytes());
        }
        encoder.aux(&mut head, b"aof-base", b"0");
        let mut transfer = Self {
            id,
            framing,
            source: source.map_or(Source::Done, Source::Walk),
            encoder,
            db: None,
            due: None,
            room: ROOM_MIN,
            delivered: Vec::new(),
            chunks: VecDeque::new(),
            base: 0,
            end: 0,
        };
        transfer.push(head);
        if source.is_none() {
            transfer.finish();
        }
        transfer
    }

    /// Its name.
    pub fn id(&self) -> TransferId {
        self.id
    }

    /// How its end is told.
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// The snapshot it walks, if it still does.
    pub fn snapshot(&self) -> Option<SnapshotId> {
        match self.source {
            Source::Walk(id) => Some(id),
            Source::Done => None,
        }
    }

    /// Whether every byte is encoded.
    pub fn is_complete(&self) -> bool {
        self.snapshot().is_none()
    }

    /// Bytes of memory the chunks take.
    pub fn held_bytes(&self) -> u64 {
        self.end - self.base
    }

    /// The position behind the last byte that is encoded.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Whether a reader may have bytes: with a length in front, only when all of it is known.
    pub fn is_readable(&self) -> bool {
        self.is_complete() || self.framing != Framing::Length
    }

    /// This reader has read all of it.
    pub fn note_delivery(&mut self, reader: ConnId) {
        self.delivered.push(reader);
    }

    /// Who has read all of it.
    pub fn delivered(&self) -> &[ConnId] {
        &self.delivered
    }

    /// The instant before which no chunk will be encoded, if it has a pace.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Encodes one more chunk, if there is more to encode and it is time for that.
    pub fn produce(&mut self, keyspace: &mut Keyspace, pace: Pace) {
        let Source::Walk(id) = self.source else { return };
        if self.due.is_some_and(|due| due > pace.now) {
            return;
        }
        let most = match self.framing {
            Framing::Mark(_) => CHUNK_KEYS,
            Framing::Length | Framing::Bare => FILE_CHUNK_KEYS,
        };
        let mut keys = 0;
        let Self { encoder, db, .. } = self;
        let mut chunk = Vec::with_capacity(self.room);
        let walked = keyspace.walk_snapshot(id, |image| {
            if *db != Some(image.db) {
                *db = Some(image.db);
                encoder.select_db(&mut chunk, u64::from(image.db.0));
                let (keys, expires) = image.sizes;
                encoder.resize_db(&mut chunk, keys as u64, expires as u64);
            }
            encoder.value(&mut chunk, image.key, image.value, image.expires_at);
            keys += 1;
            let is_full = chunk.len() >= CHUNK_BYTES || keys >= most || pace.is_used_up(keys);
            if is_full { Walked::Enough } else { Walked::More }
        });
        self.due = pace.next(keys);
        self.room = (chunk.len() + chunk.len() / 8).clamp(ROOM_MIN, CHUNK_BYTES + CHUNK_BYTES / 8);
        self.push(chunk);
        if walked == Walked::Enough {
            self.finish();
        }
    }

    /// The end of the payload.
    fn finish(&mut self) {
        self.source = Source::Done;
        let mut tail = Vec::with_capacity(64);
        self.encoder.end(&mut tail);
        match self.framing {
            Framing::Mark(mark) => tail.extend_from_slice(&mark),
            Framing::Length => {
                let length = self.end + tail.len() as u64;
                let head = alloc::format!("${length}\r\n").into_bytes();
                self.end += head.len() as u64;
                self.chunks.push_front(head.into());
            }
            Framing::Bare => {}
        }
        self.push(tail);
    }

    fn push(&mut self, chunk: Vec<u8>) {
        self.end += chunk.len() as u64;
        if !chunk.is_empty() {
            self.chunks.push_back(chunk.into());
        }
    }

    /// The bytes from `position` on: up to two chunks of them.
    pub fn slices(&self, position: u64) -> [&[u8]; 2] {
        let mut skip = (position - self.base) as usize;
        for (at, chunk) in self.chunks.iter().enumerate() {
            if skip < chunk.len() {
                return [&chunk[skip..], self.chunks.get(at + 1).map_or(&[], |next| next)];
            }
            skip -= chunk.len();
        }
        [&[], &[]]
    }

    /// The first chunk that has not been dropped.
    pub fn front(&self) -> Option<&Bytes> {
        self.chunks.front()
    }

    /// The only reader has read the first chunk.
    pub fn drop_front(&mut self) {
        if let Some(chunk) = self.chunks.pop_front() {
            self.base += chunk.len() as u64;
        }
    }

    /// No reader needs a byte before `position` any more.
    pub fn release(&mut self, position: u64) {
        while let Some(chunk) = self.chunks.front() {
            let next = self.base + chunk.len() as u64;
            if next > position {
                break;
            }
            self.base = next;
            self.chunks.pop_front();
        }
    }
}
