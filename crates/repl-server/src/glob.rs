//! File name patterns of `include`: `*` is any run of bytes, `?` any one byte.

/// Whether all of `name` matches `pattern`.
pub(crate) fn matches_glob(pattern: &[u8], name: &[u8]) -> bool {
    // Where to go on when a byte does not match: behind the last star, one byte further in the name.
    let (mut retry, mut left, mut rest) = (None, pattern, name);
    loop {
        match (left, rest) {
            ([b'*', after @ ..], _) => {
                retry = Some((after, rest));
                left = after;
            }
            ([b'?', after @ ..], [_, tail @ ..]) => (left, rest) = (after, tail),
            ([wanted, after @ ..], [byte, tail @ ..]) if wanted == byte => {
                (left, rest) = (after, tail);
            }
            ([], []) => return true,
            _ => match retry {
                Some((after, [_, tail @ ..])) => {
                    retry = Some((after, tail));
                    (left, rest) = (after, tail);
                }
                Some((_, [])) | None => return false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_run_and_a_question_mark_one_byte() {
        let check = |pattern: &str, name: &str, expect| {
            let matched = matches_glob(pattern.as_bytes(), name.as_bytes());
            assert_eq!(matched, expect, "{pattern} {name}");
        };
        check("*.conf", "a.conf", true);
        check("*.conf", "a.conf.bak", false);
        check("t?-*.conf", "t3-x.conf", true);
        check("t?.conf", "t.conf", false);
        check("*a*b*", "xxaab", true);
        check("*a*b", "xxaabc", false);
        check("", "", true);
        check("*", "", true);
    }
}
