//! A stranger: a peer that is none of the lab's nodes, and says byte by byte what a scenario has it
//! say. It plays masters and replicas that misbehave, that are old, or that are no servers at all.

use std::{future::poll_fn, mem, rc::Rc, time::Duration};

use repl_core::base::{config::Config, ids::ReplId};
use repl_server::platform::Stream as _;

use super::{Lab, Lost, Peer};
use crate::{
    alarm::within,
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
    world: Rc<World>,
    stream: SimStream,
    inbox: Vec<u8>,
}

/// What has come within a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Whether the connection has ended.
    pub ended: bool,
}

/// How a replica wants to learn where its payload ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// By its length, in front of it.
    Length,
    /// By a mark behind it.
    Mark,
}

/// A snapshot, and where in which history it was cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// The history.
    pub replid: ReplId,
    /// The last byte that the snapshot contains.
    pub offset: u64,
    /// The snapshot, without what frames it.
    pub bytes: Vec<u8>,
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

    /// These bytes are all that a replica of this node was sent behind byte `offset` of `replid`:
    /// the property *one byte* compares them with what was told elsewhere.
    pub fn has_told(&self, replid: ReplId, offset: u64, bytes: &[u8]) {
        let evidence = &self.lab.world().evidence;
        let judged = evidence.judge.borrow_mut().on_link_bytes(replid, offset + 1, bytes);
        if let Err(broken) = judged {
            evidence.now.set(self.lab.world().net.now());
            evidence.fail(Some(self.name()), broken);
        }
    }
}

impl Stranger {
    /// The next connection that somebody opens.
    ///
    /// # Panics
    /// When the host has lost its listener, which nothing takes away.
    pub async fn accept(&mut self) -> Wire {
        let stream = self.listener.accept().await.expect("the listener is its own");
        Wire { world: Rc::clone(&self.world), stream, inbox: Vec::new() }
    }

    /// Connects to a node, of which nothing is expected but that it says what is wrong.
    ///
    /// # Errors
    /// The node is not to be reached.
    pub async fn dial(&self, node: &Peer) -> Result<Wire, Lost> {
        self.world.evidence.judge.borrow_mut().on_misuse(node.machine.index);
        let port = node.machine.config.port;
        let dialled = self.world.net.dial(self.host, node.name(), port).await;
        let world = Rc::clone(&self.world);
        dialled.map(|stream| Wire { world, stream, inbox: Vec::new() }).map_err(|_| Lost)
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

    /// All that comes within `span`.
    pub async fn hear_for(&mut self, span: Duration) -> Heard {
        let time = self.world.net.time().clone();
        let listen = async { while self.read().await.is_ok() {} };
        let ended = within(&time, span, listen).await.is_some();
        Heard { bytes: mem::take(&mut self.inbox), ended }
    }

    /// Asks for everything as a replica does, and takes the payload.
    ///
    /// # Errors
    /// The connection ended before all of it came.
    ///
    /// # Panics
    /// When the answer is none of a master's.
    pub async fn synchronise(&mut self, takes: Takes) -> Result<Payload, Lost> {
        if takes == Takes::Mark {
            self.say("REPLCONF capa eof capa psync2\r\n").await?;
            self.hear("+OK\r\n").await?;
        }
        self.say("PSYNC ? -1\r\n").await?;
        let origin = self.line().await?;
        let origin = origin.strip_prefix("+FULLRESYNC ").and_then(|origin| origin.split_once(' '));
        let (replid, offset) = origin.expect("an id and an offset");
        let replid = ReplId::parse(replid.as_bytes()).expect("an id");
        let offset = offset.parse().expect("an offset");
        let header = self.line().await?;
        let bytes = match header.strip_prefix("$EOF:") {
            Some(mark) => self.until(mark.as_bytes()).await?,
            None => {
                let length = header.strip_prefix('$').and_then(|length| length.parse().ok());
                self.exactly(length.expect("a length")).await?
            }
        };
        Ok(Payload { replid, offset, bytes })
    }

    /// The next line with something in it: empty ones are signs of life.
    async fn line(&mut self) -> Result<String, Lost> {
        loop {
            let line = self.hear("\n").await?;
            let line = line.trim_end();
            if !line.is_empty() {
                return Ok(line.to_owned());
            }
        }
    }

    async fn exactly(&mut self, length: usize) -> Result<Vec<u8>, Lost> {
        while self.inbox.len() < length {
            self.read().await?;
        }
        Ok(self.inbox.drain(..length).collect())
    }

    /// What comes before `mark`, which is taken as well.
    async fn until(&mut self, mark: &[u8]) -> Result<Vec<u8>, Lost> {
        loop {
            if let Some(at) = self.inbox.windows(mark.len()).position(|here| here == mark) {
                let bytes = self.inbox.drain(..at).collect();
                self.inbox.drain(..mark.len());
                return Ok(bytes);
            }
            self.read().await?;
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
