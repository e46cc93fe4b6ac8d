//! **Core liveness**: nodes that can reach one another, a master among them, converge and serve,
//! and go on doing so, whatever stays broken outside of them for good.
//!
//! At the end of a schedule with a core, its nodes and the links among them are healed, and an
//! operator has them follow a master of their own. Nobody else is helped: nodes outside may be cut
//! off in both directions or in one, stand still, read next to nothing, be refused or find their
//! connections half open, and may go on asking. Then the core converges in the time that
//! *convergence* gives it; every write is taken and reaches all replicas of the core; and none of
//! them needs another full sync.
//!
//! Premise: writes that reached the whole core while something outside was broken.

use std::{mem, time::Duration};

use super::{
    NodeId,
    clients::Work,
    perform::{Order, Stage},
};
use crate::lab::Reply;

const NAME: &str = "core-liveness";

/// How often the core is asked for something.
const ASK_EVERY: Duration = Duration::from_millis(700);

/// What the way of a write to all replicas may take: the rare segment that is late, several times.
const ARRIVES_WITHIN: Duration = Duration::from_secs(30);

/// Long enough for whoever is outside to be given up and to come back.
const LOOK_FOR: Duration = Duration::from_secs(70);

/// What a node may take to act on a timeout, by a clock that is slow.
const TIMEOUT_SLACK: Duration = Duration::from_secs(5);

impl Stage {
    /// See this file's header.
    pub(super) async fn live_in(&mut self, core: &[NodeId], clients: Vec<(NodeId, Work)>) {
        let places: Vec<usize> = core.iter().filter_map(|id| self.place(*id)).collect();
        let Some(first) = places.first().copied() else { return };
        self.lab.heal_among_peers(&places.iter().map(|at| &self.nodes[*at]).collect::<Vec<_>>());
        for place in &places {
            self.thaw(*place).await;
        }
        let master = self.master();
        let master = if places.contains(&master) { master } else { first };
        self.promote(master).await;
        self.follows_nobody(&places);
        for place in places.iter().filter(|place| **place != master) {
            self.follow(*place, master, Order::Plain).await;
        }
        for (node, client) in clients {
            if core.contains(&node) {
                client.await;
            }
        }
        // Those who ask nodes outside may never be answered. They ask for nothing more.
        self.lab.lull(Duration::from_secs(6 * 3600));
        self.insisting(self.lab.settle_core(&places)).await;
        // A link that is half open is found after its time.
        self.lab.pass(self.lab.longest_timeout() + TIMEOUT_SLACK).await;
        self.insisting(self.lab.settle_core(&places)).await;
        self.serve(master, &places).await;
    }

    /// The master takes writes, and its replicas in the core have each of them in time.
    async fn serve(&self, master: usize, places: &[usize]) {
        let name = self.nodes[master].name();
        let full_syncs =
            || -> u64 { places.iter().map(|place| self.nodes[*place].syncs().full).sum() };
        let before = full_syncs();
        let mut client = self.nodes[master].client();
        let until = self.lab.elapsed() + LOOK_FOR;
        let mut asked_at = self.lab.elapsed();
        while self.lab.elapsed() < until {
            // The node has heard nothing since then: the answer may have been late.
            let silent_since = mem::replace(&mut asked_at, self.lab.elapsed());
            let mut reply = client.call(&["INCR", "core"]).await;
            let silence = self.lab.elapsed() - silent_since;
            if reply.is_err() && self.nodes[master].sends_away_after(silence) {
                reply = client.call(&["INCR", "core"]).await;
            }
            if !matches!(reply, Ok(Reply::Integer(_))) {
                let expected = "a write that is taken".to_owned();
                return self.lab.broken(NAME, name, expected, format!("{reply:?}"));
            }
            if let Some(lagging) = self.first_without(self.nodes[master].offset(), places).await {
                let expected = format!("byte {} within {ARRIVES_WITHIN:?}", lagging.1);
                let lagging = &self.nodes[lagging.0];
                let actual = format!("{} of them", lagging.offset());
                return self.lab.broken(NAME, lagging.name(), expected, actual);
            }
            self.lab.count_core_write();
            self.lab.pass(ASK_EVERY).await;
        }
        let needed = full_syncs() - before;
        if needed > 0 {
            let expected = "no full sync of anybody in the core".to_owned();
            self.lab.broken(NAME, name, expected, format!("{needed} of them"));
        }
    }

    /// Who does not come to this offset in time.
    async fn first_without(&self, offset: u64, places: &[usize]) -> Option<(usize, u64)> {
        let until = self.lab.elapsed() + ARRIVES_WITHIN;
        for place in places {
            while self.nodes[*place].offset() < offset {
                if self.lab.elapsed() >= until {
                    return Some((*place, offset));
                }
                self.lab.pass(Duration::from_millis(5)).await;
            }
        }
        None
    }

    /// Whom these nodes followed is of no consequence any more.
    fn follows_nobody(&mut self, places: &[usize]) {
        for place in places {
            self.follows[*place] = None;
        }
    }
}
