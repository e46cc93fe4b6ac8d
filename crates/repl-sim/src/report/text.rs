//! Text for pages: escaping, times, bytes, and what is too long.

use repl_core::base::time::Instant;

/// `text` where HTML or SVG has text or a quoted attribute.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c if c.is_control() && c != '\n' => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

/// Virtual seconds, to the microsecond.
pub(super) fn seconds(at: Instant) -> String {
    let micros = at.as_nanos() / 1_000;
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// A number of bytes as people say it.
pub(super) fn bytes(count: u64) -> String {
    match count {
        0..10_000 => format!("{count} B"),
        10_000..10_000_000 => format!("{} kB", count / 1_000),
        _ => format!("{} MB", count / 1_000_000),
    }
}

/// A number of milliseconds with its sign, as people say it.
pub(super) fn signed_span(millis: i64) -> String {
    let sign = if millis < 0 { "-" } else { "+" };
    let size = millis.unsigned_abs();
    match size {
        0 => "0".to_owned(),
        1..1_000 => format!("{sign}{size} ms"),
        1_000..600_000 => format!("{sign}{}.{:03} s", size / 1_000, size % 1_000),
        _ => format!("{sign}{}.{} min", size / 60_000, size % 60_000 / 6_000),
    }
}

/// A number of things.
pub(crate) fn counted(count: usize, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

/// At most `width` characters; two dots stand for what is cut off.
pub(crate) fn cut(text: &str, width: usize) -> String {
    match text.char_indices().nth(width) {
        None => text.to_owned(),
        Some(_) => text.chars().take(width.saturating_sub(2)).chain("..".chars()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(escaped("<a b='\"&\x07>"), "&lt;a b=&#39;&quot;&amp;\u{fffd}&gt;");
    }

    #[test]
    fn spans_and_sizes_have_units() {
        assert_eq!(seconds(Instant::from_nanos(61_000_002_999)), "61.000002");
        assert_eq!((bytes(9_999), bytes(10_000)), ("9999 B".into(), "10 kB".into()));
        assert_eq!(signed_span(-7_200_000), "-120.0 min");
        assert_eq!(signed_span(1_050), "+1.050 s");
        assert_eq!(cut("abcdef", 5), "abc..");
        assert_eq!(cut("abcde", 5), "abcde");
    }
}
