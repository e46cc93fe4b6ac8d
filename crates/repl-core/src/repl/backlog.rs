//! The backlog: the last bytes of one history, in blocks shared by partial resynchronisation and
//! all replicas.
//!
//! ```text
//!   first                      cursor of a replica                 end (the next byte's number)
//!   v                          v                                   v
//!   [ block ] [ block ] [ block ] [ block ] [ block, not full yet ]
//! ```
//!
//! Bytes are numbered as the protocol numbers them: the first byte of a history is number 1, and
//! `PSYNC` names the number of the next byte wanted. All blocks but the last are full. Whole blocks
//! go from the front once the rest is at least the configured size and no replica still reads them;
//! so there may be more bytes than configured, as in Redis, and slow replicas are bounded by their
//! output limit, not here.

use alloc::{collections::VecDeque, vec::Vec};

/// Redis' smallest block; a block is a sixteenth of the backlog's size when that is more.
const BLOCK_BYTES_MIN: usize = 16 * 1024;

/// A block is reserved as a whole, so a huge backlog must not mean huge blocks: `repl-backlog-size`
/// may be set to far more than there is memory, of which only what is fed is ever taken.
const BLOCK_BYTES_MAX: usize = 1024 * 1024;

/// Free blocks kept for the next bytes, so that a steady stream allocates nothing.
const FREE_BLOCKS_MAX: usize = 2;

/// What became of the oldest bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trimmed {
    /// They are within the size.
    Nothing,
    /// Some are gone.
    Blocks,
    /// Some are beyond the size, and a replica has yet to read them.
    HeldByReader,
}

/// The last bytes of a history.
#[derive(Debug)]
pub struct Backlog {
    blocks: VecDeque<Vec<u8>>,
    free: Vec<Vec<u8>>,
    block_bytes: usize,
    size_bytes: u64,
    first: u64,
    end: u64,
}

impl Backlog {
    /// An empty backlog whose first byte will be number `next`.
    ///
    /// Sizes below 16 KB are taken as they are: raising them is the business of `CONFIG SET`.
    pub fn new(size_bytes: u64, next: u64) -> Self {
        let mut backlog = Self {
            blocks: VecDeque::new(),
            free: Vec::new(),
            block_bytes: 0,
            size_bytes: 0,
            first: next,
            end: next,
        };
        backlog.set_size(size_bytes);
        backlog
    }

    fn set_size(&mut self, size_bytes: u64) {
        let size = usize::try_from(size_bytes).unwrap_or(usize::MAX);
        // A tiny backlog, as simulations draw it, gets tiny blocks: at least four of them.
        self.block_bytes =
            (size / 16).max(BLOCK_BYTES_MIN.min(size / 4)).clamp(16, BLOCK_BYTES_MAX);
        self.size_bytes = size_bytes;
    }

    /// `repl-backlog-size` changed. What is there stays, as far as the new size allows.
    pub fn resize(&mut self, size_bytes: u64) {
        let old: Vec<Vec<u8>> = self.blocks.drain(..).collect();
        let end = self.end;
        self.end = self.first;
        self.free.clear();
        self.set_size(size_bytes);
        for block in old {
            self.append(&block);
        }
        debug_assert_eq!(self.end, end, "a resize loses nothing");
    }

    /// The number of the oldest byte; the number of the next one when there is none.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// The number the next byte will have.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// How many bytes there are: the `repl_backlog_histlen` of `INFO`.
    pub fn histlen(&self) -> u64 {
        self.end - self.first
    }

    /// Memory held, in bytes.
    pub fn memory_bytes(&self) -> u64 {
        ((self.blocks.len() + self.free.len()) * self.block_bytes) as u64
    }

