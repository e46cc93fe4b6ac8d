//! Floating-point numbers as C's `%.17g` writes them, which is how Redis 7.0 replies with them.

use core::fmt::{self, Write};

/// Room for the longest text: a sign, 17 digits, a point, up to four zeros behind it or an
/// exponent.
pub const TEXT_MAX: usize = 32;

const DIGITS: usize = 17;

/// Writes `value` into `room` and returns the part of it that was used.
pub fn format(room: &mut [u8; TEXT_MAX], value: f64) -> &[u8] {
    let mut out = Cursor { room, len: 0 };
    write_general(&mut out, value).expect("the longest text fits");
    let Cursor { room, len } = out;
    room.get(..len).unwrap_or_default()
}

fn write_general(out: &mut Cursor<'_>, value: f64) -> fmt::Result {
    if value.is_sign_negative() {
        out.write_char('-')?;
    }
    if value.is_nan() {
        return out.write_str("nan");
    }
    if value.is_infinite() {
        return out.write_str("inf");
    }
    // 17 significant digits, correctly rounded: "d.dddddddddddddddde-308".
    let mut room = [0; TEXT_MAX];
    let mut scientific = Cursor { room: &mut room, len: 0 };
    write!(scientific, "{:.*e}", DIGITS - 1, value.abs())?;
    let (mantissa, exponent) = scientific.text().split_once('e').ok_or(fmt::Error)?;
    let exponent: i32 = exponent.parse().map_err(|_| fmt::Error)?;
    let (whole, fraction) = mantissa.split_once('.').ok_or(fmt::Error)?;
    let fraction = fraction.trim_end_matches('0');
    match usize::try_from(exponent) {
        // All digits in front of the point, or some of them.
        Ok(shift) if shift < DIGITS => {
            out.write_str(whole)?;
            let split = shift.min(fraction.len());
            let (front, back) = fraction.split_at(split);
            write!(out, "{front}{:0<width$}", "", width = shift - split)?;
            if !back.is_empty() {
                write!(out, ".{back}")?;
            }
            Ok(())
        }
        Err(_) if exponent >= -4 => {
            let zeros = exponent.unsigned_abs() as usize - 1;
            write!(out, "0.{:0<zeros$}{whole}{fraction}", "")
        }
        _ => {
            out.write_str(whole)?;
            if !fraction.is_empty() {
                write!(out, ".{fraction}")?;
            }
            let sign = if exponent < 0 { '-' } else { '+' };
            write!(out, "e{sign}{:02}", exponent.unsigned_abs())
        }
    }
}

/// Text in a room of fixed size.
struct Cursor<'a> {
    room: &'a mut [u8; TEXT_MAX],
    len: usize,
}

impl Cursor<'_> {
    fn text(&self) -> &str {
        self.room.get(..self.len).and_then(|text| str::from_utf8(text).ok()).unwrap_or_default()
    }
}

impl Write for Cursor<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        let free = self.room.get_mut(self.len..end).ok_or(fmt::Error)?;
        free.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected texts are those of C's `printf("%.17g")`.
    #[test]
    fn numbers_are_written_with_17_significant_digits() {
        for (value, expect) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (100.0, "100"),
            (-1.5, "-1.5"),
            (0.1, "0.10000000000000001"),
            (2.2, "2.2000000000000002"),
            (12345.678, "12345.678"),
            (2.5e-4, "0.00025000000000000001"),
            (1e-4, "0.0001"),
            (1e-5, "1.0000000000000001e-05"),
            (1.234e-5, "1.234e-05"),
            (1e15, "1000000000000000"),
            (1e16, "10000000000000000"),
            (9_007_199_254_740_993.0, "9007199254740992"),
            (99_999_999_999_999_992.0, "1e+17"),
            (123_456_789_012_345_678.0, "1.2345678901234568e+17"),
            (1.5e300, "1.5000000000000001e+300"),
            (-f64::MAX, "-1.7976931348623157e+308"),
            (5e-324, "4.9406564584124654e-324"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            let text = std::string::String::from_utf8_lossy(format(&mut [0; TEXT_MAX], value))
                .into_owned();
            assert_eq!(text, expect);
        }
    }
}
