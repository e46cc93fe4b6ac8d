//! The `repl-sim` command, over any list of scenarios.
//!
//! Exit codes: 0 all runs passed, 1 a property broke, 2 it could not be decided, 3 bad usage.

mod coverage;
mod doctor;
mod explain;
mod shrinking;
mod subject;

use std::{
    collections::BTreeMap,
    fmt,
    io::Write as _,
    path::Path,
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use indicatif::{ProgressBar, ProgressStyle};

use self::{
    coverage::cover,
    doctor::{Exam, examine},
    explain::{report, report_subject, write_history},
    shrinking::{RUNS_MAX, shrink_to_file},
    subject::Subject,
};
use crate::{
    card::{Beside, card, card_beside},
    run::{Keep, run},
    scenario::{Kind, Scenario},
    sweep::{self, Shard, Totals, Until},
};

const USAGE: &str = "\
Usage: repl-sim COMMAND

  list                      the scenarios
  run NAME [--seed S]       one run (seed 0)
  replay NAME SEED | FILE   one run with its whole trace
  schedule NAME SEED        what a seed of a family expands into, as such a file
  report NAME SEED | FILE   one run as a page: lanes, messages, causes, the nearest run that passes
      --out FILE            where it is written (target/repl-sim/NAME-SEED.html)
  history NAME SEED | FILE  what clients asked and were told, for checkers outside
      --format edn|json     as Jepsen has it (edn), or a JSON object a line
  shrink NAME SEED | FILE   the smallest schedule that fails by the same property
      --runs N              runs it may take (600)
      --out FILE            where it is written (target/repl-sim/NAME-SEED.schedule)
  sweep [OPTIONS]           many runs on all cores
      --seeds N             seeds per scenario (100)
      --from S              the first seed (0)
      --scenario NAME       only this scenario
      --families            only the scenarios that draw everything from the seed
      --first-failure       no more seeds of a scenario that has failed
      --no-shrink           failures stay as they are
      --jobs N              runs at a time (one per core)
      --shard I/N           only every N-th run, from the I-th on: N machines share a sweep
      --json                a line of JSON per failing run and one for the totals
  coverage [OPTIONS]        a sweep that lists every decision of the protocol, those first that no
                            run has taken, and fails on one of these; options as for sweep
  doctor [OPTIONS]          whether a seed is the same run in another process, on busy cores, in a
                            sweep, and in the other build; shows the first event that differs
      --seeds N             seeds per scenario (3)
      --scenario NAME       only this scenario
  hash NAME SEED...         the trace hash of each run: equal on every machine and in every build

A failing run of a family, and the first failure of each in a sweep, is made smaller at once, and
a report of it is written beside the small schedule.
Exit codes: 0 passed, 1 a property broke, 2 could not decide, 3 bad usage.
";

const BROKEN: u8 = 1;
const UNDECIDED: u8 = 2;
const BAD_USAGE: u8 = 3;

/// Runs the command that the process was started with.
#[must_use]
pub fn main(scenarios: &[Scenario]) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match command(scenarios, &words) {
        Ok(code) => code,
        Err(problem @ Problem { code: BAD_USAGE, .. }) => {
            eprint!("repl-sim: {problem}\n\n{USAGE}");
            ExitCode::from(BAD_USAGE)
        }
        Err(problem) => {
            eprintln!("repl-sim: {problem}");
            ExitCode::from(problem.code)
        }
    }
}

/// Why a command came to nothing.
#[derive(Debug, PartialEq, Eq)]
struct Problem {
    code: u8,
    why: String,
}

impl Problem {
    /// The command line is wrong.
    fn usage(why: &str) -> Self {
        Self { code: BAD_USAGE, why: why.to_owned() }
    }

