//! The 80-bit numbers of `long double` on x86-64, in which Redis counts fractions: 64 bits of
//! mantissa.
//!
//! Reads text as `strtold` does and writes it as `%.17Lf` without the zeros at its end, both
//! rounded correctly. In 64-bit numbers, 0.1 + 0.2 would not be 0.3. Knows only numbers and text.

use alloc::{vec, vec::Vec};
use core::{cmp::Ordering, iter};

/// Longer texts are no numbers.
// redis: util.h, MAX_LONG_DOUBLE_CHARS
const TEXT_MAX: usize = 5 * 1024;
/// The exponent of the highest bit of the largest number.
const TOP_MAX: i64 = 16_383;
/// The exponent of half the smallest number: what is not larger is rounded to zero.
const TOP_MIN: i64 = -16_446;
/// Powers of ten beyond this, up or down, are out of range whatever the digits in front of them.
const DECIMALS_MAX: i64 = 4_960;
/// Digits that are written behind the point.
const FRACTION_DIGITS: usize = 17;
const FRACTION_SCALE: u128 = 10_u128.pow(FRACTION_DIGITS as u32);
const TOP_BIT: u64 = 1 << 63;

/// A number of 64 significant bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extended {
    sign: Sign,
    size: Size,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    Plus,
    Minus,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    Zero,
    /// `mantissa` times two to the power of `exponent`. The highest bit of the mantissa is set.
    Finite {
        mantissa: u64,
        exponent: i64,
    },
    Infinite,
}

impl Extended {
    /// The number that all of `text` spells: decimal, hexadecimal (`0x1.8p3`) or infinite. `None`
    /// for everything else, NaN, numbers too large, and numbers so small that they would be zero.
    // redis: util.c, string2ld
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() >= TEXT_MAX {
            return None;
        }
        let (sign, rest) = match text {
            [b'-', rest @ ..] => (Sign::Minus, rest),
            [b'+', rest @ ..] | rest => (Sign::Plus, rest),
        };
        let size = match rest {
            [b'0', b'x' | b'X', digits @ ..] => parse_hexadecimal(digits)?,
            word if is_infinity(word) => Size::Infinite,
            digits => parse_decimal(digits)?,
        };
        Some(Self { sign, size })
    }

    /// The sum, or `None` when it is no finite number.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let (low, high) = if self.order_by_size(other) == Ordering::Greater {
            (other, self)
        } else {
            (self, other)
        };
        let (mantissa, exponent) = match (low.size, high.size) {
            (_, Size::Infinite) | (Size::Infinite, _) => return None,
            (Size::Zero, _) => return Some(high),
            (Size::Finite { .. }, Size::Zero) => return Some(low),
            (
                Size::Finite { mantissa: small, exponent: low_exponent },
                Size::Finite { mantissa, exponent },
            ) => {
                // 62 bits behind the mantissa of the larger one. What the smaller one has beyond
                // them only matters as "not nothing", which its lowest bit says.
                let large = u128::from(mantissa) << 62;
                let shift = u32::try_from(exponent - low_exponent).unwrap_or(u32::MAX);
                let small = u128::from(small) << 62;
                let kept = small.checked_shr(shift).unwrap_or(0);
                let lost = kept.checked_shl(shift).unwrap_or(0) != small;
                let small = kept | u128::from(lost);
                let sum = if low.sign == high.sign { large + small } else { large - small };
                (sum, exponent - 62)
            }
        };
        if mantissa == 0 {
            return Some(Self { sign: Sign::Plus, size: Size::Zero });
        }
        let size = rounded(&Natural::from_u128(mantissa), exponent, Rest::Nothing)?;
        Some(Self { sign: high.sign, size })
    }

    /// Whether it is nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        matches!(self.size, Size::Zero)
    }

    /// Whether it is no finite number.
    #[must_use]
    pub const fn is_infinite(self) -> bool {
        matches!(self.size, Size::Infinite)
    }

    /// The nearest number of 53 significant bits.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        let size = match self.size {
            Size::Zero => 0.0,
            Size::Infinite => f64::INFINITY,
            Size::Finite { mantissa, exponent } => scaled(mantissa as f64, exponent),
        };
        if self.sign == Sign::Minus { -size } else { size }
    }

    fn order_by_size(self, other: Self) -> Ordering {
        let key = |number: Self| match number.size {
            Size::Zero => (0, 0, 0),
            Size::Finite { mantissa, exponent } => (1, exponent, mantissa),
            Size::Infinite => (2, 0, 0),
        };
        key(self).cmp(&key(other))
    }

    /// So many seconds in milliseconds, rounded up; `None` for more than 64 bits hold. The product
    /// is rounded before, as that of `long double` is.
    // redis: timeout.c, getTimeoutFromObjectOrReply
    #[must_use]
    pub fn to_millis(self) -> Option<i64> {
        let size = match self.size {
            Size::Zero => return Some(0),
            Size::Infinite => return None,
            Size::Finite { mantissa, exponent } => {
                let product = Natural::from_u128(u128::from(mantissa) * 1000);
                rounded(&product, exponent, Rest::Nothing)?
            }
        };
        let Size::Finite { mantissa, exponent } = size else { return None };
        let shift = u32::try_from(-exponent).ok().filter(|shift| *shift > 0)?;
        let whole = mantissa.checked_shr(shift).unwrap_or(0);
        let has_fraction = whole.checked_shl(shift) != Some(mantissa);
        let whole = i64::try_from(whole).ok()?;
        match self.sign {
            Sign::Plus => whole.checked_add(i64::from(has_fraction)),
            Sign::Minus => Some(-whole),
        }
    }

    /// The decimal text: at most 17 digits behind the point, no zeros at its end, never an
    /// exponent.
    // redis: util.c, ld2string with LD_STR_HUMAN
    #[must_use]
    pub fn to_text(self) -> Vec<u8> {
        let mut text = match self.size {
            Size::Zero => return b"0".to_vec(),
            Size::Infinite => b"inf".to_vec(),
            Size::Finite { mantissa, exponent } => match u32::try_from(exponent) {
                Ok(shift) => {
                    let mut whole = Natural::from_u128(mantissa.into());
                    whole.shift_left(shift as usize);
                    whole.into_decimal()
                }
                Err(_) => with_fraction(mantissa, exponent.unsigned_abs()),
            },
        };
        if self.sign == Sign::Minus && text != b"0" {
            text.insert(0, b'-');
        }
        text
    }
}

