//! The scenarios of this project: one registry, from which the command and the tests take them.
//!
//! A scenario reads like a lab protocol; the properties of `repl-sim` are checked after every step
//! without being named. Add one to the file of its subject and it is listed, swept and tested.

#[cfg(madsim)]
mod clocks;
#[cfg(madsim)]
mod debts;
#[cfg(madsim)]
mod disconnects;
#[cfg(madsim)]
mod failover;
#[cfg(madsim)]
mod files;
#[cfg(madsim)]
mod limits;
#[cfg(madsim)]
mod outsiders;
#[cfg(madsim)]
mod restart;
#[cfg(madsim)]
mod resync;
#[cfg(madsim)]
mod stale_reads;
#[cfg(madsim)]
mod storm;
#[cfg(madsim)]
mod strangers;
#[cfg(madsim)]
mod switchover;

#[cfg(madsim)]
const fn secs(count: u64) -> std::time::Duration {
    std::time::Duration::from_secs(count)
}

/// All scenarios: the six families, and those that say themselves what happens.
#[cfg(madsim)]
#[must_use]
pub fn all() -> Vec<repl_sim::Scenario> {
    [
        disconnects::FAMILIES,
        switchover::FAMILIES,
        clocks::FAMILIES,
        stale_reads::FAMILIES,
        storm::FAMILIES,
        switchover::SCENARIOS,
        resync::SCENARIOS,
        limits::SCENARIOS,
        debts::SCENARIOS,
        strangers::SCENARIOS,
        files::SCENARIOS,
        failover::SCENARIOS,
        restart::SCENARIOS,
        outsiders::SCENARIOS,
    ]
    .concat()
}
