//! The operator who has the last word at the end of a schedule: a replica that keeps its dataset
//! because its master came back without one (`replica-refuse-empty-master`) waits for somebody to
//! say whose dataset counts.

use std::{convert::Infallible, time::Duration};

use super::perform::Stage;
use crate::{
    alarm::in_company_of,
    lab::{Mark, Reply},
};

/// How often the operator looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What such a replica says of itself.
const REFUSES: &str = "master_came_back_empty:1";

impl Stage {
    /// Does `work`, while every replica that refuses what its master came back with is told to
    /// follow it all the same.
    pub(super) async fn insisting(&self, work: impl Future<Output = ()>) {
        in_company_of(self.insist(), work).await;
    }

    async fn insist(&self) -> Infallible {
        loop {
            self.lab.pass(LOOK_EVERY).await;
            for node in 0..self.nodes.len() {
                if self.refuses(node).await {
                    self.follow_again(node).await;
                }
            }
        }
    }

    async fn refuses(&self, node: usize) -> bool {
        let peer = &self.nodes[node];
        let may_refuse = peer.is_up() && !peer.is_frozen() && peer.took(Mark::EmptyMasterRefused);
        if !may_refuse {
            return false;
        }
        let Ok(Reply::Bulk(Some(info))) = peer.client().call(&["INFO", "replication"]).await else {
            return false;
        };
        String::from_utf8_lossy(&info).lines().any(|line| line == REFUSES)
    }
}
