//! What `CONFIG` needs of the world: changes that the host may refuse, and rewrites of the file,
//! one at a time: whoever asks meanwhile shares the next.

use std::{mem, rc::Rc};

use repl_core::{
    base::{config::Config, ids::ConnId},
    io::{ConfigChange, Input},
};

use super::Shared;
use crate::{
    config_rewrite::rewrite_file,
    log::os_text,
    platform::{Event, Platform},
};

impl<P: Platform> Shared<P> {
    /// The configuration file is written while other clients are served, until nobody asks for it
    /// any more.
    pub(super) async fn rewrite_config(shared: Rc<Self>) {
        let (disk, path) = (shared.platform.disk(), shared.platform.config_file());
        let process = shared.platform.host_facts().pid;
        loop {
            let next = shared.rewrites.borrow_mut().take();
            let Some(Rewrite { config, askers }) = next else { return };
            let written = rewrite_file(&disk, &path, process, &config).await;
            let outcome = written.map_err(|error| os_text(&error));
            for asker in askers {
                let outcome = outcome.clone();
                Self::handle(&shared, Input::ConfigRewritten { asker, outcome }, Event::Woken);
            }
        }
    }

    /// The host is asked about a `CONFIG SET`, while other clients are served.
    pub(super) async fn apply_config(shared: Rc<Self>, mut change: Box<ConfigChange>) {
        shared.awake().await;
        let wanted = change.upon(shared.node.borrow().config());
        let outcome = match wanted {
            Ok(config) => {
                change.config = config;
                let applied = shared.platform.apply(&change).await;
                applied.map(|config| change.config = config)
            }
            Err(error) => Err(error),
        };
        Self::handle(&shared, Input::ConfigApplied { change, outcome }, Event::Woken);
    }
}

/// What is to be written, and for whom.
pub(super) struct Rewrite {
    pub(super) config: Box<Config>,
    pub(super) askers: Vec<ConnId>,
}

/// Who has asked for a rewrite. It holds one configuration, however many ask.
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
