//! The lines a master answers with while a replica introduces itself.
//!
//! Must not know what they say.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

/// The peer sent [`LineReader::MAX`] bytes without the end of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineTooLong;

/// Reads the lines a master answers with while a replica introduces itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct LineReader {
    /// Bytes known not to hold the end of the line.
    searched: usize,
}

impl LineReader {
    /// The longest line, in bytes.
    pub const MAX: usize = 64 * 1024;

    /// At the start of a line.
    #[must_use]
    pub const fn new() -> Self {
        Self { searched: 0 }
    }

    /// The line at the front of `bytes` without its end, and how many bytes it takes with it. A
    /// bare `\n` ends a line too. `None` while the line is incomplete: the next call must show the
    /// same bytes again with more behind them.
    ///
    /// # Errors
    /// When the line is longer than [`LineReader::MAX`].
    // redis: syncio.c, syncReadLine
    pub fn next<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<(&'a [u8], usize)>, LineTooLong> {
        let window = bytes.get(..=Self::MAX).unwrap_or(bytes);
        let unseen = window.get(self.searched..).unwrap_or_default();
        let Some(found) = unseen.iter().position(|&byte| byte == b'\n') else {
            self.searched = window.len();
            return if window.len() > Self::MAX { Err(LineTooLong) } else { Ok(None) };
        };
        let end = self.searched + found;
        self.searched = 0;
        let line = window.get(..end).unwrap_or_default();
        Ok(Some((line.strip_suffix(b"\r").unwrap_or(line), end + 1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ends_at_a_bare_newline_too_and_may_come_in_pieces() {
        let bytes = b"+PONG\r\n\n+CONTINUE\n";
        let (mut reader, mut at, mut lines) = (LineReader::new(), 0, std::vec::Vec::new());
        for end in 0..=bytes.len() {
            while let Some((line, used)) = reader.next(&bytes[at..end]).expect("short lines") {
                lines.push(line);
                at += used;
            }
        }
        assert_eq!(lines, [&b"+PONG"[..], b"", b"+CONTINUE"]);
        assert_eq!(at, bytes.len());
    }

    #[test]
    fn a_line_without_an_end_is_refused() {
        let mut bytes = std::vec![b'x'; LineReader::MAX];
        let mut reader = LineReader::new();
        assert_eq!(reader.next(&bytes), Ok(None));
        bytes.push(b'\n');
        assert_eq!(reader.next(&bytes), Ok(Some((&bytes[..LineReader::MAX], LineReader::MAX + 1))));
        bytes.insert(0, b'x');
        assert_eq!(LineReader::new().next(&bytes), Err(LineTooLong));
    }
}
