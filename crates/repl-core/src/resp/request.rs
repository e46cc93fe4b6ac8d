//! Requests, read from the bytes where they lie: `*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n`, or one inline line.
//!
//! [`Parser`] is what one connection remembers of a request that has not wholly arrived. Nothing is allocated for a whole
//! request, nothing is reserved for a size the peer merely declared, and a request that arrives byte by
//! byte costs time in proportion to its length.
//!
//! Must not know what a command is, nor who sent it: the sender's rights come in as [`Limits`].

use alloc::vec::Vec;
use core::{fmt, mem};

use super::{
    args::{Argv, Span},
    inline,
};
use crate::base::number::parse_i64;

/// The longest line without arguments of known length: an inline request, or the line of a count or
/// a length. Its end must be among the first `LINE_MAX + 1` bytes.
// redis: server.h, PROTO_INLINE_MAX_SIZE
pub const LINE_MAX: usize = 64 * 1024;

/// What a sender may do without having authenticated.
// redis: networking.c, processMultibulkBuffer
const UNAUTHENTICATED_ARGS_MAX: i64 = 10;
const UNAUTHENTICATED_BULK_MAX: i64 = 16 * 1024;

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
    /// Exactly as [`encode_command`](super::encode_command) writes it: the bytes may be copied verbatim
    /// into the replication stream.
    Canonical,
    /// With counts and lengths, but with other bytes where each `\r\n` should be. Redis does not look.
    Other,
    /// As a line of text. The arguments do not lie in the received bytes. Never comes from a master.
    Inline,
}

/// Why bytes are no request. The sender is told, then the connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// `*` is followed by something else than a number, or by more than `i32::MAX`.
    InvalidMultibulkLength,
    /// An argument starts with this byte.
    ExpectedDollar(u8),
    /// `$` is followed by something else than a number, a negative one, or one over the limit.
    InvalidBulkLength,
    /// The line of a `*` does not end.
    TooBigMultibulkCount,
    /// The line of a `$` does not end.
    TooBigBulkCount,
    /// An inline request does not end.
    TooBigInline,
    /// More arguments than a stranger may send.
    UnauthenticatedMultibulkLength,
    /// A longer argument than a stranger may send.
    UnauthenticatedBulkLength,
    /// An inline request has an open quote, or text right behind a closing one.
    UnbalancedQuotes,
}

impl ProtocolError {
    /// The message without the `ERR Protocol error: ` in front, byte for byte that of Redis.
    // redis: networking.c, processInlineBuffer and processMultibulkBuffer
    const fn text(self) -> &'static str {
        match self {
            Self::InvalidMultibulkLength => "invalid multibulk length",
            Self::ExpectedDollar(_) => "expected '$', got '",
            Self::InvalidBulkLength => "invalid bulk length",
            Self::TooBigMultibulkCount => "too big mbulk count string",
            Self::TooBigBulkCount => "too big bulk count string",
            Self::TooBigInline => "too big inline request",
            Self::UnauthenticatedMultibulkLength => "unauthenticated multibulk length",
            Self::UnauthenticatedBulkLength => "unauthenticated bulk length",
            Self::UnbalancedQuotes => "unbalanced quotes in request",
        }
    }

    /// Appends the error reply: `-ERR Protocol error: ...\r\n`.
    pub fn write_reply(self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"-ERR Protocol error: ");
        out.extend_from_slice(self.text().as_bytes());
        if let Self::ExpectedDollar(byte) = self {
            // The raw byte, except that an error is one line. Redis ends the text at a zero byte, but
            // can never get there: a zero byte hides the end of its line from it.
            out.push(if matches!(byte, b'\r' | b'\n') { b' ' } else { byte });
            out.push(b'\'');
        }
        out.extend_from_slice(b"\r\n");
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())?;
        if let Self::ExpectedDollar(byte) = self {
            write!(f, "{}'", byte.escape_ascii())?;
        }
        Ok(())
    }
}

