//! The whole node as a pure state machine: protocol, keyspace, replication on both sides,
//! snapshots.
//!
//! It has no socket, file, thread, clock, global, async or hidden randomness. Bytes, time, seeds
//! and facts about the host come in as parameters ([`io::Input`]); bytes to send, connections to
//! dial, log lines and the next deadline come out ([`io::Effect`] and the `poll_*` methods of the
//! node).
#![no_std]
#![cfg_attr(test, allow(clippy::disallowed_types, reason = "tests may use std"))]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod acl;
pub mod base;
pub mod command;
pub mod conn;
pub mod io;
pub mod keyspace;
pub mod marks;
pub mod node;
pub mod rdb;
pub mod repl;
pub mod resp;
pub mod value;

pub use node::Node;
