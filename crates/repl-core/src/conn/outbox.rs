//! Bytes to send on one connection, and how many of them have left.

use alloc::vec::Vec;

/// An empty outbox gives back more memory than this.
const KEPT_BYTES: usize = 64 * 1024;

/// Replies that have not left yet.
#[derive(Debug, Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    sent: usize,
}

impl Outbox {
    /// Where replies are appended.
    pub fn writer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// What has not left yet.
    pub fn pending(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// Whether everything has left.
    pub fn is_empty(&self) -> bool {
        self.sent == self.bytes.len()
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// The first `count` pending bytes have left.
    ///
    /// # Panics
    /// When there are fewer.
    pub fn consume(&mut self, count: usize) {
        self.sent += count;
        assert!(self.sent <= self.bytes.len(), "no more leaves than was shown");
        if self.is_empty() {
            self.sent = 0;
            self.bytes.clear();
            if self.bytes.capacity() > KEPT_BYTES {
                self.bytes.shrink_to(KEPT_BYTES);
            }
        } else if self.sent > KEPT_BYTES && self.sent > self.bytes.len() / 2 {
            // A slow reader of a long backlog of replies: the part that left goes now and then, in
            // linear time.
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_in_pieces_is_what_was_written() {
        let mut outbox = Outbox::default();
        let mut left = Vec::new();
        for round in 0..2_000_u32 {
            outbox.writer().extend_from_slice(&[round as u8; 100]);
            let count = outbox.pending().len().min(90);
            left.extend_from_slice(&outbox.pending()[..count]);
            outbox.consume(count);
        }
        left.extend_from_slice(outbox.pending());
        outbox.consume(outbox.pending().len());
        assert_eq!(left.len(), 200_000);
        assert!(left.chunks(100).enumerate().all(|(i, c)| c.iter().all(|b| *b == i as u8)));
        assert!(outbox.is_empty() && outbox.memory_bytes() <= KEPT_BYTES);
    }
}
