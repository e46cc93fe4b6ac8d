//! The node: owns the parts and routes inputs.
//!
//! | file | what happens there |
//! |---|---|
//! | `ahead` | the keys of a pipeline are brought close before their turn |
//! | `requests` | bytes of clients become commands |
//! | `gate` | what every command must pass before it runs |
//! | `session` | commands about a connection or the server, a file per subject |
//! | `sync` | what our replicas ask for and are granted: `PSYNC REPLCONF` |
//! | `transfers` | snapshots on their way, what each replica is sent, and their limits |
//! | `unread` | replies that nobody reads: of our master's stream, and of replicas |
//! | `following` | whom we follow, and what we may ask of it |
//! | `link` | our master: the link, its failures, the stream we apply |
//! | `saves` | snapshot files: when one is begun, how it goes, the last one |
//! | `loading` | a dataset from a file: at the boot, and `DEBUG RELOAD` |
//! | `cron` | what happens by itself: expiry, pings, timeouts |
//! | `resyncs` | what was decided about synchronisations, and why |
//! | `info`, `role`, `explain` | `INFO ROLE REPL` |
//! | `commands` | `COMMAND`, and the `HELP` of containers |
//! | `rates` | what `INFO` says per second |
//! | `measure` | what commands cost: counters, the slow log, the latency monitor |
//! | `marking` | decisions that are counted by name |
//! | `view` | what an observer may see |

mod acks;
mod ahead;
mod commands;
mod cron;
mod explain;
mod following;
mod gate;
mod greedy;
mod incoming;
mod info;
mod link;
mod load_progress;
mod loading;
mod marking;
mod measure;
mod pacing;
#[cfg(any(test, feature = "arbitrary"))]
pub mod properties;
mod rates;
mod requests;
mod resyncs;
mod retries;
mod role;
mod saves;
mod session;
mod stats;
mod sync;
mod throttle;
mod transfers;
mod unread;
mod view;

use alloc::{boxed::Box, collections::VecDeque, format, string::String, vec::Vec};
use core::{mem, time::Duration};

use self::{
    following::Following,
    loading::{LastLoad, Loading, Reload},
    measure::Measure,
    rates::Rates,
    resyncs::Resyncs,
    saves::Saves,
    session::{Aside, Failover, MemorySeen, Pause, Shutdown, Waiting},
    sync::replica_name,
    throttle::{Throttle, Throttled},
};
pub use self::{
    saves::SavesView,
    stats::Stats,
    view::{ReplicationView, Role},
};
use crate::{
    acl::Users,
    base::{
        config::Config,
        ids::ConnId,
        rng::{Rng, Seed},
        time::{Instant, Now},
    },
    command::Table,
    conn::{self, Channels, Client, Conn, Fate, Slots},
    io::{Effect, HostFacts, Input, Interest, Level, PeerInfo, Want},
    keyspace::{KeyHasher, Keyspace},
    marks::{Mark, Marks},
    repl::{
        Effects, History,
        master::{Departure, Transfer},
    },
    resp::{Argv, Proto, Reply},
};

