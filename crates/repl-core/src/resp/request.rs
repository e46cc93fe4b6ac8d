//! Requests, read from the bytes where they lie: `*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n`, or one inline
//! line.
//!
//! [`Parser`] is what one connection remembers of a request that has not wholly arrived. Nothing is
//! allocated for a request, nothing is reserved for a size that the peer merely declared, and a
//! request that arrives byte by byte costs time in proportion to its length.
//!
//! Must not know what a command is, nor who sent it: the sender's rights come in as [`Limits`].
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

use alloc::vec::Vec;
use core::mem;

use super::{
    args::{Argv, Span},
    error::ProtocolError,
    fast::whole_request,
    inline,
};
use crate::base::number::parse_i64;

/// The longest line without arguments of known length: an inline request, or the line of a count or
/// a length. Its end must be among the first `LINE_MAX + 1` bytes.
// redis: server.h, PROTO_INLINE_MAX_SIZE
pub const LINE_MAX: usize = 64 * 1024;

/// What a sender may do without having authenticated.
// redis: networking.c, processMultibulkBuffer
const UNAUTHENTICATED_ARGS_MAX: u32 = 10;
const UNAUTHENTICATED_BULK_MAX: u64 = 16 * 1024;

/// What a connection keeps room for between two partial requests, in arguments.
const SPANS_KEPT: usize = 64;

/// Whether the sender has authenticated, or need not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authenticated {
    /// It may send requests of any size.
    Yes,
    /// It may send what `AUTH` and `HELLO` need, and no more.
    No,
}

/// What the sender may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Whether the sender is known.
    pub auth: Authenticated,
    /// `proto-max-bulk-len`: the longest argument, in bytes.
    pub proto_max_bulk_len: u64,
}

impl Limits {
    /// The limits of the link from our master: none. What the master has accepted must be applied
    /// here too, or the same command would end every link, for ever.
    pub const MASTER_LINK: Self =
        Self { auth: Authenticated::Yes, proto_max_bulk_len: i64::MAX as u64 };
}

/// What was found at the front of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// A request; its arguments, at least one, are in the [`Argv`].
    Request {
        /// Where the next request starts.
        end: usize,
        /// How it was written.
        form: Form,
    },
    /// A request without arguments (an empty line, `*0`, `*-1`): to be skipped without a reply.
    Empty {
        /// Where the next request starts.
        end: usize,
    },
    /// The bytes end before the request does. What was understood of them is remembered.
    Incomplete,
}

/// How a request was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Exactly as [`encode_command`](super::encode_command) writes it: the bytes may be copied
    /// verbatim into the replication stream.
    Canonical,
    /// With counts and lengths, but with other bytes where each `\r\n` should be. Redis does not
    /// look.
    Other,
    /// As a line of text. The arguments do not lie in the received bytes. Never comes from a
    /// master.
    Inline,
}

/// How far a request was understood. All positions count from its first byte.
#[derive(Clone, Copy, Debug)]
struct Progress {
    /// Where the line or argument to be read next starts.
    at: usize,
    /// Bytes from `at` on that are known not to hold the end of the line.
    searched: usize,
    /// Arguments still to come; zero before the count was read.
    missing: u32,
    /// What the bytes before `at` are.
    form: Form,
}

impl Progress {
    const START: Self = Self { at: 0, searched: 0, missing: 0, form: Form::Canonical };
}

/// What one connection remembers of a request that has not wholly arrived.
#[derive(Debug)]
pub struct Parser {
    progress: Progress,
    /// The arguments found so far, while the request is incomplete.
    found: Vec<Span>,
}

impl Default for Parser {
    fn default() -> Self {
        Self::new()
    }
}

impl Parser {
    /// At the start of a request.
    #[must_use]
    pub const fn new() -> Self {
        Self { progress: Progress::START, found: Vec::new() }
    }

