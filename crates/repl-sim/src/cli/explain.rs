//! `report` and `history`: what a run is told by, in files and on standard output.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use super::{BROKEN, Problem, lacks_value, say, subject::Subject};
use crate::{
    card::replay_file_line,
    record::history::{Format, history},
    report::Explained,
    run::{Keep, Report, replay_line},
    scenario::Scenario,
    schedule::Schedule,
};

/// Where reports and small schedules are put.
pub(super) const FOLDER: &str = "target/repl-sim";

/// `report NAME SEED | FILE [--out FILE]`.
pub(super) fn report(scenarios: &[Scenario], words: &[&str]) -> Result<ExitCode, Problem> {
    let (mut out, mut named) = (None, Vec::new());
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match *word {
            "--out" => {
                out = Some(words.next().copied().ok_or_else(|| lacks_value("--out"))?);
            }
            _ => named.push(*word),
        }
    }
    let subject = Subject::parse(scenarios, &named)?;
    let replay = match &subject {
        Subject::Seed(scenario, seed) => replay_line(scenario.name, *seed),
        Subject::File(_) => replay_in_report(Path::new(named[0])),
    };
    let explained = subject.explain(replay);
    let report = explained.report();
    let path =
        out.map_or_else(|| default_path(&report.scenario, report.seed, "html"), PathBuf::from);
    write(&path, &explained.html())?;
    say(&format!("report: {}", path.display()));
    Ok(if report.failure.is_some() { ExitCode::from(BROKEN) } else { ExitCode::SUCCESS })
}

/// The line that repeats a run from a file, as a report has it: without the folders of this
/// machine.
fn replay_in_report(path: &Path) -> String {
    let name = path.file_name().map_or(path, Path::new);
    replay_file_line(if path.is_absolute() { name } else { path })
}

/// Writes the report of a schedule, which is in the file `path`, in its usual place; gives where.
pub(super) fn report_schedule(schedule: &Schedule, path: &Path) -> Result<PathBuf, Problem> {
    write_default(&Explained::schedule(schedule, replay_in_report(path)))
}

/// Writes the report of a run in its usual place; gives where.
pub(super) fn report_subject(subject: &Subject, report: &Report) -> Result<PathBuf, Problem> {
    write_default(&subject.explain(replay_line(&report.scenario, report.seed)))
}

fn write_default(explained: &Explained) -> Result<PathBuf, Problem> {
    let report = explained.report();
    let path = default_path(&report.scenario, report.seed, "html");
    write(&path, &explained.html())?;
    Ok(path)
}

/// `history NAME SEED | FILE [--format edn|json]`.
pub(super) fn write_history(scenarios: &[Scenario], words: &[&str]) -> Result<ExitCode, Problem> {
    let (mut format, mut named) = (Format::Edn, Vec::new());
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match *word {
            "--format" => {
                format = match words.next().copied().ok_or_else(|| lacks_value("--format"))? {
                    "edn" => Format::Edn,
                    "json" => Format::Json,
                    other => return Err(Problem::usage(&format!("{other:?} is no format"))),
                };
            }
            _ => named.push(*word),
        }
    }
    let report = Subject::parse(scenarios, &named)?.run(Keep::Record);
    let record = report.record.unwrap_or_default();
    say(history(&record, format).trim_end());
    Ok(if report.failure.is_some() { ExitCode::from(BROKEN) } else { ExitCode::SUCCESS })
}

/// `target/repl-sim/NAME-SEED.ENDING`.
pub(super) fn default_path(scenario: &str, seed: u64, ending: &str) -> PathBuf {
    Path::new(FOLDER).join(format!("{scenario}-{seed}.{ending}"))
}

/// Writes a file, and its folder where there is none.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Problem> {
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(path, text));
    written.map_err(|error| {
        Problem::undecided(&format!("{} cannot be written: {error}", path.display()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_no_folder_of_the_machine() {
        let line = |path: &str| replay_in_report(Path::new(path));
        assert_eq!(line("/a/b/c.schedule"), "cargo sim replay c.schedule");
        assert_eq!(line("b/c.schedule"), "cargo sim replay b/c.schedule");
    }
}
