//! A node and everything outside it, played from choices: clients, replicas, a master, the network,
//! the clocks.

use alloc::{vec, vec::Vec};
use core::{hash::Hasher as _, time::Duration};

use arbitrary::{Result, Unstructured};
use foldhash::fast::FoldHasher;

use super::{
    disk::{Answer, Disk},
    menu::{self, Known},
};
use crate::{
    base::{
        config::{Access, Config, OutputLimit},
        ids::ConnId,
        rng::Seed,
        time::{Instant, Now, UnixMillis},
    },
    io::{CloseCause, DiskEvent, Effect, HostFacts, Input, Interest, PeerInfo, Want},
    node::{Node, ReplicationView, Role},
};

/// Clients and replicas at a time.
const PEERS_MAX: usize = 12;

/// Timers that may fire at one instant. Each must have had something to do.
const FIRED_MAX: usize = 1_000;

/// The longest input of one step, roughly; a limit may be exceeded by what one input brought.
const STEP_BYTES_MAX: u64 = 100_000;

/// What a connection is to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    /// The node dialled, and nobody has answered.
    Dialling,
    /// The node dialled us. So many answers of a proper handshake were given.
    Master(u32),
    /// We came to the node, as a client.
    Client,
    /// We came to the node, as a replica. So many things were said.
    Replica(u32),
}

/// What a run came to see. Two runs of the same choices see the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Of everything that came out.
    pub digest: u64,
    /// Most replicas that followed the stream at a time.
    pub online_replicas: usize,
    /// Inputs handled while a master's stream was applied.
    pub streaming: u64,
    /// Full syncs granted.
    pub full_syncs: u64,
    /// Partial syncs granted.
    pub partial_syncs: u64,
    /// Clients that were seen waiting for a key, once after every step.
    pub blocked: u64,
}

#[derive(Debug)]
struct World {
    config: Config,
    node: Node,
    disk: Disk,
    ended: Ended,
    now: Now,
    links: Vec<(ConnId, Link)>,
    /// Names of connections that are no more.
    gone: Vec<ConnId>,
    seen: Seen,
}

/// Whether the node has asked for the end of its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    No,
    Yes,
}

/// A node with small limits.
fn config(choices: &mut Unstructured<'_>) -> Result<Config> {
    let kb = 1024;
    let limit =
        OutputLimit { hard_bytes: 16 * kb, soft_bytes: 8 * kb, soft_after: Duration::from_secs(5) };
    Ok(Config {
        databases: 3,
        maxclients: 8,
        repl_backlog_size: choices.int_in_range(100..=4_000)?,
        repl_backlog_ttl: Duration::from_secs(20),
        repl_timeout: Duration::from_secs(10),
        repl_ping_replica_period: Duration::from_secs(3),
        repl_diskless_sync: choices.arbitrary()?,
        repl_diskless_sync_delay: Duration::from_secs(choices.int_in_range(0..=2)?),
        output_limit_normal: OutputLimit { hard_bytes: 64 * kb, ..limit },
        output_limit_replica: limit,
        client_query_buffer_limit: 8 * kb,
        proto_max_bulk_len: 4 * kb,
        replica_serve_stale_data: choices.arbitrary()?,
        rdbcompression: choices.arbitrary()?,
        enable_debug_command: Access::Yes,
        save: Vec::new(),
        ..Config::default()
    })
}

/// Any sequence of inputs keeps the node's contract, and when all is closed nothing is left over.
/// Returns what was seen.
///
/// # Errors
/// When the choices run out; what was checked until then counts.
pub fn any_inputs(choices: &mut Unstructured<'_>) -> Result<Seen> {
    let now = Now { mono: Instant::from_nanos(1 << 50), wall: UnixMillis(1_700_000_000_000) };
    let config = config(choices)?;
    let node = Node::new(config.clone(), Seed::from_u64(1), now);
    let seen = Seen::default();
    let (disk, ended) = (Disk::default(), Ended::No);
    let mut world = World { config, node, disk, ended, now, links: vec![], gone: vec![], seen };
    world.drain();
    while !choices.is_empty() {
        if world.step(choices).is_err() {
            break;
        }
        world.check();
        world.seen.blocked += world.node.blocked_on_keys() as u64;
    }
    world.close_all();
    Ok(world.seen)
}

impl World {
    fn step(&mut self, choices: &mut Unstructured<'_>) -> Result<()> {
        match choices.int_in_range(0..=31)? {
            0 => self.accept(Link::Client),
            1 => self.accept(Link::Replica(0)),
            2..=7 => self.client_says(choices)?,
            8..=13 => self.replica_says(choices)?,
            14..=20 => self.master_says(choices)?,
            21..=26 => self.send(choices)?,
            27..=28 => self.pass(choices)?,
            29 => self.close(choices)?,
            30 => self.input_for_nobody(choices)?,
            _ => match self.disk.next(&self.node, choices)? {
                Some(answer) => self.hear_disk(answer),
                None => self.handle(Input::Host(HostFacts::default())),
            },
        }
        Ok(())
    }

