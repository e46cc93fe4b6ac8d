//! What every room of the node may use: time, identity, randomness, configuration and limits.
//!
//! Imports nothing else of the crate (the table of allowed imports is in `ARCHITECTURE.md`).

pub mod config;
pub mod extended;
pub mod glob;
pub mod ids;
pub mod number;
pub mod rng;
pub mod time;
