//! Which room of `repl-core` may import which: the code against the table in ARCHITECTURE.md.
//!
//! A room is a file or folder directly below `crates/repl-core/src`. The table is the fenced block
//! `imports`; each of its lines reads `room -> room, room`. Tests may import what they like.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    File, Finding,
    source::{self, Product, is_word, line_of, words},
};

/// Where the rooms are.
const ROOMS: &str = "crates/repl-core/src/";

/// The allowed imports: room -> rooms it may import.
pub type Table = BTreeMap<String, BTreeSet<String>>;

/// What the comparison found.
#[derive(Debug, Default)]
pub struct Report {
    /// What must not be.
    pub findings: Vec<Finding>,
    /// Allowed edges that no code uses: harmless, but the picture promises more than there is.
    pub unused: Vec<String>,
}

/// Compares the imports of `files` with the table in `document`.
#[must_use]
pub fn imports(document: &File, files: &[File]) -> Report {
    let table = match parse(&document.text) {
        Ok(table) => table,
        Err((line, message)) => {
            let findings = vec![Finding::new(document, line, message)];
            return Report { findings, unused: Vec::new() };
        }
    };
    let mut report = Report::default();
    if let Some(cycle) = cycle(&table) {
        let message = format!("the table has a cycle: {}", cycle.join(" -> "));
        report.findings.push(Finding::new(document, 1, message));
    }
    let products = products(files);
    let mut used = BTreeSet::new();
    for (room, file, product) in &products {
        let Some(allowed) = table.get(room) else {
            let message = format!("the table of ARCHITECTURE.md does not name the room `{room}`");
            report.findings.push(Finding::new(file, 1, message));
            continue;
        };
        for (at, target) in targets(&product.code, depth(&file.path)) {
            used.insert((room.clone(), target.clone()));
            if target != *room && !allowed.contains(&target) {
                let message = if table.contains_key(&target) {
                    format!("`{room}` must not import `{target}` (ARCHITECTURE.md)")
                } else {
                    format!("`crate::{target}` is no room: import from the room it lives in")
                };
                report.findings.push(Finding::new(file, line_of(&product.code, at), message));
            }
        }
    }
    for (room, allowed) in &table {
        for target in allowed.iter().filter(|t| !used.contains(&(room.clone(), (*t).clone()))) {
            report.unused.push(format!("{room} -> {target}"));
        }
    }
    report
}

/// The fenced block `imports` of a markdown text, or the line and reason why there is none.
///
/// # Errors
/// The block is missing, unclosed, or has a line that reads otherwise than `room -> room, room`; or
/// a room that has no line of its own is named.
pub fn parse(markdown: &str) -> Result<Table, (usize, String)> {
    let mut lines = (1..).zip(markdown.lines()).skip_while(|(_, line)| line.trim() != "```imports");
    let Some((start, _)) = lines.next() else {
        return Err((1, "no fenced block ```imports".to_owned()));
    };
    let mut table = Table::new();
    for (number, line) in lines {
        if line.trim() == "```" {
            let rooms: BTreeSet<&String> = table.keys().collect();
            let stranger = table.values().flatten().find(|room| !rooms.contains(room));
            return match stranger {
                Some(room) => Err((start, format!("the table has no line for `{room}`"))),
                None => Ok(table),
            };
        }
        if line.trim().is_empty() {
            continue;
        }
        let Some((room, allowed)) = line.split_once("->") else {
            return Err((number, format!("`{line}` does not read `room -> room, room`")));
        };
        let allowed = allowed.split(',').map(str::trim).filter(|name| !name.is_empty());
        let allowed = allowed.map(str::to_owned).collect();
        if table.insert(room.trim().to_owned(), allowed).is_some() {
            return Err((number, format!("`{}` has two lines", room.trim())));
        }
    }
    Err((start, "the block ```imports is never closed".to_owned()))
}

/// A path through the table that comes back to where it began.
fn cycle(table: &Table) -> Option<Vec<String>> {
    fn visit<'a>(table: &'a Table, room: &'a str, path: &mut Vec<&'a str>) -> Option<Vec<String>> {
        if let Some(first) = path.iter().position(|seen| *seen == room) {
            return Some(path[first..].iter().chain([&room]).map(ToString::to_string).collect());
        }
        path.push(room);
        let found = table[room].iter().find_map(|next| visit(table, next, path));
        path.pop();
        found
    }
    table.keys().find_map(|room| visit(table, room, &mut Vec::new()))
}

/// Every file of a room without its tests, and with the room's name. `lib.rs` belongs to no room.
fn products(files: &[File]) -> Vec<(String, &File, Product)> {
    let mut products = Vec::new();
    for (file, product) in source::products(files, ROOMS) {
        let path = &file.path[ROOMS.len()..];
        if path != "lib.rs" {
            let first = path.split('/').next().unwrap_or_default();
            products.push((first.trim_end_matches(".rs").to_owned(), file, product));
        }
    }
    products
}