/// `number` times two to the power of `exponent`.
fn scaled(mut number: f64, exponent: i64) -> f64 {
    /// The largest power of two in one step.
    const STEP: i64 = 1_000;
    let mut left = exponent;
    // Far beyond the range of 64-bit numbers nothing changes any more.
    while left != 0 && number != 0.0 && number.is_finite() {
        let step = left.clamp(-STEP, STEP);
        // The bits of a power of two: its exponent, counted from -1023.
        number *= f64::from_bits(((step + 1_023) as u64) << 52);
        left -= step;
    }
    number
}

/// The text of `mantissa` divided by two to the power of `shift`, rounded to 17 decimals.
fn with_fraction(mantissa: u64, shift: u64) -> Vec<u8> {
    let scaled = u128::from(mantissa) * FRACTION_SCALE;
    let parts = match u32::try_from(shift) {
        Ok(shift) if shift < u128::BITS => {
            let (quotient, half) = (scaled >> shift, 1_u128 << (shift - 1));
            let rest = scaled & ((half - 1) | half);
            let up = rest > half || (rest == half && quotient & 1 == 1);
            quotient + u128::from(up)
        }
        // Less than half of the last decimal.
        Ok(_) | Err(_) => 0,
    };
    let mut text = alloc::format!(
        "{}.{:0width$}",
        parts / FRACTION_SCALE,
        parts % FRACTION_SCALE,
        width = FRACTION_DIGITS
    );
    text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
    text.into_bytes()
}

fn is_infinity(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"inf") || word.eq_ignore_ascii_case(b"infinity")
}

