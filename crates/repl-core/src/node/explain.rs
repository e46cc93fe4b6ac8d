//! `REPL EXPLAIN`, and what `INFO replication` says beyond Redis: how a full sync goes, and how far
//! replicas are behind.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::fmt::Write as _;

use super::{
    Node,
    following::Following,
    info::put,
    requests::Caller,
    resyncs::{Entry, Side},
    role::announced,
};
use crate::{
    base::{ids::ReplId, time::Now},
    command::CommandError,
    repl::{
        master::{Phase, Session},
        replica::Link,
    },
    resp::{Args, Reply},
};

impl Node {
    /// `REPL EXPLAIN [address | id | RESET]`: the decisions, newest first.
    pub(super) fn repl_explain<'a>(
        &mut self,
        caller: Caller,
        args: Args<'a>,
    ) -> Result<(), CommandError<'a>> {
        if args.len() > 3 {
            let (container, asked) = (args.name(), args.get(1));
            return Err(CommandError::SubcommandSyntax { container, asked });
        }
        let wanted = args.try_get(2);
        if wanted.is_some_and(|word| word.eq_ignore_ascii_case(b"RESET")) {
            self.resyncs.clear();
            self.with_reply(caller, |reply| reply.ok());
            return Ok(());
        }
        // What is shown does not change while it is shown.
        let resyncs = core::mem::take(&mut self.resyncs);
        let shown = |entry: &&Entry| wanted.is_none_or(|wanted| is_about(entry, wanted));
        self.with_reply(caller, |reply| {
            reply.array_len(resyncs.newest_first().filter(shown).count());
            resyncs.newest_first().filter(shown).for_each(|entry| describe(reply, entry));
        });
        self.resyncs = resyncs;
        Ok(())
    }

    /// How the synchronisation with our master goes.
    pub(super) fn info_sync(&self, text: &mut String, now: Now, following: &Following) {
        put(text, "master_sync_phase", &phase_of(&following.link));
        let began_at = self.resyncs.began_at;
        let millis = began_at.map(|at| now.mono.since(at).as_millis() as u64);
        if let (Link::Loading { payload, .. }, Some(millis)) = (&following.link, millis) {
            let (total, read) = (payload.total_bytes(), payload.received_bytes());
            put(text, "master_sync_elapsed_ms", &millis);
            put(text, "master_sync_loaded_keys", &payload.key_count());
            let per_sec = read.saturating_mul(1000).checked_div(millis).unwrap_or(0);
            put(text, "master_sync_bytes_per_sec", &per_sec);
            let known = u64::try_from(total).ok().filter(|total| *total > 0);
            // A master may say that any number of bytes will come.
            let left = known.map(|total| u128::from(total.saturating_sub(read)));
            let eta = left.and_then(|left| (left * u128::from(millis)).checked_div(read.into()));
            put(
                text,
                "master_sync_eta_ms",
                &eta.map_or_else(|| "-1".into(), |eta| eta.to_string()),
            );
        }
        let took = self.resyncs.took.map_or(-1, |took| took.as_millis() as i64);
        put(text, "master_sync_last_full_ms", &took);
    }

    /// A line for each replica: bytes that it has not acknowledged, milliseconds for which it may
    /// have lacked some, and how far its full sync is. -1 is what nobody knows.
    pub(super) fn info_lags(&self, text: &mut String, now: Now) {
        let end = self.history.offset();
        let replicas = self.replicas.iter().filter_map(|id| self.conns.get(*id));
        for (number, conn) in replicas.enumerate() {
            let Some(session) = conn.session() else { continue };
            let (ip, port) = announced(conn);
            let lag = session.lag(now.mono, end);
            let bytes = lag.map_or(-1, |lag| lag.bytes as i64);
            let millis = lag.map_or(-1, |lag| lag.span.as_millis() as i64);
            let (phase, sent) = progress(session);
            write!(
                text,
                "repl_replica{number}:ip={ip},port={port},phase={phase},lag_bytes={bytes},\
                 lag_ms={millis},sync_sent_bytes={sent}\r\n"
            )
            .expect("a string takes any text");
        }
    }
}

/// Whether `wanted` is the address of the other end, without a port too, or the number of its
/// connection.
fn is_about(entry: &Entry, wanted: &[u8]) -> bool {
    let peer = entry.peer.as_bytes();
    let ip = entry.peer.rsplit_once(':').map_or("", |(ip, _)| ip).as_bytes();
    let number = entry.conn_number.to_string();
    [peer, ip, number.as_bytes()].iter().any(|name| name.eq_ignore_ascii_case(wanted))
}

fn describe(reply: &mut Reply<'_>, entry: &Entry) {
    let standing = &entry.standing;
    let (asked_id, asked_next) = match entry.asked {
        Some((replid, next)) => (String::from(replid.as_str()), next as i64),
        None => ("?".into(), -1),
    };
    let (first, last) =
        standing.backlog.map_or((-1, -1), |(first, end)| (first as i64, end as i64 - 1));
    let text = |text: &str| Value::Text(text.into());
    let id = |id: ReplId| Value::Text(id.as_str().into());
    let fields: Vec<(&str, Value)> = Vec::from([
        ("id", Value::Number(entry.id as i64)),
        ("time-ms", Value::Number(entry.at.0)),
        (
            "as",
            text(match entry.side {
                Side::Master => "master",
                Side::Replica => "replica",
            }),
        ),
        ("peer", text(&entry.peer)),
        ("client-id", Value::Number(entry.conn_number as i64)),
        ("result", text(entry.result())),
        ("reason", text(entry.full.map_or("", |why| why.name().word()))),
        ("asked-replid", Value::Text(asked_id)),
        ("asked-offset", Value::Number(asked_next)),
        ("replid", id(standing.replid)),
        ("replid2", id(standing.replid2)),
        ("second-offset", Value::Number(standing.switch.map_or(-1, |at| at as i64))),
        ("offset", Value::Number(standing.offset as i64)),
        ("backlog-size", Value::Number(standing.backlog_bytes as i64)),
        ("backlog-first", Value::Number(first)),
        ("backlog-last", Value::Number(last)),
        ("explanation", Value::Text(entry.explanation())),
        ("directive", text(entry.directive())),
        ("advice", Value::Text(entry.advice())),
    ]);
    reply.map_len(fields.len());
    for (name, value) in fields {
        reply.bulk(name.as_bytes());
        match value {
            Value::Number(number) => reply.int(number),
            Value::Text(text) => reply.bulk(text.as_bytes()),
        }
    }
}

enum Value {
    Number(i64),
    Text(String),
}

/// What the link to our master waits for, in a word.
fn phase_of(link: &Link) -> &'static str {
    match link {
        Link::Waiting { .. } => "waiting-to-dial",
        Link::Dialing { .. } => "dialing",
        Link::Greeting { .. } => "handshake",
        Link::Loading { payload, .. } if payload.total_bytes() < 0 => "waiting-for-snapshot",
        Link::Loading { .. } => "receiving",
        Link::Streaming { .. } => "streaming",
    }
}

/// How far a replica is, in a word, and how many bytes of its snapshot have left; -1 when none is
/// on its way.
fn progress(session: &Session) -> (&'static str, i64) {
    match session.phase {
        Phase::Waiting { .. } => ("waiting-for-snapshot", -1),
        Phase::Loading { position, .. } => ("receiving", position as i64),
        Phase::AwaitAck { .. } => ("loading", -1),
        Phase::Online { .. } => ("streaming", -1),
    }
}
