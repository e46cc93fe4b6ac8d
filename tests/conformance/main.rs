//! The same scenarios on simulated nodes, on our processes and on real Redis, compared with
//! `docs/CONFORMANCE.md` line by line.
//!
//! Where redis-server is missing its trials are skipped and say so; with `CI=true` they fail
//! instead. A scenario that needs what a world cannot do is skipped there by name.
//! `REPL_TEST_BLESS=1` runs everything everywhere and writes the document.

mod account;
mod cases;
mod document;

use std::{env, fs, path::PathBuf, process::ExitCode};

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use repl_testbed::{Program, World};

use account::Account;
use cases::Case;
use document::Seen;

/// The worlds by the names that the document has for them.
const WORLDS: [&str; 3] = ["simulated", "repl-server", "redis-server"];

/// Every seed must see what the document says; `REPL_TEST_SEEDS` asks for more of them.
const SEEDS: u64 = 20;

/// Trials mostly wait for servers, so there may be more of them than cores.
const TRIALS_AT_ONCE: usize = 6;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(TRIALS_AT_ONCE);
    let cases = cases::all();
    if env::var_os("REPL_TEST_BLESS").is_some() {
        return bless(&cases);
    }
    let document = fs::read_to_string(path()).unwrap_or_default();
    let mut trials: Vec<Trial> = WORLDS
        .iter()
        .flat_map(|world| cases.iter().map(|case| trial(case, world, &document)))
        .collect();
    trials.push(Trial::test("the document is written from what is compared", move || {
        whole(&cases, &document)
    }));
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn path() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/CONFORMANCE.md"))
}

/// The worlds with a name; the simulated one has many seeds.
fn worlds(name: &str) -> Result<Vec<World>, String> {
    let processes = |program| vec![World::processes(program)];
    match name {
        "simulated" => {
            let seeds = env::var("REPL_TEST_SEEDS").ok().and_then(|seeds| seeds.parse().ok());
            Ok((0..seeds.unwrap_or(SEEDS)).map(World::simulated).collect())
        }
        "repl-server" => {
            let path = env::var("REPL_TEST_SERVER");
            let path = path.unwrap_or_else(|_| env!("CARGO_BIN_EXE_repl-server").to_owned());
            Ok(processes(Program::at(name, path)))
        }
        _ => Program::in_path(name).map(processes),
    }
}

fn trial(case: &Case, name: &'static str, document: &str) -> Trial {
    let expected = document::expected(document, case.name, name);
    let case = *case;
    Trial::ignorable_test(format!("{name}: {}", case.name), move || {
        let worlds = match worlds(name) {
            Ok(worlds) => worlds,
            Err(reason) if env::var("CI").is_ok_and(|value| value == "true") => {
                return Err(format!("{reason}, and CI=true allows no skips").into());
            }
            Err(reason) => return Ok(Completion::ignored_with(format!("skipped: {reason}"))),
        };
        for world in worlds {
            if let Some(reason) = lacks(&case, &world) {
                return Ok(Completion::ignored_with(format!("skipped: {reason}")));
            }
            let seen = account(&case, &world).into_lines();
            let expected = expected.as_ref().ok_or("docs/CONFORMANCE.md does not tell of it")?;
            if seen != *expected {
                let (expected, seen) = (expected.join("\n"), seen.join("\n"));
                let text = format!("expected\n{expected}\n\nseen in {world:?}\n{seen}");
                return Err(Failed::from(text));
            }
        }
        Ok(Completion::Completed)
    })
}

fn lacks(case: &Case, world: &World) -> Option<&'static str> {
    case.needs.iter().find_map(|need| world.lacks(*need))
}

fn account(case: &Case, world: &World) -> Account {
    world.run(async |bed| {
        // No pings: they would make the numbers of bytes hang on time.
        bed.configure(&[("repl-ping-replica-period", "3600"), ("repl-timeout", "600")]);
        let mut account = Account::default();
        let done = (case.work)(&bed, &mut account).await;
        done.unwrap_or_else(|error| panic!("{}: {error}; so far: {account:#?}", case.name));
        account
    })
}

/// Nothing in the document was written by hand, and nothing is missing.
fn whole(cases: &[Case], document: &str) -> Result<(), Failed> {
    let seen: Vec<Seen> = cases
        .iter()
        .map(|case| Seen {
            by_world: WORLDS.map(|name| {
                let world = match name {
                    "simulated" => World::simulated(0),
                    _ => World::processes(Program::at(name, name)),
                };
                let told = lacks(case, &world).is_none();
                told.then(|| document::expected(document, case.name, name).unwrap_or_default())
            }),
        })
        .collect();
    match document::write(cases, &seen) == document {
        true => explained(cases, &seen),
        false => Err("docs/CONFORMANCE.md is not what REPL_TEST_BLESS=1 writes".into()),
    }
}

/// What differs has a reason, and what has a reason differs.
fn explained(cases: &[Case], seen: &[Seen]) -> Result<(), Failed> {
    for (case, seen) in cases.iter().zip(seen) {
        let mut accounts = seen.by_world.iter().flatten();
        let first = accounts.next();
        let differs = accounts.any(|account| Some(account) != first);
        if differs != case.differs.is_some() {
            let name = case.name;
            return Err(match differs {
                true => format!("{name} differs, and nobody says why").into(),
                false => format!("{name} does not differ, and somebody says why").into(),
            });
        }
    }
    Ok(())
}

/// Writes the document from what is seen now.
fn bless(cases: &[Case]) -> ExitCode {
    let mut all = Vec::new();
    for case in cases {
        let by_world = WORLDS.map(|name| {
            let worlds = worlds(name).unwrap_or_else(|reason| panic!("{reason}"));
            let world = worlds.into_iter().next().expect("a name has a world");
            eprintln!("{name}: {}", case.name);
            lacks(case, &world).is_none().then(|| account(case, &world).into_lines())
        });
        all.push(Seen { by_world });
    }
    if let Err(error) = fs::write(path(), document::write(cases, &all)) {
        eprintln!("{}: {error}", path().display());
        return ExitCode::FAILURE;
    }
    match explained(cases, &all) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            eprintln!("{}", failed.message().unwrap_or_default());
            ExitCode::FAILURE
        }
    }
}
