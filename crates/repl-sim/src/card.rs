//! The failure card: what a failing run gives its reader, on one screen.

use std::{fmt::Write as _, path::Path};

use crate::run::{Report, replay_line};

/// How many of the last lines of the trace are shown.
const TRACE_LINES: usize = 40;

/// Property, expected and actual, node, virtual time, the end of the trace, and the line that
/// replays.
pub(crate) fn card(report: &Report) -> String {
    let mut card = String::new();
    let Some(failure) = &report.failure else { return card };
    let node = failure.node.as_deref().unwrap_or("the lab");
    let seconds = failure.at.as_nanos() as f64 / 1e9;
    let mut line = |name: &str, text: &str| {
        writeln!(card, "{name:<10} {text}").expect("writing to a String never fails");
    };
    line("FAILED", &format!("{} seed {}", report.scenario, report.seed));
    line("property", &failure.property);
    line("where", &format!("{node} at {seconds:.6} virtual seconds"));
    line("expected", &failure.expected);
    line("actual", &failure.actual);
    line("trace", &format!("the last of {} lines", report.trace_line_count));
    let skipped = report.trace.len().saturating_sub(TRACE_LINES);
    for text in &report.trace[skipped..] {
        writeln!(card, "{text}").expect("writing to a String never fails");
    }
    let replay = replay_line(&report.scenario, report.seed);
    writeln!(card, "replay with:  {replay}").expect("writing to a String never fails");
    card
}

/// The line that repeats a run from a file.
pub(crate) fn replay_file_line(path: &Path) -> String {
    format!("cargo run -q --release -p sim-scenarios -- replay {}", path.display())
}
