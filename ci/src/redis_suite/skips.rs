//! The tests that cannot run here, and why: `ci/redis-suite-skips.txt`.
//!
//! ```text
//! scripting: block integration/replication-4: FUNCTION load (6)
//! forked child: test integration/replication: a name
//! ```
//! A *block* is one from the first column of a file to its closing brace; it is left out, with the
//! number of tests that it holds and the rest of the file does not. A *test* is skipped by its
//! name.

use std::{collections::BTreeMap, fs, path::Path};

use crate::shell::Failure;

/// Nothing else excuses a test.
const REASONS: [&str; 5] = ["scripting", "streams", "HyperLogLog", "AOF", "forked child"];

#[derive(Debug)]
struct Skip {
    file: String,
    what: What,
}

#[derive(Debug, PartialEq, Eq)]
enum What {
    Test(String),
    Block { holds: String, tests: usize },
}

/// The whole list.
#[derive(Debug)]
pub(super) struct Skips(Vec<Skip>);

impl Skips {
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let name = path.display();
        let text =
            fs::read_to_string(path).map_err(|error| Failure::io(&format!("{name}"), &error))?;
        Self::parse(&text).map_err(|line| Failure::new(format!("{name}: not understood: {line}")))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let skips = lines.map(|line| skip(line).ok_or_else(|| line.to_owned()));
        skips.collect::<Result<Vec<Skip>, String>>().map(Self)
    }

    fn of(&self, file: &str) -> impl Iterator<Item = &What> {
        self.0.iter().filter(move |skip| skip.file == file).map(|skip| &skip.what)
    }

    /// The names to skip in a file.
    pub(super) fn tests(&self, file: &str) -> impl Iterator<Item = &str> {
        self.of(file).filter_map(|what| match what {
            What::Test(name) => Some(name.as_str()),
            What::Block { .. } => None,
        })
    }

    /// How many tests the blocks hold that are left out of a file.
    pub(super) fn tests_in_blocks(&self, file: &str) -> usize {
        let counts = self.of(file).map(|what| match what {
            What::Test(_) => 0,
            What::Block { tests, .. } => *tests,
        });
        counts.sum()
    }

    /// By file, what the blocks hold that are left out.
    pub(super) fn blocks(&self) -> BTreeMap<&str, Vec<&str>> {
        let mut blocks: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for skip in &self.0 {
            if let What::Block { holds, .. } = &skip.what {
                blocks.entry(&skip.file).or_default().push(holds);
            }
        }
        blocks
    }

    /// The files that are named.
    #[cfg(test)]
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|skip| skip.file.as_str())
    }
}

fn skip(line: &str) -> Option<Skip> {
    let (reason, rest) = line.split_once(": ")?;
    let (kind, rest) = rest.split_once(' ')?;
    let (file, text) = rest.split_once(": ")?;
    if !REASONS.contains(&reason) {
        return None;
    }
    let what = match kind {
        "test" => What::Test(text.to_owned()),
        "block" => {
            let (holds, tests) = text.strip_suffix(')')?.rsplit_once(" (")?;
            What::Block { holds: holds.to_owned(), tests: tests.parse().ok()? }
        }
        _ => return None,
    };
    Some(Skip { file: file.to_owned(), what })
}

/// `text` without the blocks that hold one of these.
///
/// # Errors
/// One of them is held by no block.
pub(super) fn without_blocks(text: &str, holds: &[&str]) -> Result<String, String> {
    let (mut left, mut block) = (String::new(), String::new());
    let mut missing: Vec<&str> = holds.to_vec();
    for line in text.split_inclusive('\n') {
        let is_inside = !block.is_empty();
        let opens = !line.starts_with([' ', '#', '}', '\n']) && line.trim_end().ends_with('{');
        if !is_inside && !opens {
            left.push_str(line);
            continue;
        }
        block.push_str(line);
        if !line.starts_with('}') {
            continue;
        }
        match holds.iter().find(|held| block.contains(**held)) {
            Some(held) => missing.retain(|one| one != held),
            None => left.push_str(&block),
        }
        block.clear();
    }
    left.push_str(&block);
    match missing.first() {
        Some(first) => Err((*first).to_owned()),
        None => Ok(left),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_a_reason_that_excuses() {
        let text = "# why\n\nAOF: block a/b: config (x) (3)\nstreams: test a/b: Some: name\n";
        let skips = Skips::parse(text).expect("both lines are right");
        assert_eq!(skips.tests_in_blocks("a/b"), 3);
        assert_eq!(skips.blocks()["a/b"], ["config (x)"]);
        assert_eq!(skips.tests("a/b").collect::<Vec<_>>(), ["Some: name"]);
        assert_eq!(skips.tests("a/c").count(), 0);
        for bad in ["too slow: test a/b: c", "AOF: tests a/b: c", "AOF: block a/b: c"] {
            assert_eq!(Skips::parse(bad).expect_err("it is wrong"), bad);
        }
    }

    #[test]
    fn blocks_are_cut_out_whole() {
        let text = "proc a {} {\n    x\n}\n\nstart {\n  {\n    y\n  }\n} {tail}\nset b 1\n";
        assert_eq!(without_blocks(text, &["y"]), Ok("proc a {} {\n    x\n}\n\nset b 1\n".into()));
        assert_eq!(without_blocks(text, &[]), Ok(text.into()));
        assert_eq!(without_blocks(text, &["set b"]), Err("set b".into()));
    }
}
