//! Replies, appended to bytes that the caller owns, in the protocol version its client chose.
//!
//! Also the one piece of the protocol that travels the other way: a command as the replication
//! stream carries it.
//!
//! Must not know what a reply means, nor when it leaves.

use alloc::vec::Vec;

use crate::base::{
    double,
    number::{DIGITS_MAX, format_i64, format_u64},
};

/// The version of the protocol that a connection speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Proto {
    /// What every connection starts with.
    #[default]
    Resp2,
    /// After `HELLO 3`.
    Resp3,
}

/// Appends replies to a buffer.
#[derive(Debug)]
pub struct Reply<'a> {
    out: &'a mut Vec<u8>,
    proto: Proto,
}

/// Where the length of a collection will be written, once it is known.
#[derive(Debug)]
#[must_use = "a collection without its length is no reply"]
pub struct Deferred {
    at: usize,
}

impl<'a> Reply<'a> {
    /// Replies in `proto`, appended to `out`.
    pub const fn new(out: &'a mut Vec<u8>, proto: Proto) -> Self {
        Self { out, proto }
    }

    /// The version these replies are written in.
    #[must_use]
    pub const fn proto(&self) -> Proto {
        self.proto
    }

    /// How many bytes there are with all replies so far.
    #[must_use]
    pub const fn end(&self) -> usize {
        self.out.len()
    }

    /// `+OK`.
    #[inline]
    pub fn ok(&mut self) {
        self.raw(b"+OK\r\n");
    }

    /// A status: one line of text, which holds neither `\r` nor `\n`.
    pub fn simple(&mut self, text: &str) {
        debug_assert!(!text.bytes().any(is_line_break), "a status is one line: {text:?}");
        self.line(b'+', text.as_bytes());
    }

    /// An error: `text` starts with its code, as in `ERR syntax error`.
    pub fn error(&mut self, text: &str) {
        self.error_bytes(text.as_bytes());
    }

    /// An error that quotes what a client sent. Line breaks in it become blanks, as in Redis.
    pub fn error_bytes(&mut self, text: &[u8]) {
        let start = self.out.len() + 1;
        self.line(b'-', text);
        let end = start + text.len();
        for byte in self.out.get_mut(start..end).unwrap_or_default() {
            if is_line_break(*byte) {
                *byte = b' ';
            }
        }
    }

