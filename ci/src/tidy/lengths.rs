//! How long files and functions may be, and the ratchet: a list of exceptions that can only shrink.

use std::collections::BTreeMap;

use super::{
    File, Finding,
    source::{item_end, line_of, mask, words},
};

/// Lines a file may have.
pub const FILE_LINES_MAX: usize = 600;
/// Lines a function may have, from its `fn` to its closing brace.
pub const FUNCTION_LINES_MAX: usize = 80;

/// Where the exceptions are listed.
pub const RATCHET: &str = "ci/ratchet.txt";

/// Compares every file and function of `files` with the limits and with the exceptions of
/// `ratchet`.
///
/// An exception is a line `PATH LINES` or `PATH FUNCTION LINES` and must state the present length:
/// what became shorter must be written down, what fits the limit must be taken off the list.
#[must_use]
pub fn lengths(files: &[File], ratchet: &str) -> Vec<Finding> {
    let list = File::new(RATCHET, ratchet);
    let mut findings = Vec::new();
    let mut exceptions = BTreeMap::new();
    for (number, line) in (1..).zip(ratchet.lines()) {
        let line = line.split('#').next().unwrap_or_default().trim();
        match line.rsplit_once(' ').map(|(what, lines)| (what.to_owned(), lines.parse::<usize>())) {
            Some((what, Ok(lines))) => {
                exceptions.insert(what, (number, lines));
            }
            Some((_, Err(_))) => {
                findings.push(Finding::new(&list, number, "not `PATH [FUNCTION] LINES`"));
            }
            None => {}
        }
    }
    for file in files.iter().filter(|file| file.is("rs")) {
        for (what, line, lines, limit) in measure(file) {
            let excepted = exceptions.remove(&what);
            if let Some((number, recorded)) = excepted
                && (lines < recorded || lines <= limit)
            {
                let advice = if lines <= limit {
                    "take it off the list".to_owned()
                } else {
                    format!("write {lines}, not {recorded}")
                };
                findings.push(Finding::new(&list, number, format!("{what} is shorter: {advice}")));
            } else if lines > excepted.map_or(limit, |(_, recorded)| recorded) {
                let message = format!("{what} has {lines} lines: split it (at most {limit})");
                findings.push(Finding::new(file, line, message));
            }
        }
    }
    for (what, (number, _)) in exceptions {
        findings.push(Finding::new(&list, number, format!("{what} is gone: take it off the list")));
    }
    findings
}

/// The file and its functions: name in the ratchet, line, length in lines, limit.
fn measure(file: &File) -> Vec<(String, usize, usize, usize)> {
    let mut measured = vec![(file.path.clone(), 1, file.text.lines().count(), FILE_LINES_MAX)];
    let code = mask(&file.text);
    let mut keyword_at = None;
    for (at, word) in words(&code) {
        if let Some(start) = keyword_at.take() {
            let first = line_of(&code, start);
            let last = line_of(&code, item_end(&code, start) - 1);
            let what = format!("{} {word}", file.path);
            measured.push((what, first, last - first + 1, FUNCTION_LINES_MAX));
        }
        // `fn(` is a type; a function has a name behind the keyword.
        if word == "fn" && code[at + 2..].starts_with(' ') {
            keyword_at = Some(at);
        }
    }
    measured
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(lines: usize) -> File {
        File::new("a.rs", &format!("fn long() {{\n{}}}\n", "x;\n".repeat(lines - 2)))
    }

    #[track_caller]
    fn expect(file: File, ratchet: &str, message: &str) {
        let found = lengths(&[file], ratchet);
        let text = found.first().map(ToString::to_string).unwrap_or_default();
        assert!(found.len() <= 1, "{found:?}");
        assert_eq!(text.is_empty(), message.is_empty(), "{text}");
        assert!(text.contains(message), "{text}");
    }

    #[test]
    fn long_functions_and_files_are_refused() {
        expect(function(80), "", "");
        expect(function(81), "", "a.rs long has 81 lines");
        expect(File::new("b.rs", &"\n".repeat(600)), "", "");
        expect(File::new("b.rs", &"\n".repeat(601)), "", "b.rs has 601 lines");
    }

    #[test]
    fn exceptions_hold_and_can_only_shrink() {
        expect(function(90), "a.rs long 90 # why", "");
        expect(function(91), "a.rs long 90", "has 91 lines");
        expect(function(85), "a.rs long 90", "write 85, not 90");
        expect(function(80), "a.rs long 90", "take it off the list");
        expect(function(80), "a.rs other 90", "is gone");
        expect(function(80), "a.rs other x", "not `PATH");
    }

    #[test]
    fn a_function_type_is_no_function() {
        let text = format!("type F = fn(u8);\n{}", "x;\n".repeat(100));
        expect(File::new("a.rs", &text), "", "");
    }
}
