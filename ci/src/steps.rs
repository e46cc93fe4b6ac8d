//! The steps by name, and the order in which `.ci/run` takes them.

use std::{env, fs, path::Path, time::Instant};

use crate::{
    clients, leaks, mutants, peers, purity, redis_suite, reports,
    shell::{self, Failure, Outcome},
    simulation, tidy, wrap,
};

/// A step of CI.
struct Step {
    name: &'static str,
    does: &'static str,
    run: fn(&Path, &[String]) -> Outcome,
}

const TIDY: &[&str] = &["test", "--quiet", "-p", "ci", "--test", "tidy"];

const STEPS: &[Step] = &[
    Step {
        name: "peers",
        does: "install the real Redis that tests talk to, where it is missing",
        run: |_, _| peers::run(),
    },
    Step {
        name: "check",
        does: "format, clippy, tidiness, documents, licences; writes nothing",
        run: |root, _| check(root),
    },
    Step {
        name: "tidy",
        does: "what `check` says of tidiness, without the rest",
        run: |root, _| shell::run(shell::cargo(root, TIDY)),
    },
    Step {
        name: "fix",
        does: "format, wrap wide comments, apply what clippy can apply itself",
        run: |root, _| fix(root),
    },
    Step {
        name: "purity",
        does: "the node needs no std, nor does anything below it",
        run: |root, _| purity::run(root),
    },
    Step {
        name: "test",
        does: "cargo test, as README says; a missing Redis is a failure when CI=true",
        run: |root, arguments| {
            let mut command = shell::cargo(root, &["test"]);
            command.args(arguments);
            shell::run(command)
        },
    },
    Step {
        name: "clients",
        does: "unmodified clients of other languages talk to our server, and to redis-server",
        run: |root, _| clients::run(root),
    },
    Step {
        name: "sim",
        does: "sweep seeds: cargo ci sim -- [--seeds N] [--scenario NAME] ...",
        run: simulation::sweep,
    },
    Step {
        name: "doctor",
        does: "a seed is the same run in every process and build: cargo ci doctor [--seeds N]",
        run: simulation::doctor,
    },
    Step {
        name: "coverage",
        does: "a sweep that fails on decisions no run took: cargo ci coverage [--seeds N] ...",
        run: simulation::coverage,
    },
    Step {
        name: "leaks",
        does: "doctor and the lints find every planted leak: cargo ci leaks [NAME..]",
        run: leaks::run,
    },
    Step {
        name: "long",
        does: "what takes hours: coverage over 2000 seeds, doctor over 20, leaks, mutants, reports",
        run: |root, _| in_turn(root, LONG),
    },
    Step {
        name: "mutants",
        does: "the sweep finds every planted bug: cargo ci mutants [--shrink] [NAME..]",
        run: mutants::run,
    },
    Step {
        name: "redis-suite",
        does: "Redis' own tests of replication: FOLDER of its source, [FILE..]",
        run: redis_suite::run,
    },
    Step {
        name: "report-check",
        does: "reports of failing runs can be read, in a headless Chromium: [MUTANT..]",
        run: reports::run,
    },
];

/// What CI runs, cheapest first, each with its arguments. Mutants take minutes each and are run by
/// hand before a change of the protocol is done.
const ALL: &[(&str, &[&str])] = &[
    ("peers", &[]),
    ("check", &[]),
    ("purity", &[]),
    ("test", &[]),
    ("clients", &[]),
    ("sim", &["--seeds", "200"]),
    ("doctor", &[]),
    ("coverage", &["--seeds", "30"]),
];

/// What is too long for every change.
const LONG: &[(&str, &[&str])] = &[
    ("coverage", &["--seeds", "2000"]),
    ("doctor", &["--seeds", "20"]),
    ("leaks", &[]),
    ("mutants", &[]),
    ("report-check", &[]),
];

/// What a person sees who names no step.
#[must_use]
pub fn usage() -> String {
    let mut text = "usage: cargo ci <step> [arguments]\n".to_owned();
    for step in STEPS {
        text += &format!("  {:<12} {}\n", step.name, step.does);
    }
    let order: Vec<&str> = ALL.iter().map(|(name, _)| *name).collect();
    text + &format!("  {:<12} {}\n", "all", order.join(", "))
}