/// Splits `text` into digits before and behind its point, and the exponent behind `mark`. `None`
/// when it is anything else, or has no digit.
fn split(text: &[u8], mark: u8, is_digit: impl Fn(&u8) -> bool) -> Option<(&[u8], &[u8], i64)> {
    let digits_of = |text: &[u8]| text.iter().take_while(|byte| is_digit(byte)).count();
    let (whole, rest) = text.split_at(digits_of(text));
    let (fraction, rest) = match rest {
        [b'.', rest @ ..] => rest.split_at(digits_of(rest)),
        _ => (&[][..], rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let exponent = match rest {
        [] => 0,
        [first, rest @ ..] if first.eq_ignore_ascii_case(&mark) => {
            let (factor, digits) = match rest {
                [b'-', digits @ ..] => (-1, digits),
                [b'+', digits @ ..] | digits => (1, digits),
            };
            if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
                return None;
            }
            let size = digits.iter().fold(0_i64, |sum, digit| {
                // Far beyond every bound, and still far from an overflow.
                (sum * 10 + i64::from(digit - b'0')).min(i64::from(i32::MAX))
            });
            factor * size
        }
        [_, ..] => return None,
    };
    Some((whole, fraction, exponent))
}

fn parse_decimal(text: &[u8]) -> Option<Size> {
    let (whole, fraction, exponent) = split(text, b'e', u8::is_ascii_digit)?;
    let digits: Vec<u8> =
        whole.iter().chain(fraction).copied().skip_while(|digit| *digit == b'0').collect();
    if digits.is_empty() {
        return Some(Size::Zero);
    }
    let exponent = exponent - fraction.len() as i64;
    let position = exponent + digits.len() as i64;
    if !(-DECIMALS_MAX..=DECIMALS_MAX).contains(&position) {
        return None;
    }
    let mut number = Natural::from_decimal(&digits);
    let power = Natural::power_of_ten(exponent.unsigned_abs() as usize);
    if exponent >= 0 {
        rounded(&number.times(&power), 0, Rest::Nothing)
    } else {
        // As many bits as the mantissa has, and two more to round by.
        let shift = 66 + power.bits() as i64 - number.bits() as i64;
        let shift = usize::try_from(shift).unwrap_or(0);
        number.shift_left(shift);
        let (quotient, rest) = number.divided_by(power);
        rounded(&quotient, -(shift as i64), rest)
    }
}

fn parse_hexadecimal(text: &[u8]) -> Option<Size> {
    let (whole, fraction, exponent) = split(text, b'p', u8::is_ascii_hexdigit)?;
    let mut number = Natural::from_u128(0);
    for digit in whole.iter().chain(fraction) {
        let value = char::from(*digit).to_digit(16).expect("split takes hexadecimal digits only");
        number.multiply_add(16, value);
    }
    if number.bits() == 0 {
        return Some(Size::Zero);
    }
    rounded(&number, exponent - 4 * fraction.len() as i64, Rest::Nothing)
}

/// Whether a division left something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    Nothing,
    Something,
}

/// `number`, which is not zero, and what a division left of it, times two to the power of
/// `exponent`, rounded to the nearest number of 64 bits, to the even one of two. `None` when out of
/// range.
fn rounded(number: &Natural, exponent: i64, rest: Rest) -> Option<Size> {
    let bits = number.bits() as i64;
    let exponent = exponent + bits - 64;
    let (mantissa, half, more) = number.top64();
    let more = more || rest == Rest::Something;
    let is_exact = !half && !more;
    let up = half && (more || mantissa & 1 == 1);
    let (mantissa, exponent) = match mantissa.checked_add(u64::from(up)) {
        Some(mantissa) => (mantissa, exponent),
        None => (TOP_BIT, exponent + 1),
    };
    let top = exponent + 63;
    let vanishes = top < TOP_MIN || (top == TOP_MIN && mantissa == TOP_BIT && is_exact);
    (top <= TOP_MAX && !vanishes).then_some(Size::Finite { mantissa, exponent })
}

/// A natural number of any size: digits to the base 2^32, the lowest first, no zero at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Natural(Vec<u32>);

impl Natural {
    fn from_u128(value: u128) -> Self {
        let mut number = Self((0..4).map(|limb| (value >> (32 * limb)) as u32).collect());
        number.trim();
        number
    }

    fn from_decimal(digits: &[u8]) -> Self {
        let mut number = Self(Vec::new());
        for chunk in digits.chunks(9) {
            let value = chunk.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
            number.multiply_add(10_u32.pow(chunk.len() as u32), value);
        }
        number
    }

