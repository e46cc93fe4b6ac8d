//! The lab looks at every link several times a second, for the property *links are prompt*.

use std::{rc::Rc, time::Duration};

use super::Lab;
use crate::{
    alarm::Alarm,
    invariants::Look,
    machine::Machine,
    node_view::{self, Role, View},
};

const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Who has had no turn for so long stands still.
const TURN_MAX: Duration = Duration::from_millis(1_500);

impl Lab {
    /// Looks for ever.
    pub(crate) async fn watch(&self) {
        let world = Rc::clone(self.world());
        loop {
            Alarm::after(world.net.time(), LOOK_EVERY).await;
            let now = world.net.now();
            for replica in self.machines() {
                let look = self.look_at(&replica);
                let mut judge = world.evidence.judge.borrow_mut();
                let Some(look) = look else {
                    judge.look_away(replica.index);
                    continue;
                };
                let judged = judge.look(look, now);
                drop(judge);
                if let Err(broken) = judged {
                    world.evidence.now.set(now);
                    world.evidence.fail(Some(&replica.name), broken);
                }
            }
        }
    }

    /// The link of this node to its master, if it is one that works as it should.
    fn look_at(&self, replica: &Machine) -> Option<Look> {
        let world = self.world();
        let now = world.net.now();
        let (here, followed) =
            replica.with_node(|node| (node_view::view(node), node.config().replicaof.clone()))?;
        if here.role != Role::Replica || here.link != "connected" {
            return None;
        }
        let host = world.net.with(|network, _| network.resolve(&followed?.host))?;
        let master = world.machine_at(host)?;
        let there: View = master.with_node(node_view::view)?;
        let awake = [replica, &master].iter().all(|machine| {
            let reads = world.net.with(|network, _| network.reads_per_second(machine.host));
            !machine.is_frozen() && reads == 0 && now.since(machine.turn_at.get()) <= TURN_MAX
        });
        let linked = master.accepted_from.borrow().values().any(|host| *host == replica.host);
        let (whole, flight) = world.net.with(|network, _| {
            let ends = [(replica.host, host), (host, replica.host)];
            let flights = ends.map(|(from, to)| network.shape(from, to).flight_max());
            (network.is_whole_between(replica.host, host), flights.into_iter().sum())
        });
        (awake && linked && whole && here.replid == there.replid).then(|| Look {
            replica: replica.index,
            ends: [replica, &master].map(|machine| (machine.index, machine.lives.get())),
            replid: here.replid,
            offsets: [here.offset, there.offset],
            flight,
        })
    }
}
