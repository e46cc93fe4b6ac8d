//! Replication: the history this node tells, and both ends of the link.
//!
//! Knows nothing of connections: sessions and links are state machines over bytes, and the node
//! wires them up.

mod backlog;
mod effects;
mod history;
mod loader;
pub mod master;
pub mod replica;

pub use self::{
    backlog::{Backlog, Trimmed},
    effects::Effects,
    history::{History, OFFSET_LIMIT, Place},
    loader::{About, Loader},
};