    fn power_of_ten(mut power: usize) -> Self {
        let mut number = Self(vec![1]);
        while power > 0 {
            let step = power.min(9);
            number.multiply_add(10_u32.pow(step as u32), 0);
            power -= step;
        }
        number
    }

    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    /// How many bits the number takes; zero for zero.
    fn bits(&self) -> usize {
        self.0.last().map_or(0, |top| self.0.len() * 32 - top.leading_zeros() as usize)
    }

    /// This number times `factor` plus `summand`.
    fn multiply_add(&mut self, factor: u32, summand: u32) {
        let mut carry = u64::from(summand);
        for limb in &mut self.0 {
            let sum = u64::from(*limb) * u64::from(factor) + carry;
            *limb = sum as u32;
            carry = sum >> 32;
        }
        if carry > 0 {
            self.0.push(carry as u32);
        }
    }

    fn times(&self, other: &Self) -> Self {
        let mut product = vec![0_u32; self.0.len() + other.0.len()];
        for (at, left) in self.0.iter().enumerate() {
            let mut carry = 0_u64;
            let others = other.0.iter().copied().chain(iter::once(0));
            for (place, right) in product.iter_mut().skip(at).zip(others) {
                let sum = u64::from(*left) * u64::from(right) + u64::from(*place) + carry;
                *place = sum as u32;
                carry = sum >> 32;
            }
        }
        let mut product = Self(product);
        product.trim();
        product
    }

    fn shift_left(&mut self, bits: usize) {
        self.multiply_add(1 << (bits % 32), 0);
        self.0.splice(0..0, iter::repeat_n(0, bits / 32));
        self.trim();
    }

    fn halve(&mut self) {
        let mut carry = 0;
        for limb in self.0.iter_mut().rev() {
            let low = *limb & 1;
            *limb = *limb >> 1 | carry << 31;
            carry = low;
        }
        self.trim();
    }

    /// Takes `other` away, which is not larger.
    fn subtract(&mut self, other: &Self) {
        let mut borrow = 0;
        for (limb, taken) in self.0.iter_mut().zip(other.0.iter().copied().chain(iter::repeat(0))) {
            let difference = i64::from(*limb) - i64::from(taken) - borrow;
            *limb = difference as u32;
            borrow = i64::from(difference < 0);
        }
        debug_assert_eq!(borrow, 0, "only what is not larger can be taken away");
        self.trim();
    }

    fn is_less_than(&self, other: &Self) -> bool {
        let order = self.0.len().cmp(&other.0.len());
        order.then_with(|| self.0.iter().rev().cmp(other.0.iter().rev())) == Ordering::Less
    }

    /// The whole quotient, one bit after the other: few are asked for.
    fn divided_by(mut self, mut divisor: Self) -> (Self, Rest) {
        let steps = (self.bits() + 1).saturating_sub(divisor.bits());
        divisor.shift_left(steps);
        let mut quotient = Self(Vec::new());
        for _ in 0..=steps {
            let fits = !self.is_less_than(&divisor);
            if fits {
                self.subtract(&divisor);
            }
            quotient.multiply_add(2, u32::from(fits));
            divisor.halve();
        }
        (quotient, if self.0.is_empty() { Rest::Nothing } else { Rest::Something })
    }

    /// The highest 64 bits of a number that is not zero, the bit behind them, and whether any other
    /// is set.
    fn top64(&self) -> (u64, bool, bool) {
        let bits = self.bits();
        let bit = |at: usize| self.0.get(at / 32).is_some_and(|limb| limb >> (at % 32) & 1 == 1);
        let top = (1..=64_usize).fold(0_u64, |top, step| {
            top << 1 | u64::from(bits.checked_sub(step).is_some_and(&bit))
        });
        let half = bits.checked_sub(65).is_some_and(&bit);
        let more = (0..bits.saturating_sub(65)).any(bit);
        (top, half, more)
    }

