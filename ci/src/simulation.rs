//! Calls the simulator's command (`repl-sim`), and compares its trace hashes across processes and
//! builds.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

use crate::shell::{self, Failure, Outcome};

/// Seeds per scenario whose hashes are compared.
const DETERMINISM_SEEDS: u64 = 5;

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

/// Runs the first seeds of every scenario in two release processes at once, and in a debug process,
/// and compares their trace hashes.
///
/// # Errors
/// A hash differs, or there is none to compare.
pub fn determinism(root: &Path) -> Outcome {
    let list = shell::read(repl_sim(root, Build::Release, &["list"]))?;
    let scenarios = names(&list);
    if scenarios.is_empty() {
        return Err(Failure::new("`repl-sim list` names no scenario"));
    }
    for scenario in scenarios {
        let seeds: Vec<String> = (1..=DETERMINISM_SEEDS).map(|seed| seed.to_string()).collect();
        let mut arguments = vec!["hash", scenario];
        arguments.extend(seeds.iter().map(String::as_str));
        // Built before the clocks of two processes compete for the cores.
        let once = shell::read(repl_sim(root, Build::Release, &arguments))?;
        let twice = [(); 2].map(|()| start(repl_sim(root, Build::Release, &arguments)));
        for child in twice {
            same(scenario, &once, "another release process", &finish(child?)?)?;
        }
        let debug = shell::read(repl_sim(root, Build::Debug, &arguments))?;
        same(scenario, &once, "a debug process", &debug)?;
        eprintln!("ci: {scenario}: {DETERMINISM_SEEDS} seeds, the same trace hashes four times");
    }
    Ok(())
}

/// The first word of every line of `repl-sim list`.
fn names(list: &str) -> Vec<&str> {
    list.lines().filter_map(|line| line.split_whitespace().next()).collect()
}

/// Both outputs hold hashes, and the same.
fn same(scenario: &str, ours: &str, other: &str, theirs: &str) -> Outcome {
    if ours.lines().count() < usize::try_from(DETERMINISM_SEEDS).unwrap_or(usize::MAX) {
        return Err(Failure::new(format!("{scenario}: `repl-sim hash` printed too few hashes")));
    }
    let mut lines = ours.lines().zip(theirs.lines());
    if let Some((a, b)) = lines.find(|(a, b)| a != b) {
        return Err(Failure::new(format!("{scenario}: release said `{a}`, {other} `{b}`")));
    }
    if ours != theirs {
        return Err(Failure::new(format!("{scenario}: {other} printed another number of hashes")));
    }
    Ok(())
}

fn start(mut command: Command) -> Result<Child, Failure> {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    child.map_err(|error| Failure::io(&shell::shown(&command), &error))
}

fn finish(child: Child) -> Result<String, Failure> {
    let output = child.wait_with_output().map_err(|error| Failure::io("repl-sim hash", &error))?;
    if !output.status.success() {
        return Err(Failure::new(format!("`repl-sim hash` ended with {}", output.status)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_that_differ_or_are_missing_are_told() {
        let five = "1 a\n2 b\n3 c\n4 d\n5 e\n";
        assert_eq!(same("s", five, "x", five), Ok(()));
        let said = |ours: &str, theirs: &str| {
            same("s", ours, "x", theirs).expect_err("differs").to_string()
        };
        assert_eq!(said(five, &five.replace('d', "z")), "s: release said `4 d`, x `4 z`");
        assert!(said(five, "1 a\n").contains("another number"));
        assert!(said("", "").contains("too few"));
    }

    #[test]
    fn a_listed_scenario_is_the_first_word_of_its_line() {
        assert_eq!(
            names("cut_heals   50 seeds\n\nswitchover  A planned one.\n"),
            ["cut_heals", "switchover"]
        );
    }
}
