//! The laboratory: many nodes in virtual time under a seed.
//!
//! ```text
//!   scenario (async fn)      lab: peers follow cut heal settle ...
//!        |                    |
//!        v                    v
//!   machines: driver + node + clock  --- net: TCP in virtual time ---  clients: workload
//!        |
//!        v   after every input of every node
//!   judge (invariants/)  +  trace  =  evidence  ->  report, failure card, replay line
//! ```
//!
//! One run is a function of its scenario and its seed: [`run`] makes it, [`cli`] makes many of
//! them.
//!
//! Other programs take a lab with [`simulated`], or with [`embedded`] inside a simulation of their
//! own, and talk to its nodes with any client that takes a stream ([`lab::Connection`]).
//!
//! Everything here needs the build flag `--cfg madsim`, which the workspace's cargo configuration
//! sets. Without it only [`unsimulated`] is left, which says so.

#[cfg(madsim)]
mod alarm;
#[cfg(madsim)]
mod card;
#[cfg(madsim)]
pub mod cli;
#[cfg(madsim)]
mod clock;
#[cfg(madsim)]
mod coverage;
#[cfg(madsim)]
mod directives;
#[cfg(madsim)]
mod disk;
#[cfg(madsim)]
mod draw;
#[cfg(madsim)]
pub mod embed;
#[cfg(madsim)]
mod evidence;
#[cfg(madsim)]
mod guard;
#[cfg(madsim)]
mod invariants;
#[cfg(madsim)]
pub mod lab;
#[cfg(madsim)]
mod machine;
#[cfg(madsim)]
mod net;
#[cfg(madsim)]
mod node_view;
#[cfg(madsim)]
mod platform;
#[cfg(madsim)]
pub mod record;
#[cfg(madsim)]
pub mod report;
#[cfg(madsim)]
pub mod run;
#[cfg(madsim)]
pub mod scenario;
#[cfg(madsim)]
pub mod schedule;
#[cfg(madsim)]
pub mod suite;
#[cfg(madsim)]
mod sweep;
#[cfg(madsim)]
mod trace;
pub mod unsimulated;
#[cfg(madsim)]
mod world;

#[cfg(madsim)]
pub use self::{
    embed::{Twin, embedded, simulated, simulated_twin},
    lab::Lab,
    scenario::Scenario,
};
