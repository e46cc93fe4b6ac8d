//! What the suite's runners print.

use std::collections::BTreeSet;

/// The tests of a run, by [`name`].
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) passed: BTreeSet<String>,
    pub(super) skipped: BTreeSet<String>,
    pub(super) failed: BTreeSet<String>,
}

/// What a test is called. Loops of the suite run one test with other numbers, as often as time
/// allows: that is one test, which has to pass each time.
pub(super) fn name(shown: &str) -> String {
    let mut name = String::new();
    for letter in shown.chars() {
        match letter {
            '0'..='9' if name.ends_with('0') => {}
            '0'..='9' => name.push('0'),
            other => name.push(other),
        }
    }
    name
}

/// What `tests/test_helper.tcl` prints: `[ok]: name (3 ms)`, `[err]: name in file`, `[skip]: name`.
/// An `[exception]` ends the run; it is one more failure, of no test. Failures are told twice, the
/// second time behind stars.
pub(super) fn read_server_run(text: &str) -> Tally {
    let mut tally = Tally::default();
    for line in plain(text).lines() {
        let Some((kind, test)) = line.strip_prefix('[').and_then(|rest| rest.split_once("]: "))
        else {
            continue;
        };
        match kind {
            "ok" => {
                let test = test.rsplit_once(" (").map_or(test, |(test, _)| test);
                tally.passed.insert(name(test));
            }
            "skip" => {
                tally.skipped.insert(name(test));
            }
            "err" => {
                let test = test.rsplit_once(" in tests/").map_or(test, |(test, _)| test);
                tally.failed.insert(name(test));
            }
            "exception" => {
                tally.failed.insert(format!("the run ended early: {test}"));
            }
            _ => {}
        }
    }
    tally.settle()
}

impl Tally {
    /// What failed once has not passed.
    fn settle(mut self) -> Self {
        self.passed.retain(|test| !self.failed.contains(test));
        self
    }
}

/// What `tests/sentinel/run.tcl` prints: `12:00:00> name: OK` or `12:00:00> name: FAILED: why`; and
/// `FAILED: why` alone when a file ended early.
pub(super) fn read_sentinel_run(text: &str) -> Tally {
    let mut tally = Tally::default();
    for line in plain(text).lines() {
        if line.starts_with("FAILED: ") {
            tally.failed.insert(line.to_owned());
            continue;
        }
        let Some((_, test)) = line.split_once("> ") else { continue };
        if let Some(test) = test.strip_suffix(": OK") {
            tally.passed.insert(name(test));
        } else if let Some((test, _)) = test.split_once(": FAILED: ") {
            tally.failed.insert(name(test));
        }
    }
    tally.settle()
}

/// The text without the codes of colours.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut pieces = text.split('\u{1b}');
    plain.extend(pieces.next());
    for piece in pieces {
        plain.push_str(piece.split_once('m').map_or("", |(_, rest)| rest));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
        names.map(str::to_owned).into()
    }

    #[test]
    fn tests_of_servers_are_counted_once_each() {
        let text = "\
[ready]: 17
[\u{1b}[0;32mok\u{1b}[0m]: First of 12 (10 ms)
[ok]: First of 13 (10 ms)
[ok]: Second (1 ms)
[err]: Second in tests/unit/x.tcl
Expected 1 to be 2
[skip]: Third
[1/1 done]: unit/x (3 seconds)
*** [err]: Second in tests/unit/x.tcl
[exception]: Executing test client: gone.
";
        let tally = Tally {
            passed: names(["First of 0"]),
            skipped: names(["Third"]),
            failed: names(["Second", "the run ended early: Executing test client: gone."]),
        };
        assert_eq!(read_server_run(text), tally);
    }

    #[test]
    fn tests_of_sentinels_are_counted() {
        let text = "\
Testing unit: 01-conf-update.tcl
09:00:00> (init) Restart killed instances: OK
09:00:01> Crash the master: \u{1b}[31mFAILED: it lives\u{1b}[0m
FAILED: caught an error in the test x
";
        let tally = Tally {
            passed: names(["(init) Restart killed instances"]),
            skipped: names([]),
            failed: names(["Crash the master", "FAILED: caught an error in the test x"]),
        };
        assert_eq!(read_sentinel_run(text), tally);
    }
}