    /// The command line is right, and the world is not.
    fn undecided(why: &str) -> Self {
        Self { code: UNDECIDED, why: why.to_owned() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

fn command(scenarios: &[Scenario], words: &[&str]) -> Result<ExitCode, Problem> {
    match words {
        ["list"] => {
            for scenario in scenarios {
                let kind = scenario.kind.name();
                say(&format!("{:<34} {kind:<9} {}", scenario.name, scenario.doc.trim()));
            }
            Ok(ExitCode::SUCCESS)
        }
        ["run", name] => run_one(&Subject::Seed(*find(scenarios, name)?, 0), Keep::Tail),
        ["run", name, "--seed", seed] => {
            run_one(&Subject::parse(scenarios, &[name, seed])?, Keep::Tail)
        }
        ["replay", rest @ ..] => run_one(&Subject::parse(scenarios, rest)?, Keep::All),
        ["schedule", name, seed] => {
            let schedule = Subject::parse(scenarios, &[name, seed])?.schedule();
            let schedule = schedule.ok_or_else(|| not_drawn(name))?;
            say(schedule.to_string().trim_end());
            Ok(ExitCode::SUCCESS)
        }
        ["report", rest @ ..] => report(scenarios, rest),
        ["history", rest @ ..] => write_history(scenarios, rest),
        ["shrink", rest @ ..] => shrink(scenarios, rest),
        ["hash", name, seeds @ ..] if !seeds.is_empty() => {
            let scenario = find(scenarios, name)?;
            let seeds: Vec<u64> =
                seeds.iter().map(|seed| number(seed)).collect::<Result<_, _>>()?;
            for seed in seeds {
                let report = run(scenario, seed, Keep::Tail);
                say(&format!("{} {seed} {:016x}", scenario.name, report.trace_hash));
            }
            Ok(ExitCode::SUCCESS)
        }
        ["doctor", options @ ..] => examine(&Exam::parse(scenarios, options)?),
        ["sweep", options @ ..] => run_many(&Sweep::parse(scenarios, options)?),
        ["coverage", options @ ..] => cover(&Sweep::parse(scenarios, options)?),
        ["help" | "--help" | "-h"] => {
            say(USAGE.trim_end());
            Ok(ExitCode::SUCCESS)
        }
        [] => Err(Problem::usage("a command is missing")),
        [first, ..] => {
            Err(Problem::usage(&format!("{first:?} with these arguments is no command")))
        }
    }
}

fn not_drawn(name: &str) -> Problem {
    Problem::undecided(&format!("{name} says itself what happens: it has no schedule"))
}

fn run_one(subject: &Subject, keep: Keep) -> Result<ExitCode, Problem> {
    let report = subject.run(keep);
    if keep == Keep::All {
        say(&report.trace.join("\n"));
    }
    if report.failure.is_some() {
        match (keep, subject.schedule()) {
            (Keep::Tail, Some(schedule)) => {
                eprint!("{}", card(&report));
                shrink_to_file(&schedule, RUNS_MAX, None, Output::Text)?;
            }
            (Keep::Tail, None) => {
                let path = report_subject(subject, &report)?;
                let beside = Beside { report_path: Some(&path), ..Beside::default() };
                eprint!("{}", card_beside(&report, beside));
            }
            (Keep::All | Keep::Record, _) => eprint!("{}", card(&report)),
        }
        return Ok(ExitCode::from(BROKEN));
    }
    say(&format!(
        "passed: {} seed {}: {:.1} virtual seconds, {} client commands, {} faults, trace {:016x}",
        report.scenario,
        report.seed,
        report.virtual_span.as_secs_f64(),
        report.command_count,
        report.fault_count,
        report.trace_hash
    ));
    Ok(ExitCode::SUCCESS)
}

fn shrink(scenarios: &[Scenario], words: &[&str]) -> Result<ExitCode, Problem> {
    let (mut runs_max, mut out, mut named) = (RUNS_MAX, None, Vec::new());
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().copied().ok_or_else(|| lacks_value(word));
        match *word {
            "--runs" => runs_max = u32::try_from(number(value()?)?).unwrap_or(u32::MAX),
            "--out" => out = Some(value()?),
            _ => named.push(*word),
        }
    }
    let subject = Subject::parse(scenarios, &named)?;
    let schedule = subject.schedule().ok_or_else(|| not_drawn(named[0]))?;
    shrink_to_file(&schedule, runs_max, out.map(Path::new), Output::Text)?;
    Ok(ExitCode::from(BROKEN))
}

fn lacks_value(option: &str) -> Problem {
    Problem::usage(&format!("{option} needs a value"))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Output {
    Text,
    Json,
}

#[derive(Debug)]
struct Sweep {
    scenarios: Vec<Scenario>,
    from: u64,
    seed_count: u64,
    jobs: usize,
    shard: Shard,
    until: Until,
    output: Output,
    failures: Failures,
}

/// What becomes of failures in a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failures {
    /// The first of each family is made smaller.
    Shrunk,
    /// They stay as they are.
    Kept,
}

impl Sweep {
    fn parse(scenarios: &[Scenario], options: &[&str]) -> Result<Self, Problem> {
        let mut sweep = Self {
            scenarios: scenarios.to_vec(),
            from: 0,
            seed_count: 100,
            jobs: thread::available_parallelism().map_or(1, usize::from),
            shard: Shard::WHOLE,
            until: Until::LastSeed,
            output: Output::Text,
            failures: Failures::Shrunk,
        };
        let mut options = options.iter();
        while let Some(option) = options.next() {
            let mut value = || options.next().copied().ok_or_else(|| lacks_value(option));
            match *option {
                "--seeds" => sweep.seed_count = number(value()?)?,
                "--from" => sweep.from = number(value()?)?,
                "--scenario" => sweep.scenarios = vec![*find(scenarios, value()?)?],
                "--families" => {
                    sweep.scenarios.retain(|scenario| matches!(scenario.kind, Kind::Family(_)));
                }
                "--jobs" => {
                    let jobs = usize::try_from(number(value()?)?).unwrap_or(usize::MAX);
                    sweep.jobs = jobs.clamp(1, 1_024);
                }
                "--shard" => {
                    let text = value()?;
                    let wrong = || Problem::usage(&format!("{text:?} is no shard, like 2/5"));
                    sweep.shard = Shard::parse(text).ok_or_else(wrong)?;
                }
                "--no-shrink" => sweep.failures = Failures::Kept,
                "--first-failure" => sweep.until = Until::FirstFailure,
                "--json" => sweep.output = Output::Json,
                other => return Err(Problem::usage(&format!("{other:?} is no option of sweep"))),
            }
        }
        if sweep.from.checked_add(sweep.seed_count).is_none() {
            return Err(Problem::usage("the last seed is above 2^64"));
        }
        Ok(sweep)
    }

    /// Makes the first failures of families smaller, side by side.
    fn shrink_all(&self, failed: &BTreeMap<String, u64>) -> Result<(), Problem> {
        thread::scope(|scope| {
            let each = failed.iter().map(|(name, seed)| scope.spawn(|| self.shrink(name, *seed)));
            let each: Vec<_> = each.collect();
            each.into_iter().try_for_each(|one| one.join().expect("a run catches its own panics"))
        })
    }

    /// Makes the first failure of a family smaller.
    fn shrink(&self, name: &str, seed: u64) -> Result<(), Problem> {
        let scenario = *find(&self.scenarios, name)?;
        let Some(schedule) = scenario.schedule(seed) else {
            let subject = Subject::Seed(scenario, seed);
            let path = report_subject(&subject, &subject.run(Keep::Tail))?;
            if self.output == Output::Text {
                say(&format!("report: {}", path.display()));
            }
            return Ok(());
        };
        let (shrunk, report) = shrink_to_file(&schedule, RUNS_MAX, None, self.output)?;
        if self.output == Output::Json {
            say(&sweep::shrunk_json(&shrunk, &report));
        }
        Ok(())
    }
}

/// The smallest seed of each scenario that failed.
type Failed = BTreeMap<String, u64>;

/// Sweeps, and shows failures as they come. The flag says whether somebody wanted it to end early.
fn swept(what: &Sweep) -> Result<(Totals, Failed, &'static AtomicBool), Problem> {
    let interrupted = interrupt();
    let order = sweep::Order {
        scenarios: &what.scenarios,
        seeds: what.from..what.from + what.seed_count,
        shard: what.shard,
        jobs: what.jobs,
        until: what.until,
        interrupted,
    };
    let mut failed = Failed::new();
    let bar = progress(order.run_count());
    let totals = sweep::sweep(&order, |report| {
        bar.inc(1);
        if report.failure.is_none() {
            return;
        }
        let first = failed.entry(report.scenario.clone()).or_insert(report.seed);
        *first = report.seed.min(*first);
        bar.set_message(format!("{} scenarios failed", failed.len()));
        bar.suspend(|| match what.output {
            Output::Json => say(&sweep::json(report)),
            Output::Text => say(&card(report)),
        });
    });
    bar.finish_and_clear();
    if totals.run_count() == 0 {
        return Err(Problem::undecided("there was nothing to run"));
    }
    Ok((totals, failed, interrupted))
}

fn run_many(what: &Sweep) -> Result<ExitCode, Problem> {
    let (totals, failed, interrupted) = swept(what)?;
    match what.output {
        Output::Json => say(&totals.json()),
        Output::Text => say(totals.text().trim_end()),
    }
    if interrupted.load(Ordering::Relaxed) {
        eprintln!("repl-sim: interrupted: this is what was found until then");
        return Ok(ExitCode::from(if failed.is_empty() { UNDECIDED } else { BROKEN }));
    }
    if what.failures == Failures::Shrunk {
        what.shrink_all(&failed)?;
    }
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(BROKEN) })
}

