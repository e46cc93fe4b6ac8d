//! Splits a line of text into arguments, with the quotes and escapes of Redis' inline requests.
//!
//! Must not know where a line ends: it gets the line alone.
// redis: sds.c, sdssplitargs
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

use super::args::{Argv, Span};

/// Splits `line` into `argv`, with quotes and escapes undone. `None` when a quote is left open or
/// is closed in the middle of a word. The line holds no zero byte, where Redis would stop.
#[must_use]
pub(super) fn split(line: &[u8], argv: &mut Argv) -> Option<()> {
    let mut rest = line;
    loop {
        rest = skip_blanks(rest);
        if rest.is_empty() {
            return Some(());
        }
        let start = argv.text.len();
        rest = word(rest, argv)?;
        argv.spans.push(Span { start, end: argv.text.len() });
    }
}

/// Copies one word and returns what follows it.
fn word<'a>(mut rest: &'a [u8], argv: &mut Argv) -> Option<&'a [u8]> {
    loop {
        rest = match rest {
            [] | [b' ' | b'\n' | b'\r' | b'\t', ..] => return Some(rest),
            // A quote may open in the middle of a word, but the word ends where it closes.
            [b'"', quoted @ ..] => return double_quoted(quoted, argv),
            [b'\'', quoted @ ..] => return single_quoted(quoted, argv),
            [byte, after @ ..] => {
                argv.text.push(*byte);
                after
            }
        };
    }
}

/// Copies up to the closing `"`, with `\xHH`, `\n`, `\r`, `\t`, `\b` and `\a` undone; any other
/// character stands for itself behind a backslash.
fn double_quoted<'a>(mut rest: &'a [u8], argv: &mut Argv) -> Option<&'a [u8]> {
    loop {
        let (byte, after) = match rest {
            [] => return None,
            [b'"', after @ ..] => return ends_word(after),
            [b'\\', b'x', high, low, after @ ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                (hex_digit(*high) << 4 | hex_digit(*low), after)
            }
            [b'\\', escaped, after @ ..] => (unescape(*escaped), after),
            [byte, after @ ..] => (*byte, after),
        };
        argv.text.push(byte);
        rest = after;
    }
}

/// Copies up to the closing `'`; the only escape is `\'`.
fn single_quoted<'a>(mut rest: &'a [u8], argv: &mut Argv) -> Option<&'a [u8]> {
    loop {
        let (byte, after) = match rest {
            [] => return None,
            [b'\\', b'\'', after @ ..] => (b'\'', after),
            [b'\'', after @ ..] => return ends_word(after),
            [byte, after @ ..] => (*byte, after),
        };
        argv.text.push(byte);
        rest = after;
    }
}

/// What follows a closing quote must be a blank or the end.
fn ends_word(rest: &[u8]) -> Option<&[u8]> {
    rest.first().is_none_or(|&byte| is_blank(byte)).then_some(rest)
}

fn skip_blanks(line: &[u8]) -> &[u8] {
    let blanks = line.iter().take_while(|&&byte| is_blank(byte)).count();
    line.get(blanks..).unwrap_or_default()
}

/// `isspace` of the C locale, which counts the vertical tab that Rust's own leaves out.
const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

const fn unescape(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

/// The value of a hexadecimal digit, which the caller has seen to be one.
const fn hex_digit(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        _ => (byte | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[track_caller]
    fn check(line: &str, expect: &[&[u8]]) {
        let mut argv = Argv::new();
        argv.start_in_text();
        assert_eq!(split(line.as_bytes(), &mut argv), Some(()), "{line:?}");
        assert_eq!(argv.view(b"").iter().collect::<Vec<_>>(), expect, "{line:?}");
    }

    /// Every line was asked of redis-server 7.0.15, over a socket.
    #[test]
    fn words_are_split_as_by_redis() {
        check("", &[]);
        check(" \t\x0b\x0c ", &[]);
        check("  set  a\tb ", &[b"set", b"a", b"b"]);
        check("PING\ra", &[b"PING", b"a"]);
        check("\x0bPING", &[b"PING"]);
        check("PING\x0ba\x0c", &[b"PING\x0ba\x0c"]);
        check(r"PING \n", &[b"PING", b"\\n"]);
        check("\"\" ''", &[b"", b""]);
        check("\"a\"\x0bb", &[b"a", b"b"]);
        check("a\"b\" c'd'", &[b"ab", b"cd"]);
        check(r"'a\'b\n'", &[b"a'b\\n"]);
        check(r#""\x41\n\r\t\b\a\q\"\\""#, &[b"A\n\r\t\x08\x07q\"\\"]);
        check(r#""\xfF\x4g""#, &[b"\xffx4g"]);
    }

    /// Every line was asked of redis-server 7.0.15, over a socket.
    #[test]
    fn unbalanced_quotes_are_refused() {
        for line in [r#""a"#, r#""a"b"#, r#"a"b"#, "'a'b", r#""a\""#, r#""a\"#, "'", r"'a\'"] {
            assert_eq!(split(line.as_bytes(), &mut Argv::new()), None, "{line:?}");
        }
    }
}
