//! Wraps comments that are too wide. rustfmt of a stable toolchain leaves them alone.
//!
//! A paragraph is wrapped from its first wide line on; tables, fences and list items keep their
//! lines.

use crate::tidy::words::COLUMNS_MAX;

/// A line that is nothing but a comment.
struct Comment<'a> {
    /// Indentation and slashes, with the space behind them.
    prefix: &'a str,
    text: &'a str,
}

fn comment(line: &str) -> Option<Comment<'_>> {
    let code = line.trim_start();
    let slashes = ["//! ", "/// ", "// "].into_iter().find(|slashes| code.starts_with(slashes))?;
    let (prefix, text) = line.split_at(line.len() - code.len() + slashes.len());
    Some(Comment { prefix, text })
}

/// Whether a line of a comment begins something of its own and must not be joined to the one
/// before.
fn begins(text: &str) -> bool {
    let number = text.trim_start_matches(|c: char| c.is_ascii_digit());
    text.starts_with(['*', '-', '#', '|', '`', '>', '[', ' ']) && !text.starts_with("[`")
        || (number.len() < text.len() && number.starts_with('.'))
}

/// How far the lines that continue an item are indented.
fn hanging(text: &str) -> &'static str {
    if text.starts_with("* ") || text.starts_with("- ") { "  " } else { "" }
}

/// The text with every wide comment wrapped.
#[must_use]
pub fn wrap(text: &str) -> String {
    let mut wrapped = String::with_capacity(text.len());
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let wide = comment(line)
            .filter(|c| line.chars().count() > COLUMNS_MAX && !c.text.starts_with('|'));
        let Some(Comment { prefix, text }) = wide else {
            wrapped += line;
            wrapped.push('\n');
            continue;
        };
        let indent = hanging(text);
        let mut words: Vec<&str> = text.split(' ').collect();
        let continues = |next: &&str| {
            comment(next).is_some_and(|next| {
                let text = next.text.strip_prefix(indent).unwrap_or(next.text);
                next.prefix == prefix && !text.is_empty() && !begins(text)
            })
        };
        while let Some(next) = lines.next_if(continues) {
            words.extend(next[prefix.len()..].trim_start().split(' '));
        }
        let mut line = prefix.to_owned();
        for (number, word) in words.into_iter().enumerate() {
            let columns = line.chars().count() + 1 + word.chars().count();
            if number > 0 && columns > COLUMNS_MAX {
                wrapped += &line;
                wrapped.push('\n');
                line = format!("{prefix}{indent}");
            } else if number > 0 {
                line.push(' ');
            }
            line += word;
        }
        wrapped += &line;
        wrapped.push('\n');
    }
    wrapped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        assert_eq!(wrap(text), expect);
        assert_eq!(wrap(expect), expect, "what was wrapped stays");
    }

    #[test]
    fn a_wide_paragraph_is_wrapped_to_its_end() {
        let word = "a".repeat(49);
        check(
            &format!("    /// b {word} {word}\n    /// c\n    /// * d\n    fn e() {{}}\n"),
            &format!("    /// b {word}\n    /// {word} c\n    /// * d\n    fn e() {{}}\n"),
        );
    }

    #[test]
    fn a_wide_item_hangs() {
        let word = "a".repeat(60);
        check(
            &format!("//! * {word} {word}\n//!   c\n//!\n//! d\n"),
            &format!("//! * {word}\n//!   {word} c\n//!\n//! d\n"),
        );
    }

    #[test]
    fn what_is_narrow_or_no_comment_stays() {
        let code =
            format!("let a = \"{}\"; // b\n// | {} |\n// b\n//\n", "a ".repeat(60), "c".repeat(9));
        check(&code, &code);
    }
}
