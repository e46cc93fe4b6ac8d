//! What the commands of one unit of execution (a command, a transaction) did, as replicas must hear
//! it.

use alloc::vec::Vec;

use crate::{
    base::room::{Use, free_spare},
    keyspace::DbIndex,
    resp::encode_command,
};

/// So many commands at most are room that is kept for ever.
const OPS_KEPT: usize = 1024;

/// The commands to propagate, encoded, each with its database. Reused: it keeps its capacity until
/// [`Effects::free_spare_memory`] is called.
#[derive(Debug, Default)]
pub struct Effects {
    bytes: Vec<u8>,
    ops: Vec<Op>,
}

#[derive(Clone, Copy, Debug)]
struct Op {
    db: DbIndex,
    end: usize,
}

impl Effects {
    /// Adds a command.
    pub fn push<'a, I>(&mut self, db: DbIndex, args: I)
    where
        I: IntoIterator<Item = &'a [u8], IntoIter: ExactSizeIterator>,
    {
        encode_command(&mut self.bytes, args);
        self.ops.push(Op { db, end: self.bytes.len() });
    }

    /// Adds a command that is encoded already, exactly as `push` would.
    pub fn push_encoded(&mut self, db: DbIndex, command: &[u8]) {
        self.bytes.extend_from_slice(command);
        self.ops.push(Op { db, end: self.bytes.len() });
    }

    /// How many commands there are.
    pub fn len(&self) -> usize {
        self.ops.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    /// The commands in order.
    pub fn iter(&self) -> impl Iterator<Item = (DbIndex, &[u8])> {
        let starts = core::iter::once(0).chain(self.ops.iter().map(|op| op.end));
        starts.zip(&self.ops).map(|(start, op)| (op.db, &self.bytes[start..op.end]))
    }

    /// Forgets them.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ops.clear();
    }

    /// Gives back the room of commands that were larger or more than usual.
    pub fn free_spare_memory(&mut self) {
        free_spare(&mut self.bytes, Use::Busy);
        self.ops.shrink_to(self.ops.len().max(OPS_KEPT));
    }
}
