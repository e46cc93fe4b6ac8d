//! What every room of the node may use: time, identity, randomness, configuration and limits.
//!
//! Imports nothing else of the crate (the table of allowed imports is in `ARCHITECTURE.md`).

/// The version of Redis this server behaves like, and names itself to clients that branch on it.
pub const REDIS_VERSION: &str = "7.0.15";

pub mod config;
pub mod double;
pub mod extended;
pub mod float;
pub mod glob;
pub mod histogram;
pub mod ids;
pub mod number;
pub mod rng;
pub mod room;
pub mod sha256;
pub mod time;
