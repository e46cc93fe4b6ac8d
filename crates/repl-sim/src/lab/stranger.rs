//! A stranger: a peer that is none of the lab's nodes, and says byte by byte what a scenario has it
//! say. It plays masters and replicas that misbehave, that are old, or that are no servers at all.

use std::{future::poll_fn, rc::Rc};

use repl_core::base::config::Config;
use repl_server::platform::Stream as _;

use super::{Lab, Lost, Peer};
use crate::{
    net::{
        HostId,
        stream::{SimListener, SimStream},
    },
    world::World,
};

/// A snapshot without keys, whose checksum says that there is none.
pub const EMPTY_SNAPSHOT: &[u8] = b"REDIS0010\xff\0\0\0\0\0\0\0\0";

/// A host of its own that listens on the usual port.
#[derive(Debug)]
pub struct Stranger {
    world: Rc<World>,
    name: String,
    host: HostId,
    port: u16,
    listener: SimListener,
}

/// A stranger's end of a connection. Dropping it closes it.
#[derive(Debug)]
pub struct Wire {
    stream: SimStream,
    inbox: Vec<u8>,
}

impl Lab {
    /// A stranger. Whoever dials it waits until it accepts.
    ///
    /// # Panics
    /// When a run has more than 200 of them.
    #[must_use]
    pub fn stranger(&self) -> Stranger {
        let count = &self.0.stranger_count;
        count.set(count.get() + 1);
        assert!(count.get() <= 200, "a run has few strangers");
        let (name, ip) = (format!("s{}", count.get()), format!("10.9.0.{}", count.get()));
        let world = Rc::clone(self.world());
        let host = world.net.with(|network, _| network.add_host(&name, &ip));
        let port = Config::default().port;
        let listener = world.net.listen(host, port).expect("the host is new");
        Stranger { world, name, host, port, listener }
    }
}

impl Peer {
    /// `REPLICAOF` a stranger. Nobody expects the node to become like it.
    pub async fn follow_stranger(&self, stranger: &Stranger) {
        self.lab.act(format_args!("{} follows the stranger {}", self.name(), stranger.name));
        self.follow_host(&stranger.name, stranger.port).await;
    }

    /// `REPLICAOF` a host that may not exist.
    pub async fn follow_host(&self, host: &str, port: u16) {
        self.lab.0.follows.borrow_mut()[self.machine.index] = None;
        self.lab.world().evidence.judge.borrow_mut().on_stranger(self.machine.index);
        self.command(&["REPLICAOF", host, &port.to_string()]).await;
    }
}

impl Stranger {
    /// The next connection that somebody opens.
    ///
    /// # Panics
    /// When the host has lost its listener, which nothing takes away.
    pub async fn accept(&mut self) -> Wire {
        let stream = self.listener.accept().await.expect("the listener is its own");
        Wire { stream, inbox: Vec::new() }
    }

    /// Connects to a node.
    ///
    /// # Errors
    /// The node is not to be reached.
    pub async fn dial(&self, node: &Peer) -> Result<Wire, Lost> {
        let port = node.machine.config.port;
        let dialled = self.world.net.dial(self.host, node.name(), port).await;
        dialled.map(|stream| Wire { stream, inbox: Vec::new() }).map_err(|_| Lost)
    }
}

impl Wire {
    /// Sends all of it.
    ///
    /// # Errors
    /// The connection was lost before that.
    pub async fn say(&mut self, bytes: impl AsRef<[u8]>) -> Result<(), Lost> {
        self.stream.write_all(bytes.as_ref()).await.map_err(|_| Lost)
    }

    /// Waits until `word` has come, in whatever case, and gives everything up to its end.
    ///
    /// # Errors
    /// The connection ended before that.
    pub async fn hear(&mut self, word: &str) -> Result<String, Lost> {
        let word = word.as_bytes();
        loop {
            let heard = self.inbox.windows(word.len()).position(|at| at.eq_ignore_ascii_case(word));
            if let Some(at) = heard {
                let heard: Vec<u8> = self.inbox.drain(..at + word.len()).collect();
                return Ok(String::from_utf8_lossy(&heard).into_owned());
            }
            self.read().await?;
        }
    }

    /// Waits until the peer ends the connection.
    pub async fn hear_end(&mut self) {
        while self.read().await.is_ok() {
            self.inbox.clear();
        }
    }

    async fn read(&mut self) -> Result<(), Lost> {
        let mut buffer = [0; 4096];
        let read = poll_fn(|cx| self.stream.poll_read(cx, &mut buffer)).await;
        match read {
            Ok(0) | Err(_) => Err(Lost),
            Ok(count) => {
                self.inbox.extend_from_slice(&buffer[..count]);
                Ok(())
            }
        }
    }
}
