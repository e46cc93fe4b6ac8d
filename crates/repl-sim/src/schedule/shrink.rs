//! A schedule that fails becomes the smallest one found that fails by the same property.
//!
//! Delta debugging over events, clients and nodes, then over what each of them says: counts, spans,
//! bytes, directives. Every candidate is run; whatever breaks another property, or none, is no
//! smaller version of the failure.

use std::time::Duration;

use super::{Conditions, Customer, Event, NodeId, Schedule, Step, Task, text::plain_config};
use crate::run::{Keep, Report, run_schedule};

/// A run is healed so long after its last event at least: clients need some time to ask.
const ROOM: Duration = Duration::from_secs(4);

/// What shrinking came to.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The smallest schedule that was found.
    pub schedule: Schedule,
    /// Its run.
    pub report: Report,
    /// How many runs it took.
    pub runs: u32,
}

/// Looks for a smaller schedule that breaks what `schedule` breaks, for at most so many runs.
///
/// `on_progress` hears of every smaller one. `None` if the schedule does not fail.
pub fn shrink(
    schedule: &Schedule,
    runs_max: u32,
    mut on_progress: impl FnMut(&Schedule, u32),
) -> Option<Shrunk> {
    let mut runner = |schedule: &Schedule| run_schedule(schedule, Keep::Tail);
    search(schedule, runs_max, &mut runner, &mut on_progress)
}

/// As [`shrink`], with whatever runs a schedule.
fn search(
    schedule: &Schedule,
    runs_max: u32,
    runner: &mut dyn FnMut(&Schedule) -> Report,
    on_progress: &mut dyn FnMut(&Schedule, u32),
) -> Option<Shrunk> {
    let report = runner(schedule);
    let property = report.failure.as_ref()?.property.clone();
    let best = Shrunk { schedule: schedule.clone(), report, runs: 1 };
    let mut search = Search { best, property, runs_max, runner, on_progress };
    loop {
        let before = search.best.schedule.clone();
        search.forget_the_end();
        search.events();
        search.clients();
        search.nodes();
        search.sizes();
        search.directives();
        search.peculiarities();
        if search.best.schedule == before || search.is_spent() {
            return Some(search.best);
        }
    }
}

struct Search<'a> {
    best: Shrunk,
    property: String,
    runs_max: u32,
    runner: &'a mut dyn FnMut(&Schedule) -> Report,
    on_progress: &'a mut dyn FnMut(&Schedule, u32),
}