/// How far a sweep is, on a terminal; elsewhere nothing.
fn progress(runs: u64) -> ProgressBar {
    let bar = ProgressBar::new(runs);
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} runs, {eta} left  {msg}");
    bar.with_style(style.expect("the template is right"))
}

/// Set as soon as somebody presses Ctrl-C. Who insists ends the process at once.
fn interrupt() -> &'static AtomicBool {
    static INTERRUPTED: AtomicBool = AtomicBool::new(false);
    let handler = ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(UNDECIDED));
        }
    });
    if let Err(error) = handler {
        eprintln!("repl-sim: Ctrl-C will end it without totals: {error}");
    }
    &INTERRUPTED
}

/// Prints a line, at once. A closed pipe (`replay ... | head`) is no reason to complain; a full
/// disk is one to end, because nobody would learn what is found from here on.
fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            eprintln!("repl-sim: standard output cannot be written: {error}");
            std::process::exit(i32::from(UNDECIDED));
        }
        Ok(()) | Err(_) => {}
    }
}

fn find<'a>(scenarios: &'a [Scenario], name: &str) -> Result<&'a Scenario, Problem> {
    scenarios
        .iter()
        .find(|scenario| scenario.name == name)
        .ok_or_else(|| Problem::usage(&format!("there is no scenario {name:?} (see `list`)")))
}

fn number(word: &str) -> Result<u64, Problem> {
    word.parse().map_err(|_| Problem::usage(&format!("{word:?} is no number")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(words: &[&str]) -> String {
        command(&[], words).expect_err("bad usage").why
    }

    #[test]
    fn bad_usage_is_named() {
        assert_eq!(usage(&[]), "a command is missing");
        assert_eq!(usage(&["replay", "x", "1"]), "there is no scenario \"x\" (see `list`)");
        assert_eq!(usage(&["sweep", "--seeds"]), "--seeds needs a value");
        assert_eq!(usage(&["sweep", "--seeds", "x"]), "\"x\" is no number");
        assert_eq!(usage(&["sweep", "--quick"]), "\"--quick\" is no option of sweep");
        assert_eq!(usage(&["walk"]), "\"walk\" with these arguments is no command");
    }
}