    // ---- what happens ----

    fn handle(&mut self, input: Input<'_>) {
        let before = self.node.replication();
        self.node.handle(self.now, input);
        self.drain();
        if self.ended == Ended::Yes {
            self.restart();
            return;
        }
        let after = self.node.replication();
        check_history(before, after);
        let seen = &mut self.seen;
        seen.online_replicas = seen.online_replicas.max(after.online_replicas);
        seen.streaming += u64::from(after.link == "connected");
        // Statistics can be reset.
        seen.full_syncs = seen.full_syncs.max(self.node.stats().sync_full);
        seen.partial_syncs = seen.partial_syncs.max(self.node.stats().sync_partial_ok);
    }

    fn hear_disk(&mut self, answer: Answer) {
        match answer {
            Answer::Event(event) => self.handle(Input::Disk(event)),
            Answer::Bytes(bytes) => {
                let (bytes, file_bytes) = (&bytes[..], bytes.len() as u64);
                self.handle(Input::Disk(DiskEvent::Read { bytes, file_bytes }));
            }
        }
    }

    fn drain(&mut self) {
        while let Some(effect) = self.node.poll_effect() {
            match effect {
                Effect::Dial { conn, .. } => self.links.push((conn, Link::Dialling)),
                Effect::Log(_, text) => self.note(text.as_bytes()),
                Effect::Exit(_) => self.ended = Ended::Yes,
                Effect::Disk(request) => self.disk.ask(request),
                Effect::Wake(_)
                | Effect::WakeBy(..)
                | Effect::Decided(_)
                | Effect::RewriteConfig { .. }
                | Effect::ApplyConfig(_)
                | Effect::StandStill(_) => self.note(b"."),
            }
        }
        let node = &self.node;
        let (here, gone) =
            self.links.drain(..).partition(|(id, _)| node.interest(*id) != Interest::Gone);
        self.links = here;
        let gone: Vec<(ConnId, Link)> = gone;
        self.gone.extend(gone.iter().map(|(id, _)| *id));
    }

    /// The process has ended, and with it every connection; another one begins.
    fn restart(&mut self) {
        self.note(b"restart");
        self.links.clear();
        self.gone.clear();
        self.ended = Ended::No;
        self.disk.forget();
        self.node = Node::from_disk(self.config.clone(), Seed::from_u64(1), self.now);
        self.drain();
        while let Some(answer) = self.disk.next_of_load() {
            self.hear_disk(answer);
        }
        assert!(!self.node.is_loading(), "what it saved it can load");
    }

    fn note(&mut self, bytes: &[u8]) {
        let mut hasher =
            FoldHasher::with_seed(self.seen.digest, foldhash::SharedSeed::global_fixed());
        hasher.write(bytes);
        self.seen.digest = hasher.finish();
    }

    fn accept(&mut self, link: Link) {
        if self.links.len() < PEERS_MAX {
            let peer = PeerInfo {
                ip: "127.0.0.1".into(),
                port: 9,
                local: "here:1".into(),
                ..PeerInfo::default()
            };
            let conn = self.node.accept(self.now, peer);
            self.links.push((conn, link));
            self.drain();
        }
    }

    fn known(&self) -> Known {
        let ReplicationView { replid, replid2, offset, .. } = self.node.replication();
        Known { replid, replid2, offset }
    }

    /// One of the connections that `wanted` accepts.
    fn pick(
        &self,
        choices: &mut Unstructured<'_>,
        wanted: fn(Link) -> bool,
    ) -> Result<Option<(ConnId, Link)>> {
        let found: Vec<_> = self.links.iter().copied().filter(|(_, link)| wanted(*link)).collect();
        if found.is_empty() { Ok(None) } else { choices.choose(&found).copied().map(Some) }
    }

    fn receive(&mut self, conn: ConnId, bytes: &[u8]) {
        let reads = matches!(self.node.interest(conn), Interest::Open { read: Want::Ready, .. });
        if reads && !bytes.is_empty() {
            self.handle(Input::Received { conn, bytes });
        }
    }

    fn client_says(&mut self, choices: &mut Unstructured<'_>) -> Result<()> {
        let Some((conn, _)) = self.pick(choices, |link| link == Link::Client)? else {
            self.accept(Link::Client);
            return Ok(());
        };
        let bytes = menu::client_bytes(choices, self.known())?;
        self.receive(conn, &bytes);
        Ok(())
    }

