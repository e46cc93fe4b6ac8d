//! **Silence is noticed**: a replica gives up a link over which nothing has come for
//! `repl-timeout`, whatever the link waits for, and whatever the replica itself says over it.
//!
//! Silence ends with bytes of the master, with another state of the link and with another master.
//! Only time counts in which the node had turns: who stands still notices nothing. A node looks
//! once a second.
//!
//! Premise: links that were silent for
//! half of `repl-timeout`.

use std::{collections::BTreeMap, time::Duration};

use repl_core::base::{config::Config, ids::Endpoint, time::Instant};

use super::Broken;
use crate::node_view::View;

pub(super) const NAME: &str = "silence-noticed";

/// A node has a turn at least this often: what is longer it has stood still for.
const TURN_MAX: Duration = Duration::from_millis(300);

/// So long until it looks.
const SLACK: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
pub(super) struct Silence {
    links: BTreeMap<usize, Quiet>,
    pub(super) premise_count: u64,
}

/// A link, and for how long nothing has come over it.
#[derive(Debug)]
struct Quiet {
    link: &'static str,
    master: Option<Endpoint>,
    silent_for: Duration,
    turn_at: Instant,
}

impl Silence {
    /// A node's process begins: it has no link.
    pub(super) fn on_boot(&mut self, node: usize) {
        self.links.remove(&node);
    }

    /// A node has received something of its master.
    pub(super) fn on_heard(&mut self, node: usize) {
        if let Some(quiet) = self.links.get_mut(&node) {
            quiet.silent_for = Duration::ZERO;
        }
    }

    /// A node has handled an input.
    pub(super) fn check(
        &mut self,
        node: usize,
        view: &View,
        config: &Config,
        now: Instant,
    ) -> Result<(), Broken> {
        let same = |quiet: &&mut Quiet| quiet.link == view.link && quiet.master == config.replicaof;
        let Some(quiet) = self.links.get_mut(&node).filter(same) else {
            let master = config.replicaof.clone();
            let begins =
                Quiet { link: view.link, master, silent_for: Duration::ZERO, turn_at: now };
            self.links.insert(node, begins);
            return Ok(());
        };
        let before = quiet.silent_for;
        quiet.silent_for += now.since(quiet.turn_at).min(TURN_MAX);
        quiet.turn_at = now;
        if matches!(view.link, "none" | "connect") {
            return Ok(());
        }
        let half = config.repl_timeout / 2;
        self.premise_count += u64::from(before <= half && quiet.silent_for > half);
        // Its clock may lose a twentieth.
        let limit = config.repl_timeout + config.repl_timeout / 16 + SLACK;
        if quiet.silent_for <= limit {
            return Ok(());
        }
        Err(Broken {
            property: NAME,
            expected: format!("a link that is given up after {:?} of silence", config.repl_timeout),
            actual: format!("it is {:?}, and silent for {:?}", view.link, quiet.silent_for),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn silent_after(seconds: u64, heard_at: Option<u64>, link_changes_at: Option<u64>) -> bool {
        let mut property = Silence::default();
        let config = Config { repl_timeout: Duration::from_secs(10), ..Config::default() };
        (0..seconds * 10).any(|turn| {
            let (now, second) = (Instant::from_nanos(turn * 100_000_000), turn / 10);
            if heard_at == Some(second) {
                property.on_heard(0);
            }
            let changed = link_changes_at.is_some_and(|at| at <= second);
            let link = if changed { "sync" } else { "handshake" };
            property.check(0, &View { link, ..View::NOTHING }, &config, now).is_err()
        })
    }

    #[test]
    fn a_link_that_stays_silent_is_found_whatever_it_waits_for() {
        assert!(silent_after(14, None, None));
        assert!(!silent_after(12, None, None));
        assert!(!silent_after(20, Some(9), None));
        assert!(!silent_after(20, None, Some(9)));
        assert!(silent_after(25, Some(9), None));
    }

    #[test]
    fn who_stands_still_notices_nothing() {
        let mut property = Silence::default();
        let config = Config { repl_timeout: Duration::from_secs(10), ..Config::default() };
        let view = View { link: "connected", ..View::NOTHING };
        for minute in 0..10 {
            let now = Instant::from_nanos(minute * 60_000_000_000);
            assert!(property.check(0, &view, &config, now).is_ok());
        }
    }
}
