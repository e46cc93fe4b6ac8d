//! How many sockets this machine allows, to a test and to a server.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files beside the sockets of the test itself.
const RESERVED: u64 = 200;

/// The part of a test that a machine allows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    allowed: usize,
    wanted: usize,
}

impl Scale {
    /// So much of `count`.
    pub(crate) fn of(self, count: usize) -> usize {
        count * self.allowed / self.wanted
    }
}

/// Raises this process' limit of open files to what `sockets` sockets take. Where that is not
/// allowed, says so, and by how much the test has to be smaller: a server can do no more than we.
pub(crate) fn scale(sockets: usize) -> Scale {
    let limit = getrlimit(Resource::Nofile);
    let hard = limit.maximum.unwrap_or(u64::MAX);
    let needed = sockets as u64 + RESERVED;
    if limit.current.is_some_and(|current| current < needed.min(hard)) {
        let raised = Rlimit { current: Some(needed.min(hard)), maximum: limit.maximum };
        setrlimit(Resource::Nofile, raised).expect("up to the hard limit it is allowed");
    }
    if hard >= needed {
        return Scale { allowed: sockets, wanted: sockets };
    }
    let allowed = usize::try_from(hard.saturating_sub(RESERVED)).unwrap_or(sockets);
    assert!(allowed >= 100, "a hard limit of {hard} open files leaves no test");
    println!("SCALED DOWN: {hard} open files allow {allowed} of {sockets} connections");
    Scale { allowed, wanted: sockets }
}
