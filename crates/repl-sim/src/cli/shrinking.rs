//! A failure becomes a small schedule in a file, with progress on the way.

use std::{
    fs,
    path::{Path, PathBuf},
};

use indicatif::{ProgressBar, ProgressStyle};

use super::{Output, Problem, say};
use crate::{
    card::{card, replay_file_line},
    schedule::{Schedule, Shrunk, shrink},
};

/// Where small schedules are put.
const FOLDER: &str = "target/repl-sim";

/// How many runs a shrinking may take, where nobody says otherwise.
pub(super) const RUNS_MAX: u32 = 600;

/// Shrinks a schedule that fails, shows what is left, and writes it to `path`, or to a file of its
/// own name.
///
/// # Errors
/// It does not fail, or the file cannot be written.
pub(super) fn shrink_to_file(
    schedule: &Schedule,
    runs_max: u32,
    path: Option<&Path>,
    output: Output,
) -> Result<Shrunk, Problem> {
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
    let path = path.map_or_else(|| default_path(schedule), Path::to_owned);
    write(&path, &shrunk)?;
    if output == Output::Text {
        say(&card(&shrunk.report));
        say(&format!("shrunk in {} runs: {}", shrunk.runs, path.display()));
        say(&format!("{}\nreplay with:  {}", shrunk.schedule, replay_file_line(&path)));
    }
    Ok(shrunk)
}

fn default_path(schedule: &Schedule) -> PathBuf {
    Path::new(FOLDER).join(format!("{}-{}.schedule", schedule.scenario, schedule.seed))
}

fn write(path: &Path, shrunk: &Shrunk) -> Result<(), Problem> {
    let failure = shrunk.report.failure.as_ref().expect("a shrunk schedule fails");
    let text = format!("# Breaks {}: {}\n{}", failure.property, failure.actual, shrunk.schedule);
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(path, text));
    written.map_err(|error| {
        Problem::undecided(&format!("{} cannot be written: {error}", path.display()))
    })
}
