//! The faults of the network, as a scenario says them: what is cut, held up, thinned or reset.
//!
//! Every word here but the healing ones counts as a fault of the run.

use std::{fmt, rc::Rc, time::Duration};

use super::{Lab, Peer};
pub use crate::net::Breakage;
use crate::{
    machine::Machine,
    net::{Dials, Network, Passage},
    record::What,
};

impl Lab {
    /// Cuts the link in both directions: what is sent is lost.
    pub fn cut(&self, a: &Peer, b: &Peer) {
        self.fault(format_args!("cut {} - {}", a.name(), b.name()));
        self.set_passages(a, b, Passage::Cut);
    }

    /// Cuts one direction.
    pub fn cut_one_way(&self, from: &Peer, to: &Peer) {
        self.fault(format_args!("cut {} -> {}", from.name(), to.name()));
        self.0.world.net.with(|network, now| {
            network.set_passage(now, from.host(), to.host(), Passage::Cut);
        });
    }

    /// Holds everything up in both directions; nothing is lost.
    pub fn stall(&self, a: &Peer, b: &Peer) {
        self.fault(format_args!("stall {} - {}", a.name(), b.name()));
        self.set_passages(a, b, Passage::Stalled);
    }

    /// Makes both directions slower: so much latency, so many bytes a second (zero: no limit).
    pub fn slow(&self, a: &Peer, b: &Peer, latency: Duration, bytes_per_second: u64) {
        self.fault(format_args!(
            "slow {} - {}: {latency:?}, {bytes_per_second} bytes a second",
            a.name(),
            b.name()
        ));
        self.each_way(a, b, |network, from, to| {
            let mut shape = network.shape(from.host(), to.host());
            shape.latency = latency;
            shape.bytes_per_second = bytes_per_second;
            network.set_shape(from.host(), to.host(), shape);
        });
    }

    /// Resets every connection between the two.
    pub fn reset(&self, a: &Peer, b: &Peer) {
        self.fault(format_args!("reset {} - {}", a.name(), b.name()));
        self.0.world.net.with(|network, now| network.reset_between(now, a.host(), b.host()));
    }

    /// Resets every connection between the two at the end of `a` alone: `b` finds out when it
    /// writes.
    pub fn half_open(&self, a: &Peer, b: &Peer) {
        self.fault(format_args!("half-open {} - {}", a.name(), b.name()));
        self.0.world.net.with(|network, now| network.reset_at(now, a.host(), b.host()));
    }

    /// Resets every connection between the two and refuses new ones, as if nobody listened.
    pub fn refuse(&self, a: &Peer, b: &Peer) {
        self.fault(format_args!("refuse {} - {}", a.name(), b.name()));
        self.close_doors(a, b, Dials::Refused);
    }

    /// Resets every connection between the two; new ones are asked for and never answered.
    pub fn hang(&self, a: &Peer, b: &Peer) {
        self.fault(format_args!("hang {} - {}", a.name(), b.name()));
        self.close_doors(a, b, Dials::Lost);
    }

    /// Cuts all links between the node and other nodes.
    pub fn isolate(&self, alone: &Peer) {
        self.fault(format_args!("isolate {}", alone.name()));
        let alone = alone.host();
        let others = self.machines().into_iter().map(|machine| machine.host);
        for other in others.filter(|other| *other != alone) {
            self.world().net.with(|network, now| {
                network.set_passage(now, alone, other, Passage::Cut);
                network.set_passage(now, other, alone, Passage::Cut);
            });
        }
    }

    /// Clients ask for nothing for so long.
    pub fn lull(&self, span: Duration) {
        self.act(format_args!("clients are quiet for {span:?}"));
        let until = self.world().net.now() + span;
        let quiet_until = &self.world().quiet_until;
        quiet_until.set(quiet_until.get().max(until));
    }

    /// Breaks the link between the two as soon as so many more bytes have arrived in this
    /// direction. Counts as a fault when it happens.
    pub fn break_after(&self, from: &Peer, to: &Peer, bytes: u64, breakage: Breakage) {
        self.act(format_args!(
            "{breakage:?} {} - {} after {bytes} bytes of {}",
            from.name(),
            to.name(),
            from.name()
        ));
        self.0.world.net.with(|network, _| {
            network.break_after(from.host(), to.host(), bytes, breakage);
        });
    }

    /// Ends a cut, a stall, a slowness or a refusal in both directions.
    pub fn heal(&self, a: &Peer, b: &Peer) {
        self.act(format_args!("heal {} - {}", a.name(), b.name()));
        self.set_passages(a, b, Passage::Open);
        let now = self.0.world.net.now();
        self.each_way(a, b, |network, from, to| {
            network.restore_shape(now, from.host(), to.host());
        });
    }

    /// Ends all cuts, stalls, slownesses and refusals, and those that wait for their byte; frozen
    /// processes go on, and slow readers hurry.
    pub fn heal_all(&self) {
        self.act(format_args!("heal everything"));
        self.heal_among(&self.machines());
    }

    /// Heals these nodes and the links among them, and nothing else.
    pub(crate) fn heal_among_peers(&self, peers: &[&Peer]) {
        let names: Vec<&str> = peers.iter().map(|peer| peer.name()).collect();
        self.act(format_args!("heal {} among themselves", names.join(" ")));
        let hosts: Vec<_> = peers.iter().map(|peer| peer.host()).collect();
        let mut machines = self.machines();
        machines.retain(|machine| hosts.contains(&machine.host));
        self.heal_among(&machines);
    }

    /// Heals these machines and the links among them.
    fn heal_among(&self, machines: &[Rc<Machine>]) {
        self.world().net.with(|network, now| {
            for from in machines {
                for to in machines {
                    network.set_passage(now, from.host, to.host, Passage::Open);
                    network.restore_shape(now, from.host, to.host);
                }
            }
        });
        for machine in machines {
            machine.thaw(self.world());
        }
    }

    /// A line of the trace about something that goes wrong now.
    pub(super) fn fault(&self, event: fmt::Arguments<'_>) {
        self.tell(event, What::Fault);
        self.0.world.evidence.judge.borrow_mut().on_cause();
        let count = &self.0.world.evidence.fault_count;
        count.set(count.get() + 1);
    }

    fn close_doors(&self, a: &Peer, b: &Peer, dials: Dials) {
        self.each_way(a, b, |network, from, to| network.set_dials(from.host(), to.host(), dials));
        self.0.world.net.with(|network, now| network.reset_between(now, a.host(), b.host()));
    }

    fn set_passages(&self, a: &Peer, b: &Peer, passage: Passage) {
        let now = self.0.world.net.now();
        self.each_way(a, b, |network, from, to| {
            network.set_passage(now, from.host(), to.host(), passage);
        });
    }

    fn each_way(&self, a: &Peer, b: &Peer, change: impl Fn(&mut Network, &Peer, &Peer)) {
        let net = &self.0.world.net;
        for (from, to) in [(a, b), (b, a)] {
            net.with(|network, _| change(network, from, to));
        }
    }
}
