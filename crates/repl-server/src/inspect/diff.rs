//! `repl-server diff HOST:PORT HOST:PORT`: are two servers equal?
//!
//! Follows both as a replica does, each with a node of our own in this process, until both nodes
//! have applied the same bytes of one history, and compares what they hold then. So neither server
//! has to stand still, and neither needs to know of it. Takes the memory of both datasets.

use std::{
    fmt,
    io::{Read as _, Write},
    net::TcpStream,
    time::{Duration, Instant as Clock, SystemTime, UNIX_EPOCH},
};

use repl_core::{
    Node,
    base::{
        config::Config,
        ids::ConnId,
        rng::Seed,
        time::{Instant, Now, UnixMillis},
    },
    io::{Effect, Input, Interest, Level, PeerInfo},
    keyspace::{DbIndex, Entry, Keyspace},
};

use super::{InspectError, PATIENCE, Target, is_pause, quoted};

/// More databases than anybody configures.
const DATABASES: usize = 1024;

/// How long one server may stay behind the other.
const CATCH_UP: Duration = Duration::from_secs(60);

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing that differs.
    Equal,
    /// At least one key.
    Different,
}

/// Compares two servers and prints each key that differs, and what they have in common.
///
/// # Errors
/// One of them cannot be followed, or stays behind the other; or `out` does not take the text.
pub fn diff(a: &Target, b: &Target, out: &mut impl Write) -> Result<Found, InspectError> {
    let (mut a, mut b) = (Follower::attach(a)?, Follower::attach(b)?);
    meet(&mut a, &mut b)?;
    let (here, there) = (a.node.replication(), b.node.replication());
    let print = |out: &mut dyn Write, text: &dyn fmt::Display| {
        writeln!(out, "{text}").map_err(InspectError::Print)
    };
    if is_one_history(&a, &b) {
        let text = format!("# both at offset {} of {}", here.offset, here.replid);
        print(out, &text)?;
    } else {
        let text = format!(
            "# two histories: {} at offset {} of {}, {} at offset {} of {}",
            a.target.at, here.offset, here.replid, b.target.at, there.offset, there.replid
        );
        print(out, &text)?;
    }
    let (mut keys, mut differences) = (0_u64, 0_u64);
    let names = [a.target.at.to_string(), b.target.at.to_string()];
    for difference in differences_of(a.node.keyspace(), b.node.keyspace(), &mut keys) {
        differences += 1;
        print(out, &difference.shown(&names))?;
    }
    print(out, &format!("# {keys} keys, {differences} differ"))?;
    out.flush().map_err(InspectError::Print)?;
    Ok(if differences == 0 { Found::Equal } else { Found::Different })
}

/// Whether both tell one history, so that an offset names a dataset.
fn is_one_history(a: &Follower<'_>, b: &Follower<'_>) -> bool {
    a.node.replication().replid == b.node.replication().replid
}

/// Lets the one that is behind come to the offset of the other, and not a byte further.
fn meet<'a>(a: &mut Follower<'a>, b: &mut Follower<'a>) -> Result<(), InspectError> {
    if !is_one_history(a, b) {
        return Ok(());
    }
    let begun = Clock::now();
    loop {
        let (at, other) = (a.node.replication().offset, b.node.replication().offset);
        let (behind, end, ahead) = match at.cmp(&other) {
            core::cmp::Ordering::Equal => return Ok(()),
            core::cmp::Ordering::Less => (&mut *a, other, &mut *b),
            core::cmp::Ordering::Greater => (&mut *b, at, &mut *a),
        };
        if begun.elapsed() > CATCH_UP {
            let is = behind.node.replication().offset;
            return Err(InspectError::LeftBehind(behind.target.at.clone(), is, end));
        }
        ahead.turn(0)?;
        let received = behind.node.received_offset();
        behind.turn(usize::try_from(end.saturating_sub(received)).unwrap_or(usize::MAX))?;
    }
}

/// A node that follows a server over a socket that blocks.
struct Follower<'a> {
    target: &'a Target,
    stream: TcpStream,
    node: Node,
    conn: ConnId,
    origin: Clock,
    /// The last complaint of the node.
    complaint: String,
}

impl<'a> Follower<'a> {
    /// Follows `target` until the stream has begun.
    fn attach(target: &'a Target) -> Result<Self, InspectError> {
        let stream = target.connect()?;
        let origin = Clock::now();
        let config = Config {
            port: 0,
            databases: DATABASES,
            save: Vec::new(),
            replicaof: Some(target.at.clone()),
            masteruser: target.user.clone(),
            masterauth: target.password.clone(),
            ..Config::default()
        };
        let seed = Seed::from_u64(u64::from(std::process::id()));
        let mut node = Node::new(config, seed, now(origin));
        node.handle(now(origin), Input::TimerFired);
        let mut dialled = None;
        while let Some(effect) = node.poll_effect() {
            if let Effect::Dial { conn, .. } = effect {
                dialled = Some(conn);
            }
        }
        let refused = || InspectError::Refused(target.at.clone(), "is not dialled".into());
        let conn = dialled.ok_or_else(refused)?;
        node.handle(now(origin), Input::Connected { conn, peer: PeerInfo::default() });
        let mut follower = Self { target, stream, node, conn, origin, complaint: String::new() };
        let mut heard = Clock::now();
        while follower.node.replication().link != "connected" {
            if follower.turn(usize::MAX)? > 0 {
                heard = Clock::now();
            }
            if heard.elapsed() > PATIENCE {
                return Err(InspectError::Silent(target.at.clone()));
            }
        }
        Ok(follower)
    }

