//! The replica's end of the link: what is waited for, one state per thing.

mod error;
mod handshake;
mod link;
mod payload;

pub use self::{
    error::LinkError,
    handshake::{Answer, Greeting, Handshake},
    link::{Link, Stream, Transaction},
    payload::{Loaded, Payload, PayloadFed},
};
