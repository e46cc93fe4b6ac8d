//! Integers as text, with Redis' strictness in reading and without allocation in writing.

/// Digits of the longest `i64` with its sign, and of the longest `u64`.
pub const DIGITS_MAX: usize = 20;

/// The number that `text` spells, if it is spelled the one way that writing the number gives: an
/// optional `-`, then digits with no leading zero. No `+`, no blanks, no `-0`, nothing out of
/// range.
// redis: util.c, string2ll
#[must_use]
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    match text.strip_prefix(b"-") {
        // `-0` is not how zero is written, and i64::MIN has no positive counterpart.
        Some(digits) => match parse_u64(digits)? {
            0 => None,
            magnitude => 0_i64.checked_sub_unsigned(magnitude),
        },
        None => i64::try_from(parse_u64(text)?).ok(),
    }
}

/// Like [`parse_i64`], for numbers without a sign.
#[must_use]
pub fn parse_u64(text: &[u8]) -> Option<u64> {
    let (&first, rest) = text.split_first()?;
    match first {
        b'0' => rest.is_empty().then_some(0),
        b'1'..=b'9' if text.len() <= DIGITS_MAX => text.iter().try_fold(0_u64, |value, &byte| {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return None;
            }
            value.checked_mul(10)?.checked_add(u64::from(digit))
        }),
        _ => None,
    }
}

/// Writes `value` into `room` and returns the part of it that was used.
pub fn format_i64(room: &mut [u8; DIGITS_MAX], value: i64) -> &[u8] {
    let mut start = write_digits(room, value.unsigned_abs());
    if value < 0 {
        // 19 digits at most: one place is left in front of them.
        start -= 1;
        room[start] = b'-';
    }
    &room[start..]
}

/// Writes `value` into `room` and returns the part of it that was used.
pub fn format_u64(room: &mut [u8; DIGITS_MAX], value: u64) -> &[u8] {
    let start = write_digits(room, value);
    &room[start..]
}

/// Two digits of every number below a hundred.
static PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut number = 0;
    while number < pairs.len() {
        pairs[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        number += 1;
    }
    pairs
};

/// Writes the digits of `value` at the end of `room` and returns where they start.
#[inline]
fn write_digits(room: &mut [u8; DIGITS_MAX], mut value: u64) -> usize {
    let mut start = DIGITS_MAX;
    while value >= 100 {
        start -= 2;
        // The remainder is below a hundred.
        room[start..start + 2].copy_from_slice(&PAIRS[(value % 100) as usize]);
        value /= 100;
    }
    if value >= 10 {
        start -= 2;
        room[start..start + 2].copy_from_slice(&PAIRS[value as usize]);
    } else {
        start -= 1;
        room[start] = b'0' + value as u8;
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_spelling_of_a_number_is_read() {
        for (text, expect) in [
            ("0", Some(0)),
            ("7", Some(7)),
            ("-1", Some(-1)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("-9223372036854775809", None),
            ("18446744073709551616", None),
            ("100000000000000000000", None),
            ("", None),
            ("-", None),
            ("-0", None),
            ("00", None),
            ("01", None),
            ("-01", None),
            ("+1", None),
            (" 1", None),
            ("1 ", None),
            ("1a", None),
            ("--1", None),
        ] {
            assert_eq!(parse_i64(text.as_bytes()), expect, "{text:?}");
        }
        assert_eq!(parse_u64(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(parse_u64(b"18446744073709551616"), None);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let powers = (0..64).flat_map(|bit| [1_i64 << bit, (1_i64 << bit).wrapping_sub(1)]);
        for value in powers.flat_map(|value| [value, value.wrapping_neg()]) {
            let mut room = [0; DIGITS_MAX];
            let text = format_i64(&mut room, value);
            assert_eq!(text, std::format!("{value}").as_bytes());
            assert_eq!(parse_i64(text), Some(value));
        }
        let mut room = [0; DIGITS_MAX];
        assert_eq!(format_u64(&mut room, u64::MAX), b"18446744073709551615");
    }
}
