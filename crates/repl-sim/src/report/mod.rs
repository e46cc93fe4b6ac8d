//! The report of a run: one HTML file that needs nothing else, for whoever has to understand a
//! failure.
//!
//! Equal runs give equal files: no dates, no paths, no sizes of this machine.
//!
//! | file | what happens there |
//! |---|---|
//! | `page` | the page from top to bottom |
//! | `timeline` | the picture of the whole run |
//! | `chart` | offsets and clocks in it |
//! | `story` | what led to the failure, and the chain of causes in it |
//! | `scale` | places, and labels that do not touch |
//! | `text` | escaping and units |

mod chart;
mod page;
mod scale;
mod story;
mod text;
mod timeline;

pub(crate) use self::text::{counted, cut};
use crate::{
    run::{Keep, Report, run, run_schedule},
    scenario::Scenario,
    schedule::{Nearest, Schedule, nearest_passing},
};

/// How many runs the search for the nearest run that passes may take.
const NEAREST_RUNS_MAX: u32 = 40;

/// A run with everything a page says about it.
#[derive(Clone, Debug)]
pub struct Explained {
    report: Report,
    /// What it was driven by, unless the scenario says itself what happens.
    schedule: Option<Schedule>,
    nearest: Option<Nearest>,
    replay: String,
}

impl Explained {
    /// Runs a schedule once more and keeps everything; `replay` is the line that repeats it.
    ///
    /// # Panics
    /// When the operating system gives no thread.
    #[must_use]
    pub fn schedule(schedule: &Schedule, replay: String) -> Self {
        let report = run_schedule(schedule, Keep::Record);
        let nearest = match report.failure {
            Some(_) => nearest_passing(schedule, &report, NEAREST_RUNS_MAX),
            None => None,
        };
        Self { report, schedule: Some(schedule.clone()), nearest, replay }
    }

    /// As [`schedule`](Self::schedule), for a scenario under a seed.
    ///
    /// # Panics
    /// When the operating system gives no thread.
    #[must_use]
    pub fn seed(scenario: &Scenario, seed: u64, replay: String) -> Self {
        match scenario.schedule(seed) {
            Some(schedule) => Self::schedule(&schedule, replay),
            None => {
                let report = run(scenario, seed, Keep::Record);
                Self { report, schedule: None, nearest: None, replay }
            }
        }
    }

    /// The run.
    #[must_use]
    pub const fn report(&self) -> &Report {
        &self.report
    }

    /// The page.
    #[must_use]
    pub fn html(&self) -> String {
        page::page(self)
    }
}

#[cfg(test)]
mod tests;
