//! The fast path of the request parser: a whole request in canonical form, which nearly all are.
//!
//! Keeps nothing and refuses nothing: whatever is not plain goes to the careful path, which knows
//! why.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

use alloc::vec::Vec;

use super::{
    args::Span,
    request::{Authenticated, Limits},
};

/// Reads a request that is here as a whole, in canonical form and within the limits,
/// and returns where it ends. `None` means no more than that the careful path must look at it.
#[inline]
pub(super) fn whole_request(
    request: &[u8],
    limits: &Limits,
    spans: &mut Vec<Span>,
) -> Option<usize> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_up_to_eight_digits_are_plain() {
        for (line, expect) in [
            ("$0", Some(0)),
            ("$9", Some(9)),
            ("$10", Some(10)),
            ("$64", Some(64)),
            ("$100", Some(100)),
            ("$12345678", Some(12_345_678)),
            ("$123456789", None),
            ("$00", None),
            ("$01", None),
            ("$1x", None),
            ("$123x", None),
            ("$-1", None),
            ("*1", None),
            ("$", None),
        ] {
            let bytes = [line.as_bytes(), b"\r\nrest"].concat();
            let found = short_line(&bytes, b'$');
            assert_eq!(found, expect.map(|number| (number, &b"rest"[..])), "{line}");
            let bytes = [line.as_bytes(), b"\rx"].concat();
            assert_eq!(short_line(&bytes, b'$'), None, "{line}");
            assert_eq!(short_line(line.as_bytes(), b'$'), None, "{line}");
        }
    }
}