impl core::error::Error for ProtocolError {}

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
    ///
    /// # Panics
    /// When `from` lies outside of `buf`.
    #[inline]
    pub fn next(
        &mut self,
        buf: &[u8],
        from: usize,
        limits: &Limits,
        argv: &mut Argv,
    ) -> Result<Parsed, ProtocolError> {
        let request = buf.get(from..).expect("a request starts inside of its buffer");
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

/// The fast path: reads a request that is here as a whole, in canonical form and within the limits,
/// and returns where it ends. `None` means no more than that the careful path must look at it.
#[inline]
fn whole_request(request: &[u8], limits: &Limits, spans: &mut Vec<Span>) -> Option<usize> {
    if limits.auth == Authenticated::No {
        return None;
    }
    let (count, mut rest) = short_line(request, b'*')?;
    if count == 0 {
        return None;
    }
    for _ in 0..count {
        let (length, body) = short_line(rest, b'$')?;
        if length as u64 > limits.proto_max_bulk_len {
            return None;
        }
        let (_, [b'\r', b'\n', after @ ..]) = body.split_at_checked(length)? else {
            return None;
        };
        let start = request.len() - body.len();
        spans.push(Span { start, end: start + length });
        rest = after;
    }
    Some(request.len() - rest.len())
}

/// The number on a line of `mark`, up to eight digits and `\r\n`, and what follows the line.
#[inline(always)]
fn short_line(bytes: &[u8], mark: u8) -> Option<(usize, &[u8])> {
    // Nearly all counts and lengths have one digit or two.
    match bytes {
        [first, a @ b'0'..=b'9', b'\r', b'\n', rest @ ..] if *first == mark => {
            Some((usize::from(a - b'0'), rest))
        }
        [first, a @ b'1'..=b'9', b @ b'0'..=b'9', b'\r', b'\n', rest @ ..] if *first == mark => {
            Some((usize::from(a - b'0') * 10 + usize::from(b - b'0'), rest))
        }
        [first, b'1'..=b'9', ..] if *first == mark => long_line(bytes),
        _ => None,
    }
}

/// Like [`short_line`], behind a mark and a first digit that were looked at already.
fn long_line(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0;
    let mut rest = bytes.get(1..)?;
    // Eight digits and the end of the line; so few cannot overflow.
    for _ in 0..9 {
        match rest {
            [digit @ b'0'..=b'9', after @ ..] => {
                value = value * 10 + usize::from(digit - b'0');
                rest = after;
            }
            [b'\r', b'\n', after @ ..] => return Some((value, after)),
            _ => return None,
        }
    }
    None
}

impl Progress {
    /// Reads a request with counts and lengths.
    fn multibulk(
        &mut self,
        request: &[u8],
        limits: &Limits,
        spans: &mut Vec<Span>,
    ) -> Result<Parsed, ProtocolError> {
        if self.missing == 0 {
            let Some(line) = self.length_line(request, ProtocolError::TooBigMultibulkCount)? else {
                return Ok(Parsed::Incomplete);
            };
            let invalid = ProtocolError::InvalidMultibulkLength;
            let count = i32::try_from(line.value.ok_or(invalid)?).or_else(|_| {
                // A count below zero is a request without arguments, however far below.
                if line.value < Some(0) { Ok(-1) } else { Err(invalid) }
            })?;
            if limits.auth == Authenticated::No && i64::from(count) > UNAUTHENTICATED_ARGS_MAX {
                return Err(ProtocolError::UnauthenticatedMultibulkLength);
            }
            self.pass(line.end, line.ending);
            if count <= 0 {
                return Ok(Parsed::Empty { end: self.at });
            }
            self.missing = count.unsigned_abs();
        }
        while self.missing > 0 {
            let Some(line) = self.length_line(request, ProtocolError::TooBigBulkCount)? else {
                return Ok(Parsed::Incomplete);
            };
            if request.get(self.at) != Some(&b'$') {
                let got = request.get(self.at).copied().unwrap_or_default();
                return Err(ProtocolError::ExpectedDollar(got));
            }
            let length = line.value.and_then(|value| u64::try_from(value).ok());
            let length = length
                .filter(|&length| length <= limits.proto_max_bulk_len)
                .ok_or(ProtocolError::InvalidBulkLength)?;
            if limits.auth == Authenticated::No && length > UNAUTHENTICATED_BULK_MAX as u64 {
                return Err(ProtocolError::UnauthenticatedBulkLength);
            }
            // An end beyond the address space is one that has not arrived.
            let end = usize::try_from(length).ok().and_then(|length| line.end.checked_add(length));
            let ending = end.and_then(|end| request.get(end..)?.first_chunk::<2>());
            let (Some(end), Some(ending)) = (end, ending) else {
                return Ok(Parsed::Incomplete);
            };
            spans.push(Span { start: line.end, end });
            self.pass(line.end, line.ending);
            self.pass(end + 2, *ending);
            self.missing -= 1;
        }
        Ok(Parsed::Request { end: self.at, form: self.form })
    }

    /// Goes on at `at`, behind a line or argument that ends in `ending`.
    #[inline]
    fn pass(&mut self, at: usize, ending: [u8; 2]) {
        self.at = at;
        self.searched = 0;
        if ending != *b"\r\n" {
            self.form = Form::Other;
        }
    }

    /// The line of a count or length that starts here, if it has arrived.
    #[inline]
    fn length_line(
        &mut self,
        request: &[u8],
        too_big: ProtocolError,
    ) -> Result<Option<LengthLine>, ProtocolError> {
        let line = request.get(self.at..).unwrap_or_default();
        // The end is at the first '\r', and whatever byte follows it. A zero byte hides all that
        // follows, as in Redis, whose own tests of a protocol out of step need it so.
        let window = line.get(..=LINE_MAX).unwrap_or(line);
        let unseen = window.get(self.searched..).unwrap_or_default();
        let found = unseen.iter().position(|&byte| byte == b'\r' || byte == 0);
        self.searched = found.map_or(window.len(), |found| self.searched + found);
        let cr = line.get(self.searched).is_some_and(|&byte| byte == b'\r');
        if !cr {
            return if line.len() > LINE_MAX { Err(too_big) } else { Ok(None) };
        }
        let Some(ending) = line.get(self.searched..).and_then(|end| end.first_chunk::<2>()) else {
            return Ok(None);
        };
        let digits = line.get(1..self.searched).unwrap_or_default();
        let end = self.at + self.searched + 2;
        Ok(Some(LengthLine { value: parse_i64(digits), end, ending: *ending }))
    }

    /// Reads a request that is a line of text.
    #[cold]
    fn inline(&mut self, request: &[u8], argv: &mut Argv) -> Result<Parsed, ProtocolError> {
        let window = request.get(..=LINE_MAX).unwrap_or(request);
        let unseen = window.get(self.searched..).unwrap_or_default();
        let found = unseen.iter().position(|&byte| byte == b'\n' || byte == 0);
        self.searched = found.map_or(window.len(), |found| self.searched + found);
        let Some((line, b"\n")) = request
            .split_at_checked(self.searched)
            .and_then(|(line, rest)| rest.get(..1).map(|newline| (line, newline)))
        else {
            return if request.len() > LINE_MAX {
                Err(ProtocolError::TooBigInline)
            } else {
                Ok(Parsed::Incomplete)
            };
        };
        let end = self.searched + 1;
        argv.start_in_text();
        inline::split(line.strip_suffix(b"\r").unwrap_or(line), argv)
            .ok_or(ProtocolError::UnbalancedQuotes)?;
        if argv.spans.is_empty() {
            return Ok(Parsed::Empty { end });
        }
        Ok(Parsed::Request { end, form: Form::Inline })
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
    use alloc::vec::Vec;

    use super::*;

    const LIMITS: Limits =
        Limits { auth: Authenticated::Yes, proto_max_bulk_len: 512 * 1024 * 1024 };

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
}
