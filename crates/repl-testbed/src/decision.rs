//! What a master answered to `PSYNC`, the same in every world.

use std::fmt;

/// One answer to `PSYNC`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The node that asked.
    pub replica: String,
    /// The node that answered.
    pub master: String,
    /// The (replication id, first byte wanted) it named; `None` for `PSYNC ? -1`.
    pub asked: Option<(String, u64)>,
    /// The replication id that the answer names: the master's.
    pub replid: String,
    /// The answer.
    pub verdict: Verdict,
}

/// The two answers to `PSYNC`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// `+CONTINUE`
    Continue,
    /// `+FULLRESYNC`
    Full,
}

/// Resynchronisations that a node was granted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Syncs {
    /// By a snapshot.
    pub full: u64,
    /// By continuing the stream.
    pub partial: u64,
}

impl Syncs {
    /// What one node was granted.
    #[must_use]
    pub fn of(replica: &str, decisions: &[Decision]) -> Self {
        let count = |verdict| {
            let granted = decisions.iter().filter(|decision| decision.replica == replica);
            granted.filter(|decision| decision.verdict == verdict).count() as u64
        };
        Self { full: count(Verdict::Full), partial: count(Verdict::Continue) }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Continue => "CONTINUE",
            Self::Full => "FULLRESYNC",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_credited_with_its_own_syncs_only() {
        let decision = |replica: &str, verdict| Decision {
            replica: replica.to_owned(),
            master: "n1".to_owned(),
            asked: None,
            replid: "a".repeat(40),
            verdict,
        };
        let decisions = [
            decision("n2", Verdict::Full),
            decision("n3", Verdict::Full),
            decision("n2", Verdict::Continue),
        ];
        assert_eq!(Syncs::of("n2", &decisions), Syncs { full: 1, partial: 1 });
        assert_eq!(Syncs::of("n3", &decisions), Syncs { full: 1, partial: 0 });
    }
}