    /// Adds bytes at the end.
    pub fn append(&mut self, mut bytes: &[u8]) {
        self.end += bytes.len() as u64;
        while !bytes.is_empty() {
            let block_bytes = self.block_bytes;
            let room = self.blocks.back().map_or(0, |block| block_bytes - block.len());
            if room == 0 {
                let block = self.free.pop().unwrap_or_else(|| Vec::with_capacity(block_bytes));
                self.blocks.push_back(block);
                continue;
            }
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.blocks.back_mut().expect("there is room in it").extend_from_slice(now);
            bytes = later;
        }
    }

    /// Drops whole blocks from the front that are beyond the size and that no replica needs:
    /// `reader` is the smallest number a replica still has to read.
    pub fn trim(&mut self, reader: u64) -> Trimmed {
        let mut trimmed = Trimmed::Nothing;
        while let Some(block) = self.blocks.front() {
            let length = block.len() as u64;
            if self.histlen() - length < self.size_bytes {
                break;
            }
            if self.first + length > reader {
                return Trimmed::HeldByReader;
            }
            trimmed = Trimmed::Blocks;
            let mut block = self.blocks.pop_front().expect("it was looked at");
            self.first += length;
            if self.free.len() < FREE_BLOCKS_MAX {
                block.clear();
                self.free.push(block);
            }
        }
        trimmed
    }

    /// Whether a reader may go on at byte `number`, which may be the next one.
    pub fn reaches(&self, number: u64) -> bool {
        (self.first..=self.end).contains(&number)
    }

    /// The bytes from `number` on: up to two blocks of them, empty at the end.
    ///
    /// # Panics
    /// When `number` is out of reach.
    pub fn slices(&self, number: u64) -> [&[u8]; 2] {
        assert!(self.reaches(number), "byte {number} of {}..{}", self.first, self.end);
        let skip = (number - self.first) as usize;
        let (at, offset) = (skip / self.block_bytes, skip % self.block_bytes);
        let block = |at: usize| self.blocks.get(at).map_or(&[][..], Vec::as_slice);
        [block(at).get(offset..).unwrap_or_default(), block(at + 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(backlog: &Backlog, mut number: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        loop {
            let [first, second] = backlog.slices(number);
            if first.is_empty() {
                return bytes;
            }
            bytes.extend_from_slice(first);
            bytes.extend_from_slice(second);
            number += (first.len() + second.len()) as u64;
        }
    }

    fn numbered(from: u64, to: u64) -> Vec<u8> {
        (from..to).map(|number| (number % 251) as u8).collect()
    }

    #[test]
    fn what_is_kept_is_the_suffix_of_what_was_fed() {
        let mut backlog = Backlog::new(300, 1);
        let mut end = 1;
        for length in [0, 1, 7, 16, 300, 2, 1_000, 63] {
            backlog.append(&numbered(end, end + length));
            end += length;
            backlog.trim(u64::MAX);
            assert_eq!(backlog.end(), end);
            assert_eq!(read(&backlog, backlog.first()), numbered(backlog.first(), end));
            assert!(backlog.histlen() >= 300.min(end - 1), "never less than configured");
            assert!(backlog.histlen() < 300 + backlog.block_bytes as u64, "never a block more");
        }
        assert!(!backlog.reaches(backlog.first() - 1) && !backlog.reaches(end + 1));
        assert!(backlog.reaches(end));
    }

    #[test]
    fn a_slow_reader_keeps_its_bytes() {
        let mut backlog = Backlog::new(100, 1);
        backlog.append(&numbered(1, 1_001));
        backlog.trim(500);
        assert!(backlog.reaches(500));
        assert_eq!(read(&backlog, 500), numbered(500, 1_001));
    }

    #[test]
    fn a_resize_keeps_the_bytes() {
        let mut backlog = Backlog::new(1_000, 1);
        backlog.append(&numbered(1, 901));
        for size in [100_000, 64, 5_000] {
            backlog.resize(size);
            assert_eq!(read(&backlog, backlog.first()), numbered(backlog.first(), 901));
            backlog.trim(u64::MAX);
        }
        assert!(backlog.histlen() < 100);
    }
}
