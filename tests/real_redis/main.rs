//! Black-box tests against real Redis processes: replication in every arrangement, replies byte by
//! byte, and unmodified clients.
//!
//! "Ours" is the `repl-server` binary of this build, or the server that `REPL_TEST_SERVER` names.
//! With a redis-server there, every test must pass: that is how the tests themselves are tested.
//! Where a server is missing, its tests are skipped and say so; with `CI=true` they fail instead.

mod clients;
mod config_file;
mod differential;
mod directives;
mod explain;
mod fixture;
mod inspect;
mod measures;
mod replication;
mod sentinel;
mod snapshots;
mod soak;
mod standing_still;
mod tls;
mod transcripts;
mod unix_socket;
mod users;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Trial};

use fixture::server::{Kind, missing};

/// Tests mostly wait for each other's clocks, so there may be more of them than cores.
const TRIALS_AT_ONCE: usize = 6;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(TRIALS_AT_ONCE);
    let mut trials = replication::trials();
    trials.extend(clients::trials());
    trials.extend(config_file::trials());
    trials.extend(differential::trials());
    trials.extend(directives::trials());
    trials.extend(explain::trials());
    trials.extend(inspect::trials());
    trials.extend(measures::trials());
    trials.extend(sentinel::trials());
    trials.extend(snapshots::trials());
    trials.extend(soak::trials());
    trials.extend(standing_still::trials());
    trials.extend(tls::trials());
    trials.extend(transcripts::trials());
    trials.extend(unix_socket::trials());
    trials.extend(users::trials());
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// A test that needs servers of these kinds.
fn trial(name: String, needs: Vec<Kind>, body: impl FnOnce() + Send + 'static) -> Trial {
    let lacks = |kind: Kind| missing(kind).map(|reason| (kind, reason));
    Trial::ignorable_test(name, move || match needs.into_iter().find_map(lacks) {
        Some((kind, reason))
            if !kind.is_newer() && std::env::var("CI").is_ok_and(|value| value == "true") =>
        {
            Err(format!("{reason}, and CI=true allows no skips").into())
        }
        Some((_, reason)) => Ok(Completion::ignored_with(format!("skipped: {reason}"))),
        None => {
            body();
            Ok(Completion::Completed)
        }
    })
}