/// A whole Redis-compatible server, as a state machine.
///
/// The contract is one sentence: **after every call that takes `&mut self`, drain
/// [`Node::poll_effect`]**. Then wait for the first of: bytes on a connection that wants them
/// ([`Node::interest`]), room in a socket for what [`Node::transmit`] shows, the deadline of
/// [`Node::poll_timeout`].
///
/// Everything the node does is a function of its configuration, its seed and the inputs with their
/// times.
#[derive(Debug)]
pub struct Node {
    config: Config,
    conns: Slots,
    keyspace: Keyspace,
    history: History,
    /// Whom we follow; `None` for a master.
    following: Option<Following>,
    /// The last command of our master's, in lower case.
    stream_command: &'static str,
    /// The connections of our replicas, in the order they came.
    replicas: Vec<ConnId>,
    transfers: Vec<Transfer>,
    transfer_count: u64,
    no_replicas_since: Instant,
    last_ping_at: Instant,
    commands: Table,
    users: Users,
    /// Scratch for the arguments of the request at hand.
    argv: Argv,
    /// Scratch for the requests behind it.
    ahead: Argv,
    /// What the unit of execution at hand did.
    unit: Effects,
    /// Replies nobody reads: those to our master and to our replicas.
    unread: Vec<u8>,
    /// Replies to clients that want to hear none.
    unheard: Vec<u8>,
    /// Who listens to which channel.
    channels: Channels,
    /// The client that gets a reply of several parts, which messages must not interrupt.
    aside: Option<Aside>,
    /// The clients that are shown every command.
    monitors: Vec<ConnId>,
    /// The clients that wait for something.
    waiting: Waiting,
    /// Clients that wait no more, whose inboxes have yet to be looked at.
    resumed: Vec<ConnId>,
    /// Whether replicas are to be asked for acknowledgements at the end of the input at hand.
    wants_acks: bool,
    /// Whether the commands being executed are those of a transaction.
    within_transaction: bool,
    /// `CLIENT PAUSE`.
    pause: Option<Pause>,
    throttle: Option<Throttle>,
    throttled: Throttled,
    /// `SHUTDOWN`, once it is under way.
    shutdown: Option<Shutdown>,
    /// `FAILOVER`, while it is under way.
    failover: Option<Failover>,
    saves: Saves,
    /// The file that is being loaded.
    loading: Option<Box<Loading>>,
    last_load: LastLoad,
    /// Whether a file is being read for us, whether we still want it or not.
    file_is_read: bool,
    /// `DEBUG RELOAD`, while it is under way.
    reload: Option<Reload>,
    effects: VecDeque<Effect>,
    /// Whether the history has grown during the input at hand.
    grown: bool,
    stats: Stats,
    marks: Marks,
    measure: Measure,
    rates: Rates,
    resyncs: Resyncs,
    facts: HostFacts,
    memory_seen: MemorySeen,
    rng: Rng,
    /// For what clients leave to chance: a stream of its own, so that it shifts no other draw.
    chance: Rng,
    /// For passwords.
    secrets: Rng,
    run_id: [u8; 40],
    started: Now,
    next_cron: Instant,
    next_second: Instant,
    active_expiry: ActiveExpiry,
}

/// What `protected-mode` tells clients of other hosts, in Redis' words.
const PROTECTED: &str = "\
    DENIED Redis is running in protected mode because protected mode is enabled and no password \
    is set for the default user. In this mode connections are only accepted from the loopback \
    interface. If you want to connect from external computers to Redis you may adopt one of the \
    following solutions: 1) Just disable protected mode sending the command 'CONFIG SET \
    protected-mode no' from the loopback interface by connecting to Redis from the same host the \
    server is running, however MAKE SURE Redis is not publicly accessible from internet if you \
    do so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just \
    disable the protected mode by editing the Redis configuration file, and setting the \
    protected mode option to 'no', and then restarting the server. 3) If you started the server \
    manually just for testing, restart it with the '--protected-mode no' option. 4) Setup a an \
    authentication password for the default user. NOTE: You only need to do one of the above \
    things in order for the server to start accepting connections from the outside.";

/// `DEBUG SET-ACTIVE-EXPIRE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ActiveExpiry {
    On,
    Off,
}

impl Node {
    /// A node at its boot that has no file to load. If the configuration names a master, it begins
    /// to follow it. [`Node::from_disk`] looks for a file first.
    pub fn new(config: Config, seed: Seed, now: Now) -> Self {
        let mut node = Self::without_master(config, seed, now);
        if let Some(master) = node.config.replicaof.clone() {
            node.follow(now, master);
        }
        node
    }

    fn without_master(config: Config, seed: Seed, now: Now) -> Self {
        let mut rng = Rng::new(seed, "node");
        let hasher = KeyHasher::new(Rng::new(seed, "hash").bits());
        let run_id = rng.hex();
        let mut node = Self {
            keyspace: Keyspace::new(hasher, config.databases.max(1)),
            history: History::new(seed, config.repl_backlog_size),
            conns: Slots::default(),
            following: None,
            stream_command: "NULL",
            replicas: Vec::new(),
            transfers: Vec::new(),
            transfer_count: 0,
            no_replicas_since: now.mono,
            last_ping_at: now.mono,
            commands: Table::with_renamed(&config.renamed_commands),
            users: Users::default(),
            argv: Argv::new(),
            ahead: Argv::new(),
            unit: Effects::default(),
            unread: Vec::new(),
            unheard: Vec::new(),
            channels: Channels::default(),
            aside: None,
            monitors: Vec::new(),
            waiting: Waiting::default(),
            resumed: Vec::new(),
            wants_acks: false,
            within_transaction: false,
            pause: None,
            throttle: None,
            throttled: Throttled::default(),
            shutdown: None,
            failover: None,
            saves: Saves::new(now),
            loading: None,
            last_load: LastLoad::default(),
            file_is_read: false,
            reload: None,
            effects: VecDeque::new(),
            grown: false,
            stats: Stats::default(),
            marks: Marks::default(),
            measure: Measure::new(now),
            rates: Rates::new(now),
            resyncs: Resyncs::default(),
            facts: HostFacts::default(),
            memory_seen: MemorySeen::default(),
            rng,
            chance: Rng::new(seed, "chance"),
            secrets: Rng::new(seed, "secrets"),
            run_id,
            started: now,
            next_cron: now.mono,
            next_second: now.mono,
            active_expiry: ActiveExpiry::On,
            config,
        };
        node.keyspace.set_limits(&node.config);
        node.keyspace.set_events(node.config.notify_keyspace_events);
        node.load_users();
        node
    }

