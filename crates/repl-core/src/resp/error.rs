//! What is wrong with bytes that are no request, in the words of Redis.
//!
//! Must not know how it was found out, nor what becomes of the connection.

use alloc::vec::Vec;
use core::fmt;

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
            // The raw byte, except that an error is one line. Redis ends the text at a zero byte,
            // but can never get there: a zero byte hides the end of its line from it.
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