    /// Reads the request that starts at `buf[from]` into `argv`.
    ///
    /// After [`Parsed::Incomplete`] the next call must show the same bytes again with more behind
    /// them; where in a buffer they lie may change.
    ///
    /// # Errors
    /// When the bytes can never become a request. The parser is of no use after that.
    #[inline]
    pub fn next(
        &mut self,
        buf: &[u8],
        from: usize,
        limits: &Limits,
        argv: &mut Argv,
    ) -> Result<Parsed, ProtocolError> {
        let request = buf.get(from..).unwrap_or_default();
        argv.start_in_buffer(from);
        let first = match request.first() {
            None => return Ok(Parsed::Incomplete),
            Some(&byte) => byte,
        };
        if first == b'*' && self.progress.at == 0 {
            if let Some(end) = whole_request(request, limits, &mut argv.spans) {
                self.restart();
                return Ok(Parsed::Request { end: from + end, form: Form::Canonical });
            }
            argv.spans.clear();
        }
        self.next_part(first, request, limits, argv).map(|found| match found {
            Parsed::Request { end, form } => Parsed::Request { end: from + end, form },
            Parsed::Empty { end } => Parsed::Empty { end: from + end },
            Parsed::Incomplete => Parsed::Incomplete,
        })
    }

    /// Reads on where the last call had to stop. Positions count from the start of the request.
    #[inline(never)]
    fn next_part(
        &mut self,
        first: u8,
        request: &[u8],
        limits: &Limits,
        argv: &mut Argv,
    ) -> Result<Parsed, ProtocolError> {
        let mut progress = self.progress;
        if progress.missing > 0 {
            mem::swap(&mut self.found, &mut argv.spans);
        }
        let found = if first == b'*' {
            progress.multibulk(request, limits, &mut argv.spans)?
        } else {
            progress.inline(request, argv)?
        };
        match found {
            Parsed::Request { .. } | Parsed::Empty { .. } => self.restart(),
            Parsed::Incomplete => {
                // The scratch goes on to the next connection; what it holds stays with this one.
                mem::swap(&mut self.found, &mut argv.spans);
                self.progress = progress;
            }
        }
        Ok(found)
    }

    /// Back to the start of a request.
    #[inline]
    fn restart(&mut self) {
        self.progress = Progress::START;
        self.found.clear();
        if self.found.capacity() > SPANS_KEPT {
            self.found = Vec::new();
        }
    }
}

impl Progress {
    /// Reads a request with counts and lengths.
    // redis: networking.c, processMultibulkBuffer
    fn multibulk(
        &mut self,
        request: &[u8],
        limits: &Limits,
        spans: &mut Vec<Span>,
    ) -> Result<Parsed, ProtocolError> {
        if self.missing == 0 {
            match self.count(request, limits)? {
                None => return Ok(Parsed::Incomplete),
                Some(0) => return Ok(Parsed::Empty { end: self.at }),
                Some(count) => self.missing = count,
            }
        }
        while self.missing > 0 {
            let Some(span) = self.argument(request, limits)? else {
                return Ok(Parsed::Incomplete);
            };
            spans.push(span);
            self.missing -= 1;
        }
        Ok(Parsed::Request { end: self.at, form: self.form })
    }

    /// Reads how many arguments there will be, if that has arrived.
    fn count(&mut self, request: &[u8], limits: &Limits) -> Result<Option<u32>, ProtocolError> {
        let Some(line) = self.length_line(request, ProtocolError::TooBigMultibulkCount)? else {
            return Ok(None);
        };
        // A count below zero is one of zero, however far below.
        let count = line.value.and_then(|value| i32::try_from(value.max(0)).ok());
        let count = count.ok_or(ProtocolError::InvalidMultibulkLength)?.unsigned_abs();
        if limits.auth == Authenticated::No && count > UNAUTHENTICATED_ARGS_MAX {
            return Err(ProtocolError::UnauthenticatedMultibulkLength);
        }
        self.pass(line.end, line.ending);
        Ok(Some(count))
    }

    /// Reads one argument, if all of it has arrived. If not, its length is looked at again next
    /// time.
    fn argument(&mut self, request: &[u8], limits: &Limits) -> Result<Option<Span>, ProtocolError> {
        let Some(line) = self.length_line(request, ProtocolError::TooBigBulkCount)? else {
            return Ok(None);
        };
        match request.get(self.at) {
            Some(b'$') => {}
            other => {
                return Err(ProtocolError::ExpectedDollar(other.copied().unwrap_or_default()));
            }
        }
        let length = line.value.and_then(|value| u64::try_from(value).ok());
        let length = length
            .filter(|&length| length <= limits.proto_max_bulk_len)
            .ok_or(ProtocolError::InvalidBulkLength)?;
        if limits.auth == Authenticated::No && length > UNAUTHENTICATED_BULK_MAX {
            return Err(ProtocolError::UnauthenticatedBulkLength);
        }
        // An end beyond the address space is one that has not arrived.
        let end = usize::try_from(length).ok().and_then(|length| line.end.checked_add(length));
        let ending = end.and_then(|end| request.get(end..)?.first_chunk::<2>());
        let (Some(end), Some(ending)) = (end, ending) else {
            return Ok(None);
        };
        self.pass(line.end, line.ending);
        self.pass(end + 2, *ending);
        Ok(Some(Span { start: line.end, end }))
    }

