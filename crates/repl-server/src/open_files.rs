//! The operating system's limit of open files, against `maxclients`: every client takes one.
//!
//! Owns the arithmetic and the words of Redis; the system calls are `rustix`'.

use std::{fmt, io};

use repl_core::io::Level;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::log::os_text;

/// Files that are open beside those of clients: sockets that listen, the log, the link to a master.
// redis: server.h, CONFIG_MIN_RESERVED_FDS
const RESERVED: u64 = 32;

/// What the limit allows, and what there is to say about it.
#[derive(Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Clients that can be served, at most as many as were asked for.
    pub maxclients: u32,
    /// Lines for the log.
    pub remarks: Vec<(Level, String)>,
}

/// The limit is so low that nobody could be served.
#[derive(Debug, PartialEq, Eq)]
pub struct TooFew {
    limit: u64,
    needed: u64,
}

impl fmt::Display for TooFew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, needed } = self;
        write!(
            f,
            "Your current 'ulimit -n' of {limit} is not enough for the server to start. Please \
             increase your open file limit to at least {needed}. Exiting."
        )
    }
}

impl std::error::Error for TooFew {}

/// Asks the operating system for as many open files as `maxclients` clients need.
///
/// # Errors
/// Not even one client could be served.
pub fn raise(maxclients: u32) -> Result<Allowance, TooFew> {
    let limit = getrlimit(Resource::Nofile);
    let set = |files| {
        // A process may lower its hard limit and never raise it again: it stays where it is.
        let maximum = limit.maximum.map(|maximum| maximum.max(files));
        setrlimit(Resource::Nofile, Rlimit { current: Some(files), maximum }).map_err(Into::into)
    };
    allow(maxclients, limit.current.unwrap_or(u64::MAX), limit.maximum.unwrap_or(u64::MAX), set)
}

/// How many clients could be served at most, were the limit raised as far as it may be.
#[must_use]
pub fn clients_max() -> u32 {
    let hard = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    u32::try_from(hard.saturating_sub(RESERVED)).unwrap_or(u32::MAX)
}

// redis: server.c, adjustOpenFilesLimit
fn allow(
    maxclients: u32,
    current: u64,
    hard: u64,
    set: impl Fn(u64) -> io::Result<()>,
) -> Result<Allowance, TooFew> {
    let needed = u64::from(maxclients) + RESERVED;
    if current >= needed {
        return Ok(Allowance { maxclients, remarks: Vec::new() });
    }
    let Err(error) = set(needed) else {
        let text = format!(
            "Increased maximum number of open files to {needed} (it was originally set to \
             {current})."
        );
        return Ok(Allowance { maxclients, remarks: vec![(Level::Notice, text)] });
    };
    let best = if hard > current && set(hard).is_ok() { hard } else { current };
    let fewer = best.checked_sub(RESERVED).filter(|fewer| *fewer > 0);
    let fewer = fewer.ok_or(TooFew { limit: current, needed })?;
    // Fewer than `maxclients`, which is a `u32`.
    let fewer = u32::try_from(fewer).unwrap_or(maxclients);
    let error = os_text(&error);
    let remarks = [
        format!(
            "You requested maxclients of {maxclients} requiring at least {needed} max file \
             descriptors."
        ),
        format!("Server can't set maximum open files to {needed} because of OS error: {error}."),
        format!(
            "Current maximum open files is {best}. maxclients has been reduced to {fewer} to \
             compensate for low ulimit. If you need higher maxclients increase 'ulimit -n'."
        ),
    ];
    Ok(Allowance { maxclients: fewer, remarks: remarks.map(|text| (Level::Warning, text)).into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An operating system that lets nobody beyond `hard`.
    fn system(hard: u64) -> impl Fn(u64) -> io::Result<()> {
        move |files| {
            if files <= hard { Ok(()) } else { Err(io::ErrorKind::PermissionDenied.into()) }
        }
    }

    #[track_caller]
    fn check(current: u64, hard: u64, maxclients: u32, remarks: usize) {
        let allowance = allow(10_000, current, hard, system(hard)).expect("somebody is served");
        assert_eq!((allowance.maxclients, allowance.remarks.len()), (maxclients, remarks));
    }

    #[test]
    fn as_many_clients_are_served_as_files_may_be_open() {
        check(10_032, 10_032, 10_000, 0);
        check(1_024, 10_032, 10_000, 1);
        check(1_024, 10_031, 9_999, 3);
        check(1_024, 1_024, 992, 3);
        check(33, 33, 1, 3);
    }

    #[test]
    fn a_limit_that_leaves_no_client_is_refused_in_the_words_of_redis() {
        let refusal = allow(10_000, 32, 32, system(32)).expect_err("nobody is served");
        assert_eq!(
            refusal.to_string(),
            "Your current 'ulimit -n' of 32 is not enough for the server to start. Please \
             increase your open file limit to at least 10032. Exiting."
        );
    }
}
