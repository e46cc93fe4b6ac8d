//! The node: owns the parts and routes inputs.

use crate::{
    base::{
        config::Config,
        ids::ConnId,
        rng::Seed,
        time::{Instant, Now},
    },
    io::{Effect, Input, Interest, PeerInfo},
};

/// A whole Redis-compatible server, as a state machine.
#[derive(Debug)]
pub struct Node {}

impl Node {
    /// A node at its boot.
    pub fn new(_config: Config, _seed: Seed, _now: Now) -> Self {
        Self {}
    }
    /// A client connected.
    pub fn accept(&mut self, _now: Now, _peer: PeerInfo) -> ConnId {
        ConnId::new(0, 0)
    }
    /// Takes one input and finishes it.
    pub fn handle(&mut self, _now: Now, _input: Input<'_>) {}
    /// Drained after every `handle` and `accept`.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        None
    }
    /// The next deadline.
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }
    /// What the node wants of a connection.
    pub fn interest(&self, _conn: ConnId) -> Interest {
        Interest::Gone
    }
    /// The bytes to send next on a connection.
    pub fn transmit(&self, _conn: ConnId) -> [&[u8]; 2] {
        [&[], &[]]
    }
}