    fn into_decimal(mut self) -> Vec<u8> {
        const CHUNK: u64 = 1_000_000_000;
        let mut chunks = Vec::new();
        while !self.0.is_empty() {
            let mut rest = 0;
            for limb in self.0.iter_mut().rev() {
                let value = rest << 32 | u64::from(*limb);
                *limb = (value / CHUNK) as u32;
                rest = value % CHUNK;
            }
            self.trim();
            chunks.push(rest);
        }
        let top = chunks.pop().unwrap_or(0);
        let mut text = alloc::format!("{top}");
        for chunk in chunks.iter().rev() {
            text += &alloc::format!("{chunk:09}");
        }
        text.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    fn text(number: Option<Extended>) -> String {
        number.map_or_else(
            || "none".into(),
            |number| String::from_utf8(number.to_text()).expect("numbers are ASCII"),
        )
    }

    #[track_caller]
    fn check(left: &str, right: &str, expect: &str) {
        let (left, right) = (Extended::parse(left.as_bytes()), Extended::parse(right.as_bytes()));
        let sum = left.expect("a number").checked_add(right.expect("a number"));
        assert_eq!(text(sum), expect);
    }

    /// Asked of redis-server 7.0.15 on x86-64 with `INCRBYFLOAT`.
    #[test]
    fn sums_are_those_of_redis() {
        check("0.1", "0.2", "0.3");
        check("3", "-3", "0");
        check("10.5", "0.1", "10.6");
        check("5.0e3", "200", "5200");
        check("1", "1e-18", "1");
        check("-1", "1e-30", "-1");
        check("0", "-1e-30", "0");
        check("9223372036854775807", "1", "9223372036854775808");
        check("18446744073709551615", "0.5", "18446744073709551616");
        check("1e20", "0.1", "100000000000000000000");
        check("5", "0x1p3", "13");
        check("0x.8", "+.5", "1");
        check("3.", "0", "3");
        check("1.1", "2.2", "3.3");
        check("123456789.123456789", "0", "123456789.12345678899873747");
        check("0.00000000000000001", "0.000000000000000004", "0.00000000000000001");
        check("1e4932", "-1e4932", "0");
    }

    #[test]
    fn only_finite_numbers_are_sums() {
        for [left, right] in [["inf", "1"], ["-INFINITY", "inf"], ["1.1e4932", "1e4932"]] {
            let [left, right] = [left, right].map(|text| Extended::parse(text.as_bytes()));
            let sum = left.expect("a number").checked_add(right.expect("a number"));
            assert_eq!(sum, None);
        }
    }

    #[test]
    fn what_strtold_does_not_read_whole_is_no_number() {
        for bad in [
            "",
            " 1",
            "1 ",
            "x",
            "1x",
            "-",
            "+",
            ".",
            "e5",
            "1e",
            "1e+",
            "0x",
            "0x1p",
            "nan",
            "--1",
            "1\0",
            "1e5000",
            "1e-4960",
            "1e-4951",
            "1e999999999999",
            "infin",
            "0xg",
            "1.2.3",
        ] {
            assert_eq!(Extended::parse(bad.as_bytes()), None, "{bad:?}");
        }
        assert!(Extended::parse(b"1e-4950").is_some());
        assert!(Extended::parse(b"0e99999999999").is_some());
        assert!(Extended::parse(&[b'1'; TEXT_MAX]).is_none());
        assert!(Extended::parse(&[b'0'; TEXT_MAX - 1]).is_some());
    }

    #[test]
    fn rounding_goes_to_the_nearest_and_to_even() {
        // 2^64 + 1 lies between two numbers, 2^64 + 3 as well: one goes down, the other up.
        check("18446744073709551617", "0", "18446744073709551616");
        check("18446744073709551619", "0", "18446744073709551620");
        check("18446744073709551617.00001", "0", "18446744073709551618");
    }

    #[test]
    fn a_double_is_read_as_exactly_as_it_is_written() {
        let mut state = 1_u64;
        for _ in 0..2_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let value = (state >> 11) as f64 / (1_u64 << (state & 63)) as f64;
            let exact = alloc::format!("{value:.80}");
            let rounded = alloc::format!("{value:.17}");
            let rounded = rounded.trim_end_matches('0').trim_end_matches('.');
            assert_eq!(text(Extended::parse(exact.as_bytes())), rounded, "{exact}");
        }
    }
}
