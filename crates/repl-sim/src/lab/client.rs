//! A client: a RESP connection over the simulated network that comes back when it is lost, counts
//! what was answered, and insists on exactly one reply per request.

use std::{future::poll_fn, io::IoSlice, rc::Rc, task::Poll, time::Duration};

use repl_server::platform::Stream as _;

use super::{
    reply::{self, Reply},
    workload::{Batch, Kind, Swarm, Workload},
};
use crate::{
    alarm::{Alarm, within},
    draw::Draw,
    invariants::{Broken, Standing},
    machine::Machine,
    net::{HostId, stream::SimStream},
    record::Outcome,
    world::World,
};

/// How long a server that is up may take to answer.
const PATIENCE: Duration = Duration::from_secs(180);

/// How long a client waits before it dials again.
const REDIAL_AFTER: Duration = Duration::from_millis(200);

/// How often a client dials before it gives up on a request.
const DIALS: u32 = 300;

/// A client goes through all keys once in so many batches.
const SCAN_EVERY: u64 = 100;

/// A client asks who has its last write once in so many batches, and reads a key whose time is over
/// once in so many.
const WAIT_EVERY: u64 = 20;
const EXPIRED_EVERY: u64 = 3;

/// A client leaves a transaction open for a while once in so many batches, and writes what nobody
/// shall see to a replica that takes writes once in so many.
const DAWDLE_EVERY: u64 = 25;
const LOCAL_EVERY: u64 = 6;

/// More requests than any scan of these datasets takes.
const SCANS_MAX: usize = 1_000;

/// What a server may say to these clients when it refuses a command.
const KNOWN_ERRORS: [&str; 25] = [
    "ERR value is not an integer or out of range",
    "ERR value is not a valid float",
    "ERR increment or decrement would overflow",
    "ERR decrement would overflow",
    "ERR hash value is not an integer",
    "ERR hash value is not a float",
    "ERR resulting score is not a number (NaN)",
    "ERR invalid expire time",
    "ERR index out of range",
    "ERR no such key",
    "ERR One or more scores can't be converted into double",
    "ERR source and destination objects are the same",
    "ERR WAIT cannot be used with replica instances",
    "ERR Rewriting config file: ",
    "ERR FAILOVER ",
    "ERR Background save already in progress",
    "ERR Errors trying to SHUTDOWN. Check logs.",
    "MISCONF",
    "UNBLOCKED",
    "EXECABORT",
    "READONLY",
    "LOADING",
    "MASTERDOWN",
    "NOREPLICAS",
    "WRONGTYPE",
];

/// The connection ended before all replies came: some of the requests may have been carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost;

fn host_name(number: usize) -> String {
    format!("c{number}")
}

/// The host of a client.
pub(super) fn add_host(world: &World, number: usize) -> HostId {
    let ip = format!("10.0.{}.{}", 1 + number / 250, 1 + number % 250);
    world.net.with(|network, _| network.add_host(&host_name(number), &ip))
}

/// See this file's header.
#[derive(Debug)]
pub struct Client {
    pub(super) world: Rc<World>,
    pub(super) machine: Rc<Machine>,
    pub(super) host: HostId,
    number: usize,
    stream: Option<SimStream>,
    /// The server's process when the connection was made.
    life: u64,
    inbox: Vec<u8>,
    pub(super) workload: Workload,
    pub(super) pace: Draw,
    /// How many values it has written that nobody else writes.
    pub(super) token_count: u64,
}

impl Client {
    pub(crate) fn new(world: &Rc<World>, machine: &Rc<Machine>, number: usize) -> Self {
        let (name, host) = (host_name(number), add_host(world, number));
        let workload = Draw::new(world.seed, &format!("workload {name}"));
        let workload = Workload::new(workload, Swarm::drawn(world.seed), number as u64);
        Self {
            world: Rc::clone(world),
            machine: Rc::clone(machine),
            host,
            number,
            stream: None,
            life: 0,
            inbox: Vec::new(),
            workload,
            pace: Draw::new(world.seed, &format!("pace {name}")),
            token_count: 0,
        }
    }

    /// Sends one request and waits for its reply.
    ///
    /// # Errors
    /// The connection was lost before the reply.
    pub async fn call(&mut self, words: &[&str]) -> Result<Reply, Lost> {
        let mut batch = Batch::default();
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        batch.push(Kind::Session, &words);
        let mut replies = self.exchange(&batch).await?;
        Ok(replies.pop().expect("one request has one reply"))
    }