    /// A string of any bytes.
    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        self.header(b'$', bytes.len());
        self.raw(bytes);
        self.raw(b"\r\n");
    }

    /// The decimal text of a number, as a string.
    pub fn bulk_int(&mut self, value: i64) {
        self.bulk(format_i64(&mut [0; DIGITS_MAX], value));
    }

    /// No value.
    #[inline]
    pub fn null(&mut self) {
        self.raw(match self.proto {
            Proto::Resp2 => b"$-1\r\n",
            Proto::Resp3 => b"_\r\n",
        });
    }

    /// No value where a RESP2 client expects an array.
    pub fn null_array(&mut self) {
        self.raw(match self.proto {
            Proto::Resp2 => b"*-1\r\n",
            Proto::Resp3 => b"_\r\n",
        });
    }

    /// An integer that is at hand as text, as `format_i64` writes it.
    #[inline]
    pub fn int_text(&mut self, text: &[u8]) {
        debug_assert!(crate::base::number::parse_i64(text).is_some(), "{text:?} is no integer");
        let mut line = [b':'; DIGITS_MAX + 3];
        let end = 1 + text.len();
        line[1..end].copy_from_slice(text);
        line[end..end + 2].copy_from_slice(b"\r\n");
        self.raw(&line[..end + 2]);
    }

    /// An integer.
    #[inline]
    pub fn int(&mut self, value: i64) {
        match value {
            0 => self.raw(b":0\r\n"),
            1 => self.raw(b":1\r\n"),
            value => self.int_text(format_i64(&mut [0; DIGITS_MAX], value)),
        }
    }

    /// A truth value; an integer in RESP2.
    pub fn boolean(&mut self, value: bool) {
        self.raw(match (self.proto, value) {
            (Proto::Resp2, false) => b":0\r\n",
            (Proto::Resp2, true) => b":1\r\n",
            (Proto::Resp3, false) => b"#f\r\n",
            (Proto::Resp3, true) => b"#t\r\n",
        });
    }

    /// A floating-point number with 17 significant digits; a string in RESP2.
    pub fn double(&mut self, value: f64) {
        let mut room = [0; double::TEXT_MAX];
        let text = double::format(&mut room, value);
        match self.proto {
            Proto::Resp2 => self.bulk(text),
            Proto::Resp3 => self.line(b',', text),
        }
    }

    /// Text to be shown as it is; `format` is `txt` or `mkd`. A string in RESP2.
    pub fn verbatim(&mut self, format: &[u8; 3], text: &[u8]) {
        match self.proto {
            Proto::Resp2 => self.bulk(text),
            Proto::Resp3 => {
                self.header(b'=', format.len() + 1 + text.len());
                self.raw(format);
                self.raw(b":");
                self.raw(text);
                self.raw(b"\r\n");
            }
        }
    }

    /// The head of an array: `count` replies must follow.
    #[inline]
    pub fn array_len(&mut self, count: usize) {
        self.header(b'*', count);
    }

    /// The head of a map: `pairs` times a key and its value must follow. An array in RESP2.
    pub fn map_len(&mut self, pairs: usize) {
        let (mark, count) = self.map_head(pairs);
        self.header(mark, count);
    }

    /// The head of a set: `count` replies must follow. An array in RESP2.
    pub fn set_len(&mut self, count: usize) {
        let mark = self.mark(b'~');
        self.header(mark, count);
    }

    /// The head of a message that answers no request. An array in RESP2.
    pub fn push_len(&mut self, count: usize) {
        let mark = self.mark(b'>');
        self.header(mark, count);
    }

    /// Starts a collection whose length is not known yet. One of the `set_deferred` methods must be
    /// called for it, in reverse order when collections nest, before these bytes leave.
    pub const fn deferred(&self) -> Deferred {
        Deferred { at: self.out.len() }
    }

    /// Everything since `place` is an array of `count` replies.
    pub fn set_deferred(&mut self, place: Deferred, count: usize) {
        self.header_at(place, b'*', count);
    }

    /// Everything since `place` is a map of `pairs` keys and values.
    pub fn set_deferred_map(&mut self, place: Deferred, pairs: usize) {
        let (mark, count) = self.map_head(pairs);
        self.header_at(place, mark, count);
    }

    /// Everything since `place` is a set of `count` replies.
    pub fn set_deferred_set(&mut self, place: Deferred, count: usize) {
        let mark = self.mark(b'~');
        self.header_at(place, mark, count);
    }

    /// Bytes that are replies already.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    const fn mark(&self, resp3: u8) -> u8 {
        match self.proto {
            Proto::Resp2 => b'*',
            Proto::Resp3 => resp3,
        }
    }

    const fn map_head(&self, pairs: usize) -> (u8, usize) {
        match self.proto {
            Proto::Resp2 => (b'*', pairs * 2),
            Proto::Resp3 => (b'%', pairs),
        }
    }

    fn line(&mut self, mark: u8, text: &[u8]) {
        self.out.reserve(text.len() + 3);
        self.out.push(mark);
        self.raw(text);
        self.raw(b"\r\n");
    }

    #[inline]
    fn header(&mut self, mark: u8, count: usize) {
        write_header(self.out, mark, count);
    }

    /// Writes the head behind what it belongs in front of, then turns the two around: one copy of a
    /// reply whose elements were each copied once already, and no bookkeeping.
    fn header_at(&mut self, place: Deferred, mark: u8, count: usize) {
        let end = self.out.len();
        self.header(mark, count);
        let head_len = self.out.len() - end;
        self.out
            .get_mut(place.at..)
            .expect("replies are only appended after a place is marked")
            .rotate_right(head_len);
    }
}

/// Appends one command the way the replication stream and the append-only file carry it.
pub fn encode_command<'a, I>(out: &mut Vec<u8>, args: I)
where
    I: IntoIterator<Item = &'a [u8], IntoIter: ExactSizeIterator>,
{
    let args = args.into_iter();
    write_header(out, b'*', args.len());
    for arg in args {
        write_header(out, b'$', arg.len());
        out.extend_from_slice(arg);
        out.extend_from_slice(b"\r\n");
    }
}

