//! `FAILOVER`, as an operator uses it.

use std::time::Duration;

use super::{Peer, Role};

/// How long the heir may take to answer, beside the time to catch up.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

const LOOK_EVERY: Duration = Duration::from_millis(20);

impl Peer {
    /// `FAILOVER TO` a replica of this node's, which has so long to catch up. Returns when it is
    /// over, with what the heir is then; what does not end is called off.
    ///
    /// # Panics
    /// When either node is down.
    pub async fn fail_over(&self, heir: &Self, patience: Duration) -> Role {
        self.lab.act(format_args!("{} hands over to {}", self.name(), heir.name()));
        let ip = self.lab.world().net.with(|network, _| network.ip(heir.host()).to_owned());
        let port = heir.machine.config.port.to_string();
        let millis = patience.as_millis().to_string();
        let mut client = self.client();
        let (world, patient_for) = (self.lab.world(), patience + ANSWERS_WITHIN);
        let judge = &world.evidence.judge;
        // Writes are held back, and with them whoever would wait for a key.
        judge.borrow_mut().on_hand_over(self.machine.index, world.net.now());
        // Whether it has begun is seen at the node: the answer may be lost.
        let _ = client.call(&["FAILOVER", "TO", &ip, &port, "TIMEOUT", &millis]).await;
        let until = self.lab.elapsed() + patient_for;
        while self.is_handing_over() {
            if self.lab.elapsed() > until {
                let _ = client.call(&["FAILOVER", "ABORT"]).await;
            }
            self.lab.pass(LOOK_EVERY).await;
        }
        judge.borrow_mut().on_hand_over_ended(self.machine.index, world.net.now());
        if (self.role(), heir.role()) == (Role::Replica, Role::Master) {
            let mut follows = self.lab.0.follows.borrow_mut();
            follows[self.machine.index] = Some(heir.machine.index);
            follows[heir.machine.index] = None;
        }
        heir.role()
    }

    /// Whether a `FAILOVER` is under way here.
    #[must_use]
    pub fn is_handing_over(&self) -> bool {
        let state = self.machine.with_node(repl_core::node::Node::failover_state);
        state.is_some_and(|state| state != "no-failover")
    }
}
