//! A failure becomes a small schedule in a file, with progress on the way.

use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};

use super::{
    Output, Problem,
    explain::{default_path, report_schedule, write},
    say,
};
use crate::{
    card::{Beside, card_beside},
    schedule::{Schedule, Shrunk, shrink},
};

/// How many runs a shrinking may take, where nobody says otherwise.
pub(super) const RUNS_MAX: u32 = 600;

/// Shrinks a schedule that fails, shows what is left, and writes it to `path`, or to a file of its
/// own name; writes its report as well, and gives where.
///
/// # Errors
/// It does not fail, or the file cannot be written.
pub(super) fn shrink_to_file(
    schedule: &Schedule,
    runs_max: u32,
    path: Option<&Path>,
    output: Output,
) -> Result<(Shrunk, PathBuf), Problem> {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} runs  {msg}");
    let bar = ProgressBar::new(runs_max.into());
    bar.set_style(style.expect("the template is right"));
    let shrunk = shrink(schedule, runs_max, |smaller, runs| {
        let Schedule { scenario, events, clients, nodes, .. } = smaller;
        let (events, clients, nodes) = (events.len(), clients.len(), nodes.len());
        bar.set_position(runs.into());
        bar.set_message(format!("{scenario}: {events} events, {clients} clients, {nodes} nodes"));
    });
    bar.finish_and_clear();
    let shrunk = shrunk.ok_or_else(|| Problem::undecided("the run passes: nothing to shrink"))?;
    let usual = || default_path(&schedule.scenario, schedule.seed, "schedule");
    let path = path.map_or_else(usual, Path::to_owned);
    write_schedule(&path, &shrunk)?;
    let report = report_schedule(&shrunk.schedule, &path)?;
    if output == Output::Text {
        let beside = Beside {
            shrunk: Some((&shrunk.schedule, shrunk.runs)),
            schedule_path: Some(&path),
            report_path: Some(&report),
        };
        say(&card_beside(&shrunk.report, beside));
    }
    Ok((shrunk, report))
}

/// Writes the schedule, with what it breaks.
fn write_schedule(path: &Path, shrunk: &Shrunk) -> Result<(), Problem> {
    let failure = shrunk.report.failure.as_ref().expect("a shrunk schedule fails");
    let actual = failure.actual.replace('\n', " ");
    let text = format!("# Breaks {}: {actual}\n{}", failure.property, shrunk.schedule);
    write(path, &text)
}
