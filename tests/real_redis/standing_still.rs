//! A process that stands still, as `DEBUG SLEEP` has it.

use std::time::{Duration, Instant};

use libtest_mimic::Trial;

use crate::{
    fixture::server::{
        Kind::{self, Ours, Redis},
        Server,
    },
    trial,
};

/// Long enough to tell before from after on a busy machine.
const SLEEP: Duration = Duration::from_secs(3);

pub(crate) fn trials() -> Vec<Trial> {
    let title = |kind: Kind| {
        format!("what was closed before a standstill is closed at once: {}", kind.name())
    };
    [Ours, Redis].map(|kind| trial(title(kind), vec![kind], move || closes_first(kind))).into()
}

fn closes_first(kind: Kind) {
    let server = Server::start(kind, &[("enable-debug-command", "yes")]);
    let (mut victim, mut other) = (server.client(), server.client());
    let id = victim.ask("CLIENT ID").integer();
    other.ok("MULTI");
    for command in [format!("CLIENT KILL ID {id}"), format!("DEBUG SLEEP {}", SLEEP.as_secs())] {
        assert_eq!(other.ask(&command).text(), "QUEUED");
    }
    let begun = Instant::now();
    other.send(b"EXEC\r\n").expect("the server reads");
    assert!(victim.is_closed());
    assert!(begun.elapsed() < SLEEP, "the connection was closed after {:?}", begun.elapsed());
}
