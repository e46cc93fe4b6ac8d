//! The Redis serialisation protocol: requests read where they lie, replies written where they leave
//! from.
//!
//! Knows bytes only: neither commands nor connections, and nothing of what an argument means.

mod ahead;
mod args;
mod error;
mod fast;
mod inline;
mod line;
#[cfg(any(test, feature = "arbitrary"))]
pub mod properties;
mod reply;
mod request;

pub use ahead::look_ahead;
pub use args::{Args, Argv};
pub use error::ProtocolError;
pub use line::{LineReader, LineTooLong};
pub use reply::{Deferred, Proto, Reply, encode_command};
pub use request::{Authenticated, Form, LINE_MAX, Limits, Parsed, Parser};
