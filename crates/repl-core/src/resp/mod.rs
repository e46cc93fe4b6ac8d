//! The Redis serialisation protocol: requests read where they lie, replies written where they leave from.
//!
//! Knows bytes only: neither commands nor connections, and nothing of what an argument means.

mod double;
mod inline;
pub mod reply;
pub mod request;

pub use reply::{Deferred, LineReader, LineTooLong, Proto, Reply, encode_command};
pub use request::{Args, Argv, Authenticated, Form, Limits, Parsed, Parser, ProtocolError};
