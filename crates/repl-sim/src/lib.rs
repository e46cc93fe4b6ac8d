//! The laboratory: many nodes in virtual time under a seed.
#[cfg(madsim)]
pub mod draw;
#[cfg(madsim)]
pub mod net;
