//! `coverage`: a sweep that is about the decisions of the protocol.

use std::{process::ExitCode, sync::atomic::Ordering};

use super::{BROKEN, Output, Problem, Sweep, UNDECIDED, say, swept};

/// Sweeps, and lists which decisions were taken how often, and which never.
pub(super) fn cover(what: &Sweep) -> Result<ExitCode, Problem> {
    let (totals, failed, interrupted) = swept(what)?;
    let coverage = &totals.coverage;
    match what.output {
        Output::Json => say(&format!("{{\"coverage\": {}}}", coverage.json())),
        Output::Text => say(coverage.text(&what.scenarios).trim_end()),
    }
    let gaps = coverage.gaps();
    if !gaps.never_reached.is_empty() {
        let names: Vec<&str> = gaps.never_reached.iter().map(|mark| mark.name()).collect();
        let (count, runs) = (names.len(), totals.run_count());
        eprintln!("repl-sim: {count} decisions never reached in {runs} runs: {}", names.join(" "));
    }
    for mark in &gaps.reached_after_all {
        eprintln!("repl-sim: {} is listed as not to be reached, and was", mark.name());
    }
    if interrupted.load(Ordering::Relaxed) {
        eprintln!("repl-sim: interrupted: this is what was reached until then");
        return Ok(ExitCode::from(if failed.is_empty() { UNDECIDED } else { BROKEN }));
    }
    let is_whole = gaps.is_empty() && failed.is_empty();
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::from(BROKEN) })
}
