//! A look at the requests behind the one at hand, for whoever can use the time until they come.
//!
//! Understands only whole requests in canonical form, and decides nothing: every request is read
//! again when its turn comes.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

use super::{args::Argv, fast::whole_request, request::Limits};

/// Shows `each` the first argument behind the name of the requests that start at `buf[from]`, up to
/// `count` of them, and returns where it stopped. `scratch` is of no use to anybody afterwards.
pub fn look_ahead<'a>(
    buf: &'a [u8],
    from: usize,
    count: usize,
    scratch: &mut Argv,
    mut each: impl FnMut(&'a [u8]),
) -> usize {
    let mut at = from;
    for _ in 0..count {
        let Some(rest) = buf.get(at..).filter(|rest| !rest.is_empty()) else { break };
        scratch.spans.clear();
        let Some(length) = whole_request(rest, &Limits::MASTER_LINK, &mut scratch.spans) else {
            break;
        };
        if let Some(argument) = scratch.spans.get(1).and_then(|span| rest.get(span.start..span.end))
        {
            each(argument);
        }
        at += length;
    }
    scratch.spans.clear();
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn it_shows_keys_up_to_the_first_request_that_is_not_whole() {
        let buf = b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n*1\r\n$4\r\nPING\r\n\
            *2\r\n$3\r\nGET\r\n$2\r\nbc\r\n*2\r\n$3\r\nG";
        let mut seen = Vec::new();
        let end = look_ahead(buf, 0, 16, &mut Argv::new(), |key| seen.push(key));
        assert_eq!(seen, [b"a".as_slice(), b"bc"]);
        assert_eq!(&buf[end..], b"*2\r\n$3\r\nG");
        let end = look_ahead(buf, 0, 1, &mut Argv::new(), |_| {});
        assert_eq!(end, 20);
        assert_eq!(look_ahead(b"GET a\r\n", 0, 16, &mut Argv::new(), |_| {}), 0);
        assert_eq!(look_ahead(b"", 0, 16, &mut Argv::new(), |_| {}), 0);
    }
}
