//! **A clean link**: no command of a master's stream fails on a replica, and neither side meets
//! bytes on a replication link that the protocol does not allow there.
//!
//! Seen through the node's count of such failures, and through its log, which must say so in Redis'
//! words.
//!
//! Source: oracle NOERR. Premise: steps of nodes whose link is up.

use std::collections::BTreeSet;

use super::Broken;
use crate::node_view::View;

pub(super) const NAME: &str = "clean-link";

/// What Redis logs when a stream and a replica do not fit.
const COMPLAINTS: [&str; 3] =
    ["== CRITICAL ==", ") from master", "Replica generated a reply to command"];

#[derive(Debug, Default)]
pub(super) struct CleanLink {
    /// Nodes that somebody talks to who is no node and does not keep to the protocol.
    misused: BTreeSet<usize>,
    pub(super) premise_count: u64,
}

impl CleanLink {
    /// From now on somebody misuses this node: what it says of that is said to the point.
    pub(super) fn on_misuse(&mut self, node: usize) {
        self.misused.insert(node);
    }

    /// A node has handled an input.
    pub(super) fn check(&mut self, node: usize, view: &View) -> Result<(), Broken> {
        self.premise_count += u64::from(view.link == "connected");
        if view.stream_errors == 0 || self.misused.contains(&node) {
            return Ok(());
        }
        Err(Broken {
            property: NAME,
            expected: "no command of the stream fails".to_owned(),
            actual: format!("{} failed", view.stream_errors),
        })
    }

    /// A node has written a line to its log.
    pub(super) fn check_log(&self, node: usize, line: &str) -> Result<(), Broken> {
        if !self.misused.contains(&node)
            && COMPLAINTS.iter().any(|complaint| line.contains(complaint))
        {
            return Err(Broken {
                property: NAME,
                expected: "no command of the stream fails".to_owned(),
                actual: line.to_owned(),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_command_of_the_stream_and_a_complaint_are_found() {
        let mut property = CleanLink::default();
        assert!(property.check(0, &View { link: "connected", ..View::NOTHING }).is_ok());
        assert!(property.check(0, &View { stream_errors: 1, ..View::NOTHING }).is_err());
        assert!(property.check_log(0, "Synchronization with replica n2 succeeded").is_ok());
        let line = "Connection with master lost: Protocol error (inline command) from master";
        assert!(property.check_log(0, line).is_err());
        let line = "== CRITICAL == This replica is sending an error";
        assert!(property.check_log(0, line).is_err());
        property.on_misuse(0);
        assert!(property.check_log(0, line).is_ok() && property.check_log(1, line).is_err());
    }
}