    /// Mixed commands over three databases, `count` of them at least answered, over about `span`.
    pub async fn work(&mut self, count: usize, span: Duration) {
        let mut answered = 0;
        while answered < count {
            let wall = self.machine.clock.at(self.world.net.now()).wall;
            let batch = self.workload.next_batch(count - answered, wall);
            answered += self.send_paced(&batch, span.div_f64(count as f64)).await;
            answered += self.look_closer().await;
        }
    }

    /// Reads of everything, `count` of them at least answered, over about `span`.
    pub async fn read(&mut self, count: usize, span: Duration) {
        let mut answered = 0;
        while answered < count {
            let wall = self.machine.clock.at(self.world.net.now()).wall;
            let batch = self.workload.next_reads(count - answered, wall);
            answered += self.send_paced(&batch, span.div_f64(count as f64)).await;
            if self.pace.once_in(EXPIRED_EVERY) {
                answered += self.read_expired().await;
            }
            if !self.machine.config.replica_read_only && self.pace.once_in(LOCAL_EVERY) {
                answered += self.write_for_nobody().await;
            }
        }
    }

    /// Now and then, between two batches, what is worth a request of its own.
    async fn look_closer(&mut self) -> usize {
        let mut answered = 0;
        if self.pace.once_in(SCAN_EVERY) {
            answered += self.scan().await;
        }
        if self.pace.once_in(WAIT_EVERY) {
            answered += self.write_and_wait().await;
        }
        if self.pace.once_in(DAWDLE_EVERY) {
            answered += self.dawdle().await;
        }
        if self.pace.once_in(EXPIRED_EVERY) {
            answered += self.read_expired().await;
        }
        answered
    }

    /// Goes through the names of all keys of the selected database. Gives how many requests were
    /// answered.
    async fn scan(&mut self) -> usize {
        let mut cursor = b"0".to_vec();
        for answered in 1..=SCANS_MAX {
            let mut batch = Batch::default();
            batch.push(Kind::Read, &[b"SCAN", &cursor, b"COUNT", b"20"]);
            let Ok(replies) = self.exchange(&batch).await else { return 0 };
            match replies.first() {
                Some(Reply::Array(Some(page))) => match page.first() {
                    Some(Reply::Bulk(Some(next))) if next != b"0" => cursor.clone_from(next),
                    _ => return answered,
                },
                _ => return answered,
            }
        }
        let expected = format!("a scan that ends within {SCANS_MAX} requests");
        self.broken("scan-ends", &expected, "it goes on".to_owned());
        SCANS_MAX
    }

    /// Plain writes, in pipelines, until `count` were answered.
    pub async fn write_keys(&mut self, count: usize) {
        let mut answered = 0;
        while answered < count {
            let wanted = (1 + self.pace.index(16)).min(count - answered);
            let batch = self.workload.next_writes(wanted);
            answered += self.send(&batch).await;
        }
    }

    /// Plain writes until `bytes` bytes of them were answered.
    pub async fn write_bytes(&mut self, bytes: usize) {
        let mut written = 0;
        while written < bytes {
            let batch = self.workload.next_writes(8);
            if self.send(&batch).await > 0 {
                written += batch.bytes.len();
            }
        }
    }

    /// Plain writes in one database.
    pub async fn write_in_database(&mut self, database: u32, count: usize) {
        let mut batch = Batch::default();
        let database = database.to_string();
        batch.push(Kind::Session, &[b"SELECT", database.as_bytes()]);
        self.workload.push_writes(&mut batch, count);
        self.send(&batch).await;
    }

    /// Empties all databases.
    pub async fn flush_all(&mut self) {
        while self.call(&["FLUSHALL"]).await.is_err() {}
    }

    /// Writes of the same lengths as every other client's, with other values.
    pub async fn write_twins(&mut self, count: usize) {
        let batch = self.workload.next_twins(count);
        self.send(&batch).await;
    }

    /// Sends a batch, and then rests for a while that is `each` per request on average.
    async fn send_paced(&mut self, batch: &Batch, each: Duration) -> usize {
        let answered = self.send(batch).await;
        let pause = self.pace.span(Duration::ZERO, each.mul_f64(2.0 * batch.len() as f64));
        Alarm::after(self.world.net.time(), pause).await;
        self.world.lull().await;
        answered
    }

