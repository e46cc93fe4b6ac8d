//! The scenarios of this project: one registry, from which the command and the tests take them.
//!
//! A scenario reads like a lab protocol; the properties of `repl-sim` are checked after every step
//! without being named. Add one to the file of its subject and it is listed, swept and tested.
#[cfg(madsim)]
mod resync;
#[cfg(madsim)]
mod storm;
#[cfg(madsim)]
mod switchover;

/// All scenarios.
#[cfg(madsim)]
#[must_use]
pub fn all() -> Vec<repl_sim::Scenario> {
    [resync::SCENARIOS, switchover::SCENARIOS, storm::SCENARIOS].concat()
}
