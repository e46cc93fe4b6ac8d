//! **A clean link**: no command of a master's stream fails on a replica, and neither side meets
//! bytes on a replication link that the protocol does not allow there.
//!
//! Seen through the node's count of such failures, and through its log, which must say so in Redis'
//! words.
//!
//! Source: oracle NOERR. Premise: steps of nodes whose link is up.

use super::Broken;
use crate::node_view::View;

pub(super) const NAME: &str = "clean-link";

/// What Redis logs when a stream and a replica do not fit.
const COMPLAINTS: [&str; 3] =
    ["== CRITICAL ==", "Protocol error from master", "Replica generated a reply to command"];

#[derive(Debug, Default)]
pub(super) struct CleanLink {
    pub(super) premise_count: u64,
}

impl CleanLink {
    /// A node has handled an input.
    pub(super) fn check(&mut self, view: &View) -> Result<(), Broken> {
        self.premise_count += u64::from(view.link == "connected");
        if view.stream_errors == 0 {
            return Ok(());
        }
        Err(Broken {
            property: NAME,
            expected: "no command of the stream fails".to_owned(),
            actual: format!("{} failed", view.stream_errors),
        })
    }

    /// A node has written a line to its log.
    pub(super) fn check_log(line: &str) -> Result<(), Broken> {
        if COMPLAINTS.iter().any(|complaint| line.contains(complaint)) {
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
        assert!(property.check(&View { link: "connected", ..View::NOTHING }).is_ok());
        assert!(property.check(&View { stream_errors: 1, ..View::NOTHING }).is_err());
        assert!(CleanLink::check_log("Synchronization with replica n2 succeeded").is_ok());
        assert!(CleanLink::check_log("== CRITICAL == This replica is sending an error").is_err());
    }
}
