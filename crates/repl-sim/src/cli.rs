//! The `repl-sim` command, over any list of scenarios.
//!
//! Exit codes: 0 all runs passed, 1 a property broke, 2 it could not be decided, 3 bad usage.

use std::{io::Write as _, process::ExitCode, thread};

use crate::{
    card::card,
    run::{Keep, run},
    scenario::{Kind, Scenario},
    sweep::{self, Until},
};

const USAGE: &str = "\
Usage: repl-sim COMMAND

  list                      the scenarios
  run NAME [--seed S]       one run (seed 0)
  replay NAME SEED          one run with its whole trace
  sweep [OPTIONS]           many runs on all cores
      --seeds N             seeds per scenario (100)
      --from S              the first seed (0)
      --scenario NAME       only this scenario
      --families            only the scenarios that draw everything from the seed
      --first-failure       no more seeds of a scenario that has failed
      --jobs N              runs at a time (one per core)
      --json                a line of JSON per failing run and one for the totals
  hash NAME SEED...         the trace hash of each run: equal on every machine and in every build

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
        Err(BadUsage(why)) => {
            eprint!("repl-sim: {why}\n\n{USAGE}");
            ExitCode::from(BAD_USAGE)
        }
    }
}

/// What is wrong with the command line.
#[derive(Debug, PartialEq, Eq)]
struct BadUsage(String);

fn command(scenarios: &[Scenario], words: &[&str]) -> Result<ExitCode, BadUsage> {
    match words {
        ["list"] => {
            for scenario in scenarios {
                let kind = scenario.kind.name();
                say(&format!("{:<34} {kind:<9} {}", scenario.name, scenario.doc.trim()));
            }
            Ok(ExitCode::SUCCESS)
        }
        ["run", name] => Ok(run_one(find(scenarios, name)?, 0, Keep::Tail)),
        ["run", name, "--seed", seed] => {
            Ok(run_one(find(scenarios, name)?, number(seed)?, Keep::Tail))
        }
        ["replay", name, seed] => Ok(run_one(find(scenarios, name)?, number(seed)?, Keep::All)),
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
        ["sweep", options @ ..] => Ok(run_many(&Sweep::parse(scenarios, options)?)),
        ["help" | "--help" | "-h"] => {
            say(USAGE.trim_end());
            Ok(ExitCode::SUCCESS)
        }
        [] => Err(BadUsage("a command is missing".to_owned())),
        [first, ..] => Err(BadUsage(format!("{first:?} with these arguments is no command"))),
    }
}

fn run_one(scenario: &Scenario, seed: u64, keep: Keep) -> ExitCode {
    let report = run(scenario, seed, keep);
    if keep == Keep::All {
        say(&report.trace.join("\n"));
    }
    if report.failure.is_some() {
        eprint!("{}", card(&report));
        return ExitCode::from(BROKEN);
    }
    say(&format!(
        "passed: {} seed {seed}: {:.1} virtual seconds, {} client commands, {} faults, trace \
         {:016x}",
        scenario.name,
        report.virtual_span.as_secs_f64(),
        report.command_count,
        report.fault_count,
        report.trace_hash
    ));
    ExitCode::SUCCESS
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
    until: Until,
    output: Output,
}

impl Sweep {
    fn parse(scenarios: &[Scenario], options: &[&str]) -> Result<Self, BadUsage> {
        let mut sweep = Self {
            scenarios: scenarios.to_vec(),
            from: 0,
            seed_count: 100,
            jobs: thread::available_parallelism().map_or(1, usize::from),
            until: Until::LastSeed,
            output: Output::Text,
        };
        let mut options = options.iter();
        while let Some(option) = options.next() {
            let mut value = || {
                options.next().copied().ok_or_else(|| BadUsage(format!("{option} needs a value")))
            };
            match *option {
                "--seeds" => sweep.seed_count = number(value()?)?,
                "--from" => sweep.from = number(value()?)?,
                "--scenario" => sweep.scenarios = vec![*find(scenarios, value()?)?],
                "--families" => {
                    sweep.scenarios.retain(|scenario| scenario.kind == Kind::Family);
                }
                "--jobs" => {
                    let jobs = usize::try_from(number(value()?)?).unwrap_or(usize::MAX);
                    sweep.jobs = jobs.clamp(1, 1_024);
                }
                "--first-failure" => sweep.until = Until::FirstFailure,
                "--json" => sweep.output = Output::Json,
                other => return Err(BadUsage(format!("{other:?} is no option of sweep"))),
            }
        }
        if sweep.from.checked_add(sweep.seed_count).is_none() {
            return Err(BadUsage("the last seed is above 2^64".to_owned()));
        }
        Ok(sweep)
    }
}

fn run_many(what: &Sweep) -> ExitCode {
    let seeds = what.from..what.from + what.seed_count;
    let totals = sweep::sweep(&what.scenarios, seeds, what.jobs, what.until, |report| {
        if report.failure.is_none() {
            return;
        }
        match what.output {
            Output::Json => say(&sweep::json(report)),
            Output::Text => say(&card(report)),
        }
    });
    match what.output {
        Output::Json => say(&totals.json()),
        Output::Text => say(totals.text().trim_end()),
    }
    if totals.failed_count > 0 {
        ExitCode::from(BROKEN)
    } else if totals.run_count() == 0 {
        eprintln!("repl-sim: there was nothing to run");
        ExitCode::from(UNDECIDED)
    } else {
        ExitCode::SUCCESS
    }
}

/// Prints a line, at once. A closed pipe (`replay ... | head`) is no reason to complain.
fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

fn find<'a>(scenarios: &'a [Scenario], name: &str) -> Result<&'a Scenario, BadUsage> {
    scenarios
        .iter()
        .find(|scenario| scenario.name == name)
        .ok_or_else(|| BadUsage(format!("there is no scenario {name:?} (see `list`)")))
}

fn number(word: &str) -> Result<u64, BadUsage> {
    word.parse().map_err(|_| BadUsage(format!("{word:?} is no number")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(words: &[&str]) -> String {
        command(&[], words).expect_err("bad usage").0
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
