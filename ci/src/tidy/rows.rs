//! Tables that promise something: each row ends with the tests that hold it, and these exist.
//!
//! Knows how this project writes down its tests and nothing of what they say.

use std::collections::{BTreeMap, BTreeSet};

use super::{File, Finding, documents::prose, source};

/// What a row may name, however it is written down.
///
/// * functions with `#[test]`,
/// * scenarios: functions of `sim-scenarios` that say how many `seeds` they are run with,
/// * properties: the names that files of `invariants` give to theirs,
/// * trials of `tests/real_redis`: a title beside the function that has it, or one made of parts,
/// * sections of transcripts,
/// * whole suites: folders and files of `tests` that are run as one.
#[must_use]
pub fn tests(files: &[File]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in files {
        if file.path.starts_with("tests/transcripts/") {
            let titles = file.text.lines().filter_map(|line| line.strip_prefix("=== "));
            names.extend(titles.map(str::to_owned));
        }
        if !file.is("rs") {
            continue;
        }
        names.extend(functions(&file.text));
        if file.path.starts_with("sim-scenarios/src/") {
            names.extend(scenarios(&file.text));
        } else if file.path.starts_with("crates/repl-sim/src/invariants/") {
            names.extend(properties(&file.text));
        } else if let Some(rest) = file.path.strip_prefix("tests/") {
            names.extend(rest.strip_prefix("real_redis/").and_then(suite));
            names.extend(suite(rest));
            names.extend(titles(&file.text));
        }
    }
    names
}

/// The folder in which a file is.
fn suite(path: &str) -> Option<String> {
    path.split_once('/').map(|(folder, _)| folder.to_owned())
}

/// The names of functions with `#[test]`.
fn functions(text: &str) -> Vec<String> {
    let masked = source::mask(text);
    let mut names = Vec::new();
    for part in masked.split("#[test]").skip(1) {
        let mut words = source::words(part).map(|(_, word)| word);
        if words.any(|word| word == "fn") {
            names.extend(words.next().map(str::to_owned));
        }
    }
    names
}

fn scenarios(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| line.contains(") seeds = "));
    let name = |line: &str| {
        let (_, rest) = line.split_once("fn ")?;
        rest.split_once('(').map(|(name, _)| name.to_owned())
    };
    lines.filter_map(name).collect()
}

fn properties(text: &str) -> Vec<String> {
    let constants = text.lines().filter(|line| line.contains("const ") && line.contains(": &str"));
    constants.filter_map(|line| line.split('"').nth(1).map(str::to_owned)).collect()
}

/// String literals that title a trial.
fn titles(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in text.match_indices('"') {
        let (before, rest) = (text[..at].trim_end(), &text[at + 1..]);
        let Some((title, after)) = rest.split_once('"') else { continue };
        let after = after.trim_start();
        let is_beside_a_name = before.ends_with('(')
            && after.strip_prefix(',').is_some_and(|next| begins_a_name(next.trim_start()));
        let is_given =
            ["trial(", "title =", "case =", "format!("].iter().any(|to| before.ends_with(to));
        if title.contains(' ') && (is_beside_a_name || is_given) {
            // What is put in when the test is made is no part of its name here.
            names.extend(parts(title));
        }
    }
    names
}

fn begins_a_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphabetic())
}

/// A title without what stands in braces.
fn parts(title: &str) -> impl Iterator<Item = String> {
    title
        .split('{')
        .map(|part| part.split_once('}').map_or(part, |(_, rest)| rest))
        .map(|part| part.trim_matches([' ', ':', ',']).to_owned())
        .filter(|part| part.contains(' '))
}

/// The rows of the tables of a document, each with its line and its cells.
fn rows(file: &File) -> Vec<(usize, Vec<String>)> {
    let lines: Vec<(usize, &str)> = prose(&file.text).collect();
    let is_rule = |line: &str| line.starts_with("|---");
    let mut rows = Vec::new();
    for (at, (number, line)) in lines.iter().enumerate() {
        let heads = lines.get(at + 1).is_some_and(|(_, next)| is_rule(next));
        if line.starts_with('|') && !is_rule(line) && !heads {
            rows.push((*number, cells(line)));
        }
    }
    rows
}

