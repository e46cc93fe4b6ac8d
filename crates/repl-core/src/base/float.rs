//! Fractions as text, read the way C reads them.

use super::extended::Extended;

/// The number that all of `text` spells, as `strtod` takes it: blanks in front, a sign, decimal or
/// hexadecimal digits, `inf`. Text ends at a null byte, and no text is zero. `None` for everything
/// else, for NaN, and for numbers too large or too small for 64 bits.
// redis: sort.c, sortCommandGeneric
#[must_use]
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    let spelled = spelled_in_c(text)?;
    (spelled.range == Range::Normal).then_some(spelled.number)
}

/// Like [`parse_f64`], but what is too large is infinite, and what is too small is rounded.
// redis: t_zset.c, zslParseRange
#[must_use]
pub fn parse_bound(text: &[u8]) -> Option<f64> {
    Some(spelled_in_c(text)?.number)
}

/// The number that all of `text` spells, without blanks in front. `None` for no text, for NaN, and
/// for numbers that 64 bits would make infinite or zero.
// redis: util.c, string2d
#[must_use]
pub fn parse_score(text: &[u8]) -> Option<f64> {
    let spelled = spelled(text)?;
    (spelled.range != Range::Beyond).then_some(spelled.number)
}

/// A number as it is spelled.
struct Spelled {
    /// What 64 bits make of it.
    number: f64,
    range: Range,
}

/// How well 64 bits hold a number.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Range {
    /// With all their precision.
    Normal,
    /// With less: it is very small.
    Subnormal,
    /// As infinity or zero, which it is not.
    Beyond,
}

fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

/// The number at the beginning of a string of C that may be empty.
fn spelled_in_c(text: &[u8]) -> Option<Spelled> {
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    if text.is_empty() {
        return Some(Spelled { number: 0.0, range: Range::Normal });
    }
    let blanks = text.iter().take_while(|byte| is_blank(**byte));
    spelled(text.get(blanks.count()..).unwrap_or_default())
}

fn spelled(text: &[u8]) -> Option<Spelled> {
    let unsigned = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    let (number, is_zero): (f64, bool) = match unsigned {
        [b'0', b'x' | b'X', ..] => {
            let number = Extended::parse(text)?;
            (number.to_f64(), number.is_zero())
        }
        // Rust reads more words than these, and NaN.
        [b'0'..=b'9' | b'.', ..] => {
            let digits = unsigned.split(|byte| matches!(byte, b'e' | b'E')).next()?;
            let is_zero = !digits.iter().any(|byte| matches!(byte, b'1'..=b'9'));
            (core::str::from_utf8(text).ok()?.parse().ok()?, is_zero)
        }
        word if word.eq_ignore_ascii_case(b"inf") || word.eq_ignore_ascii_case(b"infinity") => {
            let number = if text.starts_with(b"-") { f64::NEG_INFINITY } else { f64::INFINITY };
            return Some(Spelled { number, range: Range::Normal });
        }
        _ => return None,
    };
    let range = match number {
        _ if number.is_normal() || is_zero => Range::Normal,
        _ if number.is_subnormal() => Range::Subnormal,
        _ => Range::Beyond,
    };
    Some(Spelled { number, range })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_strtod() {
        for (text, number) in [
            ("", 0.0),
            ("1.5", 1.5),
            (" \t1", 1.0),
            ("+.5", 0.5),
            ("-3e2", -300.0),
            ("5.", 5.0),
            ("0e999", 0.0),
            ("0x1.8p1", 3.0),
            ("-0X10", -16.0),
            ("-Infinity", f64::NEG_INFINITY),
            ("7\0junk", 7.0),
        ] {
            assert_eq!(parse_f64(text.as_bytes()), Some(number), "{text:?}");
        }
        for text in ["x", "1x", "1 ", "nan", "1e999", "1e-400", " ", "+", "1_0", "e5", "--1", "."] {
            assert_eq!(parse_f64(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn a_score_is_spelled_strictly_and_a_bound_is_not() {
        for (text, score, bound) in [
            ("1.5", Some(1.5), Some(1.5)),
            ("-Inf", Some(f64::NEG_INFINITY), Some(f64::NEG_INFINITY)),
            ("0x10", Some(16.0), Some(16.0)),
            ("1e-310", Some(1e-310), Some(1e-310)),
            ("1e999", None, Some(f64::INFINITY)),
            ("-1e-999", None, Some(-0.0)),
            ("", None, Some(0.0)),
            (" 1", None, Some(1.0)),
            ("1\0junk", None, Some(1.0)),
            (" ", None, None),
            ("1 ", None, None),
            ("nan", None, None),
            ("0x", None, None),
            ("x", None, None),
        ] {
            assert_eq!(parse_score(text.as_bytes()), score, "{text:?}");
            assert_eq!(parse_bound(text.as_bytes()), bound, "{text:?}");
        }
    }
}
