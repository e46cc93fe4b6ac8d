//! Commands that look at live servers, ours or real ones, as a replica would: `tail` and `diff`.
//!
//! Owns where a server is and how one introduces oneself. Sockets block: a command of the terminal
//! has nothing else to do.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub mod diff;
pub mod tail;

use std::{
    fmt, io,
    net::{TcpStream, ToSocketAddrs as _},
    time::Duration,
};

use repl_core::base::ids::Endpoint;

use crate::log::os_text;

/// How long a server may take to be reached or to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long one wait for bytes takes at most: then it is looked whether something else is due.
const TURN: Duration = Duration::from_millis(100);

/// A server, and who one is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Where it listens.
    pub at: Endpoint,
    /// The user; empty for the default one.
    pub user: String,
    /// The password; empty for none.
    pub password: String,
}

impl Target {
    /// Understands `HOST:PORT`; an IPv6 address stands in brackets.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let host = host.strip_prefix('[').map_or(Some(host), |inner| inner.strip_suffix(']'))?;
        let port = port.parse().ok().filter(|port| *port != 0)?;
        let at = Endpoint { host: host.to_owned(), port };
        (!host.is_empty()).then(|| Self { at, user: String::new(), password: String::new() })
    }

    fn connect(&self) -> Result<TcpStream, InspectError> {
        let failed = |error| InspectError::Network(self.at.clone(), error);
        let addresses = (self.at.host.as_str(), self.at.port).to_socket_addrs().map_err(failed)?;
        let mut failure = io::ErrorKind::NotFound.into();
        for address in addresses {
            match TcpStream::connect_timeout(&address, PATIENCE) {
                Ok(stream) => {
                    let ready = stream
                        .set_nodelay(true)
                        .and_then(|()| stream.set_read_timeout(Some(TURN)))
                        .and_then(|()| stream.set_write_timeout(Some(PATIENCE)));
                    return ready.map(|()| stream).map_err(failed);
                }
                Err(error) => failure = error,
            }
        }
        Err(failed(failure))
    }
}

/// Why a server could not be looked at.
#[derive(Debug)]
pub enum InspectError {
    /// It cannot be reached, or the connection broke.
    Network(Endpoint, io::Error),
    /// It closed the connection.
    Closed(Endpoint),
    /// It did not answer in time.
    Silent(Endpoint),
    /// It answered what no server of this protocol answers, or refused.
    Refused(Endpoint, String),
    /// One of them does not come as far as the other has come.
    LeftBehind(Endpoint, u64, u64),
    /// What was found cannot be printed.
    Print(io::Error),
}

impl fmt::Display for InspectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(at, error) => write!(f, "{at}: {}", os_text(error)),
            Self::Closed(at) => write!(f, "{at}: the server closed the connection"),
            Self::Silent(at) => write!(f, "{at}: no answer in {} seconds", PATIENCE.as_secs()),
            Self::Refused(at, answer) => write!(f, "{at}: {answer}"),
            Self::LeftBehind(at, is, other) => {
                write!(f, "{at}: is at offset {is} and does not come to {other}")
            }
            Self::Print(error) => write!(f, "cannot print: {}", os_text(error)),
        }
    }
}

/// Whether nothing has come yet.
fn is_pause(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}

/// `text` as `MONITOR` would show it: in quotes, what does not print escaped.
fn quoted(text: &[u8]) -> String {
    format!("\"{}\"", text.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_host_and_a_port() {
        let at = |text| Target::parse(text).map(|target| (target.at.host, target.at.port));
        assert_eq!(at("a.b:7"), Some(("a.b".into(), 7)));
        assert_eq!(at("[::1]:7"), Some(("::1".into(), 7)));
        for bad in ["a", "a:", ":7", "a:0", "a:70000", "[::1:7", "a:7x"] {
            assert_eq!(at(bad), None, "{bad}");
        }
    }
}
