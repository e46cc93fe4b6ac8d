//! Redis' own tests of replication, run against our server.
//!
//! The tests are not ours to carry: the step takes the folder of Redis' unpacked source (Debian's
//! source package of redis 7.0.15 serves) and makes a scratch copy below `target/redis-suite`, in
//! which our binary has the name of theirs. What a file holds is counted by running it with the
//! real server first; so a test that our run never reached counts as failed.

mod output;
mod skips;

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use self::{
    output::{Tally, read_sentinel_run, read_server_run},
    skips::{Skips, without_blocks},
};
use crate::{
    peers,
    shell::{self, Failure, Outcome},
};

/// The files that run: what they are called in the suite, and by which of its two runners.
const FILES: &[(&str, Runner)] = &[
    ("integration/replication", Runner::Server),
    ("integration/replication-2", Runner::Server),
    ("integration/replication-3", Runner::Server),
    ("integration/replication-4", Runner::Server),
    ("integration/replication-psync", Runner::Server),
    ("integration/replication-buffer", Runner::Server),
    ("integration/psync2", Runner::Server),
    ("integration/psync2-reg", Runner::Server),
    ("integration/psync2-pingoff", Runner::Server),
    ("integration/psync2-master-restart", Runner::Server),
    ("integration/block-repl", Runner::Server),
    ("integration/failover", Runner::Server),
    ("integration/shutdown", Runner::Server),
    ("unit/wait", Runner::Server),
    ("sentinel", Runner::Sentinel),
];

/// Of all tests no more may be skipped, in hundredths.
const SKIPPED_MAX: usize = 10;
/// Of the rest no fewer may pass, in hundredths.
const PASSED_MIN: usize = 97;

/// Which of the suite's programs runs a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Runner {
    /// `tests/test_helper.tcl`.
    Server,
    /// `tests/sentinel/run.tcl`, all files at once.
    Sentinel,
}

/// Whose binary is called `redis-server`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Ours,
    Theirs,
}

/// `cargo ci redis-suite FOLDER [FILE..]`: the files whose names contain one of the words, or all.
///
/// # Errors
/// No folder was given, it holds no suite, too many tests are skipped, or too few pass.
pub fn run(root: &Path, arguments: &[String]) -> Outcome {
    let mut arguments = arguments.iter().skip_while(|argument| *argument == "--");
    let Some(source) = arguments.next() else {
        let text = "usage: cargo ci redis-suite FOLDER [FILE..]: the folder of Redis' source";
        return Err(Failure::new(text));
    };
    let words: Vec<&String> = arguments.collect();
    peers::install(&[("tclsh", "tcl"), ("redis-benchmark", "redis-tools")])?;
    peers::run()?;
    shell::run(shell::cargo(root, &["build", "--release", "--quiet", "-p", "repl-server"]))?;
    let skips = Skips::read(&root.join("ci/redis-suite-skips.txt"))?;
    let suite = Suite { root, source: Path::new(source), skips: &skips };
    let wanted = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(*word));
    let mut rows = Vec::new();
    println!("| file | tests | skipped | passed | failed |\n|---|---|---|---|---|");
    for (name, runner) in FILES.iter().filter(|(name, _)| wanted(name)) {
        let row = suite.judge(name, *runner)?;
        println!("{}", row.shown(name));
        rows.push(row);
    }
    let sum = rows.iter().fold(Row::default(), Row::and);
    println!("{}", sum.shown("all"));
    for failed in rows.iter().flat_map(|row| &row.names) {
        println!("failed: {failed}");
    }
    sum.verdict()
}

/// What is run, and where it is from.
struct Suite<'a> {
    root: &'a Path,
    source: &'a Path,
    skips: &'a Skips,
}