    /// Sends a batch; zero when the connection was lost, else how many were answered.
    async fn send(&mut self, batch: &Batch) -> usize {
        match self.exchange(batch).await {
            Ok(replies) => replies.len(),
            Err(Lost) => 0,
        }
    }

    /// What the node is now.
    pub(super) fn standing(&self) -> Option<Standing> {
        self.world.evidence.judge.borrow().standing(self.machine.index)
    }

    pub(super) fn count_answers(&self, replies: &[Reply]) {
        let answered = &self.world.evidence.answered_count;
        answered.set(answered.get() + replies.len() as u64);
    }

    fn judge_reply(&self, standing: Option<Standing>, kind: Kind, reply: &Reply) {
        self.check_reply(reply);
        let judged = {
            let mut judge = self.world.evidence.judge.borrow_mut();
            judge.on_reply(&self.machine.config, standing, kind, reply)
        };
        self.report(judged);
    }

    /// The messages that the node has taken at once; those of a transaction are told later.
    fn judge_messages(&self, standing: Option<Standing>, batch: &Batch, replies: &[Reply]) {
        for (place, message) in &batch.messages {
            if let Some(Reply::Integer(_)) = replies.get(*place) {
                let mut judge = self.world.evidence.judge.borrow_mut();
                let judged = judge.on_published(self.machine.index, standing, message);
                drop(judge);
                self.report(judged);
            }
        }
    }

    /// Notes a property that does not hold at this client's node.
    pub(super) fn report(&self, judged: Result<(), Broken>) {
        if let Err(broken) = judged {
            self.world.evidence.now.set(self.world.net.now());
            self.world.evidence.fail(Some(&self.machine.name), broken);
        }
    }

    fn check_reply(&self, reply: &Reply) {
        match reply {
            // A save has failed, and why is in the log.
            Reply::Error(text) if text == "ERR" => {}
            Reply::Error(text) if !KNOWN_ERRORS.iter().any(|known| text.starts_with(known)) => {
                self.broken("known-replies", "a reply that the command can have", text.clone());
            }
            Reply::Array(Some(items)) => items.iter().for_each(|item| self.check_reply(item)),
            Reply::Simple(_)
            | Reply::Error(_)
            | Reply::Integer(_)
            | Reply::Bulk(_)
            | Reply::Array(None) => {}
        }
    }

    /// Sends a batch and reads exactly one reply per request.
    pub(crate) async fn exchange(&mut self, batch: &Batch) -> Result<Vec<Reply>, Lost> {
        self.connect().await?;
        let world = Rc::clone(&self.world);
        let before = self.standing();
        let messages = batch.messages.iter().map(|(_, message)| message);
        world.evidence.judge.borrow_mut().on_publish(self.machine.index, messages);
        let outcome = within(world.net.time(), PATIENCE, self.transfer(batch)).await;
        match outcome {
            Some(Ok(replies)) => {
                self.count_answers(&replies);
                let standing = before.filter(|_| before == self.standing());
                for (kind, reply) in batch.kinds.iter().zip(&replies) {
                    self.judge_reply(standing, *kind, reply);
                }
                self.judge_messages(standing, batch, &replies);
                Ok(replies)
            }
            Some(Err(Lost)) => self.lose(),
            None => {
                let host = self.machine.host;
                let slow = world.net.with(|network, _| network.reads_per_second(host)) > 0;
                let answers = self.machine.is_running() && !slow;
                if answers && self.machine.lives.get() == self.life {
                    let expected = "one reply per request or a closed connection";
                    self.broken("answered", expected, format!("silence for {PATIENCE:?}"));
                }
                self.lose()
            }
        }
    }

    pub(super) fn lose<T>(&mut self) -> Result<T, Lost> {
        self.stream = None;
        self.inbox.clear();
        Err(Lost)
    }

    pub(super) async fn connect(&mut self) -> Result<(), Lost> {
        for _ in 0..DIALS {
            if self.stream.is_some() {
                return Ok(());
            }
            let port = self.machine.config.port;
            match self.world.net.dial(self.host, &self.machine.name, port).await {
                Ok(stream) => {
                    self.life = self.machine.lives.get();
                    self.stream = Some(stream);
                    self.log_in().await?;
                }
                Err(_) => Alarm::after(self.world.net.time(), REDIAL_AFTER).await,
            }
        }
        Err(Lost)
    }

