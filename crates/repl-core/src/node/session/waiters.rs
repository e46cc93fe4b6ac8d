//! Everybody who waits, found by what can end a wait: a deadline, the end of a pause, an
//! acknowledgement, a key. Nothing here looks at all of them.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use super::super::measure::Noted;
use crate::{
    base::{ids::ConnId, time::Instant},
    command::{Claim, Spec},
    conn::{Wait, Waits},
    keyspace::{DbIndex, Ticket},
};

/// All waits of a node.
#[derive(Debug, Default)]
pub(in crate::node) struct Waiting {
    /// Counts waits.
    tickets: u64,
    clients: BTreeMap<Ticket, ConnId>,
    deadlines: BTreeSet<(Instant, Ticket)>,
    /// Those that `CLIENT PAUSE` or a shutdown holds back.
    held_back: BTreeSet<Ticket>,
    /// `WAIT`: how many replicas, and the last byte that they must have.
    replicas: BTreeSet<(u64, u64, Ticket)>,
    blocked: BTreeMap<Ticket, Blocked>,
}

/// A command that waits for keys.
#[derive(Debug)]
pub(in crate::node) struct Blocked {
    pub(super) spec: &'static Spec,
    pub(super) db: DbIndex,
    pub(super) keys: Vec<Box<[u8]>>,
    pub(super) claim: Claim,
    /// The command, for the slow log.
    pub(super) noted: Noted,
}

impl Waiting {
    /// How many wait.
    pub(in crate::node) fn count(&self) -> usize {
        self.clients.len()
    }

    /// How many of them do not wait for ever.
    pub(in crate::node) fn deadline_count(&self) -> usize {
        self.deadlines.len()
    }

    /// All of them, those first who began first.
    pub(super) fn clients(&self) -> Vec<ConnId> {
        self.clients.values().copied().collect()
    }

    /// Who has this ticket.
    pub(super) fn client(&self, ticket: Ticket) -> Option<ConnId> {
        self.clients.get(&ticket).copied()
    }

    /// A client begins to wait.
    pub(super) fn begin(&mut self, id: ConnId, on: Wait) -> Waits {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.clients.insert(ticket, id);
        match on {
            Wait::Pause => {
                self.held_back.insert(ticket);
            }
            Wait::Shutdown
            | Wait::Config
            | Wait::Disk
            | Wait::StandStill { .. }
            | Wait::Keys { .. } => {}
            Wait::Replicas { count, offset, .. } => {
                self.replicas.insert((count, offset, ticket));
            }
        }
        self.deadlines.extend(deadline(on).map(|at| (at, ticket)));
        Waits { ticket, on }
    }

    /// A client waits no more.
    pub(super) fn end(&mut self, Waits { ticket, on }: Waits) {
        self.clients.remove(&ticket);
        match on {
            Wait::Pause => {
                self.held_back.remove(&ticket);
            }
            Wait::Shutdown
            | Wait::Config
            | Wait::Disk
            | Wait::StandStill { .. }
            | Wait::Keys { .. } => {}
            Wait::Replicas { count, offset, .. } => {
                self.replicas.remove(&(count, offset, ticket));
            }
        }
        if let Some(at) = deadline(on) {
            self.deadlines.remove(&(at, ticket));
        }
    }

    /// What a client claims of the keys it waits for.
    pub(super) fn put_blocked(&mut self, ticket: Ticket, blocked: Blocked) {
        self.blocked.insert(ticket, blocked);
    }

    /// The same, to be served or forgotten.
    pub(super) fn take_blocked(&mut self, ticket: Ticket) -> Option<Blocked> {
        self.blocked.remove(&ticket)
    }

    /// How many wait for keys, and what this one claims.
    #[cfg(any(test, feature = "arbitrary"))]
    pub(super) fn blocked(&self, ticket: Ticket) -> (usize, Option<&Blocked>) {
        (self.blocked.len(), self.blocked.get(&ticket))
    }

    /// When the first deadline comes.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Who waits until `now` at the latest, one at a time.
    pub(super) fn next_due(&self, now: Instant) -> Option<ConnId> {
        let (at, ticket) = self.deadlines.first()?;
        if *at <= now { self.client(*ticket) } else { None }
    }

    /// Those that are held back, in the order in which they came.
    pub(super) fn held_back(&self) -> Vec<ConnId> {
        self.held_back.iter().filter_map(|ticket| self.client(*ticket)).collect()
    }

    /// Whether nobody waits for acknowledgements.
    pub(super) fn wants_no_ack(&self) -> bool {
        self.replicas.is_empty()
    }

    /// Who waits for `count` replicas that have everything up to `offset` or less, one at a time.
    pub(super) fn next_satisfied(&self, count: u64, offset: u64) -> Option<ConnId> {
        let range = (count, 0, Ticket(0))..=(count, offset, Ticket(u64::MAX));
        let (.., ticket) = self.replicas.range(range).next()?;
        self.client(*ticket)
    }
}

fn deadline(on: Wait) -> Option<Instant> {
    match on {
        Wait::Pause | Wait::Shutdown | Wait::Config | Wait::Disk => None,
        Wait::StandStill { until } => Some(until),
        Wait::Replicas { deadline, .. } | Wait::Keys { deadline } => deadline,
    }
}
