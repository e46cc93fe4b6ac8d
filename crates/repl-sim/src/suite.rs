//! Scenarios as a test target: one line per scenario with its seeds, one for its repeatability, one
//! per regression.

use std::{fs, io, path::Path, process::ExitCode};

use libtest_mimic::{Arguments, Failed, Trial};

use crate::{
    card::card,
    run::{Keep, Report, run, run_schedule},
    scenario::Scenario,
    schedule::Schedule,
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
/// `regressions` is a folder. Its file `seeds.txt` has one regression a line: `scenario seed  what
/// it was, in a sentence`; lines that are empty or begin with `#` are skipped. Every file with the
/// ending `.schedule` is one as well, and its first line is `# ` and the sentence: it stays the
/// same run when seeds are drawn otherwise. What cannot be read is a failing test.
#[must_use]
pub fn main(scenarios: &[Scenario], regressions: &Path) -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials: Vec<Trial> = scenarios.iter().map(seeds_of).collect();
    trials.extend(scenarios.iter().map(repeats));
    match kept(scenarios, regressions) {
        Ok(kept) => trials.extend(kept),
        Err(error) => trials.push(unreadable(&regressions.display().to_string(), &error)),
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// What once failed, from a folder.
fn kept(scenarios: &[Scenario], folder: &Path) -> io::Result<Vec<Trial>> {
    let seeds = fs::read_to_string(folder.join("seeds.txt"))?;
    let lines = seeds.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut trials: Vec<Trial> = lines.map(|line| regression(scenarios, line)).collect();
    let mut files: Vec<_> = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<_>>()?;
    files.retain(|path| path.extension().is_some_and(|ending| ending == "schedule"));
    files.sort();
    for path in files {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path)?;
        trials.push(kept_schedule(&name, &text));
    }
    Ok(trials)
}

fn kept_schedule(name: &str, text: &str) -> Trial {
    let sentence = text.lines().next().and_then(|line| line.strip_prefix("# "));
    let Some(sentence) = sentence else {
        return unreadable(name, &"its first line is no `# ` and a sentence");
    };
    match Schedule::parse(text) {
        Ok(schedule) => Trial::test(format!("regression {name}: {sentence}"), move || {
            passed(&run_schedule(&schedule, Keep::Tail))
        }),
        Err(error) => unreadable(name, &error),
    }
}

fn unreadable(name: &str, why: &dyn std::fmt::Display) -> Trial {
    let why = why.to_string();
    Trial::test(format!("regression {name}"), move || Err(Failed::from(why)))
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
        Err(why) => unreadable(&format!("{line:?}"), &why),
    }
}

fn check(scenario: &Scenario, seed: u64) -> Result<(), Failed> {
    passed(&run(scenario, seed, Keep::Tail))
}

fn passed(report: &Report) -> Result<(), Failed> {
    match report.failure {
        Some(_) => Err(Failed::from(card(report))),
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
