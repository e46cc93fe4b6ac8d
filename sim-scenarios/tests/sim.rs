//! Every scenario under its seeds, and every seed that once failed.

use std::{path::Path, process::ExitCode};

#[cfg(madsim)]
fn main() -> ExitCode {
    let regressions = concat!(env!("CARGO_MANIFEST_DIR"), "/regressions");
    repl_sim::suite::main(&sim_scenarios::all(), Path::new(regressions))
}

#[cfg(not(madsim))]
fn main() -> ExitCode {
    repl_sim::unsimulated::rerun(env!("CARGO_MANIFEST_DIR"), env!("CARGO_PKG_NAME"), "sim")
}
