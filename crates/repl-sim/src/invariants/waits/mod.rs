//! Clients that wait for an element: what each of them asked for, when its node had heard it, and
//! what became of it. The properties are in the files beside this one.

mod in_turn;
mod served_once;
mod unblocked;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use repl_core::base::{ids::ReplId, time::Instant};

use self::{in_turn::InTurn, served_once::ServedOnce, unblocked::Unblocked};
use super::{
    Broken, Judge, Premises, Standing,
    queues::{Spot, Taken},
};
use crate::{
    net::HostId,
    node_view::{Queues, Role, View},
};

/// A request that may wait.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    /// The node that was asked.
    pub(crate) node: usize,
    /// Any of these will do.
    pub(crate) spots: BTreeSet<Spot>,
    /// Where the element is put, if it is moved.
    pub(crate) to: Option<Spot>,
    /// How long the node is to wait: `None` for ever, zero not at all.
    pub(crate) timeout: Option<Duration>,
    /// How long a segment of the answer may be under way.
    pub(crate) flight: Duration,
}

/// What a waiter was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WaitAnswer {
    Elements(Vec<Vec<u8>>),
    /// The timeout is over, or the request could not wait.
    Nothing,
    Refused(String),
}

/// A wish that is not answered yet.
#[derive(Clone, Debug)]
struct Waiting {
    wish: Wish,
    sent_at: Instant,
    arrived: Option<Arrival>,
    /// When its node became a replica, if that was after the arrival.
    demoted_at: Option<Instant>,
}

/// When a node had heard the whole wish.
#[derive(Clone, Copy, Debug)]
struct Arrival {
    /// Its place among all arrivals of the run.
    place: u64,
    at: Instant,
    /// What the node was then.
    role: Role,
}

/// See this file's header.
#[derive(Debug, Default)]
pub(super) struct Waits {
    waiting: BTreeMap<HostId, Waiting>,
    arrival_count: u64,
    served_once: ServedOnce,
    in_turn: InTurn,
    unblocked: Unblocked,
}

impl Waits {
    pub(super) fn premises(&self) -> Premises {
        BTreeMap::from([
            (served_once::NAME, self.served_once.premise_count),
            (in_turn::NAME, self.in_turn.premise_count),
            (unblocked::NAME, self.unblocked.premise_count),
        ])
    }

    /// A host has sent something to a node.
    pub(super) fn on_received(&mut self, host: HostId, node: usize, role: Role, now: Instant) {
        let Some(waiting) = self.waiting.get_mut(&host) else { return };
        if waiting.wish.node == node {
            // The last of it counts: the waiter says nothing more until it is answered.
            self.arrival_count += 1;
            waiting.arrived = Some(Arrival { place: self.arrival_count, at: now, role });
            waiting.demoted_at = None;
        }
    }

    /// A node was `before`, and is `view` now.
    pub(super) fn on_change(&mut self, node: usize, before: &View, view: &View, now: Instant) {
        if before.role == Role::Master && view.role == Role::Replica {
            let here = self.waiting.values_mut().filter(|waiting| waiting.wish.node == node);
            for waiting in here.filter(|waiting| self.unblocked.is_blocked(waiting, now)) {
                waiting.demoted_at.get_or_insert(now);
            }
        }
    }

    /// A node's process begins: what it was asked before is forgotten.
    pub(super) fn on_boot(&mut self, node: usize) {
        for waiting in self.waiting.values_mut().filter(|waiting| waiting.wish.node == node) {
            (waiting.arrived, waiting.demoted_at) = (None, None);
        }
    }

    /// A node moves again: only now it learns who has gone.
    pub(super) fn on_thaw(&mut self, node: usize, now: Instant) {
        self.served_once.on_thaw(node, now);
    }

    /// A node holds `actual`, and its history says `expected`.
    pub(super) fn check_queues(expected: &Queues, actual: &Queues) -> Result<(), Broken> {
        if expected == actual {
            return Ok(());
        }
        let different = |queues: &Queues, others: &Queues| {
            let queue = queues.iter().find(|(spot, queue)| others.get(*spot) != Some(*queue));
            format!("{queue:?}")
        };
        Err(Broken {
            property: served_once::NAME,
            expected: different(expected, actual),
            actual: different(actual, expected),
        })
    }

    /// A node's history tells that something was taken from a queue.
    pub(super) fn on_taken(
        &mut self,
        node: usize,
        taken: Taken,
        now: Instant,
    ) -> Result<(), Broken> {
        self.served_once.note(node, taken, now)
    }
}

impl Judge {
    /// A waiter sends its wish.
    pub(crate) fn on_wish(&mut self, waiter: HostId, wish: Wish, now: Instant) {
        let waiting = Waiting { wish, sent_at: now, arrived: None, demoted_at: None };
        self.waits.waiting.insert(waiter, waiting);
    }

    /// A node takes no writes from then until then.
    pub(super) fn on_pause(&mut self, node: usize, from: Instant, until: Instant) {
        self.waits.unblocked.on_pause(node, from, until);
    }

    /// A node hands its role over from now on, and takes no writes.
    pub(crate) fn on_hand_over(&mut self, node: usize, now: Instant) {
        self.waits.unblocked.on_hand_over(node, now);
    }

    /// That has ended, one way or the other.
    pub(crate) fn on_hand_over_ended(&mut self, node: usize, now: Instant) {
        self.waits.unblocked.on_hand_over_ended(node, now);
    }

    /// A waiter is answered. `standing` is what its node was all the time, if it was one thing.
    pub(crate) fn on_wish_answered(
        &mut self,
        waiter: HostId,
        standing: Option<Standing>,
        answer: &WaitAnswer,
        now: Instant,
    ) -> Result<(), Broken> {
        let Some(waiting) = self.waits.waiting.remove(&waiter) else { return Ok(()) };
        let node = waiting.wish.node;
        // Whether a pop at this node is one that a history tells.
        let told = standing.is_some_and(|it| it.role == Role::Master && it.recording)
            && self.history_of(node).is_some_and(|owner| self.knows_queues(owner));
        let mut taken_at = None;
        if let WaitAnswer::Elements(elements) = answer {
            let served = self.waits.served_once.check(&waiting.wish, elements, told)?;
            taken_at = served.map(|served| served.at);
            if let (Some(served), Some(arrived)) = (served, waiting.arrived) {
                self.waits.in_turn.check(&waiting.wish, arrived, served)?;
            }
        }
        self.waits.unblocked.check(&waiting, answer, taken_at, now)
    }

    /// A waiter's connection is gone, or it has closed it.
    pub(crate) fn on_wish_lost(&mut self, waiter: HostId, now: Instant) -> Result<(), Broken> {
        let Some(waiting) = self.waits.waiting.remove(&waiter) else { return Ok(()) };
        let outcome = self.waits.unblocked.check_unanswered(&waiting, now);
        self.waits.served_once.note_lost(waiting, now);
        outcome
    }

    /// Nothing moves: what was taken was handed to somebody, or lost with a connection.
    pub(crate) fn on_waits_settled(&mut self) -> Result<(), Broken> {
        let waits = &mut self.waits;
        waits.served_once.check_none_vanished(waits.waiting.values())
    }

    fn knows_queues(&self, owner: ReplId) -> bool {
        self.stream.reads_all_of(owner) && self.queues.is_sure(owner)
    }
}