/// A mark, a count and the end of the line.
#[inline]
fn write_header(out: &mut Vec<u8>, mark: u8, count: usize) {
    if let Ok(digit @ 0..=9) = u8::try_from(count) {
        out.extend_from_slice(&[mark, b'0' + digit, b'\r', b'\n']);
        return;
    }
    let mut room = [0; DIGITS_MAX];
    // Lossless: no supported target has pointers of more than 64 bits.
    let digits = format_u64(&mut room, count as u64);
    out.reserve(digits.len() + 3);
    out.push(mark);
    out.extend_from_slice(digits);
    out.extend_from_slice(b"\r\n");
}

const fn is_line_break(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(write: impl Fn(&mut Reply<'_>), resp2: &[u8], resp3: &[u8]) {
        for (proto, expect) in [(Proto::Resp2, resp2), (Proto::Resp3, resp3)] {
            let mut out = b"before".to_vec();
            write(&mut Reply::new(&mut out, proto));
            let written = out.strip_prefix(b"before").expect("replies are appended");
            assert!(written == expect, "{proto:?}: {}", written.escape_ascii());
        }
    }

    #[test]
    fn replies_are_written_in_the_version_of_the_client() {
        check(|reply| reply.ok(), b"+OK\r\n", b"+OK\r\n");
        check(|reply| reply.simple("PONG"), b"+PONG\r\n", b"+PONG\r\n");
        check(|reply| reply.bulk(b""), b"$0\r\n\r\n", b"$0\r\n\r\n");
        check(|reply| reply.bulk(&[b'x'; 10]), b"$10\r\nxxxxxxxxxx\r\n", b"$10\r\nxxxxxxxxxx\r\n");
        check(|reply| reply.bulk_int(-42), b"$3\r\n-42\r\n", b"$3\r\n-42\r\n");
        check(|reply| reply.null(), b"$-1\r\n", b"_\r\n");
        check(|reply| reply.null_array(), b"*-1\r\n", b"_\r\n");
        check(|reply| reply.boolean(true), b":1\r\n", b"#t\r\n");
        check(|reply| reply.boolean(false), b":0\r\n", b"#f\r\n");
        check(|reply| reply.double(3.5), b"$3\r\n3.5\r\n", b",3.5\r\n");
        check(|reply| reply.verbatim(b"txt", b"hi"), b"$2\r\nhi\r\n", b"=6\r\ntxt:hi\r\n");
        check(|reply| reply.array_len(12), b"*12\r\n", b"*12\r\n");
        check(|reply| reply.map_len(2), b"*4\r\n", b"%2\r\n");
        check(|reply| reply.set_len(3), b"*3\r\n", b"~3\r\n");
        check(|reply| reply.push_len(3), b"*3\r\n", b">3\r\n");
    }

    #[test]
    fn integers_are_written_whole() {
        for value in [0, 1, -1, 10, i64::MAX, i64::MIN] {
            let expect = std::format!(":{value}\r\n");
            check(|reply| reply.int(value), expect.as_bytes(), expect.as_bytes());
        }
    }

    #[test]
    fn an_error_is_one_line_whatever_it_quotes() {
        let expect = b"-ERR unknown command 'a  b'\r\n";
        check(|reply| reply.error("ERR unknown command 'a\r\nb'"), expect, expect);
    }

    #[test]
    fn a_length_may_be_written_after_what_it_counts() {
        let write = |reply: &mut Reply<'_>| {
            let outer = reply.deferred();
            reply.int(7);
            let inner = reply.deferred();
            (0..10).for_each(|_| reply.ok());
            reply.set_deferred(inner, 10);
            let empty = reply.deferred();
            reply.set_deferred_map(empty, 0);
            let set = reply.deferred();
            reply.null();
            reply.set_deferred_set(set, 1);
            reply.set_deferred_map(outer, 2);
        };
        let ten = b"*10\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n";
        check(
            write,
            &[&b"*4\r\n:7\r\n"[..], ten, b"*0\r\n*1\r\n$-1\r\n"].concat(),
            &[&b"%2\r\n:7\r\n"[..], ten, b"%0\r\n~1\r\n_\r\n"].concat(),
        );
    }

    #[test]
    fn a_command_is_encoded_as_the_stream_carries_it() {
        let mut out = Vec::new();
        encode_command(&mut out, [&b"SET"[..], b"k", b"\r\n"]);
        assert_eq!(out, b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\n\r\n\r\n");
    }
}