    /// Goes on at `at`, behind a line or argument that ends in `ending`.
    fn pass(&mut self, at: usize, ending: [u8; 2]) {
        self.at = at;
        self.searched = 0;
        if ending != *b"\r\n" {
            self.form = Form::Other;
        }
    }

    /// The line of a count or length that starts here, if it has arrived.
    fn length_line(
        &mut self,
        request: &[u8],
        too_big: ProtocolError,
    ) -> Result<Option<LengthLine>, ProtocolError> {
        let line = request.get(self.at..).unwrap_or_default();
        let Some(digits_end) = self.search(line, b'\r', too_big)? else {
            return Ok(None);
        };
        // Redis passes over the byte behind '\r' without a look, but waits for it.
        let Some(ending) = line.get(digits_end..).and_then(|end| end.first_chunk::<2>()) else {
            return Ok(None);
        };
        let digits = line.get(1..digits_end).unwrap_or_default();
        let end = self.at + digits_end + ending.len();
        Ok(Some(LengthLine { value: parse_i64(digits), end, ending: *ending }))
    }

    /// Reads a request that is a line of text.
    // redis: networking.c, processInlineBuffer
    fn inline(&mut self, request: &[u8], argv: &mut Argv) -> Result<Parsed, ProtocolError> {
        let Some(newline) = self.search(request, b'\n', ProtocolError::TooBigInline)? else {
            return Ok(Parsed::Incomplete);
        };
        let line = request.get(..newline).unwrap_or_default();
        argv.start_in_text();
        inline::split(line.strip_suffix(b"\r").unwrap_or(line), argv)
            .ok_or(ProtocolError::UnbalancedQuotes)?;
        let end = newline + 1;
        Ok(if argv.spans.is_empty() {
            Parsed::Empty { end }
        } else {
            Parsed::Request { end, form: Form::Inline }
        })
    }

    /// Where in `line`, which starts here, the first `end` is. `None` while it has not arrived.
    ///
    /// A zero byte hides all that follows it, so that the line never ends: Redis searches with
    /// `strchr`, and its own tests of a protocol out of step rely on the error that comes of it.
    fn search(
        &mut self,
        line: &[u8],
        end: u8,
        too_big: ProtocolError,
    ) -> Result<Option<usize>, ProtocolError> {
        let window = line.get(..=LINE_MAX).unwrap_or(line);
        let unseen = window.get(self.searched..).unwrap_or_default();
        let found = unseen.iter().position(|&byte| byte == end || byte == 0);
        self.searched += found.unwrap_or(unseen.len());
        if window.get(self.searched) == Some(&end) {
            Ok(Some(self.searched))
        } else if line.len() > LINE_MAX {
            Err(too_big)
        } else {
            Ok(None)
        }
    }
}

/// The line of a count or length.
struct LengthLine {
    /// The number, if it is one.
    value: Option<i64>,
    /// Where the next line or the argument's bytes start.
    end: usize,
    /// Its last two bytes.
    ending: [u8; 2],
}

#[cfg(test)]
mod tests {
    use alloc::{string::String, vec, vec::Vec};
    use std::format;

    use super::*;
    use crate::resp::encode_command;

    const LIMITS: Limits =
        Limits { auth: Authenticated::Yes, proto_max_bulk_len: 512 * 1024 * 1024 };
    const STRANGER: Limits = Limits { auth: Authenticated::No, ..LIMITS };

    /// What the first request of `bytes` is, in words.
    fn first(bytes: &[u8], limits: &Limits) -> String {
        let mut argv = Argv::new();
        match Parser::new().next(bytes, 0, limits, &mut argv) {
            Ok(Parsed::Request { form, .. }) => format!("{form:?} {:?}", argv.view(bytes)),
            Ok(Parsed::Empty { .. }) => "empty".into(),
            Ok(Parsed::Incomplete) => "incomplete".into(),
            Err(error) => {
                let mut reply = Vec::new();
                error.write_reply(&mut reply);
                format!("{}", reply.escape_ascii()).replace(r"\'", "'")
            }
        }
    }

