//! Beside a schedule that fails, the one most like it that passes: what is different about the two
//! is what the failure takes.

use super::{Schedule, shrink::whole_millis, text::plain_config};
use crate::run::{Keep, Report, run_schedule};

/// A schedule that passes, and where its run leaves the one that fails.
#[derive(Clone, Debug)]
pub struct Nearest {
    /// What was changed, in words.
    pub change: String,
    /// The lines that both runs have in common.
    pub common_count: usize,
    /// The lines of the trace from shortly before the first difference on: of the run that fails,
    /// of the run that passes.
    pub lines: [Vec<String>; 2],
    /// How many of those lines both have.
    pub shown_common_count: usize,
}

/// How many lines before the first difference are shown, and how many after it.
const BEFORE: usize = 4;
const AFTER: usize = 5;

/// Changes one thing of a schedule that fails in every way that may make it pass, and takes the run
/// that stays like the failing one for longest; in at most so many runs. `failing` is the run of
/// the schedule, with all its lines.
pub(crate) fn nearest_passing(
    schedule: &Schedule,
    failing: &Report,
    runs_max: u32,
) -> Option<Nearest> {
    search(schedule, failing, runs_max, &mut |candidate| run_schedule(candidate, Keep::All))
}

/// As [`nearest_passing`], with whatever runs a schedule.
fn search(
    schedule: &Schedule,
    failing: &Report,
    runs_max: u32,
    runner: &mut dyn FnMut(&Schedule) -> Report,
) -> Option<Nearest> {
    let mut best: Option<(usize, String, Report)> = None;
    for (change, candidate) in changes(schedule).into_iter().take(runs_max as usize) {
        let report = runner(&candidate);
        if report.failure.is_some() {
            continue;
        }
        let pairs = failing.trace.iter().zip(&report.trace);
        let common = pairs.take_while(|(one, other)| one == other).count();
        if best.as_ref().is_none_or(|(most, ..)| common > *most) {
            best = Some((common, change, report));
        }
    }
    let (common, change, report) = best?;
    let from = common.saturating_sub(BEFORE);
    let shown = |trace: &[String]| {
        trace[from..].iter().take(common - from + AFTER).cloned().collect::<Vec<_>>()
    };
    let lines = [shown(&failing.trace), shown(&report.trace)];
    Some(Nearest { change, common_count: common, lines, shown_common_count: common - from })
}

/// Each smallest change, with its words.
fn changes(schedule: &Schedule) -> Vec<(String, Schedule)> {
    let mut changes = Vec::new();
    let mut add = |words: String, change: &dyn Fn(&mut Schedule)| {
        let mut candidate = schedule.clone();
        change(&mut candidate);
        if candidate != *schedule {
            changes.push((words, candidate));
        }
    };
    let lines = schedule.to_string();
    let said = |prefix: &str, index: usize| {
        let found = lines.lines().filter(|line| line.starts_with(prefix)).nth(index);
        found.unwrap_or_default().to_owned()
    };
    for index in (0..schedule.events.len()).rev() {
        let words = format!("without \"{}\"", said("at ", index));
        add(words, &|one| {
            one.events.remove(index);
        });
    }
    for index in (0..schedule.events.len()).rev() {
        let after = schedule.events.get(index + 1).map_or(schedule.heals_at, |event| event.at);
        let at = schedule.events[index].at;
        let middle = at + whole_millis(after.saturating_sub(at) / 2);
        let words =
            format!("with \"{}\" at {:.3} s instead", said("at ", index), middle.as_secs_f64());
        add(words, &|one| one.events[index].at = middle);
    }
    for index in (0..schedule.clients.len()).rev() {
        let words = format!("without \"{}\"", said("client ", index));
        add(words, &|one| {
            one.clients.remove(index);
        });
    }
    let standard = plain_config();
    for directive in repl_core::base::config::Config::directives() {
        let name = directive.name.as_bytes();
        let Some(value) = standard.value(name) else { continue };
        if schedule.config.value(name).as_ref() == Some(&value) {
            continue;
        }
        let words = format!("with {} {value}, as it is by default", directive.name);
        add(words, &|one| {
            let when = repl_core::base::config::When::Boot;
            // What cannot be said in a file stays as it is, and is no change then.
            let _ = one.config.set(name, &[value.as_bytes()], when);
        });
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::shrink::tests::{drawn, report};

    /// A run whose trace is its schedule, and which fails as long as all of `needed` is in it.
    fn ran(schedule: &Schedule, needed: &[&str]) -> Report {
        let text = schedule.to_string();
        let fails = needed.iter().all(|line| text.contains(line)).then_some("needed");
        let trace = text.lines().map(str::to_owned).collect();
        Report { trace, ..report(schedule, fails) }
    }

    #[test]
    fn the_nearest_run_that_passes_is_the_one_that_differs_last() {
        let schedule = drawn(3);
        let text = schedule.to_string();
        let events: Vec<&str> = text.lines().filter(|line| line.starts_with("at ")).collect();
        let needed = [events[0], events[events.len() - 1]];
        let failing = ran(&schedule, &needed);
        let found = search(&schedule, &failing, 500, &mut |one| ran(one, &needed));
        let found = found.expect("without either event it passes");
        assert!(found.change.contains(needed[1]), "{}", found.change);
        let line = text.lines().position(|line| line == needed[1]).expect("it is there");
        assert_eq!(found.common_count, line);
        let [fails, passes] = &found.lines;
        assert_eq!(fails[..found.shown_common_count], passes[..found.shown_common_count]);
        assert_eq!(fails[found.shown_common_count], needed[1]);
        assert_ne!(passes[found.shown_common_count], needed[1]);
    }

    #[test]
    fn where_every_change_fails_there_is_no_nearest_run() {
        let schedule = drawn(3);
        let failing = ran(&schedule, &["scenario"]);
        let mut count = 0;
        let found = search(&schedule, &failing, 9, &mut |one| {
            count += 1;
            ran(one, &["scenario"])
        });
        assert!(found.is_none());
        assert_eq!(count, 9);
    }
}
