//! Replies that nobody reads: a master and a replica are sent none.
//!
//! From a replica a reply means that the peer is none; from our master's stream an error means that
//! the datasets differ.

use alloc::{format, string::String};
use core::mem;

use super::{Node, requests::Caller, session::Shutdown};
use crate::{
    base::{
        config::{PropagationError, quoted},
        time::Now,
    },
    io::{Effect, Level},
};

/// How much of the stream before an error is logged.
// redis: replication.c, showLatestBacklog
const SHOWN_BYTES: u64 = 256;

impl Node {
    /// A reply to our master or a replica cannot be sent.
    #[inline]
    pub(super) fn drop_unread(&mut self, now: Now, caller: Caller, command: &str) {
        if !self.unread.is_empty() {
            self.explain_unread(now, caller, command);
        }
    }

    // redis: networking.c, prepareClientToWrite and afterErrorReply
    fn explain_unread(&mut self, now: Now, caller: Caller, command: &str) {
        let reply = mem::take(&mut self.unread);
        let is_error = reply.first() == Some(&b'-');
        self.stats.unexpected_error_replies += u64::from(is_error);
        if let Caller::Conn(id) = caller {
            let whom = self.conns.get(id).map(|conn| self.line(now, id, conn));
            let whom = whom.unwrap_or_default();
            let text = format!(
                "Replica generated a reply to command '{command}', disconnecting it: {}",
                whom.trim_end()
            );
            self.log(Level::Warning, text);
            self.close(now, id);
        }
        if is_error {
            let text = String::from_utf8_lossy(&reply).trim_end().replace('\r', " ");
            let text = text.strip_prefix("-ERR ").unwrap_or(&text);
            let (we, they) = match caller {
                Caller::Master => ("replica", "master"),
                Caller::Conn(_) => ("master", "replica"),
            };
            let text = format!(
                "== CRITICAL == This {we} is sending an error to its {they}: '{text}' after \
                 processing the command '{command}'"
            );
            self.log(Level::Warning, text);
            if caller == Caller::Master {
                self.log_latest_backlog();
                self.panic_as_told(command);
            }
        }
        self.unread = reply;
        self.unread.clear();
    }

    /// What came before the command that failed.
    fn log_latest_backlog(&mut self) {
        let Some(backlog) = self.history.backlog().filter(|backlog| backlog.histlen() > 0) else {
            return;
        };
        let from = backlog.end() - backlog.histlen().min(SHOWN_BYTES);
        let bytes = backlog.slices(from).concat();
        let text = format!("Latest backlog is: '{}'", quoted(&bytes));
        self.log(Level::Warning, text);
    }

    /// `propagation-error-behavior`: a dataset that differs from the master's may be worse than
    /// none. Nothing of the stream is applied after that.
    fn panic_as_told(&mut self, command: &str) {
        match self.config.propagation_error_behavior {
            PropagationError::Panic | PropagationError::PanicOnReplicas
                if self.config.replica_read_only && self.shutdown != Some(Shutdown::Ending) =>
            {
                let text = format!(
                    "This replica panicked sending an error to its master after processing the \
                     command '{command}'"
                );
                self.log(Level::Warning, text);
                self.shutdown = Some(Shutdown::Ending);
                self.effects.push_back(Effect::Exit(1));
            }
            PropagationError::Ignore
            | PropagationError::Panic
            | PropagationError::PanicOnReplicas => {}
        }
    }
}