    #[track_caller]
    fn check(bytes: &[u8], expect: &str) {
        assert_eq!(first(bytes, &LIMITS), expect);
    }

    /// The reply to a refused request.
    fn refused(text: &str) -> String {
        format!(r"-ERR Protocol error: {text}\r\n")
    }

    #[test]
    fn a_request_is_read_where_it_lies() {
        let (mut parser, mut argv) = (Parser::new(), Argv::new());
        let buf = b"junk*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\nPING\r\n";
        let found = parser.next(buf, 4, &LIMITS, &mut argv);
        assert_eq!(found, Ok(Parsed::Request { end: 26, form: Form::Canonical }));
        assert_eq!(argv.view(buf).iter().collect::<Vec<_>>(), [&b"ECHO"[..], b"hi"]);
        let found = parser.next(buf, 26, &LIMITS, &mut argv);
        assert_eq!(found, Ok(Parsed::Request { end: 32, form: Form::Inline }));
        assert_eq!(argv.view(buf).name(), b"PING");
        assert_eq!(parser.next(buf, 32, &LIMITS, &mut argv), Ok(Parsed::Incomplete));
    }

    /// Every line was asked of redis-server 7.0.15, over a socket.
    #[test]
    fn counts_and_lengths_are_read_as_strictly_as_by_redis() {
        let multibulk = refused("invalid multibulk length");
        for bytes in ["", "abc", "+1", "01", "-0", " 1", "1 ", "2147483648", "9223372036854775808"]
        {
            check(format!("*{bytes}\r\n").as_bytes(), &multibulk);
        }
        for bytes in ["0", "-1", "-2", "-9223372036854775808"] {
            check(format!("*{bytes}\r\n").as_bytes(), "empty");
        }
        check(b"*2147483647\r\n", "incomplete");
        let bulk = refused("invalid bulk length");
        for bytes in ["", "+4", "04", "-0", "-1", "1 ", "536870913", "9223372036854775807"] {
            check(format!("*1\r\n${bytes}\r\nPING\r\n").as_bytes(), &bulk);
        }
        check(b"*1\r\n$536870912\r\n", "incomplete");
        check(b"*1\r\n$0\r\n\r\n", "Canonical [\"\"]");
    }

    /// Every line was asked of redis-server 7.0.15, over a socket.
    #[test]
    fn an_argument_must_start_with_a_dollar_and_may_end_in_anything() {
        check(b"*1\r\n+4\r\n", &refused("expected '$', got '+'"));
        check(b"*1\r\n\r\n", &refused("expected '$', got ' '"));
        check(b"*1\r\n\n\r\n", &refused("expected '$', got ' '"));
        check(b"*1\r\n\xff\r\n", &refused(r"expected '$', got '\xff'"));
        check(b"*1\r\n+4", "incomplete");
        check(b"*1\rX$4\rYPINGzz", "Other [\"PING\"]");
        check(b"*1\r\n$4\r\nPING\r\n", "Canonical [\"PING\"]");
        check(b"*1\r\n$4\r\nPING\rx", "Other [\"PING\"]");
        check(b"*1\n$4\nPING\n", "incomplete");
    }

    /// Every line was asked of redis-server 7.0.15, over a socket.
    #[test]
    fn a_line_that_does_not_end_is_refused() {
        for (front, expect) in [
            ("*", "too big mbulk count string"),
            ("*\0\r\n", "too big mbulk count string"),
            ("*1\r\n$", "too big bulk count string"),
            ("*1\r\nx", "too big bulk count string"),
            ("*3\r\n$\0\r\n", "too big bulk count string"),
            ("a", "too big inline request"),
            ("\0\n", "too big inline request"),
            ("$\0\n", "too big inline request"),
        ] {
            let line_start = front.rfind(['*', '$', 'x']).unwrap_or(0);
            let mut bytes = front.as_bytes().to_vec();
            bytes.resize(line_start + LINE_MAX, b'1');
            check(&bytes, "incomplete");
            bytes.push(b'1');
            check(&bytes, &refused(expect));
        }
    }