impl Search<'_> {
    fn is_spent(&self) -> bool {
        self.best.runs >= self.runs_max
    }

    /// Takes a changed copy of the best schedule, if it fails as well.
    fn try_change(&mut self, change: impl FnOnce(&mut Schedule)) -> bool {
        let mut candidate = self.best.schedule.clone();
        change(&mut candidate);
        if candidate == self.best.schedule || self.is_spent() {
            return false;
        }
        let report = (self.runner)(&candidate);
        self.best.runs += 1;
        let fails = report.failure.as_ref().is_some_and(|one| one.property == self.property);
        if fails {
            (self.best.schedule, self.best.report) = (candidate, report);
            (self.on_progress)(&self.best.schedule, self.best.runs);
        }
        fails
    }

    /// What comes after the failure has no part in it.
    fn forget_the_end(&mut self) {
        let failure = self.best.report.failure.as_ref().expect("the best one fails");
        let failed_at = Duration::from_nanos(failure.at.as_nanos());
        self.try_change(|schedule| schedule.events.retain(|event| event.at <= failed_at));
    }

    fn events(&mut self) {
        self.reduce(
            |schedule| schedule.events.len(),
            |schedule, from, to| drop(schedule.events.drain(from..to)),
        );
    }

    fn clients(&mut self) {
        self.reduce(
            |schedule| schedule.clients.len(),
            |schedule, from, to| drop(schedule.clients.drain(from..to)),
        );
    }

    /// Removes runs of items, long ones first, as long as the failure stays.
    fn reduce(
        &mut self,
        count: impl Fn(&Schedule) -> usize,
        remove: impl Fn(&mut Schedule, usize, usize),
    ) {
        let mut size = count(&self.best.schedule);
        while size > 0 && !self.is_spent() {
            // From the end: what comes late depends on what came early, seldom the other way round.
            let mut end = count(&self.best.schedule);
            while end > 0 {
                let start = end.saturating_sub(size);
                self.try_change(|schedule| remove(schedule, start, end));
                end = start;
            }
            size = (size / 2).min(count(&self.best.schedule));
        }
    }

    fn nodes(&mut self) {
        let ids: Vec<NodeId> = self.best.schedule.nodes.iter().map(|setup| setup.id).collect();
        for id in ids.into_iter().rev() {
            let _ = self.try_change(|schedule| remove_node(schedule, id, Clients::GoToo))
                || self.try_change(|schedule| remove_node(schedule, id, Clients::AskAnother));
        }
    }

    /// Fewer commands, fewer bytes, shorter spans, round times.
    fn sizes(&mut self) {
        for index in 0..self.best.schedule.clients.len() {
            while self.try_change(|schedule| halve(&mut schedule.clients[index])) {}
        }
        for index in 0..self.best.schedule.events.len() {
            while self.try_change(|schedule| ease(&mut schedule.events[index].step)) {}
        }
        self.pull_together();
        while self.try_change(|schedule| {
            let last = schedule.events.last().map_or(Duration::ZERO, |event| event.at);
            schedule.heals_at = whole_seconds(schedule.heals_at / 2).max(last + ROOM);
        }) {}
    }

    /// Long pauses between events become shorter.
    fn pull_together(&mut self) {
        for index in 0..self.best.schedule.events.len() {
            for divisor in [4, 2] {
                self.try_change(|schedule| {
                    let before = index.checked_sub(1).map(|one| schedule.events[one].at);
                    let before = before.unwrap_or(Duration::ZERO);
                    let pause = schedule.events[index].at - before;
                    let less = pause - whole_millis(pause / divisor);
                    schedule.events[index..].iter_mut().for_each(|event| event.at -= less);
                });
            }
            self.try_change(|schedule| round(schedule, index));
        }
    }

    /// Nodes like all others, a network and clocks that nobody notices.
    fn peculiarities(&mut self) {
        self.try_change(|schedule| schedule.conditions = Conditions::Calm);
        self.try_change(|schedule| schedule.core.clear());
        for place in 0..self.best.schedule.nodes.len() {
            self.try_change(|schedule| schedule.nodes[place].begins = None);
            self.try_change(|schedule| schedule.nodes[place].own.clear());
            for index in (0..self.best.schedule.nodes[place].own.len()).rev() {
                self.try_change(|schedule| drop(schedule.nodes[place].own.remove(index)));
            }
        }
    }

    /// Directives as they are by default.
    fn directives(&mut self) {
        let standard = plain_config();
        if self.try_change(|schedule| schedule.config = standard.clone()) {
            return;
        }
        for directive in repl_core::base::config::Config::directives() {
            let name = directive.name.as_bytes();
            let Some(value) = standard.value(name) else { continue };
            if self.best.schedule.config.value(name).as_ref() == Some(&value) {
                continue;
            }
            self.try_change(|schedule| {
                let when = repl_core::base::config::When::Boot;
                // What cannot be said in a file stays as it is.
                let _ = schedule.config.set(name, &[value.as_bytes()], when);
            });
        }
    }
}

pub(super) fn whole_millis(span: Duration) -> Duration {
    Duration::from_millis(u64::try_from(span.as_millis()).expect("runs are short"))
}

fn whole_seconds(span: Duration) -> Duration {
    Duration::from_secs(span.as_secs())
}

/// An event at a whole second, if those around it allow it.
fn round(schedule: &mut Schedule, index: usize) {
    let before = index.checked_sub(1).map_or(Duration::ZERO, |one| schedule.events[one].at);
    let after = schedule.events.get(index + 1).map_or(schedule.heals_at, |event| event.at);
    let Event { at, .. } = &mut schedule.events[index];
    let rounded = whole_seconds(*at + Duration::from_millis(500));
    if (before..=after).contains(&rounded) {
        *at = rounded;
    }
}

/// What becomes of the clients of a node that is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clients {
    GoToo,
    AskAnother,
}

/// The node was never there; who followed it follows its master.
fn remove_node(schedule: &mut Schedule, id: NodeId, clients: Clients) {
    if schedule.nodes.len() <= 1 {
        return;
    }
    let Some(place) = schedule.nodes.iter().position(|setup| setup.id == id) else { return };
    let removed = schedule.nodes.remove(place);
    schedule.core.retain(|one| *one != id);
    // Whoever takes the place of a master has none.
    let heir = removed.follows.or_else(|| schedule.nodes.first().map(|setup| setup.id));
    for setup in &mut schedule.nodes {
        if setup.follows == Some(id) {
            setup.follows = heir.filter(|heir| *heir != setup.id);
        }
    }
    match (clients, heir) {
        (Clients::AskAnother, Some(heir)) => {
            let asks = schedule.clients.iter_mut().filter(|client| client.node == id);
            asks.for_each(|client| client.node = heir);
        }
        (Clients::GoToo | Clients::AskAnother, _) => {
            schedule.clients.retain(|client| client.node != id);
        }
    }
    schedule.events.retain(|event| !event.step.nodes().contains(&Some(id)));
}

fn halve(client: &mut Customer) {
    match &mut client.task {
        Task::Work(count) | Task::Read(count) => *count = (*count / 2).max(1),
        Task::Sip(_) | Task::Race | Task::Wait | Task::Listen => {}
    }
}