    /// Goes on as a replica does, or says what fits nowhere.
    fn replica_says(&mut self, choices: &mut Unstructured<'_>) -> Result<()> {
        let is_replica = |link| matches!(link, Link::Replica(_));
        let Some((conn, Link::Replica(step))) = self.pick(choices, is_replica)? else {
            self.accept(Link::Replica(0));
            return Ok(());
        };
        let bytes = if choices.ratio(1, 8)? {
            menu::client_bytes(choices, self.known())?
        } else {
            match step {
                0 => b"REPLCONF capa eof capa psync2\r\n".to_vec(),
                1 if choices.arbitrary()? => b"PSYNC ? -1\r\n".to_vec(),
                1 => {
                    let Known { replid, offset, .. } = self.known();
                    let next = (offset + 1).saturating_sub(choices.int_in_range(0..=200)?);
                    alloc::format!("PSYNC {replid} {next}\r\n").into_bytes()
                }
                _ => menu::acknowledgement(choices, self.known())?,
            }
        };
        self.advance(conn, Link::Replica(step + 1));
        self.receive(conn, &bytes);
        // A replica waits for the answer before it goes on.
        self.flush(conn);
        Ok(())
    }

    fn advance(&mut self, conn: ConnId, link: Link) {
        if let Some(found) = self.links.iter_mut().find(|(id, _)| *id == conn) {
            found.1 = link;
        }
    }

    /// Answers a dial, goes on with a handshake, or says what fits nowhere.
    fn master_says(&mut self, choices: &mut Unstructured<'_>) -> Result<()> {
        let is_ours = |link| matches!(link, Link::Dialling | Link::Master(_));
        let Some((conn, link)) = self.pick(choices, is_ours)? else {
            return self.demote(choices);
        };
        let step = match link {
            Link::Dialling if choices.ratio(1, 8)? => {
                self.handle(Input::Closed { conn, cause: CloseCause::Refused });
                return Ok(());
            }
            Link::Dialling => {
                self.handle(Input::Connected { conn, peer: PeerInfo::default() });
                0
            }
            Link::Master(step) => step,
            Link::Client | Link::Replica(_) => return Ok(()),
        };
        let proper = choices.ratio(7, 8)?;
        let mut bytes = match step {
            0 if proper => b"+PONG\r\n".to_vec(),
            1 if proper => b"+OK\r\n+OK\r\n".to_vec(),
            2 | 3 if proper => self.answer_psync(choices)?,
            _ if proper => menu::stream_bytes(choices)?,
            _ => menu::master_line(choices, self.known())?,
        };
        menu::damage(choices, &mut bytes)?;
        self.advance(conn, Link::Master(step + 1));
        self.receive(conn, &bytes);
        Ok(())
    }

    fn answer_psync(&self, choices: &mut Unstructured<'_>) -> Result<Vec<u8>> {
        Ok(match choices.int_in_range(0..=5)? {
            0 => menu::master_line(choices, self.known())?,
            1 | 2 => b"+CONTINUE\r\n".to_vec(),
            _ => {
                let offset = choices.int_in_range(0..=1_000)?;
                let line = alloc::format!("+FULLRESYNC {} {offset}\r\n", "c".repeat(40));
                [line.as_bytes(), &menu::payload(choices)?].concat()
            }
        })
    }

    fn demote(&mut self, choices: &mut Unstructured<'_>) -> Result<()> {
        let demotes = choices.ratio(1, 4)?;
        let client = self.pick(choices, |link| link == Link::Client)?;
        let Some((conn, _)) = client.filter(|_| demotes) else { return Ok(()) };
        self.receive(conn, b"REPLICAOF there 1\r\n");
        Ok(())
    }

    /// Some bytes leave on one connection, or all on all.
    fn send(&mut self, choices: &mut Unstructured<'_>) -> Result<()> {
        let Some((conn, _)) = self.pick(choices, |_| true)? else { return Ok(()) };
        let shown: usize = self.node.transmit(conn).map(<[u8]>::len).iter().sum();
        if choices.arbitrary()? {
            for (conn, _) in self.links.clone() {
                self.flush(conn);
            }
        } else if shown > 0 {
            let count = choices.int_in_range(1..=shown)?;
            self.sent(conn, count);
        }
        Ok(())
    }

    fn sent(&mut self, conn: ConnId, count: usize) {
        let [first, second] = self.node.transmit(conn);
        let bytes: Vec<u8> = first.iter().chain(second).copied().take(count).collect();
        self.note(&bytes);
        self.handle(Input::Sent { conn, count });
    }

    /// All that the node has to say on a connection leaves.
    fn flush(&mut self, conn: ConnId) {
        loop {
            let shown: usize = self.node.transmit(conn).map(<[u8]>::len).iter().sum();
            if shown == 0 {
                return;
            }
            self.sent(conn, shown);
        }
    }

