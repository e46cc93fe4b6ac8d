//! The failure card: what a failing run gives its reader, on one screen of 80 columns and 40 rows.

use std::{fmt::Write as _, path::Path};

use crate::{
    report::{counted, cut},
    run::{Report, replay_line},
    schedule::Schedule,
};

/// A screen.
const COLUMNS: usize = 80;
const ROWS: usize = 40;

/// Where texts begin, behind their names.
const INDENT: usize = 11;

/// How many rows a text may take.
const TEXT_ROWS: usize = 4;

/// How many lines of a schedule are shown.
const SCHEDULE_ROWS: usize = 12;

/// The columns of a trace line that a card leaves out: the node's own clock.
const CLOCK: std::ops::Range<usize> = 12..27;

/// What a card may know beside the run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Beside<'a> {
    /// What the run was driven by, and in how many runs it was made so small.
    pub(crate) shrunk: Option<(&'a Schedule, u32)>,
    /// Where the schedule is.
    pub(crate) schedule_path: Option<&'a Path>,
    /// Where the report is.
    pub(crate) report_path: Option<&'a Path>,
}

/// Property, expected and actual, node, virtual time, the end of the trace, and the line that
/// replays.
pub(crate) fn card(report: &Report) -> String {
    card_beside(report, Beside::default())
}

/// As [`card`], with the schedule and the paths.
pub(crate) fn card_beside(report: &Report, beside: Beside<'_>) -> String {
    let Some(failure) = &report.failure else { return String::new() };
    let node = failure.node.as_deref().unwrap_or("the lab");
    let seconds = failure.at.as_nanos() as f64 / 1e9;
    let mut rows = Vec::new();
    add(&mut rows, "FAILED", &format!("{} seed {}", report.scenario, report.seed));
    add(&mut rows, "property", &failure.property);
    add(&mut rows, "where", &format!("{node} at {seconds:.6} virtual seconds"));
    add(&mut rows, "expected", &failure.expected);
    add(&mut rows, "actual", &failure.actual);
    if let Some((schedule, runs)) = beside.shrunk {
        add_schedule(&mut rows, schedule, runs);
    }
    let mut end = Vec::new();
    if let Some(path) = beside.report_path {
        end.push(format!("{:<INDENT$}{}", "report", path.display()));
    }
    let replay = match beside.schedule_path {
        Some(path) => replay_file_line(path),
        None => replay_line(&report.scenario, report.seed),
    };
    end.push(format!("{:<INDENT$}{replay}", "replay"));
    let taken: usize = rows.iter().chain(&end).map(|row| height(row)).sum();
    rows.extend(trace_rows(report, ROWS.saturating_sub(taken)));
    rows.extend(end);
    let mut card = String::new();
    for row in rows {
        writeln!(card, "{}", row.trim_end()).expect("writing to a String never fails");
    }
    card
}

/// How many rows a screen needs for a line.
fn height(line: &str) -> usize {
    line.chars().count().div_ceil(COLUMNS).max(1)
}

/// A name and a text, wrapped; what does not fit is cut off.
fn add(rows: &mut Vec<String>, name: &str, text: &str) {
    let width = COLUMNS - INDENT;
    let text = text.replace('\n', " ");
    let text: Vec<char> = cut(&text, width * TEXT_ROWS).chars().collect();
    let mut name = name;
    for piece in text.chunks(width) {
        let piece: String = piece.iter().collect();
        rows.push(format!("{name:<INDENT$}{piece}"));
        name = "";
    }
}

fn add_schedule(rows: &mut Vec<String>, schedule: &Schedule, runs: u32) {
    let (events, nodes, clients) =
        (schedule.events.len(), schedule.nodes.len(), schedule.clients.len());
    let events = counted(events, "event", "events");
    let nodes = counted(nodes, "node", "nodes");
    let clients = counted(clients, "client", "clients");
    let text = format!("{events}, {nodes}, {clients}, after {runs} runs");
    add(rows, "schedule", &text);
    let lines = schedule.to_string();
    let told =
        lines.lines().filter(|line| !line.starts_with("scenario") && !line.starts_with("seed"));
    // What happens says more than who asks, and that more than directives.
    let mut told: Vec<&str> = told.collect();
    told.sort_by_key(|line| match line.split(' ').next() {
        Some("node") => 0,
        Some("at" | "heal") => 1,
        Some("client") => 2,
        _ => 3,
    });
    let shown = if told.len() > SCHEDULE_ROWS { SCHEDULE_ROWS - 1 } else { told.len() };
    for line in &told[..shown] {
        rows.push(format!("{:INDENT$}{}", "", cut(line, COLUMNS - INDENT)));
    }
    if shown < told.len() {
        rows.push(format!("{:INDENT$}.. and {} lines more", "", told.len() - shown));
    }
}

/// The last lines of the trace that say something of the nodes involved, in so many rows.
fn trace_rows(report: &Report, rows: usize) -> Vec<String> {
    let Some(room) = rows.checked_sub(1).filter(|room| *room > 0) else { return Vec::new() };
    let involved = involved(report);
    let concerns = |line: &&String| {
        !line.ends_with("  woken") && involved.as_ref().is_none_or(|nodes| about(line, nodes))
    };
    let kept: Vec<&String> = report.trace.iter().filter(concerns).collect();
    let last = &kept[kept.len().saturating_sub(room)..];
    let of = report.trace_line_count;
    let about = involved.map_or_else(String::new, |nodes| format!(" about {}", nodes.join(", ")));
    let heading = format!("the last of {of} lines{about}");
    let mut rows = vec![format!("{:<INDENT$}{}", "trace", cut(&heading, COLUMNS - INDENT))];
    rows.extend(last.iter().map(|line| {
        let without_clock = match (line.get(..CLOCK.start), line.get(CLOCK.end..)) {
            (Some(time), Some(rest)) => format!("{time}{rest}"),
            _ => line.to_string(),
        };
        cut(&without_clock, COLUMNS)
    }));
    rows
}

