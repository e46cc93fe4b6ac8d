//! Every scenario under its seeds, and every seed that once failed.

use std::process::ExitCode;

#[cfg(madsim)]
fn main() -> ExitCode {
    let regressions = include_str!("../regressions/seeds.txt");
    repl_sim::suite::main(&sim_scenarios::all(), regressions)
}

#[cfg(not(madsim))]
fn main() -> ExitCode {
    repl_sim::unsimulated::rerun(env!("CARGO_MANIFEST_DIR"), env!("CARGO_PKG_NAME"), "sim")
}
