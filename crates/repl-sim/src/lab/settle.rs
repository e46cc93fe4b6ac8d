//! **Convergence**: when links are whole and writes have stopped, every replica is connected,
//! stands at its master's offset of its master's history and holds its master's dataset, within a
//! time that follows from the configuration.
//!
//! Nodes that are down or stand still, and replicas whose way to their master is cut, stalled or
//! closed to dials, are not waited for.

use std::{rc::Rc, time::Duration};

use repl_core::base::config::Config;

use super::Lab;
use crate::{
    alarm::Alarm,
    invariants::Broken,
    machine::Machine,
    node_view::{self, View},
};

/// The property's name.
pub(crate) const NAME: &str = "convergence";

/// More than a snapshot or a backlog of these scenarios holds.
const TRANSFER_BYTES: u64 = 2 * 1024 * 1024;

/// How often the lab looks.
const LOOK_EVERY: Duration = Duration::from_millis(25);

impl Lab {
    /// Waits until nothing moves; the property *convergence* breaks if that takes too long. Then
    /// compares all datasets.
    pub async fn settle(&self) {
        self.note(format_args!("settle"));
        let limit = self.convergence_limit();
        let began = self.elapsed();
        let dialled_before = self.dialled();
        loop {
            Alarm::after(self.world().net.time(), LOOK_EVERY).await;
            let Some(lagging) = self.first_lagging() else { break };
            if self.elapsed() - began > limit {
                let (replica, why) = lagging;
                let expected = format!("all replicas as their masters within {limit:?}");
                self.broken(NAME, &replica.name, expected, why);
                // The run is over; whoever waits here is dropped.
                std::future::pending::<()>().await;
            }
        }
        self.compare_dials(&dialled_before, self.elapsed() - began);
        self.compare_datasets();
        let settled = &self.world().evidence.settled_count;
        settled.set(settled.get() + 1);
        self.note(format_args!("settled"));
    }

    /// As [`settle`](Self::settle), for these nodes alone, and the others do not matter.
    pub(crate) async fn settle_core(&self, places: &[usize]) {
        self.0.core.replace(Some(places.to_vec()));
        self.settle().await;
        self.0.core.replace(None);
    }

    /// The longest `repl-timeout` of any node.
    pub(crate) fn longest_timeout(&self) -> Duration {
        let machines = self.machines();
        machines.iter().map(|machine| machine.config.repl_timeout).max().unwrap_or_default()
    }

    /// A property that the lab itself looks after does not hold at this node.
    pub(crate) fn broken(
        &self,
        property: &'static str,
        node: &str,
        expected: String,
        actual: String,
    ) {
        let evidence = &self.world().evidence;
        evidence.now.set(self.world().net.now());
        evidence.fail(Some(node), Broken { property, expected, actual });
    }

    /// A core has confirmed a write; it counts if something outside is broken.
    pub(crate) fn count_core_write(&self) {
        let world = self.world();
        let whole = world.net.with(|network, _| network.is_whole());
        if !whole
            || world.some_node_reads_slowly()
            || self.machines().iter().any(|machine| machine.is_frozen())
        {
            let count = &self.world().evidence.core_write_count;
            count.set(count.get() + 1);
        }
    }

    /// How long convergence may take: both sides notice a dead link, the replica dials in vain once
    /// more, retries after a second, waits for the snapshot's delay and loads it; chains do so one
    /// after another.
    fn convergence_limit(&self) -> Duration {
        let machines = self.machines();
        let longest = |of: fn(&Config) -> Duration| {
            machines.iter().map(|machine| of(&machine.config)).max().unwrap_or_default()
        };
        let (weather, bytes_per_second) = self.world().net.with(|network, _| {
            let hosts = machines.iter().map(|machine| machine.host);
            (*network.weather(), network.bytes_per_second_between(&hosts.collect::<Vec<_>>()))
        });
        let transfer_secs = TRANSFER_BYTES.div_ceil(bytes_per_second.max(1));
        let one_link = longest(|config| config.repl_timeout) * 2
            + weather.user_timeout
            + weather.dial_timeout
            + longest(|config| config.repl_diskless_sync_delay)
            + longest(|config| config.repl_ping_replica_period)
            + Duration::from_secs(10 + transfer_secs);
        one_link * u32::try_from(machines.len().max(1)).expect("a run has few nodes")
    }

    pub(super) fn machines(&self) -> Vec<Rc<Machine>> {
        self.world().machines.borrow().clone()
    }

    /// A replica that is not where its master is, and what is different.
    fn first_lagging(&self) -> Option<(Rc<Machine>, String)> {
        let machines = self.machines();
        let follows = self.0.follows.borrow().clone();
        let core = self.0.core.borrow().clone();
        for (replica, master) in machines.iter().zip(follows) {
            if core.as_ref().is_some_and(|core| !core.contains(&replica.index)) {
                continue;
            }
            let Some(master) = master.map(|index| &machines[index]) else { continue };
            let views = (replica.with_node(node_view::view), master.with_node(node_view::view));
            let (Some(here), Some(there)) = views else { continue };
            let stands_still = replica.is_frozen() || master.is_frozen();
            if stands_still || !self.connected(replica, master) {
                continue;
            }
            if let Some(why) = difference(&here, &there) {
                return Some((Rc::clone(replica), why));
            }
        }
        None
    }

    fn connected(&self, replica: &Machine, master: &Machine) -> bool {
        self.world().net.with(|network, _| {
            network.passes(replica.host, master.host) && network.passes(master.host, replica.host)
        })
    }

    /// How often each node has dialled each other one so far.
    fn dialled(&self) -> Vec<u64> {
        let hosts: Vec<_> = self.machines().iter().map(|machine| machine.host).collect();
        let links = hosts.iter().flat_map(|from| hosts.iter().map(move |to| (*from, *to)));
        self.world()
            .net
            .with(|network, _| links.map(|(from, to)| network.dialled_count(from, to)).collect())
    }

    fn compare_dials(&self, before: &[u64], span: Duration) {
        let evidence = &self.world().evidence;
        for (after, before) in self.dialled().iter().zip(before) {
            let judged = evidence.judge.borrow_mut().on_dialled(after - before, span);
            if let Err(broken) = judged {
                evidence.fail(None, broken);
            }
        }
    }

    /// Equal offsets of one history are equal datasets: the property *one-dataset*, now for all
    /// nodes.
    fn compare_datasets(&self) {
        let evidence = &self.world().evidence;
        for machine in self.machines() {
            let compared = machine.with_node(|node| {
                evidence.judge.borrow_mut().on_quiescence(node, &node_view::view(node))
            });
            if let Some(Err(broken)) = compared {
                evidence.fail(Some(&machine.name), broken);
            }
        }
        if self.0.core.borrow().is_some() {
            // Others still have to hear what these properties wait for.
            return;
        }
        let mut judge = evidence.judge.borrow_mut();
        let now = self.world().net.now();
        let judged = judge.on_waits_settled().and_then(|()| judge.on_channels_settled(now));
        drop(judge);
        if let Err(broken) = judged {
            evidence.fail(None, broken);
        }
    }
}

fn difference(replica: &View, master: &View) -> Option<String> {
    if replica.link != "connected" {
        return Some(format!("its link is {:?}", replica.link));
    }
    if replica.replid != master.replid {
        return Some(format!("history {:?}, its master's {:?}", replica.replid, master.replid));
    }
    if replica.offset != master.offset {
        return Some(format!("offset {}, its master's {}", replica.offset, master.offset));
    }
    None
}
