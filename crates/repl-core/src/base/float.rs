//! Fractions as text, read the way C reads them.

use super::extended::Extended;

/// The number that all of `text` spells, as `strtod` takes it: blanks in front, a sign, decimal or
/// hexadecimal digits, `inf`. Text ends at a null byte, and no text is zero. `None` for everything
/// else, for NaN, and for numbers too large or too small for 64 bits.
// redis: sort.c, sortCommandGeneric
#[must_use]
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    if text.is_empty() {
        return Some(0.0);
    }
    let blanks = text.iter().take_while(|byte| byte.is_ascii_whitespace() || **byte == 0x0b);
    let text = text.get(blanks.count()..).unwrap_or_default();
    let unsigned = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    match unsigned {
        [b'0', b'x' | b'X', ..] => {
            let number = Extended::parse(text)?.to_f64();
            (number.is_normal() || number == 0.0).then_some(number)
        }
        // Rust reads more words than these, and NaN.
        [b'0'..=b'9' | b'.', ..] => {
            let number: f64 = core::str::from_utf8(text).ok()?.parse().ok()?;
            let is_zero = unsigned
                .split(|byte| matches!(byte, b'e' | b'E'))
                .next()
                .is_some_and(|digits| !digits.iter().any(|byte| matches!(byte, b'1'..=b'9')));
            (number.is_normal() || is_zero).then_some(number)
        }
        word if word.eq_ignore_ascii_case(b"inf") || word.eq_ignore_ascii_case(b"infinity") => {
            Some(if text.starts_with(b"-") { f64::NEG_INFINITY } else { f64::INFINITY })
        }
        _ => None,
    }
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
}