/// The cells of a row: `\|` is a bar within one.
fn cells(line: &str) -> Vec<String> {
    let line = line.trim().trim_start_matches('|').replace("\\|", "\u{1}");
    let line = line.strip_suffix('|').unwrap_or(&line);
    line.split('|').map(|cell| cell.trim().replace('\u{1}', "|")).collect()
}

/// What stands between backticks in a cell.
fn named(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// Every row ends with the names of tests, all of which exist.
#[must_use]
pub fn held(file: &File, tests: &BTreeSet<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, cells) in rows(file) {
        let names = cells.last().map(|cell| named(cell)).unwrap_or_default();
        if names.is_empty() {
            findings.push(Finding::new(file, number, "names no test in its last column"));
        }
        for name in names.into_iter().filter(|name| !tests.contains(*name)) {
            findings.push(Finding::new(file, number, format!("there is no test `{name}`")));
        }
    }
    findings
}

/// Every row begins with a name of its own, as in `FULL-4`.
#[must_use]
pub fn numbered(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut seen = BTreeMap::new();
    for (number, cells) in rows(file) {
        let id = cells.first().map_or("", String::as_str);
        if !is_id(id) {
            let message = format!("`{id}` is no id such as FULL-4");
            findings.push(Finding::new(file, number, message));
        } else if let Some(first) = seen.insert(id.to_owned(), number) {
            findings.push(Finding::new(file, number, format!("{id} is in line {first} as well")));
        }
    }
    findings
}

fn is_id(text: &str) -> bool {
    text.split_once('-').is_some_and(|(group, number)| {
        !group.is_empty()
            && group.bytes().all(|byte| byte.is_ascii_uppercase())
            && !number.starts_with('0')
            && !number.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(path: &str, text: &str) -> Vec<String> {
        tests(&[File::new(path, text)]).into_iter().collect()
    }

    #[test]
    fn tests_are_found_wherever_they_are_written_down() {
        let text = "#[test]\n#[ignore = \"fn x\"]\nfn a_b() {}\nfn c() {}\n// #[test]\nfn d() {}";
        assert_eq!(known("crates/a/src/b.rs", text), ["a_b"]);
        let text =
            "    async fn one(lab: Lab) seeds = 5 {\n    fn two(plan: &mut Plan) seeds = 6 {\n";
        assert_eq!(known("sim-scenarios/src/a.rs", text), ["one", "two"]);
        let text = "pub(super) const NAME: &str = \"one-byte\";";
        assert_eq!(known("crates/repl-sim/src/invariants/a.rs", text), ["one-byte"]);
        assert_eq!(known("tests/transcripts/a.resp", "# x\n=== one two\n> PING\n"), ["one two"]);
    }

    #[test]
    fn a_title_is_what_a_trial_is_called_and_nothing_else_that_is_quoted() {
        let text = "[(\"a b\", f::g), (\"c d\", \"e f\")]; ask(\"g h\"); \
                    trial(\"i j\".to_owned(), x); \
                    let title = format!(\"{}: k l {x} m n\", y); assert!(a, \"o p\");";
        let found = known("tests/real_redis/one/two.rs", text);
        assert_eq!(found, ["a b", "i j", "k l", "m n", "one", "real_redis"]);
    }

    const GOOD: &str = "# T\n\n| id | a | test |\n|---|---|---|\n| A-1 | `x` \\| y | `t` |\n\
                        | A-2 | z | `t`, `u` |\n";

    fn said(text: &str) -> String {
        let file = File::new("a.md", text);
        let tests = ["t", "u"].map(str::to_owned).into();
        let findings = [numbered(&file), held(&file, &tests)].concat();
        findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn every_row_has_an_id_of_its_own_and_tests_that_exist() {
        assert_eq!(said(GOOD), "");
        assert_eq!(said(&GOOD.replace("A-1", "")), "a.md:5: `` is no id such as FULL-4");
        assert_eq!(said(&GOOD.replace("A-1", "A-01")), "a.md:5: `A-01` is no id such as FULL-4");
        assert_eq!(said(&GOOD.replace("A-2", "A-1")), "a.md:6: A-1 is in line 5 as well");
        assert_eq!(said(&GOOD.replace("`u`", "`v`")), "a.md:6: there is no test `v`");
        let none = "a.md:6: names no test in its last column";
        assert_eq!(said(&GOOD.replace("`t`, `u`", "t, u")), none);
    }
}
