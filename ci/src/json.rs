//! The few fields the steps read out of JSON lines.
//!
//! Only what the sweep prints has to be understood: one object on a line. Nested values are
//! skipped.

use std::collections::BTreeMap;

/// The fields of the object on `line`: strings without quotes and escapes, everything else as it is
/// written.
/// `None` when the line is no object.
#[must_use]
pub fn object(line: &str) -> Option<BTreeMap<String, String>> {
    let mut rest = line.trim().strip_prefix('{')?.trim_start();
    let mut fields = BTreeMap::new();
    while !rest.starts_with('}') {
        let (name, after) = string(rest)?;
        let (value, after) = value(after.trim_start().strip_prefix(':')?.trim_start())?;
        fields.insert(name, value);
        rest = after.trim_start();
        match rest.strip_prefix(',') {
            Some(next) => rest = next.trim_start(),
            None if rest.starts_with('}') => {}
            None => return None,
        }
    }
    rest[1..].trim().is_empty().then_some(fields)
}

fn value(text: &str) -> Option<(String, &str)> {
    if text.starts_with('"') {
        return string(text);
    }
    let mut nested = 0;
    let mut rest = text;
    loop {
        rest = match rest.chars().next()? {
            ',' | '}' | ']' | ' ' | '"' if nested == 0 => break,
            '"' => string(rest)?.1,
            opening @ ('{' | '[') => {
                nested += 1;
                &rest[opening.len_utf8()..]
            }
            closing @ ('}' | ']') => {
                nested -= 1;
                &rest[closing.len_utf8()..]
            }
            other => &rest[other.len_utf8()..],
        };
    }
    let written = &text[..text.len() - rest.len()];
    (!written.is_empty()).then(|| (written.to_owned(), rest))
}

fn string(text: &str) -> Option<(String, &str)> {
    let mut chars = text.strip_prefix('"')?.char_indices();
    let mut read = String::new();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((read, &text[at + 2..])),
            '\\' => match chars.next()?.1 {
                'n' => read.push('\n'),
                't' => read.push('\t'),
                'r' => read.push('\r'),
                'u' => {
                    let digits: String = chars.by_ref().take(4).map(|(_, digit)| digit).collect();
                    let code = u32::from_str_radix(&digits, 16).ok()?;
                    read.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                }
                other => read.push(other),
            },
            other => read.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expect: Option<&[(&str, &str)]>) {
        let owned = |fields: &[(&str, &str)]| {
            fields.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
        };
        assert_eq!(object(line), expect.map(owned), "{line}");
    }

    #[test]
    fn fields_are_read_and_nested_values_kept_as_text() {
        check(r#"{"seed": 123, "a":"x\"y\u0041"}"#, Some(&[("a", "x\"yA"), ("seed", "123")]));
        let nested = r#"{"summary": {"runs": [1, "}"], "b": 2}, "c": null}"#;
        check(nested, Some(&[("summary", r#"{"runs": [1, "}"], "b": 2}"#), ("c", "null")]));
        check("{}", Some(&[]));
    }

    #[test]
    fn what_is_no_object_is_told() {
        for line in ["", "passed", "{", r#"{"a"}"#, r#"{"a": }"#, r#"{"a": 1"#, r#"{"a": 1} x"#] {
            check(line, None);
        }
        check(r#"{"a": "b}"#, None);
        check(r#"{"a": 1 "b": 2}"#, None);
    }
}
