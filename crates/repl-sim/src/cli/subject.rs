//! What a command is about: a scenario under a seed, or a schedule in a file.

use std::{fs, path::Path};

use super::{Problem, find, number};
use crate::{
    report::Explained,
    run::{Keep, Report, run, run_schedule},
    scenario::Scenario,
    schedule::Schedule,
};

/// See this file's header.
#[derive(Clone, Debug)]
pub(super) enum Subject {
    Seed(Scenario, u64),
    File(Box<Schedule>),
}

impl Subject {
    /// `NAME SEED` or `FILE`.
    pub(super) fn parse(scenarios: &[Scenario], words: &[&str]) -> Result<Self, Problem> {
        match words {
            [name, seed] => Ok(Self::Seed(*find(scenarios, name)?, number(seed)?)),
            [file] => Ok(Self::File(Box::new(read(Path::new(file))?))),
            _ => Err(Problem::usage("a scenario and a seed are needed, or a file")),
        }
    }

    pub(super) fn run(&self, keep: Keep) -> Report {
        match self {
            Self::Seed(scenario, seed) => run(scenario, *seed, keep),
            Self::File(schedule) => run_schedule(schedule, keep),
        }
    }

    /// Its run, with everything a report says; `replay` is the line that repeats it.
    pub(super) fn explain(&self, replay: String) -> Explained {
        match self {
            Self::Seed(scenario, seed) => Explained::seed(scenario, *seed, replay),
            Self::File(schedule) => Explained::schedule(schedule, replay),
        }
    }

    /// The schedule behind it, if it has one.
    pub(super) fn schedule(&self) -> Option<Schedule> {
        match self {
            Self::Seed(scenario, seed) => scenario.schedule(*seed),
            Self::File(schedule) => Some(schedule.as_ref().clone()),
        }
    }
}

/// Reads a schedule from a file.
pub(super) fn read(path: &Path) -> Result<Schedule, Problem> {
    let shown = path.display();
    let text = fs::read_to_string(path)
        .map_err(|error| Problem::undecided(&format!("{shown} cannot be read: {error}")))?;
    Schedule::parse(&text).map_err(|error| Problem::undecided(&format!("{shown}: {error}")))
}