/// A step that does less.
fn ease(step: &mut Step) {
    match step {
        Step::Ambush(_, _, bytes, _) | Step::BrokenSnapshot(_, bytes, _) => {
            *bytes = (*bytes / 2).max(1);
        }
        Step::Skew(_, more) | Step::Drift(_, more) => *more /= 2,
        Step::Lull(span) => *span = whole_millis(*span / 2),
        Step::Slow(_, _, latency, _) => *latency = whole_millis(*latency / 2),
        Step::TwoFresh(_, _, later) => *later = whole_millis(*later / 2),
        Step::Strand(_, quiet, span) => {
            (*quiet, *span) = (whole_millis(*quiet / 2), whole_millis(*span / 2));
        }
        Step::Cut(..)
        | Step::CutOneWay(..)
        | Step::Stall(..)
        | Step::Isolate(_)
        | Step::Refuse(..)
        | Step::Hang(..)
        | Step::Freeze(_)
        | Step::ReadSlowly(..)
        | Step::Thaw(_)
        | Step::Stop(..)
        | Step::Reset(..)
        | Step::HalfOpen(..)
        | Step::Heal(..)
        | Step::HealAll
        | Step::Crash(..)
        | Step::Promote(_)
        | Step::PromoteByMulti(_)
        | Step::Planned(_)
        | Step::FailOver(_)
        | Step::Graft(_)
        | Step::Chain(..)
        | Step::Repoint(_) => {}
    }
}

#[cfg(test)]
pub(super) mod tests {
    use repl_core::base::time::Instant;

    use super::*;
    use crate::{
        lab::Breakage,
        run::Failure,
        schedule::{Load, Plan, Trouble, Variety},
    };

    /// A report of a run that broke `property`, or nothing.
    pub(in crate::schedule) fn report(schedule: &Schedule, property: Option<&str>) -> Report {
        let failure = property.map(|property| Failure {
            property: property.to_owned(),
            node: None,
            at: Instant::from_nanos(u64::MAX),
            expected: String::new(),
            actual: String::new(),
        });
        Report {
            scenario: schedule.scenario.clone(),
            seed: schedule.seed,
            failure,
            trace_hash: 0,
            trace: Vec::new(),
            trace_line_count: 0,
            virtual_span: Duration::ZERO,
            command_count: 0,
            fault_count: 0,
            premises: crate::run::Premises::new(),
            marks: repl_core::marks::Marks::default(),
            record: None,
        }
    }

    pub(in crate::schedule) fn drawn(seed: u64) -> Schedule {
        let mut plan = Plan::new("test", seed);
        plan.nodes(4, 4);
        plan.clients(Load::MIXED);
        plan.trouble(&[(1, Trouble::Ambush), (1, Trouble::Promote)], Variety::All);
        plan.finish()
    }

    /// Breaks "one" with a promotion behind an ambush, and "other" with three clients or fewer.
    fn broken(schedule: &Schedule) -> Option<&'static str> {
        let is_ambush = |event: &Event| matches!(event.step, Step::Ambush(..));
        let is_promotion = |event: &Event| matches!(event.step, Step::Promote(_));
        let ambush = schedule.events.iter().position(is_ambush)?;
        if schedule.clients.len() <= 3 {
            return Some("other");
        }
        schedule.events[ambush..].iter().any(is_promotion).then_some("one")
    }

    #[test]
    fn what_is_left_is_what_the_failure_needs() {
        for seed in 0..20 {
            let schedule = drawn(seed);
            if broken(&schedule) != Some("one") {
                continue;
            }
            let mut runner = |schedule: &Schedule| report(schedule, broken(schedule));
            let shrunk = search(&schedule, 10_000, &mut runner, &mut |_, _| {}).expect("it fails");
            let left = &shrunk.schedule;
            assert_eq!(broken(left), Some("one"), "the same property");
            assert_eq!(left.events.len(), 2, "{left}");
            assert_eq!(left.clients.len(), 4);
            assert!(left.nodes.len() <= 3, "{left}");
            let Step::Ambush(
                _,
                _,
                bytes,
                Breakage::Cut | Breakage::CutOneWay | Breakage::Stall | Breakage::Reset,
            ) = left.events[0].step
            else {
                panic!("{left}")
            };
            assert_eq!(bytes, 1);
            assert_eq!(Schedule::parse(&left.to_string()).as_ref(), Ok(left));
        }
    }

    #[test]
    fn shrinking_keeps_to_its_runs_and_refuses_what_passes() {
        let schedule = drawn(1);
        let mut count = 0;
        let mut fails = |schedule: &Schedule| {
            count += 1;
            report(schedule, Some("always"))
        };
        let shrunk = search(&schedule, 7, &mut fails, &mut |_, _| {}).expect("it fails");
        assert_eq!((shrunk.runs, count), (7, 7));
        let mut passes = |schedule: &Schedule| report(schedule, None);
        assert!(search(&schedule, 7, &mut passes, &mut |_, _| {}).is_none());
    }
}
