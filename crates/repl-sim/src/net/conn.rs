//! One connection: two ends and a pipe from each to the other.

use std::io;

use super::{HostId, pipe::Pipe};

/// Which end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    /// The one that asked for it.
    Dialer,
    /// The one that listened.
    Acceptor,
}

impl Side {
    pub(super) const fn other(self) -> Self {
        match self {
            Self::Dialer => Self::Acceptor,
            Self::Acceptor => Self::Dialer,
        }
    }
}

/// What one host knows of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EndState {
    /// The handshake has not reached this end yet.
    Opening,
    /// In use.
    Open,
    /// The owner has let go of it.
    Closed,
    /// The host lost power: it remembers nothing and says nothing.
    Vanished,
}

#[derive(Debug)]
pub(super) struct End {
    pub(super) host: HostId,
    pub(super) port: u16,
    pub(super) state: EndState,
    /// What every later read and write reports.
    pub(super) error: Option<io::ErrorKind>,
}

impl End {
    /// Whether somebody may still use it.
    pub(super) fn is_alive(&self) -> bool {
        match self.state {
            EndState::Opening | EndState::Open => true,
            EndState::Closed | EndState::Vanished => false,
        }
    }
}

#[derive(Debug)]
pub(super) struct Connection {
    /// The dialer's, the acceptor's.
    ends: [End; 2],
    /// From the dialer, from the acceptor.
    pipes: [Pipe; 2],
}

impl Connection {
    pub(super) fn new(addresses: [(HostId, u16); 2], pipes: [Pipe; 2]) -> Self {
        let ends =
            addresses.map(|(host, port)| End { host, port, state: EndState::Opening, error: None });
        Self { ends, pipes }
    }

    pub(super) const fn ends(&self) -> &[End; 2] {
        &self.ends
    }

    pub(super) const fn end(&self, side: Side) -> &End {
        &self.ends[side as usize]
    }

    pub(super) const fn end_mut(&mut self, side: Side) -> &mut End {
        &mut self.ends[side as usize]
    }

    /// The pipe that leaves `side`.
    pub(super) const fn pipe_mut(&mut self, side: Side) -> &mut Pipe {
        &mut self.pipes[side as usize]
    }

    /// `side` can use the connection no more; what is under way in either direction is lost.
    pub(super) fn fail(&mut self, side: Side, error: io::ErrorKind) {
        let end = self.end_mut(side);
        if !end.is_alive() {
            return;
        }
        end.error.get_or_insert(error);
        for pipe in &mut self.pipes {
            pipe.lose_wire();
        }
        self.pipe_mut(side).wake_writer();
        self.pipe_mut(side.other()).wake_reader();
    }
}
