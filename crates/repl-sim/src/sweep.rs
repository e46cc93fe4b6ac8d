//! Many runs on all cores, and what they came to together.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    coverage::Coverage,
    invariants::Premises,
    run::{Keep, Report, replay_line, run},
    scenario::Scenario,
    schedule::Shrunk,
};

/// What a sweep came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) failed_count: usize,
    premises: Premises,
    pub(crate) coverage: Coverage,
    commands: Vec<u64>,
    faults: Vec<u64>,
    virtual_spans: Vec<Duration>,
    /// A sum, so that it does not depend on the order in which the runs end.
    trace_hash: u64,
    wall: Duration,
}

/// When a scenario has had enough seeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// After all of them.
    LastSeed,
    /// After its first failure. Runs that have begun are still reported, so the smallest seed of
    /// those that are is always the smallest that fails.
    FirstFailure,
}

/// The part of a sweep that one process does, so that several can share it: every `of`-th run,
/// beginning with number `index`, counted from one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shard {
    pub(crate) index: u64,
    pub(crate) of: u64,
}

impl Shard {
    pub(crate) const WHOLE: Self = Self { index: 1, of: 1 };

    /// `2/5`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (index, of) = text.split_once('/')?;
        let shard = Self { index: index.parse().ok()?, of: of.parse().ok()? };
        (1..=shard.of).contains(&shard.index).then_some(shard)
    }

    /// Whether run number `number`, counted from zero, is part of it.
    fn has(self, number: u64) -> bool {
        number % self.of == self.index - 1
    }
}

/// What is to be swept.
#[derive(Debug)]
pub(crate) struct Order<'a> {
    pub(crate) scenarios: &'a [Scenario],
    pub(crate) seeds: std::ops::Range<u64>,
    pub(crate) shard: Shard,
    /// So many runs at a time.
    pub(crate) jobs: usize,
    pub(crate) until: Until,
    /// Set by whoever wants it to end: runs that have begun are finished and reported.
    pub(crate) interrupted: &'a AtomicBool,
}

impl<'a> Order<'a> {
    /// How many runs there are.
    pub(crate) fn run_count(&self) -> u64 {
        let all = (self.seeds.end - self.seeds.start).saturating_mul(self.scenarios.len() as u64);
        all.saturating_sub(self.shard.index - 1).div_ceil(self.shard.of)
    }

    /// The runs, in the order in which they begin.
    fn runs(&self) -> Vec<(&'a Scenario, u64)> {
        let all = self
            .seeds
            .clone()
            .flat_map(|seed| self.scenarios.iter().map(move |scenario| (scenario, seed)));
        let own = (0..).zip(all).filter(|(number, _)| self.shard.has(*number));
        own.map(|(_, run)| run).collect()
    }
}

