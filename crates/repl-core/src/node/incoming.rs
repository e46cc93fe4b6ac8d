//! A full sync that arrives: what the log and `INFO` say of it.

use alloc::format;

use super::Node;
use crate::{base::config::DisklessLoad, io::Level, repl::replica::Link};

/// Whether a dataset is being loaded, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loads {
    Nothing,
    /// In the place of ours, as clients are to see it.
    InPlace,
    /// Beside ours.
    Beside,
}

impl Node {
    /// What `loading` and `async_loading` tell. What our master sends is always loaded beside our
    /// dataset; as in Redis that is only said of another version of the same dataset, unless the
    /// snapshot is received as if into a file first.
    // redis: replication.c, readSyncBulkPayload and useDisklessLoad
    pub(super) fn loads(&self) -> Loads {
        if self.loading.is_some() {
            return Loads::InPlace;
        }
        match self.following.as_ref().map(|following| &following.link) {
            Some(Link::Loading { payload, .. }) if payload.has_begun() => {
                let is_ours = payload.replid() == Some(self.history.replid());
                let is_direct = self.config.repl_diskless_load != DisklessLoad::Disabled;
                if is_direct && !is_ours { Loads::InPlace } else { Loads::Beside }
            }
            _ => Loads::Nothing,
        }
    }

    /// The header of a payload has come, with the length that it announces or without one.
    pub(super) fn log_load_begun(&mut self, length: Option<u64>) {
        let what = match length {
            Some(length) => format!("receiving {length} bytes from master"),
            None => "receiving streamed RDB from master with EOF".into(),
        };
        self.log(Level::Notice, format!("MASTER <-> REPLICA sync: {what} to parser"));
        self.log(Level::Notice, "MASTER <-> REPLICA sync: Loading DB in memory".into());
    }
}