    #[test]
    fn inline_arguments_do_not_lie_where_they_arrived() {
        check(b"  echo \"a\\x41\" 'b c'\r\n", r#"Inline ["echo", "aA", "b c"]"#);
        check(b"PING\n", r#"Inline ["PING"]"#);
        check(b"PING \"a\"b\r\n", &refused("unbalanced quotes in request"));
        check(b"  \r\n", "empty");
        check(b"\n", "empty");
        check(b"PING\0\n", "incomplete");
    }

    #[test]
    fn an_inline_request_may_be_as_long_as_redis_promises() {
        let mut bytes = vec![b'a'; LINE_MAX];
        bytes.push(b'\n');
        assert!(first(&bytes, &LIMITS).starts_with("Inline [\"aaaa"));
        // Redis accepts this one or not, as the pieces fall in which it arrives.
        bytes.insert(0, b'a');
        check(&bytes, &refused("too big inline request"));
    }

    /// Every line was asked of redis-server 7.0.15 with a password, over a socket.
    #[test]
    fn a_stranger_may_send_only_what_authenticating_takes() {
        let multibulk = refused("unauthenticated multibulk length");
        assert_eq!(first(b"*10\r\n", &STRANGER), "incomplete");
        assert_eq!(first(b"*11\r\n", &STRANGER), multibulk);
        assert_eq!(first(b"*2147483648\r\n", &STRANGER), refused("invalid multibulk length"));
        let bulk = refused("unauthenticated bulk length");
        assert_eq!(first(b"*1\r\n$16384\r\n", &STRANGER), "incomplete");
        assert_eq!(first(b"*1\r\n$16385\r\n", &STRANGER), bulk);
        assert_eq!(first(b"*1\r\n$999999999999\r\n", &STRANGER), refused("invalid bulk length"));
        assert_eq!(first(b"*1\r\n$4\r\nPING\r\n", &STRANGER), "Canonical [\"PING\"]");
    }

    #[test]
    fn what_a_master_accepted_is_not_refused_by_its_replica() {
        let header = b"*1\r\n$536870913\r\n";
        assert_eq!(first(header, &Limits::MASTER_LINK), "incomplete");
        // Longer than memory can be: it must not overflow, and it can never arrive.
        let header = b"*1\r\n$9223372036854775807\r\n";
        assert_eq!(first(header, &Limits::MASTER_LINK), "incomplete");
    }

    #[test]
    fn a_limit_holds_on_the_fast_path_too() {
        let limits = Limits { proto_max_bulk_len: 3, ..LIMITS };
        assert_eq!(first(b"*1\r\n$4\r\nPING\r\n", &limits), refused("invalid bulk length"));
    }

    #[test]
    fn no_byte_of_a_line_is_searched_twice_and_no_argument_read_twice() {
        let (mut parser, mut argv) = (Parser::new(), Argv::new());
        argv.fill([&b"room in the scratch"[..]; 1000]);
        let mut bytes = Vec::new();
        encode_command(&mut bytes, vec![&b"argument"[..]; 20_000]);
        for end in 1..bytes.len() {
            let found = parser.next(&bytes[..end], 0, &LIMITS, &mut argv);
            assert_eq!(found, Ok(Parsed::Incomplete));
            let Progress { at, searched, missing, .. } = parser.progress;
            assert!(at + searched == end || end - at <= b"$8\r\nargument\r\n".len());
            assert_eq!(missing as usize + parser.found.len(), if at == 0 { 0 } else { 20_000 });
        }
        let found = parser.next(&bytes, 0, &LIMITS, &mut argv);
        assert_eq!(found, Ok(Parsed::Request { end: bytes.len(), form: Form::Canonical }));
        assert_eq!(argv.view(&bytes).len(), 20_000);
        assert!(parser.found.capacity() <= SPANS_KEPT, "an idle connection keeps little");
        for front in [b'*', b'a'] {
            let line = vec![front; LINE_MAX];
            let mut parser = Parser::new();
            for end in 1..=line.len() {
                let found = parser.next(&line[..end], 0, &LIMITS, &mut argv);
                assert_eq!(found, Ok(Parsed::Incomplete));
                assert_eq!(parser.progress.searched, end);
            }
        }
    }

    #[test]
    fn a_declared_size_reserves_nothing() {
        let (mut parser, mut argv) = (Parser::new(), Argv::new());
        let bytes = b"*2147483647\r\n$1\r\na\r\n$536870912\r\n";
        assert_eq!(parser.next(bytes, 0, &LIMITS, &mut argv), Ok(Parsed::Incomplete));
        assert!(parser.found.capacity() < 16);
    }
}