    /// A client connected.
    pub fn accept(&mut self, now: Now, peer: PeerInfo) -> ConnId {
        self.stats.connections += 1;
        let refusal = self.refusal(&peer);
        let role = conn::Role::Client(Box::new(Client::new(self.first_login())));
        let mut conn = Conn::new(peer, role, now.mono);
        conn.rights = self.rights_of(conn.user);
        if let Some(text) = refusal {
            self.stats.rejected_connections += 1;
            Reply::new(conn.outbox.writer(), Proto::Resp2).error(text);
            conn.fate = Fate::ClosesAfterReplies;
        }
        self.conns.insert(conn)
    }

    /// Why nobody may connect from there now, if so.
    // redis: networking.c, acceptCommonHandler and clientAcceptHandler
    fn refusal(&self, peer: &PeerInfo) -> Option<&'static str> {
        if self.conns.count() >= self.config.maxclients as usize {
            return Some("ERR max number of clients reached");
        }
        // A peer without an address is not connected through a network.
        let is_near = peer.is_local() || peer.ip.is_empty();
        let is_open = self.config.protected_mode && self.users.default_user().asks_for_nothing();
        (is_open && !is_near).then_some(PROTECTED)
    }

    /// Takes one input and finishes it: runs to completion, never blocks, never fails.
    pub fn handle(&mut self, now: Now, input: Input<'_>) {
        self.begin_measuring(now);
        match input {
            Input::Connected { conn, peer } => self.on_connected(now, conn, peer),
            Input::Received { conn, bytes } => self.on_received(now, conn, bytes),
            Input::Sent { conn, count } => self.on_sent(now, conn, count),
            Input::Closed { conn, cause } => self.on_closed(now, conn, cause),
            Input::Host(facts) => {
                self.memory_seen.note(facts.used_memory);
                self.facts = facts;
            }
            Input::ConfigRewritten { asker, outcome } => self.on_config_rewritten(asker, outcome),
            Input::ConfigApplied { change, outcome } => self.on_config_applied(*change, outcome),
            Input::Disk(event) => self.on_disk(now, event),
            Input::Terminate(signal) => self.on_signal(now, signal),
            Input::TimerFired => self.on_timer(now),
        }
        self.close_lap();
        self.after_input(now);
        self.close_lap();
    }

    /// What the node wants done outside, one thing at a time.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// When `TimerFired` is due. May be in the past: then at once.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let link = self.following.as_ref().and_then(Following::retry_at);
        let sync = self.sync_deadline();
        let ends = self.shutdown_deadline();
        let hands = self.failover_deadline();
        let reads = self.following.as_ref().and_then(|following| following.reads_at);
        let slowed = self.throttle_deadline();
        [link, reads, sync, ends, hands, slowed, self.wait_deadline()]
            .into_iter()
            .flatten()
            .chain([self.next_cron])
            .min()
    }

    /// What the node wants of a connection now.
    pub fn interest(&self, conn: ConnId) -> Interest {
        let Some(found) = self.conns.get(conn) else { return Interest::Gone };
        let read = match found.fate {
            Fate::Lives
                if matches!(found.role, conn::Role::Master) && self.is_closed_to_master() =>
            {
                Want::Idle
            }
            Fate::Lives => Want::Ready,
            Fate::ClosesAfterReplies => Want::Idle,
        };
        let write = if self.pending(found).is_empty() { Want::Idle } else { Want::Ready };
        Interest::Open { read, write }
    }

    /// Whether what our master sends now would be lost, with the dataset of now, or because the
    /// last file has been cut; or comes too fast.
    fn is_closed_to_master(&self) -> bool {
        let is_slowed = || self.following.as_ref().is_some_and(|one| one.reads_at.is_some());
        self.is_reloading() || self.shutdown.is_some_and(Shutdown::has_cut) || is_slowed()
    }

    /// The bytes to send next on a connection, in order: unsent replies, a payload, or the history
    /// itself. Empty when there is nothing to send.
    pub fn transmit(&self, conn: ConnId) -> [&[u8]; 2] {
        self.conns.get(conn).map_or([&[], &[]], |conn| self.slices(conn))
    }

    /// Whether there is anything to send, without looking for all of it.
    fn pending<'a>(&'a self, conn: &'a Conn) -> &'a [u8] {
        self.slices(conn)[0]
    }

    fn log(&mut self, level: Level, text: String) {
        self.effects.push_back(Effect::Log(level, text));
    }

    fn wake(&mut self, conn: ConnId) {
        self.effects.push_back(Effect::Wake(conn));
    }

    /// The connection has nothing more to say and is closed once what it was promised has left.
    fn close_after_replies(&mut self, now: Now, id: ConnId) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        if conn.outbox.is_empty() {
            self.close(now, id);
        } else {
            conn.fate = Fate::ClosesAfterReplies;
            self.wake(id);
        }
    }

    /// Forgets a connection, whatever it is. The driver finds out by itself.
    fn close(&mut self, now: Now, id: ConnId) {
        self.forget_client(id);
        let Some(conn) = self.conns.remove(id) else { return };
        self.wake(id);
        match conn.role {
            conn::Role::Client(_) | conn::Role::Master => {}
            conn::Role::Replica(_) => {
                self.replicas.retain(|replica| *replica != id);
                // What was kept for it may go.
                self.grown = true;
                if self.replicas.is_empty() {
                    self.no_replicas_since = now.mono;
                }
                self.drop_unread_transfers();
            }
        }
    }

    /// Nobody listens, watches, monitors or waits for this client any more.
    fn forget_client(&mut self, id: ConnId) {
        let Some(client) = self.conns.get_mut(id).and_then(Conn::client_mut) else { return };
        if let Some(own) = client.subscriptions.take() {
            self.channels.remove_all(id, *own);
        }
        for watch in mem::take(&mut client.watches) {
            self.keyspace.unwatch(watch);
        }
        if mem::take(&mut client.monitors) {
            self.monitors.retain(|one| *one != id);
        }
        self.take_wait(id);
    }

    /// A connection ended by itself.
    fn on_closed(&mut self, now: Now, id: ConnId, cause: crate::io::CloseCause) {
        if self.following.as_ref().is_some_and(|following| following.link.conn() == Some(id)) {
            self.link_failed(now, crate::repl::replica::LinkError::Closed(cause));
            return;
        }
        let replica = self.conns.get(id).filter(|conn| conn.session().is_some());
        if let Some(conn) = replica {
            let text = format!("Connection with replica {} lost.", replica_name(conn));
            self.log(Level::Warning, text);
            self.marks.hit(Mark::ReplicaLost);
            self.note_loss(now, id, crate::io::LossCause::Closed(cause));
        }
        self.close(now, id);
    }

    /// What every input ends with: replicas hear of new bytes, and what nobody needs is freed.
    fn after_input(&mut self, now: Now) {
        self.advance_shutdown(now);
        self.advance_failover(now);
        self.begin_owed_save(now);
        let urgency = self.settle_waits(now);
        if !mem::take(&mut self.grown) {
            return;
        }
        let end = self.history.next();
        for id in &self.replicas {
            let session = self.conns.get_mut(*id).and_then(Conn::session_mut);
            match session.and_then(|session| session.departure(now.mono, end, urgency)) {
                Some(Departure::Now) => self.effects.push_back(Effect::Wake(*id)),
                Some(Departure::At(due)) => self.effects.push_back(Effect::WakeBy(*id, due)),
                Some(Departure::Arranged) | None => {}
            }
        }
        self.enforce_replica_limits(now);
        self.trim_history();
    }

    /// How often `cron` runs.
    fn cron_period(&self) -> Duration {
        Duration::from_secs(1) / self.config.hz.clamp(1, 500)
    }
}
