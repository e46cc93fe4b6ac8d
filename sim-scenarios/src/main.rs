//! The `repl-sim` command over the scenarios of this project.

use std::process::ExitCode;

#[cfg(madsim)]
fn main() -> ExitCode {
    repl_sim::cli::main(&sim_scenarios::all())
}

#[cfg(not(madsim))]
fn main() -> ExitCode {
    repl_sim::unsimulated::refuse()
}
