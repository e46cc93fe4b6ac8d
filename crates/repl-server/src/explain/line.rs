//! One line of a log: when it was written, and what of replication it tells.
//!
//! The words are those of redis-server 7.0, of later ones, of Valkey (which says PRIMARY where
//! Redis says MASTER) and of this server. What a line tells is taken from that line alone; what it
//! means is the business of `story`.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

use std::borrow::Cow;

use repl_core::io::LossPhase;

/// What a line tells of replication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event<'a> {
    /// Of whoever answers.
    Granter(Granter<'a>),
    /// Of whoever asks.
    Asker(Asker<'a>),
}

/// What the log of whoever answers tells, and what all logs do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Granter<'a> {
    /// A replica asks.
    Asks { replica: &'a str },
    /// It names no history.
    NamesNone { replica: &'a str },
    /// It names another history than these.
    OtherId { asked: &'a str, ours: [&'a str; 2] },
    /// It wants a byte of the old history that came after the change.
    BeyondSwitch { next: u64, switch: u64 },
    /// It wants a byte that is not there.
    LacksByte { replica: &'a str, next: u64 },
    /// The same byte does not exist yet.
    BeyondEnd,
    /// It goes on.
    Continues { replica: &'a str, next: u64, bytes: u64 },
    /// A full synchronisation is over.
    Synced { replica: &'a str },
    /// Its output limit ends a replica: bytes held, if the line says so.
    OverLimit { held: Option<u64> },
    /// Its silence ends a replica.
    Silent { replica: &'a str, phase: LossPhase },
    /// A connection with a replica is over.
    ReplicaLost { replica: &'a str },
    /// Backlog and history are given up.
    BacklogFreed { secs: u64 },
    /// A new history begins.
    NewId { replid: &'a str },
    /// A promotion: the old history, and the new one.
    Promoted { old: &'a str, new: &'a str },
    /// This server says itself what it decided: of the replica, or of its own synchronisation, the
    /// word for a full one, and the sentences.
    Told { replica: Option<&'a str>, word: Option<&'a str>, text: &'a str },
    /// A process begins.
    Started(Teller),
    /// It has loaded a file.
    Loaded,
}

/// Whether a log says in a line of its own what was decided, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Teller {
    /// Redis and Valkey do not.
    Other,
    /// This server does.
    Ours,
}

/// What the log of whoever asks tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker<'a> {
    /// It names its history.
    Names { replid: &'a str, next: u64 },
    /// It has none to name.
    HasNone,
    /// The history it names is one of its own making.
    NamesOwn,
    /// The master sends everything.
    GivenAll { replid: &'a str, offset: u64 },
    /// The master sends the rest.
    GoesOn,
    /// The master cannot now.
    TryLater,
    /// The master is asked with `SYNC`.
    FallsBack,
    /// A full synchronisation is over.
    Finished,
    /// The link is lost.
    LinkLost,
    /// The master says nothing.
    MasterSilent(Doing),
    /// A full synchronisation ends before its end.
    PayloadLost,
    /// The stream holds what is no command.
    StreamDamaged,
}

/// What a node was doing when its master said nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    Connecting,
    Receiving,
    Streaming,
}

/// When a line was written, in its own words, and its text.
pub(super) fn split(line: &str) -> (&str, Cow<'_, str>) {
    if let Some(message) = between(line, "message=\"", "\"") {
        // `log-format logfmt` of Valkey.
        let when = between(line, "timestamp=\"", "\"").unwrap_or_default();
        return (when, renamed(message));
    }
    let Some(rest) = behind_process(line) else { return ("", renamed(line)) };
    let marks = [" * ", " # ", " - ", " . "].into_iter();
    // The first of them ends the time; others belong to the text.
    let found = marks.filter_map(|mark| rest.split_once(mark)).min_by_key(|(when, _)| when.len());
    found.map_or_else(|| ("", renamed(rest)), |(when, text)| (when, renamed(text)))
}

/// What follows `PID:ROLE `, whatever a container's log has put in front of it.
fn behind_process(line: &str) -> Option<&str> {
    let mut rest = line;
    for _ in 0..6 {
        let (word, tail) = rest.split_once(' ')?;
        if let Some((pid, role)) = word.split_once(':')
            && !pid.is_empty()
            && pid.bytes().all(|byte| byte.is_ascii_digit())
            && matches!(role, "M" | "S" | "C" | "X")
        {
            return Some(tail);
        }
        rest = tail;
    }
    None
}

/// Valkey's words in those of Redis.
fn renamed(text: &str) -> Cow<'_, str> {
    if text.contains("primary") || text.contains("PRIMARY") || text.contains("Primary") {
        let text = text.replace("primary", "master").replace("PRIMARY", "MASTER");
        return Cow::Owned(text.replace("Primary", "Master"));
    }
    Cow::Borrowed(text)
}

/// What the text of a line tells of replication, if anything.
pub(super) fn event(text: &str) -> Option<Event<'_>> {
    let granter = of_granter(text).or_else(|| of_process(text)).map(Event::Granter);
    granter.or_else(|| of_asker(text).map(Event::Asker))
}

fn of_granter(text: &str) -> Option<Granter<'_>> {
    if let Some(replica) = between(text, "Replica ", " asks for synchronization") {
        return Some(Granter::Asks { replica });
    }
    if let Some(replica) = text.strip_prefix("Full resync requested by replica ") {
        return Some(Granter::NamesNone { replica: first_word(replica) });
    }
    if text.contains("Replication ID mismatch") {
        let mut quoted = text.split('\'').skip(1).step_by(2);
        let (asked, first, second) = (quoted.next()?, quoted.next()?, quoted.next()?);
        return Some(Granter::OtherId { asked, ours: [first, second] });
    }
    if let Some(rest) = behind(text, "Requested offset for second ID was ") {
        let switch = number(behind(rest, "I can reply up to ")?)?;
        return Some(Granter::BeyondSwitch { next: number(rest)?, switch });
    }
    if let Some(replica) = between(text, "Unable to partial resync with replica ", " for lack") {
        let next = number(behind(text, "Replica request was: ")?)?;
        return Some(Granter::LacksByte { replica, next });
    }
    if text.contains("tried to PSYNC with an offset that is greater than") {
        return Some(Granter::BeyondEnd);
    }
    if let Some(replica) =
        between(text, "Partial resynchronization request from ", " accepted. Sending ")
    {
        let bytes = number(behind(text, "accepted. Sending ")?)?;
        let next = number(behind(text, "starting from offset ")?)?;
        return Some(Granter::Continues { replica, next, bytes });
    }
    if let Some(replica) = between(text, "Synchronization with replica ", " succeeded") {
        return Some(Granter::Synced { replica });
    }
    if text.contains("for overcoming of output buffer limits") {
        // Of clients of all kinds, those with these flags are replicas. We name no flags.
        let is_replica = between(text, " flags=", " ").is_none_or(|flags| flags.contains('S'));
        let held = behind(text, " omem=").and_then(number);
        return is_replica.then_some(Granter::OverLimit { held });
    }
    if let Some(rest) = text.strip_prefix("Disconnecting timedout replica (") {
        let replica = first_word(behind(rest, "): ")?);
        let is_full = rest.starts_with("full sync");
        let phase = if is_full { LossPhase::FullSync } else { LossPhase::Streaming };
        return Some(Granter::Silent { replica, phase });
    }
    if let Some(replica) = between(text, "Connection with replica ", " lost.") {
        return Some(Granter::ReplicaLost { replica });
    }
    if let Some(rest) = text.strip_prefix("Replication backlog freed after ") {
        return Some(Granter::BacklogFreed { secs: number(rest)? });
    }
    if let Some(replid) = between(text, "my new replication IDs are '", "'") {
        return Some(Granter::NewId { replid });
    }
    let rest = text.strip_prefix("Setting secondary replication ID to ")?;
    let new = first_word(behind(rest, "New replication ID is ")?);
    Some(Granter::Promoted { old: first_word(rest).trim_end_matches(','), new })
}

fn of_asker(text: &str) -> Option<Asker<'_>> {
    if let Some(rest) = text.strip_prefix("Trying a partial resynchronization (request ") {
        let (replid, next) = rest.split_once(':')?;
        return Some(Asker::Names { replid, next: number(next)? });
    }
    if let Some(rest) = text.strip_prefix("Full resync from master: ") {
        let (replid, offset) = rest.split_once(':')?;
        return Some(Asker::GivenAll { replid, offset: number(offset)? });
    }
    let found = [
        ("Partial resynchronization not possible (no cached master)", Asker::HasNone),
        ("Before turning into a replica, using my own master parameters", Asker::NamesOwn),
        ("Successful partial resynchronization with master", Asker::GoesOn),
        ("Master is currently unable to PSYNC", Asker::TryLater),
        ("Retrying with SYNC", Asker::FallsBack),
        ("MASTER <-> REPLICA sync: Finished with success", Asker::Finished),
        ("Timeout connecting to the MASTER", Asker::MasterSilent(Doing::Connecting)),
        ("Timeout receiving bulk data from MASTER", Asker::MasterSilent(Doing::Receiving)),
        ("MASTER timeout: no data nor PING", Asker::MasterSilent(Doing::Streaming)),
        ("Timeout no data nor PING", Asker::MasterSilent(Doing::Streaming)),
        ("Connection with master lost", Asker::LinkLost),
        ("MASTER aborted replication with an error", Asker::PayloadLost),
        ("I/O error trying to sync with MASTER", Asker::PayloadLost),
        ("I/O error reading bulk count from MASTER", Asker::PayloadLost),
        ("Failed trying to load the MASTER synchronization DB", Asker::PayloadLost),
        ("Receiving inline protocol from master", Asker::StreamDamaged),
        ("Protocol error (", Asker::StreamDamaged),
    ];
    let found = found.into_iter().find(|(words, _)| text.contains(words));
    // Clients make errors of protocol, too.
    let is_ours = text.contains("from master") || text.contains("flags=M");
    found.map(|(_, event)| event).filter(|event| *event != Asker::StreamDamaged || is_ours)
}

fn of_process(text: &str) -> Option<Granter<'_>> {
    let began = text.contains("version=") && text.contains("pid=") && text.contains("bits=");
    if began {
        let is_ours = text.starts_with(crate::NAME);
        return Some(Granter::Started(if is_ours { Teller::Ours } else { Teller::Other }));
    }
    if let Some(told) = told(text) {
        return Some(told);
    }
    text.starts_with("DB loaded from ").then_some(Granter::Loaded)
}

/// `Resync of replica ADDRESS: full (WORD) SENTENCES`, `Resync with master ADDRESS: partial ...`.
fn told(text: &str) -> Option<Granter<'_>> {
    let rest = text.strip_prefix("Resync ")?;
    let (whose, decided) = rest.split_once(": ")?;
    let replica = whose.strip_prefix("of replica ");
    if let Some(text) = decided.strip_prefix("partial ") {
        return Some(Granter::Told { replica, word: None, text });
    }
    let (word, text) = decided.strip_prefix("full (")?.split_once(") ")?;
    Some(Granter::Told { replica, word: Some(word), text })
}

fn behind<'a>(text: &'a str, words: &str) -> Option<&'a str> {
    text.split_once(words).map(|(_, rest)| rest)
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    behind(text, before)?.split_once(after).map(|(found, _)| found)
}

