//! Whom a node follows, what it may ask of that master, and how the link is.

use super::Node;
use crate::{
    base::{
        ids::{Endpoint, ReplId},
        time::Instant,
    },
    io::Scratch,
    repl::replica::Link,
};

/// What we may ask the master for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resume {
    /// To go on where our history ends.
    FromHistory,
    /// Everything: our bytes belong to no history that the master could know.
    FromScratch(Scratch),
}

/// Whom we follow, and how that goes.
#[derive(Debug)]
pub(super) struct Following {
    pub(super) master: Endpoint,
    pub(super) link: Link,
    pub(super) resume: Resume,
    /// When the master last gave a sign of life.
    pub(super) last_io_at: Instant,
    /// Since when the link is down, if it was ever up.
    pub(super) down_since: Option<Instant>,
    /// Nothing more of the link is read before that instant.
    pub(super) reads_at: Option<Instant>,
    /// Whether whatever the master has is wanted.
    pub(super) consent: Consent,
    /// The dataset that was refused last.
    pub(super) refused: Option<Refused>,
    /// Full syncs that have failed since the link was last up.
    pub(super) failed_syncs: u32,
}

/// A dataset that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    /// Its history.
    pub(super) replid: ReplId,
    /// Keys that it had.
    pub(super) keys: u64,
}

/// Whether a dataset may be taken that has next to nothing of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Consent {
    /// Somebody has just named the master.
    Given,
    /// It was named before the link was up for the first time, or before the boot.
    Needed,
}

impl Node {
    pub(super) fn follows(&self, master: &Endpoint) -> bool {
        self.following.as_ref().is_some_and(|following| {
            following.master.host.eq_ignore_ascii_case(&master.host)
                && following.master.port == master.port
        })
    }
}

impl Following {
    /// Whom we are to follow, who is not dialled before that instant.
    pub(super) fn waiting_until(retry_at: Instant, master: Endpoint, now: Instant) -> Self {
        Self {
            master,
            link: Link::Waiting { retry_at },
            resume: Resume::FromScratch(Scratch::NoFile),
            last_io_at: now,
            down_since: None,
            reads_at: None,
            consent: Consent::Needed,
            refused: None,
            failed_syncs: 0,
        }
    }

    /// When the next attempt is due.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        match self.link {
            Link::Waiting { retry_at } => Some(retry_at),
            Link::Dialing { .. }
            | Link::Greeting { .. }
            | Link::Loading { .. }
            | Link::Streaming { .. } => None,
        }
    }

    /// Whether the dataset here belongs to a history that some master may know.
    pub(super) fn has_history(&self) -> bool {
        self.link.is_up() || self.resume == Resume::FromHistory
    }
}
