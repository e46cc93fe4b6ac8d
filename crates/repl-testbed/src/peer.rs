//! One node, as a piece of work talks about it.

use std::{io, net::Ipv4Addr, rc::Rc};

use redis::{
    AsyncConnectionConfig, FromRedisValue, RedisConnectionInfo, RedisError, RedisResult, Value,
    aio::{ConnectionLike as _, MultiplexedConnection},
    cmd,
};
use tokio::net::TcpStream;

use crate::{
    Connection, Syncs, Testbed,
    processes::{Node, Processes, field},
};

/// A handle to a node; it stays the same when the node's process dies and another one is started.
#[derive(Clone, Debug)]
pub struct Peer {
    testbed: Testbed,
    place: Place,
}

#[derive(Clone, Debug)]
pub(crate) enum Place {
    #[cfg(madsim)]
    Simulated(repl_sim::lab::Peer),
    Process {
        processes: Rc<Processes>,
        node: Rc<Node>,
    },
}

/// Which side of replication a node is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It takes writes.
    Master,
    /// It follows a master.
    Replica,
}

impl Peer {
    pub(crate) const fn new(testbed: Testbed, place: Place) -> Self {
        Self { testbed, place }
    }

    pub(crate) const fn place(&self) -> &Place {
        &self.place
    }

