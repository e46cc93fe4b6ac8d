//! What masters answered to `PSYNC`, in the order of the answers.

use repl_core::{base::ids::ReplId, io::Verdict};

use super::Lab;

/// One answer to `PSYNC`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The node that answered.
    pub master: String,
    /// The node that asked; `None` when that was none of the lab's.
    pub replica: Option<String>,
    /// The (replication id, first byte wanted) it named; `None` for `PSYNC ? -1`.
    pub asked: Option<(ReplId, u64)>,
    /// The master's replication id at that time, which the answer names.
    pub replid: ReplId,
    /// The answer.
    pub verdict: Verdict,
}

impl Lab {
    /// Every answer to `PSYNC` so far.
    #[must_use]
    pub fn decisions(&self) -> Vec<Decision> {
        self.world().evidence.decisions.borrow().clone()
    }
}
