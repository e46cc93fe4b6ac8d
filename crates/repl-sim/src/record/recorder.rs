//! A record in the making, shared by all parts of a run that have something to tell.

use repl_core::base::time::Instant;

use super::{Operation, Outcome, Record, State, What, tap::Tap, wire};
use crate::net::HostId;

/// See this file's header.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    record: Record,
    pub(crate) tap: Tap,
}

impl Recorder {
    /// A node runs on this host.
    pub(crate) fn add_node(&mut self, name: &str, host: HostId) {
        self.record.nodes.push(name.to_owned());
        self.tap.add_node(host);
    }

    /// Adds an event.
    pub(crate) fn push(
        &mut self,
        at: Instant,
        line: u64,
        node: Option<(usize, State)>,
        what: What,
    ) {
        self.record.events.push(super::Event { at, line, node, what });
    }

    /// A client asks; gives the number of the operation.
    pub(crate) fn ask(&mut self, client: usize, node: usize, bytes: &[u8], at: Instant) -> usize {
        let requests = wire::requests(bytes);
        self.record.operations.push(Operation { client, node, requests, at, outcome: None });
        self.record.operations.len() - 1
    }

    /// A client was told, or not.
    pub(crate) fn answer(&mut self, operation: usize, at: Instant, outcome: Outcome) {
        self.record.operations[operation].outcome = Some((at, outcome));
    }

    /// What there is so far; nothing is left.
    pub(crate) fn take(&mut self) -> Record {
        let mut record = std::mem::take(&mut self.record);
        (record.messages, record.links) = self.tap.take();
        record
    }
}