    /// Its name: `n1`, `n2`, ...
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.place {
            #[cfg(madsim)]
            Place::Simulated(peer) => peer.name(),
            Place::Process { node, .. } => &node.name,
        }
    }

    /// A connection for any client that takes a stream.
    ///
    /// # Errors
    /// Nobody listens, or nobody answers.
    pub async fn connect(&self) -> io::Result<Connection> {
        match &self.place {
            #[cfg(madsim)]
            Place::Simulated(peer) => peer.connect().await.map(Connection::Simulated),
            Place::Process { node, .. } => {
                let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, node.port)).await?;
                stream.set_nodelay(true)?;
                Ok(Connection::Socket(stream))
            }
        }
    }

    /// The client of the `redis` crate, connected. Its response timeout is off, as a simulation has
    /// no timers of tokio: [`Testbed::within`] limits what may take too long.
    ///
    /// # Errors
    /// Nobody listens, or nobody answers.
    pub async fn client(&self) -> RedisResult<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let (info, stream) = (RedisConnectionInfo::default(), self.connect().await?);
        let (client, driver) =
            MultiplexedConnection::new_with_config(&info, stream, config).await?;
        self.testbed.in_background(driver);
        Ok(client)
    }

    /// Sends one command over a connection of its own and gives the reply.
    ///
    /// # Errors
    /// What the server says, or why it says nothing: nobody listens, the connection is lost, no
    /// reply for as long as the testbed is patient.
    pub async fn call(&self, words: &[&str]) -> RedisResult<Value> {
        let asked = async {
            let mut command = cmd(words[0]);
            command.arg(&words[1..]);
            self.client().await?.req_packed_command(&command).await
        };
        let answered = self.testbed.within(self.testbed.patience(), asked).await;
        answered.unwrap_or_else(|| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
    }

    /// As [`call`](Self::call), as a value of another type.
    ///
    /// # Errors
    /// As there, or the reply is none of that type.
    pub async fn ask<T: FromRedisValue>(&self, words: &[&str]) -> RedisResult<T> {
        redis::from_redis_value(self.call(words).await?).map_err(RedisError::from)
    }

    /// `REPLICAOF` another node. Returns when the node has said yes, not when the link is up.
    ///
    /// # Panics
    /// When the node refuses, or is not there.
    pub async fn follow(&self, master: &Self) {
        match (&self.place, &master.place) {
            #[cfg(madsim)]
            (Place::Simulated(replica), Place::Simulated(master)) => replica.follow(master).await,
            (Place::Process { processes, node }, Place::Process { node: master, .. }) => {
                node.follows.set(Some(master.index));
                let port = processes.port_between(node, master).to_string();
                self.obey(&["REPLICAOF", "127.0.0.1", &port]).await;
            }
            #[cfg(madsim)]
            (Place::Simulated(_), Place::Process { .. })
            | (Place::Process { .. }, Place::Simulated(_)) => {
                panic!("nodes of two testbeds cannot follow each other")
            }
        }
    }

    /// `REPLICAOF NO ONE`.
    ///
    /// # Panics
    /// When the node refuses, or is not there.
    pub async fn promote(&self) {
        match &self.place {
            #[cfg(madsim)]
            Place::Simulated(peer) => peer.promote().await,
            Place::Process { node, .. } => {
                node.follows.set(None);
                self.obey(&["REPLICAOF", "NO", "ONE"]).await;
            }
        }
    }

    async fn obey(&self, words: &[&str]) {
        let said: String = match self.ask(words).await {
            Ok(said) => said,
            Err(error) => panic!("{} answers {words:?} with {error}", self.name()),
        };
        assert!(said.starts_with("OK"), "{} answers {words:?} with {said}", self.name());
    }

    /// Ends the node's process at once (`kill -9`).
    ///
    /// # Panics
    /// When none is running.
    pub fn crash(&self) {
        match &self.place {
            #[cfg(madsim)]
            Place::Simulated(peer) => peer.crash(repl_sim::lab::Crash::Process),
            Place::Process { node, .. } => node.crash(),
        }
    }

    /// Starts another process after a crash, with the same directives and an empty dataset. It
    /// follows nobody.
    ///
    /// # Panics
    /// When one is running.
    pub async fn restart(&self) {
        match &self.place {
            #[cfg(madsim)]
            Place::Simulated(peer) => peer.restart().await,
            Place::Process { node, .. } => node.restart(),
        }
    }

    /// Stops the process where it stands, until [`thaw`](Self::thaw): its connections stay and say
    /// nothing.
    ///
    /// # Panics
    /// When it does not run.
    pub fn freeze(&self) {
        match &self.place {
            #[cfg(madsim)]
            Place::Simulated(peer) => peer.freeze(),
            Place::Process { node, .. } => node.freeze(),
        }
    }

    /// Lets a frozen process go on.
    ///
    /// # Panics
    /// When it is not frozen.
    pub fn thaw(&self) {
        match &self.place {
            #[cfg(madsim)]
            Place::Simulated(peer) => peer.thaw(),
            Place::Process { node, .. } => node.thaw(),
        }
    }

    /// Turns the node's wall clock by so many milliseconds. Needs [`Skew`](crate::Need::Skew).
    ///
    /// # Panics
    /// When the world cannot.
    pub fn skew(&self, millis: i64) {
        match &self.place {
            #[cfg(madsim)]
            Place::Simulated(peer) => peer.skew(millis),
            Place::Process { .. } => panic!("whoever needs Need::Skew says so, not {millis} ms"),
        }
    }

    /// A field of a section of `INFO`; empty when it is not there.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn info(&self, section: &str, name: &str) -> RedisResult<String> {
        let text: String = self.ask(&["INFO", section]).await?;
        Ok(field(&text, name).unwrap_or_default().to_owned())
    }

    /// The number of the last byte of the history that the node has produced or applied.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn offset(&self) -> RedisResult<u64> {
        let text = self.info("replication", "master_repl_offset").await?;
        text.parse().map_err(|_| io::Error::new(io::ErrorKind::InvalidData, text).into())
    }

    /// Master or replica.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn role(&self) -> RedisResult<Role> {
        Ok(match self.info("replication", "role").await?.as_str() {
            "master" => Role::Master,
            _ => Role::Replica,
        })
    }

    /// `DEBUG DIGEST`: equal for equal datasets, on every server.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn digest(&self) -> RedisResult<String> {
        self.ask(&["DEBUG", "DIGEST"]).await
    }

    /// The resynchronisations this node was granted so far.
    #[must_use]
    pub fn syncs(&self) -> Syncs {
        Syncs::of(self.name(), &self.testbed.decisions())
    }

    /// Whether this replica is where its master is.
    pub(crate) async fn compare_to(&self, master: &Self) -> Result<(), String> {
        let (here, there) = (self.replication().await?, master.replication().await?);
        let (here, there) = (
            |name| field(&here, name).unwrap_or_default(),
            |name| field(&there, name).unwrap_or_default(),
        );
        let name = self.name();
        let link = here("master_link_status");
        if link != "up" {
            return Err(format!("the link of {name} is {link:?}"));
        }
        for field in ["master_replid", "master_repl_offset"] {
            let (here, there) = (here(field), there(field));
            if here != there {
                return Err(format!("{field} of {name} is {here}, its master's {there}"));
            }
        }
        Ok(())
    }

    async fn replication(&self) -> Result<String, String> {
        self.ask(&["INFO", "replication"]).await.map_err(|error: RedisError| error.to_string())
    }
}
