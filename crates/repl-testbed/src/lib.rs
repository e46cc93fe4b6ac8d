//! One vocabulary for clusters, in three worlds: simulated nodes, processes of this project's
//! server, processes of real Redis.
//!
//! ```text
//!            work (async fn)
//!                  |
//!       Testbed, Peer: peers follow promote client | cut stall slow reset heal | settle until
//!            |                          |
//!            v                          v
//!   repl_sim::Lab                 processes, each behind proxies
//!   virtual time, a seed          real time, the loopback device
//! ```
//!
//! A [`World`] is chosen in one line, and [`World::run`] does the work there. Whoever needs what
//! not every world can do ([`Need`]) asks [`World::lacks`] and is skipped by name. Any client that
//! takes a stream talks to a node ([`Peer::connect`]); the one of the `redis` crate is at hand
//! ([`Peer::client`]).
//!
//! What is behind the words about real processes, [`processes::Process`] and [`processes::Proxy`],
//! needs no runtime and serves other tests as well.
//!
//! The whole of `tests/library.rs`, which `cargo test` runs:
//!
//! ```ignore
#![doc = include_str!("../../../tests/library.rs")]
//! ```

mod connection;
mod decision;
mod peer;
pub mod processes;
mod testbed;
mod world;

pub use self::{
    connection::Connection,
    decision::{Decision, Syncs, Verdict},
    peer::{Peer, Role},
    processes::Program,
    testbed::Testbed,
    world::{Need, World},
};