/// How many `super::` lead from a file's module to the crate's root.
fn depth(path: &str) -> usize {
    let path = path.strip_prefix(ROOMS).unwrap_or(path);
    path.trim_end_matches(".rs").trim_end_matches("/mod").split('/').count()
}

/// The rooms that masked code names by a path from the crate's root, each with the byte of the
/// path.
fn targets(code: &str, depth: usize) -> Vec<(usize, String)> {
    let mut targets = Vec::new();
    let mut supers = 0;
    let mut expected_at = 0;
    for (at, word) in words(code) {
        let path = code[at + word.len()..].trim_start().strip_prefix("::");
        supers = match (word, path) {
            ("super", Some(_)) if at == expected_at => supers + 1,
            ("super", Some(_)) => 1,
            _ => 0,
        };
        if let Some(path) = path {
            expected_at = code.len() - path.trim_start().len();
            if word == "crate" || supers == depth {
                targets.extend(first_segments(path).into_iter().map(|target| (at, target)));
            }
        }
    }
    targets
}

/// `base::time::Now` -> base; `{base::{a, b}, io}` -> base, io.
fn first_segments(path: &str) -> Vec<String> {
    let path = path.trim_start();
    let word = |text: &str| text.trim_start().chars().take_while(|&c| is_word(c)).collect();
    let Some(group) = path.strip_prefix('{') else {
        return vec![word(path)];
    };
    let mut segments = vec![word(group)];
    let mut nested = 1;
    for (at, byte) in group.bytes().enumerate() {
        match byte {
            b'{' => nested += 1,
            b'}' => nested -= 1,
            b',' if nested == 1 => segments.push(word(&group[at + 1..])),
            _ => {}
        }
        if nested == 0 {
            break;
        }
    }
    segments.retain(|segment| !segment.is_empty() && segment != "self");
    segments
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "# A\n```imports\nbase ->\nvalue -> base\nrepl -> value, base\n```\n";

    /// Checks one file of `repl-core` against a table, and returns what was said about it.
    fn check(table: &str, path: &str, code: &str) -> Vec<String> {
        let file = File::new(&format!("{ROOMS}{path}"), code);
        let report = imports(&File::new("ARCHITECTURE.md", table), &[file]);
        report.findings.into_iter().map(|finding| finding.message).collect()
    }

    #[track_caller]
    fn expect(path: &str, code: &str, message: &str) {
        let found = check(TABLE, path, code);
        assert_eq!(found.len(), usize::from(!message.is_empty()), "{found:?}");
        assert!(found.iter().all(|text| text.contains(message)), "{found:?}");
    }

    #[test]
    fn an_edge_outside_the_table_is_refused() {
        let message = "`base` must not import `repl`";
        expect("repl/mod.rs", "use crate::base::ids;", "");
        expect("base/a.rs", "use crate::repl::ids;", message);
        expect("base/a.rs", "use crate::{base::{b, c}, repl::ids};", message);
        expect("base/a.rs", "use crate::{\n    base::{b, c},\n    repl,\n};", message);
        expect("base/a.rs", "fn a() { crate::repl::b() }", message);
        expect("base/a.rs", "use super::super::repl::b;", message);
        expect("base/mod.rs", "use super::repl::b;", message);
        expect("base.rs", "use super::repl::b;", message);
        expect("base/a.rs", "use super::repl;", "");
        expect("base/a.rs", "// crate::repl\nconst A: &str = \"crate::repl::b\";", "");
    }

    #[test]
    fn tests_may_import_what_they_like() {
        expect("base/a.rs", "#[cfg(test)]\nmod tests { use crate::repl::b; }", "");
    }

    #[test]
    fn a_room_that_the_table_does_not_name_is_refused() {
        expect("conn/mod.rs", "", "does not name the room `conn`");
        expect("repl/mod.rs", "use crate::Node;", "`crate::Node` is no room");
    }

    #[test]
    fn a_table_that_cannot_be_true_is_refused() {
        let of = |table: &str| check(table, "base/a.rs", "").join("; ");
        assert!(of("# A\n").contains("no fenced block"));
        assert!(of("```imports\nbase ->\n").contains("never closed"));
        assert!(of("```imports\nbase\n```\n").contains("does not read"));
        assert!(of("```imports\nbase ->\nbase ->\n```\n").contains("two lines"));
        assert!(of("```imports\nbase -> value\n```\n").contains("no line for `value`"));
        let cycle = of("```imports\nbase -> repl\nrepl -> value\nvalue -> base\n```\n");
        assert!(cycle.contains("base -> repl -> value -> base"), "{cycle}");
    }

    #[test]
    fn an_allowed_edge_that_no_code_uses_is_told() {
        let file = File::new(&format!("{ROOMS}repl/mod.rs"), "use crate::base::a;");
        let report = imports(&File::new("ARCHITECTURE.md", TABLE), &[file]);
        assert_eq!(report.unused, ["repl -> value", "value -> base"]);
    }
}
