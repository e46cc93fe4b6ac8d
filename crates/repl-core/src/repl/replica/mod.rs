//! The replica's end of the link: what is waited for, one state per thing.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod error;
mod handshake;
mod link;
mod newer;
mod payload;

pub use self::{
    error::LinkError,
    handshake::{Answer, Greeting, Handshake, Margin, Purpose},
    link::{Link, Stream, Transaction},
    newer::in_older_words,
    payload::{Loaded, Payload, PayloadFed},
};

/// The first `count` bytes, or all there are.
fn at_most(bytes: &[u8], count: usize) -> &[u8] {
    bytes.get(..count).unwrap_or(bytes)
}
