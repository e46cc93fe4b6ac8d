//! Splits a line of text into arguments, with the quotes and escapes of Redis' inline requests.
//!
//! Must not know where a line ends: it gets the line alone.
// redis: sds.c, sdssplitargs

use super::args::{Argv, Span};

/// Splits `line` into `argv`, with quotes and escapes undone. `None` when a quote is left open or is
/// closed in the middle of a word. The line holds no zero byte, where Redis would stop.
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
