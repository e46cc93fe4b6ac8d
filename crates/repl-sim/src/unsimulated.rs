//! What happens in a build without `--cfg madsim`: nothing would be simulated and nothing would say
//! so.
//!
//! The workspace's cargo configuration sets the flag, but `RUSTFLAGS` in the environment replaces
//! it, and cargo run from elsewhere with `--manifest-path` does not see it.

use std::process::{Command, ExitCode};

/// Set for the second cargo, so that there is no third.
const GUARD: &str = "REPL_SIM_RERUN";

/// Exit code for a command that could not decide.
const UNDECIDED: u8 = 2;

/// Says that nothing can be simulated.
#[must_use]
pub fn refuse() -> ExitCode {
    eprintln!(
        "repl-sim: built without `--cfg madsim`, nothing can be simulated. Run cargo inside the \
         workspace and without RUSTFLAGS in the environment."
    );
    ExitCode::from(UNDECIDED)
}

/// Runs the test target `test` of `package` once more, built with the flag in a target folder of
/// its own.
///
/// `manifest_dir` is the package's folder.
#[must_use]
pub fn rerun(manifest_dir: &str, package: &str, test: &str) -> ExitCode {
    if std::env::var_os(GUARD).is_some() {
        eprintln!("repl-sim: the second build has no `--cfg madsim` either: something removes it.");
        return refuse();
    }
    eprintln!("repl-sim: built without `--cfg madsim`; building again with it.");
    let mut flags = std::env::var("RUSTFLAGS").unwrap_or_default();
    flags.push_str(" --cfg madsim");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(manifest_dir)
        .env(GUARD, "1")
        .env("RUSTFLAGS", flags.trim())
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .args(["test", "--package", package, "--test", test])
        .args(["--target-dir", "../target/madsim", "--"])
        .args(std::env::args().skip(1))
        .status();
    match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("repl-sim: cargo could not be started: {error}");
            refuse()
        }
    }
}