/// Runs the step `name` in the workspace at `root`.
///
/// # Errors
/// There is no such step, or it failed.
pub fn run(root: &Path, name: &str, arguments: &[String]) -> Outcome {
    refuse_lost_flags(|variable| env::var_os(variable).is_some())?;
    if name == "all" {
        return in_turn(root, ALL);
    }
    let step = STEPS.iter().find(|step| step.name == name);
    let step = step.ok_or_else(|| Failure::new(format!("there is no such step\n{}", usage())))?;
    (step.run)(root, arguments)
}

/// Flags in the environment replace those of `.cargo/config.toml`: nothing would be simulated, and
/// nothing would say so.
fn refuse_lost_flags(is_set: impl Fn(&str) -> bool) -> Outcome {
    let flags =
        ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTDOCFLAGS", "CARGO_ENCODED_RUSTDOCFLAGS"];
    match flags.into_iter().find(|name| is_set(name)) {
        Some(name) => Err(Failure::new(format!(
            "{name} is set and would replace the flags of .cargo/config.toml: unset it"
        ))),
        None => Ok(()),
    }
}

fn in_turn(root: &Path, steps: &[(&str, &[&str])]) -> Outcome {
    let begin = Instant::now();
    for (name, arguments) in steps {
        let begin = Instant::now();
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let outcome = run(root, name, &arguments);
        let seconds = begin.elapsed().as_secs_f64();
        if let Err(failure) = outcome {
            return Err(Failure::new(format!("{name}, after {seconds:.1} s: {failure}")));
        }
        eprintln!("ci: {name:<12} passed in {seconds:6.1} s");
    }
    eprintln!("ci: all          passed in {:6.1} s", begin.elapsed().as_secs_f64());
    Ok(())
}

fn check(root: &Path) -> Outcome {
    let cargo = |arguments: &[&str]| shell::run(shell::cargo(root, arguments));
    cargo(&["fmt", "--all", "--check"])?;
    cargo(TIDY)?;
    cargo(&["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
    // Through --config, because RUSTDOCFLAGS would replace the flags of .cargo/config.toml.
    let strict = "build.rustdocflags = ['-D', 'warnings']";
    cargo(&["doc", "--quiet", "--workspace", "--no-deps", "--config", strict])?;
    if shell::is_installed("cargo-deny") {
        cargo(&["deny", "--offline", "check", "bans", "licenses", "sources"])
    } else {
        eprintln!("ci: licences skipped: cargo-deny is not installed");
        Ok(())
    }
}

fn fix(root: &Path) -> Outcome {
    let clippy =
        ["clippy", "--fix", "--allow-dirty", "--allow-staged", "--workspace", "--all-targets"];
    shell::run(shell::cargo(root, &clippy))?;
    for file in tidy::tree(root).into_iter().filter(|file| file.is("rs")) {
        let wrapped = wrap::wrap(&file.text);
        if wrapped != file.text {
            let written = fs::write(root.join(&file.path), wrapped);
            written.map_err(|error| Failure::io(&file.path, &error))?;
        }
    }
    shell::run(shell::cargo(root, &["fmt", "--all"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_of_all_exists_and_is_in_the_usage() {
        for (name, _) in ALL.iter().chain(LONG) {
            assert!(STEPS.iter().any(|step| step.name == *name), "{name}");
            assert!(usage().contains(name), "{name}");
        }
    }

    #[test]
    fn an_unknown_step_is_refused_with_the_usage() {
        let failure = run(Path::new("."), "chekc", &[]).expect_err("there is no such step");
        assert!(failure.to_string().contains("usage: cargo ci"), "{failure}");
    }

    #[test]
    fn flags_in_the_environment_are_refused() {
        assert_eq!(refuse_lost_flags(|_| false), Ok(()));
        let failure = refuse_lost_flags(|name| name == "RUSTFLAGS").expect_err("it would be lost");
        assert!(failure.to_string().starts_with("RUSTFLAGS is set"), "{failure}");
    }
}