    /// Sends what there is to send and takes up to `most` bytes; returns how many came.
    fn turn(&mut self, most: usize) -> Result<usize, InspectError> {
        let broken = |error| InspectError::Network(self.target.at.clone(), error);
        loop {
            let bytes = self.node.transmit(self.conn).concat();
            if bytes.is_empty() {
                break;
            }
            self.stream.write_all(&bytes).map_err(broken)?;
            self.node.handle(now(self.origin), Input::Sent { conn: self.conn, count: bytes.len() });
        }
        let mut room = vec![0; most.min(64 * 1024)];
        let mut count = 0;
        if !room.is_empty() {
            count = match self.stream.read(&mut room) {
                Ok(0) => return Err(InspectError::Closed(self.target.at.clone())),
                Ok(count) => count,
                Err(error) if is_pause(&error) => 0,
                Err(error) => return Err(broken(error)),
            };
            let bytes = room.get(..count).unwrap_or_default();
            self.node.handle(now(self.origin), Input::Received { conn: self.conn, bytes });
        }
        if self.node.poll_timeout().is_some_and(|at| at <= now(self.origin).mono) {
            self.node.handle(now(self.origin), Input::TimerFired);
        }
        while let Some(effect) = self.node.poll_effect() {
            if let Effect::Log(Level::Warning, text) = effect {
                self.complaint = text;
            }
        }
        if self.node.interest(self.conn) == Interest::Gone {
            return Err(InspectError::Refused(self.target.at.clone(), self.complaint.clone()));
        }
        Ok(count)
    }
}

/// Both clocks, as a node reads them.
fn now(origin: Clock) -> Now {
    let nanos = u64::try_from(origin.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let wall = UnixMillis(i64::try_from(wall.as_millis()).unwrap_or(i64::MAX));
    Now { mono: Instant::from_nanos(nanos), wall }
}

/// A key that is not the same on both.
#[derive(Debug, PartialEq, Eq)]
struct Difference {
    db: DbIndex,
    key: Vec<u8>,
    what: What,
}

#[derive(Debug, PartialEq, Eq)]
enum What {
    /// Only one of them has it: the first, or the second.
    OnlyIn(usize),
    /// The types differ.
    Types(&'static str, &'static str),
    /// The values of this type differ.
    Values(&'static str),
    /// The values are equal and expire at different times.
    Expiry(Option<UnixMillis>, Option<UnixMillis>),
}

impl Difference {
    fn shown(&self, names: &[String; 2]) -> String {
        let [first, second] = names;
        let expiry = |at: Option<UnixMillis>| {
            at.map_or_else(|| "never".to_owned(), |UnixMillis(at)| format!("at {at}"))
        };
        let what = match &self.what {
            What::OnlyIn(which) => {
                let name = names.get(*which).map_or("", String::as_str);
                format!("only on {name}")
            }
            What::Types(here, there) => format!("a {here} on {first}, a {there} on {second}"),
            What::Values(kind) => format!("another {kind} on each"),
            What::Expiry(here, there) => {
                format!("expires {} on {first}, {} on {second}", expiry(*here), expiry(*there))
            }
        };
        format!("[{}] {}: {what}", self.db.0, quoted(&self.key))
    }
}

/// Every key that differs, by database; `keys` is how many were looked at.
fn differences_of(a: &Keyspace, b: &Keyspace, keys: &mut u64) -> Vec<Difference> {
    let mut found = Vec::new();
    for db in a.indexes() {
        for entry in a.iter(db) {
            *keys += 1;
            let key = entry.key();
            let what = match b.find(db, b.hash(key), key) {
                None => Some(What::OnlyIn(0)),
                Some(other) => difference(entry, other),
            };
            found.extend(what.map(|what| Difference { db, key: key.to_vec(), what }));
        }
        for entry in b.iter(db) {
            let key = entry.key();
            if a.find(db, a.hash(key), key).is_none() {
                *keys += 1;
                found.push(Difference { db, key: key.to_vec(), what: What::OnlyIn(1) });
            }
        }
    }
    found.sort_by(|one, other| (one.db.0, &one.key).cmp(&(other.db.0, &other.key)));
    found
}

fn difference(here: &Entry, there: &Entry) -> Option<What> {
    let (kind, other) = (here.view().type_name(), there.view().type_name());
    if kind != other {
        return Some(What::Types(kind, other));
    }
    if Keyspace::content_digest(here) != Keyspace::content_digest(there) {
        return Some(What::Values(kind));
    }
    let (at, other) = (here.expires_at(), there.expires_at());
    (at != other).then_some(What::Expiry(at, other))
}
