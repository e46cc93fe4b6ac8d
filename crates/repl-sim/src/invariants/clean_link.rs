//! **A clean link**: no command of a master's stream fails on a replica, and neither side meets bytes on a
//! replication link that the protocol does not allow there.
//!
//! Seen through the node's log, which must say so in Redis' words.
//!
//! Source: oracle NOERR. Premise: log lines read.

use super::Broken;

pub(super) const NAME: &str = "clean-link";

/// What Redis logs when a stream and a replica do not fit.
const COMPLAINTS: [&str; 3] =
    ["== CRITICAL ==", "Protocol error from master", "Replica generated a reply to command"];

#[derive(Debug, Default)]
pub(super) struct CleanLink {
    pub(super) premise_count: u64,
}

impl CleanLink {
    pub(super) fn check(&mut self, line: &str) -> Result<(), Broken> {
        self.premise_count += 1;
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