    /// Gives the password, where the node has one.
    async fn log_in(&mut self) -> Result<(), Lost> {
        let password = self.machine.config.requirepass.clone();
        if password.is_empty() {
            return Ok(());
        }
        let mut batch = Batch::default();
        batch.push(Kind::Session, &[b"AUTH", password.as_bytes()]);
        let world = Rc::clone(&self.world);
        match within(world.net.time(), PATIENCE, self.transfer(&batch)).await {
            Some(Ok(_)) => Ok(()),
            Some(Err(Lost)) | None => self.lose(),
        }
    }

    /// Writes and reads at once: a server that waits for its replies to be read may read no more
    /// requests.
    pub(super) async fn transfer(&mut self, batch: &Batch) -> Result<Vec<Reply>, Lost> {
        let world = Rc::clone(&self.world);
        let Some(recorder) = &world.evidence.recorder else {
            return self.send_and_read(batch).await;
        };
        let (node, now) = (self.machine.index, world.net.now());
        let operation = recorder.borrow_mut().ask(self.number, node, &batch.bytes, now);
        let replies = self.send_and_read(batch).await;
        let outcome = match &replies {
            Ok(replies) => Outcome::Answered(replies.clone()),
            Err(Lost) => Outcome::Lost,
        };
        recorder.borrow_mut().answer(operation, world.net.now(), outcome);
        replies
    }

    async fn send_and_read(&mut self, batch: &Batch) -> Result<Vec<Reply>, Lost> {
        let mut replies = Vec::with_capacity(batch.len());
        let mut written = 0;
        let mut buffer = [0; 4096];
        let outcome = poll_fn(|cx| {
            loop {
                let stream = self.stream.as_mut().ok_or(Lost)?;
                let mut moved = false;
                let rest = &batch.bytes[written..];
                if !rest.is_empty()
                    && let Poll::Ready(count) = stream.poll_write(cx, &[IoSlice::new(rest)])
                {
                    written += count.map_err(|_| Lost)?;
                    moved = true;
                }
                if let Poll::Ready(count) = stream.poll_read(cx, &mut buffer) {
                    let count = count.map_err(|_| Lost)?;
                    if count == 0 {
                        return Poll::Ready(Err(Lost));
                    }
                    self.inbox.extend_from_slice(&buffer[..count]);
                    self.take_replies(&mut replies);
                    moved = true;
                }
                if replies.len() >= batch.len() && written == batch.bytes.len() {
                    return Poll::Ready(Ok(()));
                }
                if !moved {
                    return Poll::Pending;
                }
            }
        })
        .await;
        if replies.len() > batch.len() || !self.inbox.is_empty() {
            let actual = format!("{} replies to {} requests", replies.len(), batch.len());
            if outcome.is_ok() {
                self.broken("answered", "one reply per request", actual);
            }
        }
        outcome.map(|()| replies)
    }

    /// Writes all of it.
    pub(super) async fn write_all(&mut self, bytes: &[u8]) -> Result<(), Lost> {
        let stream = self.stream.as_mut().ok_or(Lost)?;
        stream.write_all(bytes).await.map_err(|_| Lost)
    }

    /// The replies that are whole after the next read.
    pub(super) async fn read_some(&mut self) -> Result<Vec<Reply>, Lost> {
        let mut buffer = [0; 4096];
        let stream = self.stream.as_mut().ok_or(Lost)?;
        let count = poll_fn(|cx| stream.poll_read(cx, &mut buffer)).await.map_err(|_| Lost)?;
        if count == 0 {
            return Err(Lost);
        }
        self.inbox.extend_from_slice(&buffer[..count]);
        let mut replies = Vec::new();
        self.take_replies(&mut replies);
        Ok(replies)
    }

    fn take_replies(&mut self, replies: &mut Vec<Reply>) {
        let mut at = 0;
        loop {
            match reply::parse(&self.inbox[at..]) {
                Ok(Some((reply, len))) => {
                    replies.push(reply);
                    at += len;
                }
                Ok(None) => break,
                Err(reply::Malformed) => {
                    let end = self.inbox.len().min(at + 60);
                    let actual = self.inbox[at..end].escape_ascii().to_string();
                    self.broken("known-replies", "a reply", actual);
                    break;
                }
            }
        }
        self.inbox.drain(..at);
    }

    pub(super) fn broken(&self, property: &'static str, expected: &str, actual: String) {
        self.report(Err(Broken { property, expected: expected.to_owned(), actual }));
    }
}
