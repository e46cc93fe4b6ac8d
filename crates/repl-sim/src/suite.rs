//! Scenarios as a test target: one line per scenario with its seeds, one for its repeatability, one
//! per regression.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

use crate::{
    card::card,
    run::{Keep, run},
    scenario::Scenario,
};

/// A seed that once failed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Regression {
    scenario: String,
    seed: u64,
    sentence: String,
}

/// Runs each scenario under its seeds, and every regression.
///
/// `regressions` has one regression a line: `scenario seed  what it was, in a sentence`. Lines that
/// are empty or begin with `#` are skipped. A line that cannot be read is a failing test.
#[must_use]
pub fn main(scenarios: &[Scenario], regressions: &str) -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials: Vec<Trial> = scenarios.iter().map(seeds_of).collect();
    trials.extend(scenarios.iter().map(repeats));
    for line in regressions.lines().map(str::trim) {
        if !line.is_empty() && !line.starts_with('#') {
            trials.push(regression(scenarios, line));
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn seeds_of(scenario: &Scenario) -> Trial {
    let scenario = *scenario;
    Trial::test(format!("{} (seeds 0..{})", scenario.name, scenario.seeds), move || {
        (0..scenario.seeds).try_for_each(|seed| check(&scenario, seed))
    })
}

/// The same seed gives the same run, line by line.
fn repeats(scenario: &Scenario) -> Trial {
    let scenario = *scenario;
    Trial::test(format!("{} repeats itself (seed 0, twice)", scenario.name), move || {
        let (once, again) = (run(&scenario, 0, Keep::All), run(&scenario, 0, Keep::All));
        if once.trace_hash == again.trace_hash && once.trace_line_count == again.trace_line_count {
            return Ok(());
        }
        let differs = once.trace.iter().zip(&again.trace).find(|(first, second)| first != second);
        Err(Failed::from(match differs {
            Some((first, second)) => format!("the first line that differs:\n{first}\n{second}"),
            None => "one run is longer than the other".to_owned(),
        }))
    })
}

fn regression(scenarios: &[Scenario], line: &str) -> Trial {
    let parsed = parse(line).and_then(|regression| {
        let scenario = scenarios.iter().find(|scenario| scenario.name == regression.scenario);
        let scenario = scenario.ok_or_else(|| format!("no scenario {:?}", regression.scenario))?;
        Ok((*scenario, regression))
    });
    match parsed {
        Ok((scenario, regression)) => {
            let Regression { seed, sentence, .. } = regression;
            let name = format!("regression {} seed {seed}: {sentence}", scenario.name);
            Trial::test(name, move || check(&scenario, seed))
        }
        Err(why) => Trial::test(format!("regression {line:?}"), move || Err(Failed::from(why))),
    }
}

fn check(scenario: &Scenario, seed: u64) -> Result<(), Failed> {
    let report = run(scenario, seed, Keep::Tail);
    match report.failure {
        Some(_) => Err(Failed::from(card(&report))),
        None => Ok(()),
    }
}

fn parse(line: &str) -> Result<Regression, String> {
    let mut words = line.splitn(3, char::is_whitespace);
    let (Some(scenario), Some(seed), Some(sentence)) = (words.next(), words.next(), words.next())
    else {
        return Err("a regression is: scenario seed sentence".to_owned());
    };
    let seed = seed.parse().map_err(|_| format!("{seed:?} is no seed"))?;
    let (scenario, sentence) = (scenario.to_owned(), sentence.trim().to_owned());
    Ok(Regression { scenario, seed, sentence })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_regression_is_a_scenario_a_seed_and_a_sentence() {
        let parsed = parse("storm 17  The backlog was freed too early.").expect("well-formed");
        assert_eq!((parsed.scenario.as_str(), parsed.seed), ("storm", 17));
        assert_eq!(parsed.sentence, "The backlog was freed too early.");
        assert!(parse("storm 17").is_err());
        assert!(parse("storm x  Why.").is_err());
    }
}