fn first_word(text: &str) -> &str {
    text.split_ascii_whitespace().next().unwrap_or_default()
}

/// The number a text begins with.
fn number(text: &str) -> Option<u64> {
    let end = text.bytes().take_while(u8::is_ascii_digit).count();
    text.get(..end)?.parse().ok()
}

impl<'a> From<Granter<'a>> for Event<'a> {
    fn from(event: Granter<'a>) -> Self {
        Self::Granter(event)
    }
}

impl<'a> From<Asker<'a>> for Event<'a> {
    fn from(event: Asker<'a>) -> Self {
        Self::Asker(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines as redis-server 7.0.15 wrote them when each of these things was done to it.
    #[test]
    fn a_line_of_redis_tells_one_thing() {
        let client = "Client id=105 addr=127.0.0.1:59656 laddr=127.0.0.1:48301 fd=7 name= age=1 \
                      flags=S db=0 omem=1085920 tot-mem=1108192 scheduled to be closed ASAP for \
                      overcoming of output buffer limits.";
        for (text, expect) in [
            (
                "Replica 127.0.0.1:48399 asks for synchronization",
                Granter::Asks { replica: "127.0.0.1:48399" }.into(),
            ),
            (
                "Full resync requested by replica 127.0.0.1:7",
                Granter::NamesNone { replica: "127.0.0.1:7" }.into(),
            ),
            (
                "Partial resynchronization not accepted: Replication ID mismatch (Replica asked \
                 for '13bd2c3f', my replication IDs are '99571a9e' and '00000000')",
                Granter::OtherId { asked: "13bd2c3f", ours: ["99571a9e", "00000000"] }.into(),
            ),
            (
                "Partial resynchronization not accepted: Requested offset for second ID was \
                 99999999, but I can reply up to 500179",
                Granter::BeyondSwitch { next: 99_999_999, switch: 500_179 }.into(),
            ),
            (
                "Unable to partial resync with replica 127.0.0.1:7 for lack of backlog (Replica \
                 request was: 1).",
                Granter::LacksByte { replica: "127.0.0.1:7", next: 1 }.into(),
            ),
            (
                "Warning: replica 127.0.0.1:7 tried to PSYNC with an offset that is greater than \
                 the master replication offset.",
                Granter::BeyondEnd.into(),
            ),
            (
                "Partial resynchronization request from 127.0.0.1:48399 accepted. Sending 0 bytes \
                 of backlog starting from offset 500179.",
                Granter::Continues { replica: "127.0.0.1:48399", next: 500_179, bytes: 0 }.into(),
            ),
            (client, Granter::OverLimit { held: Some(1_085_920) }.into()),
            (
                "Disconnecting timedout replica (full sync): 127.0.0.1:7",
                Granter::Silent { replica: "127.0.0.1:7", phase: LossPhase::FullSync }.into(),
            ),
            (
                "Disconnecting timedout replica (streaming sync): 127.0.0.1:46795",
                Granter::Silent { replica: "127.0.0.1:46795", phase: LossPhase::Streaming }.into(),
            ),
            (
                "Connection with replica client id #6 lost.",
                Granter::ReplicaLost { replica: "client id #6" }.into(),
            ),
            (
                "Replication backlog freed after 1 seconds without connected replicas.",
                Granter::BacklogFreed { secs: 1 }.into(),
            ),
            (
                "Setting secondary replication ID to 4c502177, valid up to offset: 500179. New \
                 replication ID is 28b8a099",
                Granter::Promoted { old: "4c502177", new: "28b8a099" }.into(),
            ),
        ] {
            assert_eq!(event(text), Some(expect), "{text}");
        }
    }

    /// As above, of a replica.
    #[test]
    fn a_line_of_a_replica_tells_one_thing() {
        for (text, expect) in [
            (
                "Trying a partial resynchronization (request 8be8041b:500179).",
                Asker::Names { replid: "8be8041b", next: 500_179 }.into(),
            ),
            (
                "Full resync from master: 8be8041b:0",
                Asker::GivenAll { replid: "8be8041b", offset: 0 }.into(),
            ),
            (
                "Timeout receiving bulk data from MASTER... If the problem persists try to set",
                Asker::MasterSilent(Doing::Receiving).into(),
            ),
            ("Connection with master lost.", Asker::LinkLost.into()),
            (
                "Protocol error (Master using the inline protocol. Desync?) from client: id=6 \
                 flags=M db=0",
                Asker::StreamDamaged.into(),
            ),
            (
                "Redis version=7.0.15, bits=64, commit=00000000, modified=0, pid=1, just started",
                Granter::Started(Teller::Other).into(),
            ),
        ] {
            assert_eq!(event(text), Some(expect), "{text}");
        }
    }

    #[test]
    fn the_words_of_valkey_and_of_this_server_mean_the_same() {
        for (line, expect) in [
            (
                "1:S 30 Nov 2026 15:46:00.407 * Full resync from primary: 8be8:7",
                Asker::GivenAll { replid: "8be8", offset: 7 }.into(),
            ),
            (
                "1:S 30 Nov 2026 15:46:00.407 * Connection with primary lost.",
                Asker::LinkLost.into(),
            ),
            (
                "1:S 30 Nov 2026 15:46:00.407 # PRIMARY timeout: no data nor PING received...",
                Asker::MasterSilent(Doing::Streaming).into(),
            ),
            (
                "1:S 30 Nov 2026 15:46:00.407 # Connection with master lost: Timeout no data nor \
                 PING received...",
                Asker::MasterSilent(Doing::Streaming).into(),
            ),
            (
                "1:M 30 Nov 2026 15:46:00.407 # Client 127.0.0.1:7 scheduled to be closed ASAP \
                 for overcoming of output buffer limits.",
                Granter::OverLimit { held: None }.into(),
            ),
            (
                "1:C 30 Nov 2026 15:46:00.407 # repl-server version=0.1.0, redis_version=7.0.15, \
                 bits=64, pid=7",
                Granter::Started(Teller::Ours).into(),
            ),
        ] {
            assert_eq!(event(&split(line).1), Some(expect), "{line}");
        }
    }

    #[test]
    fn what_this_server_says_itself_is_taken_at_its_word() {
        let text = "Resync of replica 127.0.0.1:7: full (beyond-end) The replica wanted byte 9.";
        let (replica, word) = (Some("127.0.0.1:7"), Some("beyond-end"));
        let told = Granter::Told { replica, word, text: "The replica wanted byte 9." };
        assert_eq!(event(text), Some(told.into()));
        let text = "Resync with master 127.0.0.1:7: partial This node goes on at byte 9.";
        let told =
            Granter::Told { replica: None, word: None, text: "This node goes on at byte 9." };
        assert_eq!(event(text), Some(told.into()));
    }

    #[test]
    fn time_and_text_are_found_in_every_form_of_a_line() {
        for line in [
            "7:M 30 Nov 2026 15:46:00.404 * Ready to accept connections",
            "2026-11-30T15:46:00Z stdout F 7:M 30 Nov 2026 15:46:00.404 * Ready to accept \
             connections",
            "pid=7 role=master timestamp=\"30 Nov 2026 15:46:00.404\" level=notice message=\"Ready \
             to accept connections\"",
        ] {
            let (when, text) = split(line);
            assert_eq!((when, &*text), ("30 Nov 2026 15:46:00.404", "Ready to accept connections"));
        }
        assert_eq!(split("no log at all"), ("", Cow::Borrowed("no log at all")));
    }

    #[test]
    fn what_only_looks_like_it_tells_nothing() {
        for text in [
            "",
            "Client id=1 flags=N omem=1 scheduled to be closed ASAP for overcoming of output \
             buffer limits.",
            "Protocol error (unbalanced quotes in request) from client: id=6 flags=N",
            "Replication backlog freed after many seconds",
            "Full resync from master: 8be8041b",
            "Unable to partial resync with replica",
        ] {
            assert_eq!(event(text), None, "{text}");
        }
    }
}
