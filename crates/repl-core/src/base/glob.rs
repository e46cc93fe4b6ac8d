//! Glob patterns, as `KEYS`, `SCAN MATCH`, `PSUBSCRIBE` and `CONFIG GET` understand them.
//!
//! `?` is any byte, `*` any number of bytes, `[a-c]` one of a class, `[^a-c]` one outside of it,
//! and `\` takes the next character literally. The corners are those of Redis, down to the
//! unintended ones.
// redis: util.c, stringmatchlen

/// Whether upper and lower case are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// They differ.
    Sensitive,
    /// They are the same, for the letters of ASCII.
    Insensitive,
}

/// A pattern with more separate stars than this matches nothing.
// redis: util.c, stringmatchlen_impl, "Protection against abusive patterns"
const STARS_MAX: usize = 1000;

/// Whether `pattern` matches all of `text`.
///
/// Takes time in proportion to the product of both lengths at worst. An empty text is matched by
/// the empty pattern only: Redis never gets to a `*` then, and the commands that must list an empty
/// key treat the pattern `*` themselves.
#[must_use]
pub fn matches(pattern: &[u8], text: &[u8], case: Case) -> bool {
    let (mut pattern, mut text) = (pattern, text);
    // Where to go on when the text stops matching: behind the last star, one byte later. Earlier
    // stars need no second chance: whatever they could take instead, the last one can take as well.
    let mut retry: Option<(&[u8], &[u8])> = None;
    let mut stars = 0;
    while let [byte, text_after @ ..] = text {
        let (matched, pattern_after) = match pattern {
            [] => (false, pattern),
            [b'*', ..] => {
                pattern = skip_stars(pattern);
                if pattern.is_empty() {
                    return true;
                }
                stars += 1;
                if stars > STARS_MAX {
                    return false;
                }
                retry = Some((pattern, text));
                continue;
            }
            [b'?', after @ ..] => (true, after),
            [b'[', class @ ..] => match_class(class, *byte, case),
            [b'\\', literal, after @ ..] | [literal, after @ ..] => {
                (is_same(*literal, *byte, case), after)
            }
        };
        if matched {
            pattern = pattern_after;
            text = text_after;
            if text.is_empty() {
                pattern = skip_stars(pattern);
            }
        } else if let Some((behind_star, [_, later @ ..])) = retry {
            retry = Some((behind_star, later));
            pattern = behind_star;
            text = later;
        } else {
            return false;
        }
    }
    // What is left of the pattern needs bytes, and no star can make more of them.
    pattern.is_empty()
}

fn skip_stars(pattern: &[u8]) -> &[u8] {
    let stars = pattern.iter().take_while(|&&byte| byte == b'*').count();
    pattern.get(stars..).unwrap_or_default()
}

/// Whether `byte` is of the class that starts behind a `[`, and the pattern behind its `]`. A class
/// that is never closed ends with the pattern.
fn match_class(class: &[u8], byte: u8, case: Case) -> (bool, &[u8]) {
    let (is_negated, mut rest) = match class {
        [b'^', after @ ..] => (true, after),
        _ => (false, class),
    };
    let mut is_member = false;
    loop {
        rest = match rest {
            [] => return (is_member != is_negated, rest),
            [b'\\', literal, after @ ..] => {
                // Whatever the case: Redis compares an escaped member as it is.
                is_member |= *literal == byte;
                after
            }
            [b']', after @ ..] => return (is_member != is_negated, after),
            // The end of a range may be any character, even the bracket.
            [start, b'-', end, after @ ..] => {
                is_member |= is_between(*start, *end, byte, case);
                after
            }
            [member, after @ ..] => {
                is_member |= is_same(*member, byte, case);
                after
            }
        };
    }
}

/// Whether `byte` lies in a range, whose ends may be given in either order.
fn is_between(start: u8, end: u8, byte: u8, case: Case) -> bool {
    // As signed numbers, which is what characters are to Redis on x86-64.
    let (start, end) = (start.cast_signed(), end.cast_signed());
    let (low, high) = (start.min(end), start.max(end));
    let fold = |byte: i8| match case {
        Case::Sensitive => byte,
        Case::Insensitive => byte.cast_unsigned().to_ascii_lowercase().cast_signed(),
    };
    (fold(low)..=fold(high)).contains(&fold(byte.cast_signed()))
}

const fn is_same(left: u8, right: u8, case: Case) -> bool {
    match case {
        Case::Sensitive => left == right,
        Case::Insensitive => left.eq_ignore_ascii_case(&right),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, text: &str, expect: bool) {
        let found = matches(pattern.as_bytes(), text.as_bytes(), Case::Sensitive);
        assert_eq!(found, expect, "{pattern:?} against {text:?}");
    }

    #[test]
    fn the_documented_patterns_match() {
        check("h?llo", "hello", true);
        check("h*llo", "heeeello", true);
        check("h*llo", "hllo", true);
        check("h[ae]llo", "hillo", false);
        check("h[^e]llo", "hallo", true);
        check("h[a-b]llo", "hbllo", true);
        check("h[b-a]llo", "hallo", true);
        check(r"h\*llo", "hello", false);
        check(r"h\*llo", "h*llo", true);
        check("a*", "a", true);
        check("a*b*c", "a-b-bc-c", true);
        check("a*b*c", "a-b-bc-", false);
    }

    /// Every line was asked of redis-server 7.0.15: with `KEYS`, and with `PUBSUB CHANNELS` where
    /// the text is empty.
    #[test]
    fn the_corners_are_those_of_redis() {
        check("", "", true);
        check("*", "", false);
        check("**", "", false);
        check("***", "a", true);
        check("[", "[", false);
        check("[^", "b", true);
        check("[a", "a", true);
        check("[]", "]", false);
        check("[^]", "]", true);
        check("[a-]", "b", false);
        check("[a-]", "^", true);
        check(r"[\]]", "]", true);
        check(r"[\", r"\", true);
        check(r"\", r"\", true);
        check(r"a\", r"a\", true);
        check(r"[a-\]", "]", true);
        check("a**", "a", true);
        check("*[", "a[", false);
    }

    #[test]
    fn ranges_count_in_signed_characters() {
        assert!(matches(b"[\x00-\xff]", b"\xff", Case::Sensitive));
        assert!(!matches(b"[\x00-\xff]", b"a", Case::Sensitive));
    }

    /// Asked of redis-server 7.0.15 with `COMMAND LIST FILTERBY PATTERN`.
    #[test]
    fn case_is_folded_except_behind_a_backslash_in_a_class() {
        for (pattern, text, expect) in
            [("AbC", "aBc", true), ("[A-C]", "b", true), (r"[\A]", "a", false), (r"\A", "a", true)]
        {
            let found = matches(pattern.as_bytes(), text.as_bytes(), Case::Insensitive);
            assert_eq!(found, expect, "{pattern:?} against {text:?}");
        }
    }

    #[test]
    fn a_hostile_pattern_costs_no_more_than_the_product_of_the_lengths() {
        let text = [b'a'; 10_000];
        let mut pattern = b"*a".repeat(STARS_MAX);
        assert!(matches(&pattern, &text, Case::Sensitive));
        pattern.push(b'b');
        assert!(!matches(&pattern, &text, Case::Sensitive));
        pattern.pop();
        pattern.extend_from_slice(b"*a");
        assert!(!matches(&pattern, &text, Case::Sensitive), "one star over the limit");
    }
}