    fn pass(&mut self, choices: &mut Unstructured<'_>) -> Result<()> {
        let millis = *choices.choose(&[1, 10, 100, 1_000, 3_000, 30_000])?;
        self.now.mono = self.now.mono + Duration::from_millis(millis);
        // The time of day goes its own way.
        self.now.wall.0 = match choices.int_in_range(0..=9)? {
            0 => choices.int_in_range(0..=4_000_000_000_000)?,
            1 => self.now.wall.0 - 5_000,
            _ => self.now.wall.0 + millis as i64,
        };
        self.fire();
        Ok(())
    }

    fn fire(&mut self) {
        for _ in 0..FIRED_MAX {
            if self.node.poll_timeout().is_none_or(|at| at > self.now.mono) {
                return;
            }
            self.handle(Input::TimerFired);
        }
        panic!("a timer is due again and again without time passing");
    }

    fn close(&mut self, choices: &mut Unstructured<'_>) -> Result<()> {
        let Some((conn, _)) = self.pick(choices, |_| true)? else { return Ok(()) };
        let cause = *choices.choose(&[
            CloseCause::EndOfStream,
            CloseCause::Reset,
            CloseCause::TimedOut,
            CloseCause::Unreachable,
        ])?;
        self.handle(Input::Closed { conn, cause });
        Ok(())
    }

    /// A driver may say things about connections that the node has just forgotten, and timers may
    /// be early.
    fn input_for_nobody(&mut self, choices: &mut Unstructured<'_>) -> Result<()> {
        if self.gone.is_empty() {
            self.handle(Input::TimerFired);
            return Ok(());
        }
        let conn = *choices.choose(&self.gone)?;
        match choices.int_in_range(0..=3)? {
            0 => self.handle(Input::Received { conn, bytes: b"SET k 1\r\n" }),
            1 => self.handle(Input::Sent { conn, count: 1 }),
            2 => self.handle(Input::Closed { conn, cause: CloseCause::Reset }),
            _ => self.handle(Input::Connected { conn, peer: PeerInfo::default() }),
        }
        Ok(())
    }

    // ---- what must hold ----

    fn check(&self) {
        assert_eq!(self.node.connection_count(), self.links.len(), "no connection is left behind");
        let ours = |(_, link): &&(ConnId, Link)| matches!(link, Link::Dialling | Link::Master(_));
        assert!(self.links.iter().filter(ours).count() <= 1, "a node has one link to one master");
        for (conn, _) in &self.links {
            let shown = self.node.transmit(*conn).map(<[u8]>::len);
            let Interest::Open { write, .. } = self.node.interest(*conn) else {
                panic!("the drain sorts out what is gone");
            };
            assert_eq!(write == Want::Ready, shown[0] > 0, "interest tells what transmit shows");
            assert!(shown[0] > 0 || shown[1] == 0, "the first slice comes first");
        }
        for conn in &self.gone {
            assert_eq!(self.node.transmit(*conn), [&[][..], &[]]);
        }
        self.node.check_waits();
        if let Some((first, end)) = self.node.replication().backlog {
            let config = self.node.config();
            let limit = config.output_limit_replica.hard_bytes.max(config.repl_backlog_size);
            let block = config.repl_backlog_size / 16 + 16 * 1024;
            let most = limit.saturating_add(block).saturating_add(STEP_BYTES_MAX);
            assert!(end - first <= most, "{first}..{end} of {most}");
        }
    }

    fn close_all(&mut self) {
        while let Some((conn, _)) = self.links.first().copied() {
            let was = self.links.len();
            self.handle(Input::Closed { conn, cause: CloseCause::EndOfStream });
            // A link that was up is dialled again at once; that dial stays.
            if self.links.len() == was && self.links.iter().all(|(_, link)| *link == Link::Dialling)
            {
                break;
            }
        }
        assert!(self.node.connection_count() <= 1, "at most the dial to the master is left");
        self.now.mono = self.now.mono + Duration::from_secs(100);
        self.fire();
        self.check();
    }
}

/// What one input may change in a node's history.
fn check_history(before: ReplicationView, after: ReplicationView) {
    if let Some((first, end)) = after.backlog {
        assert!(first <= end, "the backlog is a range");
        assert_eq!(end, after.offset + 1, "and ends where the history does");
    }
    if let Some(second) = after.second_offset {
        assert!(second <= after.offset + 1, "what was shared lies in the past");
    }
    let masters = [before.role, after.role] == [Role::Master; 2];
    if masters && before.replid == after.replid {
        assert!(before.offset <= after.offset, "a history is never taken back");
    }
}
