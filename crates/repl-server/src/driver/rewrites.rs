//! Rewrites of the configuration file: one at a time, and whoever asks meanwhile shares the next.

use std::mem;

use repl_core::base::{config::Config, ids::ConnId};

/// What is to be written, and for whom.
pub(super) struct Rewrite {
    pub(super) config: Box<Config>,
    pub(super) askers: Vec<ConnId>,
}

/// See this file's header. It holds one configuration, however many ask.
#[derive(Default)]
pub(super) struct Rewrites {
    under_way: bool,
    next: Option<Rewrite>,
}

impl Rewrites {
    /// Somebody asks. The first of them is to have a task begin that takes what there is until
    /// nothing is left: then this is true.
    #[must_use]
    pub(super) fn ask(&mut self, asker: ConnId, config: Box<Config>) -> bool {
        let mut askers = self.next.take().map_or_else(Vec::new, |next| next.askers);
        // Within a transaction one client asks as often as it likes.
        if askers.last() != Some(&asker) {
            askers.push(asker);
        }
        self.next = Some(Rewrite { config, askers });
        !mem::replace(&mut self.under_way, true)
    }

    /// What is to be written next. With nothing left the task is over.
    pub(super) fn take(&mut self) -> Option<Rewrite> {
        self.under_way = self.next.is_some();
        self.next.take()
    }
}
