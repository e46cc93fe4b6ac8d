//! The master's end of the link: what each replica has been promised, and the snapshots on their
//! way.

mod session;
mod transfer;

pub use self::{
    session::{Capabilities, Completion, Phase, Protocol, Session},
    transfer::{Framing, Origin, Transfer, TransferId},
};
