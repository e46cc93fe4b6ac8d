//! The master's end of the link: what each replica has been promised, and the snapshots on their
//! way.

mod session;
mod transfer;

pub use self::{
    session::{
        Capabilities, Completion, Departure, Lag, Phase, Protocol, Session, Settling, Urgency,
    },
    transfer::{Framing, Origin, Pace, Transfer, TransferId},
};
