//! `CLIENT LIST` and `CLIENT INFO`: one line per connection.

use alloc::{format, string::String, vec::Vec};

use super::super::{Node, requests::Caller};
use crate::{
    base::{ids::ConnId, number::parse_i64, time::Now},
    command::{CommandError, SessionError},
    conn::{Client, Conn, Fate, Role, Topic},
    io::Transport,
    resp::{Args, Proto},
};

/// The types of connection that `CLIENT LIST` and `CLIENT KILL` tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientType {
    Normal,
    Master,
    Replica,
    Pubsub,
}

impl ClientType {
    pub(super) fn parse(word: &[u8]) -> Result<Self, CommandError<'_>> {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        match () {
            () if is("normal") => Ok(Self::Normal),
            () if is("master") => Ok(Self::Master),
            () if is("replica") || is("slave") => Ok(Self::Replica),
            () if is("pubsub") => Ok(Self::Pubsub),
            () => Err(CommandError::Session(SessionError::UnknownClientType(word))),
        }
    }

    pub(super) fn of(conn: &Conn) -> Self {
        match &conn.role {
            Role::Client(client) if client.subscriptions.is_some() => Self::Pubsub,
            Role::Client(_) => Self::Normal,
            Role::Replica(_) => Self::Replica,
            Role::Master => Self::Master,
        }
    }
}

impl Node {
    /// The connections that count as clients: the link to our master does once it is up.
    // redis: replication.c, replicationCreateMasterClient
    pub(in crate::node) fn listed(&self) -> impl Iterator<Item = (ConnId, &Conn)> {
        let is_up = self.following.as_ref().is_some_and(|following| following.link.is_up());
        self.conns.iter().filter(move |(_, conn)| match conn.role {
            Role::Client(_) | Role::Replica(_) => true,
            Role::Master => is_up,
        })
    }

    /// `CLIENT LIST [TYPE type] [ID id ...]`
    pub(super) fn client_list<'a>(
        &self,
        now: Now,
        args: Args<'a>,
    ) -> Result<String, CommandError<'a>> {
        let word = args.try_get(2);
        let is = |name: &str| word.is_some_and(|word| word.eq_ignore_ascii_case(name.as_bytes()));
        let mut found: Vec<(ConnId, &Conn)> = self.listed().collect();
        found.sort_unstable_by_key(|(_, conn)| conn.number);
        match args.try_get(3) {
            _ if args.len() == 2 => {}
            Some(kind) if is("TYPE") && args.len() == 4 => {
                let kind = ClientType::parse(kind)?;
                found.retain(|(_, conn)| ClientType::of(conn) == kind);
            }
            Some(_) if is("ID") => {
                let mut listed = Vec::new();
                for number in args.iter().skip(3) {
                    let number = parse_i64(number)
                        .ok_or(CommandError::Session(SessionError::InvalidClientId))?;
                    let has_it = |(_, conn): &&(_, &Conn)| i64::try_from(conn.number) == Ok(number);
                    listed.extend(found.iter().find(has_it).copied());
                }
                found = listed;
            }
            Some(_) | None => return Err(CommandError::Syntax),
        }
        Ok(found.into_iter().map(|(id, conn)| self.line(now, id, conn)).collect())
    }

    /// `CLIENT INFO`.
    pub(super) fn client_line(&self, now: Now, caller: Caller) -> String {
        let Caller::Conn(id) = caller else { return String::new() };
        self.conns.get(id).map(|conn| self.line(now, id, conn)).unwrap_or_default()
    }

    /// Fields that mean nothing here are zero: replies are one buffer, and arguments are read where
    /// they lie.
    // redis: networking.c, catClientInfoString
    pub(in crate::node) fn line(&self, now: Now, id: ConnId, conn: &Conn) -> String {
        let blank = Client::new(self.first_login());
        let client = conn.client().unwrap_or(&blank);
        let own = client.subscriptions.as_deref();
        let count = |topic| own.map_or(0, |own| own.count(topic));
        let queue = client.transaction.as_ref();
        let (unparsed, unsent) = (&conn.inbox.bytes, conn.outbox.pending().len());
        let queued = queue.map_or(0, |queue| queue.commands.len());
        let command = match &conn.role {
            Role::Client(client) if client.last_command.is_empty() => "NULL",
            Role::Client(client) => client.last_command,
            Role::Replica(_) => "replconf",
            Role::Master => self.stream_command,
        };
        let db = match &conn.role {
            Role::Client(_) | Role::Replica(_) => client.db,
            Role::Master => self.stream_db(),
        };
        let mut line = format!(
            "id={} addr={}:{} laddr={} fd={} name={} age={} idle={} flags={} db={} sub={} psub={} \
             ssub={} multi={} qbuf={} qbuf-free={} argv-mem=0 multi-mem={queued} rbs=0 rbp=0 \
             obl={unsent} oll=0 omem=0 tot-mem={} events={} cmd={command} user={} redir=-1 resp={}",
            conn.number,
            conn.peer.ip,
            conn.peer.port,
            conn.peer.local,
            id.slot(),
            client.name,
            now.mono.since(conn.created_at).as_secs(),
            now.mono.since(conn.last_io_at).as_secs(),
            self.flags_of(now, conn, client),
            db.0,
            count(Topic::Channel),
            count(Topic::Pattern),
            count(Topic::Shard),
            queue.map_or(-1, |queue| queue.count as i64),
            unparsed.len(),
            unparsed.capacity() - unparsed.len(),
            unparsed.capacity() + conn.outbox.memory_bytes() + queued,
            if unsent > 0 { "rw" } else { "r" },
            match (&conn.role, self.users.get(conn.user)) {
                (Role::Master, _) => "(superuser)",
                (Role::Client(_) | Role::Replica(_), Some(user)) => user.name(),
                // It is on its way out.
                (Role::Client(_) | Role::Replica(_), None) => "(deleted)",
            },
            match client.proto {
                Proto::Resp2 => 2,
                Proto::Resp3 => 3,
            },
        );
        // As 7.2 shows them, but only for those who said so.
        if client.library.iter().any(|text| !text.is_empty()) {
            let [name, version] = &client.library;
            line.push_str(&format!(" lib-name={name} lib-ver={version}"));
        }
        line.push('\n');
        line
    }

    fn flags_of(&self, now: Now, conn: &Conn, client: &Client) -> String {
        let outdated =
            || client.watches.iter().any(|watch| self.keyspace.has_changed(watch, now.wall));
        let flags = [
            (client.monitors, 'O'),
            (matches!(conn.role, Role::Replica(_)), 'S'),
            (matches!(conn.role, Role::Master), 'M'),
            (client.subscriptions.is_some(), 'P'),
            (client.transaction.is_some(), 'x'),
            (client.waits.is_some(), 'b'),
            (outdated(), 'd'),
            (conn.fate == Fate::ClosesAfterReplies, 'c'),
            (client.exempt.eviction, 'e'),
            (client.exempt.touching, 'T'),
            (conn.peer.transport == Transport::Unix, 'U'),
        ];
        let shown: String =
            flags.iter().filter(|(holds, _)| *holds).map(|(_, flag)| *flag).collect();
        if shown.is_empty() { "N".into() } else { shown }
    }
}
