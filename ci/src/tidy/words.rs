//! Line by line: headers, columns, characters, words and macros that are not wanted.

use super::{
    File, Finding,
    source::{is_word, line_of, mask, words},
};

/// How wide a line of Rust may be, in characters.
pub const COLUMNS_MAX: usize = 100;

/// Every Rust file begins by saying what it owns (`//!`).
#[must_use]
pub fn headers(file: &File) -> Vec<Finding> {
    if !file.is("rs") || file.text.starts_with("//! ") {
        return Vec::new();
    }
    let message = "begins without a `//!` header: what does this file own, what must it not know?";
    vec![Finding::new(file, 1, message)]
}

/// Rust files are ASCII and at most 100 columns wide.
#[must_use]
pub fn columns(file: &File) -> Vec<Finding> {
    if !file.is("rs") {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(file.text.lines()) {
        if let Some(odd) = line.chars().find(|c| !c.is_ascii()) {
            findings.push(Finding::new(file, number, format!("{odd:?} is not ASCII")));
        }
        let columns = line.chars().count();
        if columns > COLUMNS_MAX {
            let message = format!("{columns} columns, at most {COLUMNS_MAX} are wanted");
            findings.push(Finding::new(file, number, message));
        }
    }
    findings
}

/// Names that say nothing, and marks of unfinished work.
#[must_use]
pub fn banned(file: &File) -> Vec<Finding> {
    if !file.is("rs") {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let name = file.path.rsplit('/').next().unwrap_or_default();
    if ["util.rs", "utils.rs", "helper.rs", "helpers.rs", "common.rs"].contains(&name) {
        findings.push(Finding::new(file, 1, format!("name {name} after what it does")));
    }
    // Written in two parts, so that this file may be checked as well.
    let unfinished = concat!("FIX", "ME");
    for (number, line) in (1..).zip(file.text.lines()) {
        if line.contains(unfinished) {
            let message = format!("{unfinished}: do it now, or file an issue");
            findings.push(Finding::new(file, number, message));
        }
    }
    let code = mask(&file.text);
    let mut previous = "";
    for (at, word) in words(&code) {
        let called = code[at + word.len()..].starts_with('!');
        let message = if called && ["todo", "dbg", "unimplemented"].contains(&word) {
            Some(format!("`{word}!` must not be merged"))
        // `get_mut` is the standard library's own name for what goes with `get`.
        } else if previous == "fn" && word.starts_with("get_") && word != "get_mut" {
            Some(format!("`{word}`: name what it returns, without `get_`"))
        } else if word.contains("Manager") || word.contains("Helper") {
            Some(format!("`{word}`: name what it does"))
        } else {
            None
        };
        findings.extend(message.map(|text| Finding::new(file, line_of(&code, at), text)));
        previous = word;
    }
    findings
}

/// `select!` draws its order from a process-global counter unless it is told not to, and a seed
/// would not replay.
#[must_use]
pub fn unbiased_select(file: &File) -> Vec<Finding> {
    if !file.is("rs") {
        return Vec::new();
    }
    let code = mask(&file.text);
    let mut findings = Vec::new();
    for (at, word) in words(&code) {
        let Some(body) = code[at + word.len()..].strip_prefix('!') else {
            continue;
        };
        let body = body.trim_start().trim_start_matches(['{', '(', '[']).trim_start();
        let first: String = body.chars().take_while(|&c| is_word(c)).collect();
        if word == "select" && (first != "biased" || !body[first.len()..].starts_with(';')) {
            let message = "`select!` without `biased;` makes a run differ from its replay";
            findings.push(Finding::new(file, line_of(&code, at), message));
        }
    }
    findings
}

/// Where time is a parameter: what is simulated, and the simulator but for the figures of a sweep.
const TIMELESS: [&str; 7] = [
    "crates/repl-core/src/",
    "crates/repl-server/src/config_",
    "crates/repl-server/src/disk.rs",
    "crates/repl-server/src/driver/",
    "crates/repl-server/src/platform.rs",
    "crates/repl-sim/src/",
    "sim-scenarios/src/",
];
const TIMED: &str = "crates/repl-sim/src/sweep.rs";

/// Nothing that is simulated reads a clock of the host, of which a seed knows nothing. What goes
/// through libc is caught by the simulator, and what calls the kernel itself is not.
#[must_use]
pub fn host_clocks(file: &File) -> Vec<Finding> {
    let timeless = TIMELESS.iter().any(|folder| file.path.starts_with(folder));
    if !file.is("rs") || !timeless || file.path == TIMED {
        return Vec::new();
    }
    let code = mask(&file.text);
    let mut findings = Vec::new();
    for (at, word) in words(&code) {
        let reads = ["SystemTime", "UNIX_EPOCH", "clock_gettime", "gettimeofday"].contains(&word)
            || (word == "Instant" && code[at + word.len()..].starts_with("::now"));
        if reads {
            let message = format!("`{word}` is no function of the seed: time is a parameter");
            findings.push(Finding::new(file, line_of(&code, at), message));
        }
    }
    findings
}

/// Files name no folder of the machine they were written on.
#[must_use]
pub fn machine_paths(file: &File) -> Vec<Finding> {
    let banned = [concat!("/wo", "rk/"), concat!("/tmp", "/wt"), concat!("/ro", "ot/")];
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(file.text.lines()) {
        for path in banned.iter().filter(|path| line.contains(**path)) {
            let message = format!("{path} is a path of one machine");
            findings.push(Finding::new(file, number, message));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs `check` over a Rust file and expects a finding on each of `lines`.
    #[track_caller]
    fn expect(check: fn(&File) -> Vec<Finding>, text: &str, lines: &[usize]) {
        let found: Vec<usize> =
            check(&File::new("a/b.rs", text)).iter().map(|finding| finding.line).collect();
        assert_eq!(found, lines, "{text}");
    }

    #[test]
    fn a_file_without_header_is_refused() {
        expect(headers, "//! Owns a thing.\nfn a() {}\n", &[]);
        expect(headers, "fn a() {}\n", &[1]);
        expect(headers, "", &[1]);
        expect(headers, "// Owns a thing.\n", &[1]);
    }

    #[test]
    fn wide_lines_and_foreign_characters_are_refused() {
        expect(columns, &"a".repeat(100), &[]);
        expect(columns, &format!("\n{}", "a".repeat(101)), &[2]);
        expect(columns, "a\nb \u{2014} c\n", &[2]);
    }

    #[test]
    fn banned_words_are_refused_in_code_and_allowed_in_strings() {
        expect(banned, "fn a() { todo!() }", &[1]);
        expect(banned, "\nfn a() { dbg!(1); }", &[2]);
        expect(banned, "fn get_offset() {}", &[1]);
        expect(banned, "fn offset() { self.get_offset() }", &[]);
        expect(banned, "fn get_mut(&mut self) {}", &[]);
        expect(banned, "struct LinkManager;\nstruct TestHelper;", &[1, 2]);
        expect(banned, "// A Manager is not wanted: \"todo!\".", &[]);
        expect(banned, concat!("// FIX", "ME: later"), &[1]);
        assert_eq!(banned(&File::new("a/util.rs", "")).len(), 1);
    }

    #[test]
    fn select_must_be_biased() {
        expect(unbiased_select, "tokio::select! {\n    biased;\n    a = b => {}\n}", &[]);
        expect(unbiased_select, "\ntokio::select! { a = b => {} }", &[2]);
        expect(unbiased_select, "madsim::select!(a = b => {})", &[1]);
        expect(unbiased_select, "select! { biased_by = b => {} }", &[1]);
        expect(unbiased_select, "// select! { a }", &[]);
    }

    #[test]
    fn clocks_of_the_host_are_refused_where_time_is_a_parameter() {
        let found = |path: &str, text: &str| host_clocks(&File::new(path, text)).len();
        let reads = "let a = Instant::now();\nlet b = rustix::time::clock_gettime(c);\n";
        assert_eq!(found("crates/repl-server/src/driver/mod.rs", reads), 2);
        assert_eq!(found("crates/repl-core/src/node/cron.rs", "std::time::SystemTime::now()"), 1);
        assert_eq!(found("crates/repl-core/src/node/cron.rs", "now: Instant // Instant::now"), 0);
        assert_eq!(found("crates/repl-server/src/tokio_platform/mod.rs", reads), 0);
        assert_eq!(found(TIMED, reads), 0);
    }

    #[test]
    fn paths_of_one_machine_are_refused_everywhere() {
        let text = concat!("see /tmp", "/wt-a\nsee /tmp/a\nsee /ro", "ot/a and /wo", "rk/a\n");
        let lines: Vec<_> = machine_paths(&File::new("README.md", text));
        assert_eq!(lines.iter().map(|finding| finding.line).collect::<Vec<_>>(), [1, 3, 3]);
    }
}