/// Runs every scenario under every seed; `on_report` sees each run as it ends.
pub(crate) fn sweep(order: &Order<'_>, mut on_report: impl FnMut(&Report)) -> Totals {
    let began = Instant::now();
    let work = order.runs();
    debug_assert_eq!(work.len() as u64, order.run_count());
    let next = AtomicUsize::new(0);
    let failed: Mutex<BTreeSet<&str>> = Mutex::default();
    let is_over = |scenario: &Scenario| {
        order.until == Until::FirstFailure && lock(&failed).contains(scenario.name)
    };
    let (sender, reports) = mpsc::channel();
    let mut totals = Totals::default();
    thread::scope(|scope| {
        for _ in 0..order.jobs {
            let (sender, work, next) = (sender.clone(), &work, &next);
            let (is_over, failed) = (&is_over, &failed);
            scope.spawn(move || {
                while let Some((scenario, seed)) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if order.interrupted.load(Ordering::Relaxed) {
                        return;
                    }
                    if is_over(scenario) {
                        continue;
                    }
                    let report = run(scenario, *seed, Keep::Tail);
                    if report.failure.is_some() {
                        lock(failed).insert(scenario.name);
                    }
                    if sender.send(report).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for report in reports {
            totals.add(&report);
            on_report(&report);
        }
    });
    totals.wall = began.elapsed();
    totals
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().expect("nobody panics while it is held")
}

impl Totals {
    fn add(&mut self, report: &Report) {
        self.failed_count += usize::from(report.failure.is_some());
        self.commands.push(report.command_count);
        self.faults.push(report.fault_count);
        self.virtual_spans.push(report.virtual_span);
        self.trace_hash = self.trace_hash.wrapping_add(report.trace_hash);
        for (&name, count) in &report.premises {
            *self.premises.entry(name).or_default() += count;
        }
        self.coverage.add(&report.scenario, &report.marks);
    }

    pub(crate) fn run_count(&self) -> usize {
        self.commands.len()
    }

    /// The totals as (name, number) pairs in a fixed order.
    fn numbers(&self) -> Vec<(&'static str, f64)> {
        let wall = self.wall.as_secs_f64().max(1e-9);
        let virtual_total = self.virtual_spans.iter().sum::<Duration>().as_secs_f64();
        let virtual_min = self.virtual_spans.iter().min().map_or(0.0, Duration::as_secs_f64);
        let mut commands = self.commands.clone();
        commands.sort_unstable();
        let median = commands.get(commands.len() / 2).copied().unwrap_or(0);
        vec![
            ("runs", self.run_count() as f64),
            ("failed", self.failed_count as f64),
            ("wall_seconds", (wall * 100.0).round() / 100.0),
            ("runs_per_minute", (self.run_count() as f64 * 60.0 / wall).round()),
            ("virtual_seconds", virtual_total.round()),
            ("virtual_seconds_per_wall_second", (virtual_total / wall).round()),
            ("virtual_seconds_min", virtual_min.round()),
            ("commands_min", commands.first().copied().unwrap_or(0) as f64),
            ("commands_median", median as f64),
            ("faults", self.faults.iter().sum::<u64>() as f64),
            ("faults_min", self.faults.iter().min().copied().unwrap_or(0) as f64),
        ]
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: String| {
            writeln!(text, "{name:<34} {value:>16}").expect("writing to a String never fails");
        };
        for (name, number) in self.numbers() {
            line(name, format!("{number}"));
        }
        line("trace_hash", format!("{:016x}", self.trace_hash));
        for (name, count) in &self.premises {
            let vacuous = if *count == 0 { "  NEVER HELD" } else { "" };
            line(&format!("premise {name}"), format!("{count}{vacuous}"));
        }
        text + &self.coverage.summary()
    }

    /// For programs: one line.
    pub(crate) fn json(&self) -> String {
        let mut fields: Vec<String> =
            self.numbers().iter().map(|(name, number)| format!("\"{name}\": {number}")).collect();
        fields.push(format!("\"trace_hash\": \"{:016x}\"", self.trace_hash));
        let premises: Vec<String> =
            self.premises.iter().map(|(name, count)| format!("\"{name}\": {count}")).collect();
        fields.push(format!("\"premises\": {{{}}}", premises.join(", ")));
        fields.push(format!("\"marks\": {}", self.coverage.json()));
        format!("{{\"summary\": {{{}}}}}", fields.join(", "))
    }
}

/// One run for programs: one line.
pub(crate) fn json(report: &Report) -> String {
    let outcome = if report.failure.is_some() { "failed" } else { "passed" };
    let property =
        report.failure.as_ref().map_or_else(|| "null".to_owned(), |f| quoted(&f.property));
    format!(
        "{{\"scenario\": {}, \"seed\": {}, \"outcome\": \"{outcome}\", \"property\": {property}, \
         \"trace_hash\": \"{:016x}\", \"replay\": {}}}",
        quoted(&report.scenario),
        report.seed,
        report.trace_hash,
        quoted(&replay_line(&report.scenario, report.seed)),
    )
}

/// A schedule that was made smaller, for programs: one line.
pub(crate) fn shrunk_json(shrunk: &Shrunk, report: &Path) -> String {
    let path = report.display().to_string();
    let Shrunk { schedule, report, runs } = shrunk;
    let property = report.failure.as_ref().map_or("", |failure| &failure.property);
    format!(
        "{{\"scenario\": {}, \"seed\": {}, \"outcome\": \"shrunk\", \"property\": {}, \
         \"events\": {}, \"clients\": {}, \"nodes\": {}, \"runs\": {runs}, \"schedule\": {}, \
         \"report\": {}}}",
        quoted(&schedule.scenario),
        schedule.seed,
        quoted(property),
        schedule.events.len(),
        schedule.clients.len(),
        schedule.nodes.len(),
        quoted(&schedule.to_string()),
        quoted(&path),
    )
}

/// A text as JSON has it.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if u32::from(c) < 0x20 => {
                write!(quoted, "\\u{:04x}", u32::from(c)).expect("writing to a String never fails");
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_share_a_sweep_without_a_rest() {
        let mut runs: Vec<u64> = Vec::new();
        for index in 1..=3 {
            let shard = Shard::parse(&format!("{index}/3")).expect("it is one of three");
            runs.extend((0..10).filter(|number| shard.has(*number)));
        }
        runs.sort_unstable();
        assert_eq!(runs, (0..10).collect::<Vec<_>>());
        for text in ["0/3", "4/3", "1", "1/0", "x/2", "1/2/3"] {
            assert_eq!(Shard::parse(text), None, "{text}");
        }
    }

    #[test]
    fn text_is_quoted_for_json() {
        assert_eq!(quoted("a\"b\\c\n"), "\"a\\\"b\\\\c\\u000a\"");
    }
}