/// The nodes that the failure, or an order that names its node, names; `None` if it names none.
fn involved(report: &Report) -> Option<Vec<String>> {
    let failure = report.failure.as_ref()?;
    let node = failure.node.clone()?;
    let mut nodes = vec![node.clone()];
    let orders = report.trace.iter().filter(|line| is_of_lab(line) && names(line, &node));
    let texts = [&failure.expected, &failure.actual].into_iter().chain(orders);
    for text in texts {
        for word in text.split(|c: char| !c.is_ascii_alphanumeric()) {
            let digits = word.strip_prefix('n').unwrap_or_default();
            let is_node = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            if is_node && !nodes.iter().any(|node| node == word) {
                nodes.push(word.to_owned());
            }
        }
    }
    nodes.sort();
    Some(nodes)
}

fn names(line: &str, node: &str) -> bool {
    line.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == node)
}

fn is_of_lab(line: &str) -> bool {
    line.get(CLOCK.end..).is_some_and(|rest| rest.starts_with(" lab") || rest.starts_with("lab"))
}

fn about(line: &str, nodes: &[String]) -> bool {
    is_of_lab(line)
        || line.split_whitespace().nth(2).is_some_and(|name| nodes.iter().any(|n| n == name))
}

/// The line that repeats a run from a file.
pub(crate) fn replay_file_line(path: &Path) -> String {
    format!("cargo sim replay {}", path.display())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use repl_core::base::time::Instant;

    use super::*;
    use crate::{
        run::{Failure, Premises},
        schedule::{Load, Plan, Trouble, Variety},
    };

    fn schedule() -> Schedule {
        let mut plan = Plan::new("a_scenario_with_a_rather_long_name", 1);
        plan.nodes(5, 5);
        plan.clients(Load::MIXED);
        plan.trouble(&[(1, Trouble::Cut), (1, Trouble::Ambush)], Variety::All);
        plan.finish()
    }

    fn report(schedule: &Schedule, words: usize) -> Report {
        let text = "n2 said something that nobody expected ".repeat(words);
        let line =
            format!("{:>12} {:>14} n1   M 0a1b2c3d {:>9}  {text}", "1.5", "1700001000.123", 9);
        let lab = format!("{:>12} {:14} lab  {:20}  n1 follows n3", "1.5", "", "");
        Report {
            scenario: schedule.scenario.clone(),
            seed: u64::MAX,
            failure: Some(Failure {
                property: "one-dataset".to_owned(),
                node: Some("n1".to_owned()),
                at: Instant::from_nanos(1_500_000_000),
                expected: text.clone(),
                actual: text,
            }),
            trace_hash: 0,
            trace: std::iter::repeat_n([line, lab], 100).flatten().collect(),
            trace_line_count: 200,
            virtual_span: Duration::ZERO,
            command_count: 0,
            fault_count: 0,
            premises: Premises::new(),
            marks: repl_core::marks::Marks::default(),
            record: None,
        }
    }

    /// Cards of every kind: with short and long texts, with and without schedule and paths.
    fn cards() -> Vec<String> {
        let schedule = schedule();
        let path = |ending: &str| {
            Path::new("target/repl-sim").join(format!(
                "{}-{}.{ending}",
                schedule.scenario,
                u64::MAX
            ))
        };
        let (html, file) = (path("html"), path("schedule"));
        let all = Beside {
            shrunk: Some((&schedule, 600)),
            schedule_path: Some(&file),
            report_path: Some(&html),
        };
        let mut cards = Vec::new();
        for words in [1, 3, 60] {
            let report = report(&schedule, words);
            cards.push(card(&report));
            cards.push(card_beside(&report, all));
        }
        cards
    }

    #[test]
    fn a_card_fits_a_screen_of_80_columns_and_40_rows() {
        for card in cards() {
            let rows: usize = card.lines().map(height).sum();
            assert!(rows <= ROWS, "{rows} rows:\n{card}");
            let wide = card.lines().filter(|line| line.chars().count() > COLUMNS);
            // A line to paste, and a path, are whole; a screen wraps them.
            assert!(wide.clone().all(|l| l.starts_with("re")), "{card}");
        }
    }

    #[test]
    fn a_card_has_what_a_reader_needs() {
        for card in cards() {
            let parts = ["FAILED", "property", "where", "expected", "actual", "trace", "replay"];
            for part in parts {
                assert!(card.lines().any(|line| line.starts_with(part)), "{part} in\n{card}");
            }
            assert!(card.contains("one-dataset") && card.contains("n1 at 1.500000"), "{card}");
            assert!(card.contains("about n1, n2, n3"), "{card}");
        }
    }

    #[test]
    fn the_trace_of_a_card_is_about_the_nodes_involved() {
        let mut report = report(&schedule(), 1);
        let strange = report.trace[0].replace(" n1 ", " n9 ");
        report.trace = vec![strange.clone(), report.trace[0].clone(), strange];
        let card = card(&report);
        assert!(card.contains(" n1   M 0a1b2c3d"), "{card}");
        assert!(!card.contains(" n9 "), "{card}");
        assert!(!card.contains("1700001000"), "the node's own clock takes room:\n{card}");
    }
}
