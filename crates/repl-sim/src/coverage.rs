//! Which decisions of the protocol the runs of a sweep have taken, and which they never took.
//!
//! A decision that no run took was not tested, however green the sweep: so the command `coverage`
//! fails on one, unless it stands in [`UNREACHABLE`] with its reason. One that stands there and is
//! taken after all fails as well: the reason no longer holds.

use std::{collections::BTreeMap, fmt::Write as _};

use repl_core::marks::{Mark, Marks};

use crate::scenario::{Kind, Scenario};

/// Decisions that no simulated run can take, each with the reason.
pub(crate) const UNREACHABLE: &[(Mark, &str)] = &[
    (Mark::StreamRefused, "a stream that a replica cannot run breaks the property clean-link"),
    (Mark::StreamGap, "a stream with empty lines breaks the property well-formed-history"),
];

/// What is never taken and has no reason, or is taken although it has one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gaps {
    pub(crate) never_reached: Vec<Mark>,
    pub(crate) reached_after_all: Vec<Mark>,
}

impl Gaps {
    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.never_reached.is_empty() && self.reached_after_all.is_empty()
    }
}

/// The decisions of many runs, by scenario.
#[derive(Clone, Debug, Default)]
pub(crate) struct Coverage(BTreeMap<String, Marks>);

impl Coverage {
    /// A run of `scenario` has taken these.
    pub(crate) fn add(&mut self, scenario: &str, marks: &Marks) {
        if let Some(known) = self.0.get_mut(scenario) {
            known.add(marks);
        } else {
            self.0.insert(scenario.to_owned(), *marks);
        }
    }

    /// All scenarios together.
    pub(crate) fn total(&self) -> Marks {
        let mut total = Marks::default();
        self.0.values().for_each(|marks| total.add(marks));
        total
    }

    /// What is missing.
    pub(crate) fn gaps(&self) -> Gaps {
        let total = self.total();
        let mut gaps = Gaps::default();
        for &mark in Mark::ALL {
            match (total.count(mark), reason(mark)) {
                (0, None) => gaps.never_reached.push(mark),
                (1.., Some(_)) => gaps.reached_after_all.push(mark),
                (0, Some(_)) | (1.., None) => {}
            }
        }
        gaps
    }

    /// For people: a line per decision, those first that were never taken; a column per family, and
    /// one for all scenarios that are none.
    pub(crate) fn text(&self, scenarios: &[Scenario]) -> String {
        let families: Vec<&str> = scenarios.iter().filter(is_family).map(|one| one.name).collect();
        let total = self.total();
        let mut text = format!("{:<34} {:>10}", "decision", "all");
        for name in families.iter().chain(&["directed"]) {
            text += &format!(" {name:>13}");
        }
        text.push('\n');
        let mut marks = Mark::ALL.to_vec();
        marks.sort_by_key(|mark| total.count(*mark) != 0);
        for mark in marks {
            let count = total.count(mark);
            write!(text, "{:<34} {count:>10}", mark.name()).expect("a String takes everything");
            if count == 0 {
                let why = reason(mark).map_or_else(
                    || format!("NEVER REACHED: {}", mark.meaning().trim()),
                    |reason| format!("not to be reached: {reason}"),
                );
                text += &format!("  {why}");
            } else {
                for column in self.columns(&families, mark) {
                    text += &format!(" {column:>13}");
                }
            }
            text.push('\n');
        }
        text
    }

    /// How often each family took a decision, and all other scenarios together.
    fn columns(&self, families: &[&str], mark: Mark) -> Vec<u64> {
        let of = |name: &str| self.0.get(name).map_or(0, |marks| marks.count(mark));
        let mut columns: Vec<u64> = families.iter().map(|name| of(name)).collect();
        let drawn: u64 = columns.iter().sum();
        columns.push(self.total().count(mark) - drawn);
        columns
    }

    /// For people who look at something else: how many were taken, and which were not.
    pub(crate) fn summary(&self) -> String {
        let total = self.total();
        let reachable = Mark::ALL.iter().filter(|mark| reason(**mark).is_none());
        let (reached, never): (Vec<Mark>, Vec<Mark>) =
            reachable.copied().partition(|mark| total.count(*mark) > 0);
        let count = format!("{} of {}", reached.len(), reached.len() + never.len());
        let mut text = format!("{:<34} {count:>16}\n", "decisions reached");
        let mut line = String::new();
        for mark in never {
            if line.len() + mark.name().len() > 90 {
                text += &format!("  never: {}\n", line.trim_start());
                line.clear();
            }
            line += &format!(" {}", mark.name());
        }
        if !line.is_empty() {
            text += &format!("  never: {}\n", line.trim_start());
        }
        text
    }

    /// For programs: one JSON object of counts by name.
    pub(crate) fn json(&self) -> String {
        let total = self.total();
        let fields: Vec<String> = Mark::ALL
            .iter()
            .map(|mark| format!("\"{}\": {}", mark.name(), total.count(*mark)))
            .collect();
        format!("{{{}}}", fields.join(", "))
    }
}

fn is_family(scenario: &&Scenario) -> bool {
    matches!(scenario.kind, Kind::Family(_))
}

fn reason(mark: Mark) -> Option<&'static str> {
    UNREACHABLE.iter().find(|(listed, _)| *listed == mark).map(|(_, reason)| *reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All decisions that can be taken.
    fn complete() -> Marks {
        let mut marks = Marks::default();
        for mark in Mark::ALL.iter().filter(|mark| reason(**mark).is_none()) {
            marks.hit(*mark);
        }
        marks
    }

    #[test]
    fn a_decision_that_was_never_taken_is_a_gap() {
        let mut coverage = Coverage::default();
        coverage.add("a", &Marks::default());
        assert_eq!(coverage.gaps().never_reached.len(), Mark::ALL.len() - UNREACHABLE.len());
        assert!(coverage.text(&[]).contains("NEVER REACHED: A write on a read-only replica."));
        assert!(coverage.summary().contains("never: psync.master.continue "));
        coverage.add("b", &complete());
        assert!(coverage.gaps().is_empty(), "{:?}", coverage.gaps());
        assert!(!coverage.summary().contains("never"), "{}", coverage.summary());
        assert!(coverage.json().contains("\"gate.readonly\": 1, "), "{}", coverage.json());
    }

    #[test]
    fn a_decision_with_a_reason_is_a_gap_when_it_is_taken() {
        let mut coverage = Coverage::default();
        coverage.add("a", &complete());
        for (mark, reason) in UNREACHABLE {
            let mut marks = Marks::default();
            marks.hit(*mark);
            let mut coverage = coverage.clone();
            coverage.add("b", &marks);
            assert_eq!(coverage.gaps().reached_after_all, [*mark], "{reason}");
        }
    }
}
