//! Calls the simulator's command (`repl-sim`).

use std::{path::Path, process::Command};

use crate::shell::{self, Outcome};

/// Sweeps seeds with the given arguments of `repl-sim sweep`.
///
/// # Errors
/// A property broke, or the command could not run.
pub fn sweep(root: &Path, arguments: &[String]) -> Outcome {
    let mut command = repl_sim(root, Build::Release, &["sweep"]);
    // `cargo ci sim -- --seeds 5`: cargo hands the dashes on to us.
    command.args(arguments.iter().skip_while(|argument| *argument == "--"));
    shell::run(command)
}

/// How the simulator is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Build {
    /// As it ships, and as seeds are replayed.
    Release,
    /// As `cargo test` builds it.
    Debug,
}

/// The simulator's command in the workspace at `folder`.
#[must_use]
pub fn repl_sim(folder: &Path, build: Build, arguments: &[&str]) -> Command {
    let mut command = shell::cargo(folder, &["run", "--quiet"]);
    if build == Build::Release {
        command.arg("--release");
    }
    command.args(["-p", "sim-scenarios", "--"]).args(arguments);
    command
}

/// As [`sweep`], for a sweep that is about the decisions of the protocol.
///
/// # Errors
/// A decision was never taken, a property broke, or the command could not run.
pub fn coverage(root: &Path, arguments: &[String]) -> Outcome {
    let mut command = repl_sim(root, Build::Release, &["coverage"]);
    command.args(arguments.iter().skip_while(|argument| *argument == "--"));
    shell::run(command)
}

/// Builds the simulator in both ways and lets it compare its runs across processes and builds.
///
/// # Errors
/// A run differs from the same seed elsewhere, or the command could not run.
pub fn doctor(root: &Path, arguments: &[String]) -> Outcome {
    shell::run(shell::cargo(root, &["build", "--quiet", "-p", "sim-scenarios"]))?;
    let mut command = repl_sim(root, Build::Release, &["doctor"]);
    command.args(arguments.iter().skip_while(|argument| *argument == "--"));
    shell::run(command)
}
