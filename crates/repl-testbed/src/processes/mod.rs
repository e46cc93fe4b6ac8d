//! Real processes behind proxies: programs, links, and the clusters made of both.
//!
//! [`Process`] and [`Proxy`] need no runtime and serve any test; a [`Testbed`](crate::Testbed) of
//! processes is made of them.

mod cluster;
mod exchange;
mod process;
mod proxy;

use std::{
    fmt::Debug,
    thread,
    time::{Duration, Instant},
};

pub(crate) use self::cluster::{Node, Processes};
pub use self::{
    exchange::Exchange,
    process::{CONFIG_FILE, Process, Program, Stop, field, free_port},
    proxy::{Proxy, Way},
};

/// Far more than anything here takes on an idle machine: only a hang, or a bug, waits this long.
pub const PATIENCE: Duration = Duration::from_secs(40);
pub(crate) const POLL_EVERY: Duration = Duration::from_millis(10);

/// Polls until `look` finds what it looks for.
///
/// # Panics
/// When it did not after [`PATIENCE`]: with what was waited for and the last thing seen instead.
#[track_caller]
pub fn wait_for<T, Other: Debug>(what: &str, mut look: impl FnMut() -> Result<T, Other>) -> T {
    let begin = Instant::now();
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) => {
                assert!(
                    begin.elapsed() < PATIENCE,
                    "waited in vain for {what}; last seen: {seen:?}"
                );
            }
        }
        thread::sleep(POLL_EVERY);
    }
}
