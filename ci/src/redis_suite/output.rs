//! What the suite's runners print.

/// The tests of a run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) passed: usize,
    pub(super) skipped: usize,
    /// The names of the others.
    pub(super) failed: Vec<String>,
}

/// What `tests/test_helper.tcl` prints: `[ok]: name (3 ms)`, `[err]: name in file`, `[skip]: name`.
/// An `[exception]` ends the run; it is one more failure, of no test. Failures are told twice, the
/// second time behind stars.
pub(super) fn read_server_run(text: &str) -> Tally {
    let mut tally = Tally::default();
    for line in plain(text).lines() {
        let Some((kind, name)) = line.strip_prefix('[').and_then(|rest| rest.split_once("]: "))
        else {
            continue;
        };
        match kind {
            "ok" => tally.passed += 1,
            "skip" => tally.skipped += 1,
            "err" => tally.failed.push(name.to_owned()),
            "exception" => tally.failed.push(format!("the run ended early: {name}")),
            _ => {}
        }
    }
    tally
}

/// What `tests/sentinel/run.tcl` prints: `12:00:00> name: OK` or `12:00:00> name: FAILED: why`; and
/// `FAILED: why` alone when a file ended early.
pub(super) fn read_sentinel_run(text: &str) -> Tally {
    let mut tally = Tally::default();
    for line in plain(text).lines() {
        if line.starts_with("FAILED: ") {
            tally.failed.push(line.to_owned());
            continue;
        }
        let Some((_, test)) = line.split_once("> ") else { continue };
        if test.ends_with(": OK") {
            tally.passed += 1;
        } else if test.contains(": FAILED: ") {
            tally.failed.push(test.to_owned());
        }
    }
    tally
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

    #[test]
    fn tests_of_servers_are_counted() {
        let text = "\
[ready]: 17
[\u{1b}[0;32mok\u{1b}[0m]: First (10 ms)
[err]: Second in tests/unit/x.tcl
Expected 1 to be 2
[skip]: Third
[1/1 done]: unit/x (3 seconds)
*** [err]: Second in tests/unit/x.tcl
[exception]: Executing test client: gone.
";
        let failed = vec![
            "Second in tests/unit/x.tcl".to_owned(),
            "the run ended early: Executing test client: gone.".to_owned(),
        ];
        assert_eq!(read_server_run(text), Tally { passed: 1, skipped: 1, failed });
    }

    #[test]
    fn tests_of_sentinels_are_counted() {
        let text = "\
Testing unit: 01-conf-update.tcl
09:00:00> (init) Restart killed instances: OK
09:00:01> Crash the master: \u{1b}[31mFAILED: it lives\u{1b}[0m
FAILED: caught an error in the test x
";
        let failed = vec![
            "Crash the master: FAILED: it lives".to_owned(),
            "FAILED: caught an error in the test x".to_owned(),
        ];
        assert_eq!(read_sentinel_run(text), Tally { passed: 1, skipped: 0, failed });
    }
}