impl Suite<'_> {
    /// How our server does in one file.
    fn judge(&self, file: &str, runner: Runner) -> Result<Row, Failure> {
        let known = self.reference(file, runner)?;
        let ours = self.run_file(file, runner, Whose::Ours)?;
        let passed = known.intersection(&ours.passed).count();
        let skipped = known.intersection(&ours.skipped).count() + self.skips.tests_in_blocks(file);
        let failed = known.len().saturating_sub(skipped + passed);
        let mut names: Vec<String> = ours.failed.into_iter().collect();
        if names.len() < failed {
            names.push(format!("{} never began", failed - names.len()));
        }
        let names = names.into_iter().map(|test| format!("{file}: {test}")).collect();
        Ok(Row { all: known.len(), skipped, passed, failed, names })
    }

    /// The tests that the real server passes, as it was seen once.
    fn reference(&self, file: &str, runner: Runner) -> Result<BTreeSet<String>, Failure> {
        let folder = self.root.join("target/redis-suite/reference");
        let path = folder.join(file.replace('/', "-"));
        if let Ok(known) = fs::read_to_string(&path) {
            return Ok(known.lines().map(str::to_owned).collect());
        }
        let passed = self.run_file(file, runner, Whose::Theirs)?.passed;
        let lines: Vec<&str> = passed.iter().map(String::as_str).collect();
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(&path, lines.join("\n")))
            .map_err(|error| Failure::io("target/redis-suite", &error))?;
        Ok(passed)
    }

    fn run_file(&self, name: &str, runner: Runner, whose: Whose) -> Result<Tally, Failure> {
        let scratch = self.scratch(whose)?;
        let mut command = Command::new("tclsh");
        command.current_dir(&scratch).stdin(Stdio::null()).env("TERM", "dumb");
        match runner {
            Runner::Server => {
                command.args(["tests/test_helper.tcl", "--durable", "--clients", "1"]);
                command.args(["--single", name]);
                if whose == Whose::Ours {
                    for test in self.skips.tests(name) {
                        command.args(["--skiptest", test]);
                    }
                }
            }
            Runner::Sentinel => {
                command.arg("tests/sentinel/run.tcl");
            }
        }
        // A run with failures ends with 1, and so does one that could not begin.
        let (_, text) = shell::read_any(&mut command, |code| code <= 1)?;
        let log = scratch.join(format!("{}.log", name.replace('/', "-")));
        fs::write(&log, &text).map_err(|error| Failure::io("target/redis-suite", &error))?;
        Ok(match runner {
            Runner::Server => read_server_run(&text),
            Runner::Sentinel => read_sentinel_run(&text),
        })
    }

    /// The tree that the suite wants around it, with that server in it.
    fn scratch(&self, whose: Whose) -> Result<PathBuf, Failure> {
        let (name, server) = match whose {
            Whose::Ours => ("ours", self.root.join("target/release/repl-server")),
            Whose::Theirs => ("theirs", on_path("redis-server")?),
        };
        let scratch = self.root.join("target/redis-suite").join(name);
        let made = || {
            if scratch.exists() {
                fs::remove_dir_all(&scratch)?;
            }
            fs::create_dir_all(scratch.join("src"))?;
            copy_tree(&self.source.join("tests"), &scratch.join("tests"))?;
            fs::copy(server, scratch.join("src/redis-server")).map(|_| ())
        };
        made().map_err(|error| Failure::io(&format!("{}", self.source.display()), &error))?;
        for program in ["redis-cli", "redis-benchmark", "redis-sentinel"] {
            fs::copy(on_path(program)?, scratch.join("src").join(program))
                .map_err(|error| Failure::io(program, &error))?;
        }
        if whose == Whose::Ours {
            for (file, blocks) in self.skips.blocks() {
                cut(&scratch.join(format!("tests/{file}.tcl")), &blocks)?;
            }
        }
        Ok(scratch)
    }
}

/// Takes the blocks that hold one of these texts out of a file.
fn cut(path: &Path, blocks: &[&str]) -> Outcome {
    let text = fs::read_to_string(path).map_err(|error| Failure::io("the suite", &error))?;
    let left = without_blocks(&text, blocks).map_err(|missing| {
        Failure::new(format!("{}: no block holds {missing:?}", path.display()))
    })?;
    fs::write(path, left).map_err(|error| Failure::io("the suite", &error))
}

fn on_path(program: &str) -> Result<PathBuf, Failure> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut found = env::split_paths(&path).map(|folder| folder.join(program));
    let missing = || Failure::new(format!("{program} is not on PATH"));
    // Debian's names are links to one binary, and a copy must be of that.
    found.find_map(|path| fs::canonicalize(path).ok()).ok_or_else(missing)
}

fn copy_tree(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// The outcome of a file, or of all.
#[derive(Debug, Default)]
struct Row {
    all: usize,
    skipped: usize,
    passed: usize,
    failed: usize,
    names: Vec<String>,
}

impl Row {
    fn and(mut self, other: &Self) -> Self {
        self.all += other.all;
        self.skipped += other.skipped;
        self.passed += other.passed;
        self.failed += other.failed;
        self
    }

    fn shown(&self, name: &str) -> String {
        let Self { all, skipped, passed, failed, .. } = self;
        format!("| {name} | {all} | {skipped} | {passed} | {failed} |")
    }

    fn verdict(&self) -> Outcome {
        let tried = self.all - self.skipped.min(self.all);
        if self.skipped * 100 > self.all * SKIPPED_MAX {
            return Err(Failure::new(format!("more than {SKIPPED_MAX} of 100 tests are skipped")));
        }
        if self.passed * 100 < tried * PASSED_MIN {
            return Err(Failure::new(format!("fewer than {PASSED_MIN} of 100 tests pass")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn too_few_passes_and_too_many_skips_are_failures() {
        let row = |all, skipped, passed| Row { all, skipped, passed, ..Row::default() };
        assert!(row(100, 10, 88).verdict().is_ok());
        assert!(row(100, 11, 89).verdict().is_err());
        assert!(row(100, 0, 96).verdict().is_err());
        assert!(row(0, 0, 0).verdict().is_ok());
    }

    #[test]
    fn every_file_of_the_skip_list_is_one_that_runs() {
        let skips = Skips::read(&shell::root().join("ci/redis-suite-skips.txt"));
        let skips = skips.expect("it can be read");
        let known: BTreeMap<&str, Runner> = FILES.iter().copied().collect();
        for file in skips.files() {
            assert!(known.contains_key(file), "{file}");
        }
    }
}
