//! Our master: making the link, losing it, and applying what comes over it.

use alloc::{boxed::Box, format, string::String, vec::Vec};
use core::mem;

use super::{
    Node,
    following::{Consent, Following, Resume},
    requests::{Caller, Request},
    session::{Shutdown, is_for_clients},
};
use crate::{
    base::{
        ids::{ConnId, Endpoint, ReplId},
        time::Now,
    },
    conn::{Conn, Role},
    io::{Effect, Level, PeerInfo, Scratch, Wire},
    keyspace::DbIndex,
    marks::Mark,
    repl::replica::{
        Answer, Greeting, Handshake, Link, LinkError, Loaded, Margin, Payload, PayloadFed, Purpose,
        Stream, Transaction, in_older_words,
    },
    resp::{Args, Form, Limits, LineReader, Parsed, Parser},
};

impl Node {
    /// `REPLICAOF host port`. Our replicas stay: they hear of a new history only if there is one.
    // redis: replication.c, replicationSetMaster
    pub(super) fn follow(&mut self, now: Now, master: Endpoint) {
        let resume = match &self.following {
            Some(following) => following.resume,
            // A master that has counted its bytes may be an earlier part of the new master's
            // history.
            None if self.history.is_recording() => Resume::FromHistory,
            None => Resume::FromScratch(self.origin_of_nothing()),
        };
        self.mark_follow(resume);
        // A link that was lost stays lost, whoever is followed next.
        let down_since = match &self.following {
            Some(following) if following.link.is_up() => Some(now.mono),
            Some(following) => following.down_since,
            None => None,
        };
        self.drop_link(now);
        self.disconnect_waiting(now);
        self.log(Level::Notice, format!("Connecting to MASTER {master}"));
        self.config.replicaof = Some(master.clone());
        self.following = Some(Following {
            master,
            link: Link::Waiting { retry_at: now.mono },
            resume,
            last_io_at: now.mono,
            down_since,
            reads_at: None,
            consent: Consent::Given,
            refused: None,
            failed_syncs: 0,
        });
        self.dial(now);
    }

    /// `REPLICAOF NO ONE`, and whatever else makes a replica the master.
    pub(super) fn become_master(&mut self, now: Now) {
        if self.following.is_none() {
            return;
        }
        self.mark_promotion();
        self.drop_link(now);
        (self.following, self.config.replicaof) = (None, None);
        self.history.promote();
        // They must learn the new id, which their next PSYNC will be told.
        self.drop_replicas(now, Mark::PromotionDropsReplicas);
        self.no_replicas_since = now.mono;
        self.last_ping_at = now.mono;
        // What our master wrote served nobody. Now it is ours.
        self.keyspace.mark_all_ready();
        self.keyspace.forget_own_expiries();
        let text = format!(
            "Setting secondary replication ID to {}, valid up to offset: {}. New replication ID \
             is {}",
            self.history.replid2(),
            self.history.switch().unwrap_or(0),
            self.history.replid(),
        );
        self.log(Level::Warning, text);
    }

    /// Forgets the connection of the link, if there is one, and with it everything half received.
    pub(super) fn drop_link(&mut self, now: Now) {
        self.resyncs.began_at = None;
        let conn = self.following.as_ref().and_then(|following| following.link.conn());
        if let Some(conn) = conn {
            self.close(now, conn);
        }
    }

    /// The link is broken. What was applied stays; what was half received is forgotten.
    pub(super) fn link_failed(&mut self, now: Now, error: LinkError) {
        self.mark_link_failure(&error);
        self.note_link_failure(&error);
        self.drop_link(now);
        let later = now.mono + self.retry_after(&error);
        let Some(following) = &mut self.following else { return };
        let was_up = following.link.is_up();
        let retry_at = if was_up {
            following.down_since = Some(now.mono);
            now.mono
        } else {
            later
        };
        following.link = Link::Waiting { retry_at };
        if error.spoils_history() {
            following.resume = Resume::FromScratch(Scratch::Damaged);
        }
        if was_up {
            self.log(Level::Warning, format!("Connection with master lost: {error}"));
            self.log(Level::Notice, "Caching the disconnected master state.".into());
            self.dial(now);
        } else {
            self.log(Level::Warning, format!("MASTER <-> REPLICA sync: {error}"));
        }
    }

    /// Dials, if that is due.
    pub(super) fn dial(&mut self, now: Now) {
        let due = self.following.as_ref().is_some_and(|following| {
            following.retry_at().is_some_and(|retry_at| retry_at <= now.mono)
        });
        if !due {
            return;
        }
        let conn = self.conns.insert(Conn::new(PeerInfo::default(), Role::Master, now.mono));
        let Some(following) = &mut self.following else { return };
        following.link = Link::Dialing { conn };
        following.reads_at = None;
        following.last_io_at = now.mono;
        let to = following.master.clone();
        self.log(Level::Notice, "MASTER <-> REPLICA sync started".into());
        let over = if self.config.tls.replication { Wire::Tls } else { Wire::Plain };
        self.effects.push_back(Effect::Dial { conn, to, over });
        self.marks.hit(Mark::Dialled);
    }

    /// The dial succeeded: the handshake begins.
    pub(super) fn on_connected(&mut self, now: Now, id: ConnId, peer: PeerInfo) {
        let Some(following) = &mut self.following else { return };
        if following.link.conn() != Some(id) {
            return;
        }
        let Some(conn) = self.conns.get_mut(id) else { return };
        conn.peer = peer;
        let config = &self.config;
        let greeting = Greeting {
            user: config.masteruser.clone(),
            password: config.masterauth.clone(),
            port: config.announced_port(),
            ip: config.replica_announce_ip.clone(),
            resume: match following.resume {
                Resume::FromHistory => Some((self.history.replid(), self.history.next())),
                Resume::FromScratch(_) => None,
            },
            purpose: match self.failover {
                Some(_) => Purpose::HandOver,
                None => Purpose::Follow,
            },
        };
        let handshake = Box::new(Handshake::begin(greeting, conn.outbox.writer()));
        following.link = Link::Greeting { conn: id, handshake };
        following.last_io_at = now.mono;
        self.wake(id);
        self.log(Level::Notice, "Non blocking connect for SYNC fired the event.".into());
    }

    /// Bytes of our master.
    pub(super) fn on_master_bytes(&mut self, now: Now, id: ConnId, bytes: &[u8]) {
        let Some(following) = &mut self.following else { return };
        if following.link.conn() != Some(id) {
            return;
        }
        following.last_io_at = now.mono;
        let Some(conn) = self.conns.get_mut(id) else { return };
        let mut inbox = mem::take(&mut conn.inbox);
        let result = if inbox.bytes.is_empty() {
            let result = self.on_link_bytes(now, id, bytes, &mut inbox.parser);
            if let Ok(used) = result {
                inbox.bytes.extend_from_slice(&bytes[used..]);
            }
            result
        } else {
            inbox.bytes.extend_from_slice(bytes);
            let result = self.on_link_bytes(now, id, &inbox.bytes, &mut inbox.parser);
            if let Ok(used) = result {
                inbox.bytes.drain(..used);
            }
            result
        };
        match result {
            Ok(_) => {
                if let Some(conn) = self.conns.get_mut(id) {
                    conn.inbox = inbox;
                }
            }
            Err(error) => self.link_failed(now, error),
        }
    }

    /// Whether `id` is still the connection of our link.
    fn is_link(&self, id: ConnId) -> bool {
        self.following.as_ref().is_some_and(|following| following.link.conn() == Some(id))
    }

    /// Takes what it can of `buf`; how many bytes that was.
    fn on_link_bytes(
        &mut self,
        now: Now,
        id: ConnId,
        buf: &[u8],
        parser: &mut Parser,
    ) -> Result<usize, LinkError> {
        let mut at = 0;
        while at < buf.len() && self.is_link(id) {
            let Some(following) = &mut self.following else { break };
            // The state is taken out and put back as what it has become; a failure leaves
            // `Waiting`.
            let waiting = Link::Waiting { retry_at: now.mono };
            match mem::replace(&mut following.link, waiting) {
                Link::Greeting { conn, handshake } => {
                    match self.on_handshake_bytes(now, conn, handshake, &buf[at..])? {
                        0 => break,
                        used => at += used,
                    }
                }
                Link::Loading { conn, payload } => {
                    let (keys_before, had_begun) = (payload.key_count(), payload.has_begun());
                    match payload.feed(&buf[at..]) {
                        Ok(PayloadFed::More(payload)) => {
                            if payload.has_begun() && !had_begun {
                                self.log_load_begun(payload.announced());
                            }
                            self.slow_down(now, payload.key_count() - keys_before);
                            self.set_link(Link::Loading { conn, payload });
                            at = buf.len();
                        }
                        Ok(PayloadFed::Done { consumed, loaded }) => {
                            at += consumed;
                            if let Some(error) = self.refuses(now, &loaded) {
                                self.set_link(Link::Dialing { conn });
                                return Err(error);
                            }
                            if !had_begun {
                                self.log_load_begun(loaded.announced);
                            }
                            *parser = Parser::new();
                            self.install(now, conn, loaded);
                        }
                        Err(error) => {
                            self.set_link(Link::Dialing { conn });
                            return Err(error);
                        }
                    }
                }
                link @ Link::Streaming { .. } => {
                    self.set_link(link);
                    at += self.apply_stream(now, id, &buf[at..], parser)?;
                    break;
                }
                link @ (Link::Waiting { .. } | Link::Dialing { .. }) => {
                    self.set_link(link);
                    break;
                }
            }
        }
        Ok(at)
    }

    pub(super) fn set_link(&mut self, link: Link) {
        if let Some(following) = &mut self.following {
            following.link = link;
        }
    }

    /// One line of the handshake; how many bytes it took, zero when it is not whole.
    fn on_handshake_bytes(
        &mut self,
        now: Now,
        id: ConnId,
        mut handshake: Box<Handshake>,
        buf: &[u8],
    ) -> Result<usize, LinkError> {
        let line = match LineReader::new().next(buf) {
            Err(_) => {
                self.set_link(Link::Dialing { conn: id });
                return Err(LinkError::LineTooLong);
            }
            Ok(None) => {
                self.set_link(Link::Greeting { conn: id, handshake });
                return Ok(0);
            }
            Ok(Some(line)) => line,
        };
        self.stats.recount_handshake(line.1 as u64);
        let mut remarks = Vec::new();
        let is_answer = handshake.expects_psync_reply();
        let answer = match self.conns.get_mut(id) {
            Some(conn) => {
                let margin = Margin { remarks: &mut remarks, marks: &mut self.marks };
                handshake.on_line(line.0, conn.outbox.writer(), margin)
            }
            None => Ok(None),
        };
        for remark in remarks {
            self.log(Level::Notice, remark);
        }
        self.wake(id);
        if is_answer && self.is_left_by_heir(now, id, &answer) {
            return Ok(line.1);
        }
        if let Ok(Some(answer)) = answer {
            self.note_answer(now, id, answer);
        }
        match answer {
            Ok(None) => self.set_link(Link::Greeting { conn: id, handshake }),
            Ok(Some(Answer::Full(origin))) => {
                let payload = Box::new(Payload::new(origin, self.keyspace.empty_twin()));
                self.set_link(Link::Loading { conn: id, payload });
                if let Some(error) = origin.and_then(|(replid, _)| self.refuses_again(replid)) {
                    return Err(error);
                }
            }
            Ok(Some(Answer::Continue(replid))) => self.resume(now, id, replid),
            Err(error) => {
                self.set_link(Link::Dialing { conn: id });
                return Err(error);
            }
        }
        Ok(line.1)
    }

    /// `+CONTINUE`: the stream goes on where our history ends.
    fn resume(&mut self, now: Now, id: ConnId, replid: Option<ReplId>) {
        let is_new = replid.is_some_and(|replid| replid != self.history.replid());
        self.marks.hit(match replid {
            None => Mark::AnsweredContinueWithoutId,
            Some(_) if is_new => Mark::AnsweredContinueNewId,
            Some(_) => Mark::AnsweredContinue,
        });
        if self.history.resume(replid) {
            self.log(
                Level::Notice,
                format!("Master replication ID changed to {}", self.history.replid()),
            );
            self.drop_replicas(now, Mark::NewIdDropsReplicas);
        }
        let db = self.history.stream_db().unwrap_or(DbIndex(0));
        self.begin_stream(id, db);
        self.log(
            Level::Notice,
            "MASTER <-> REPLICA sync: Master accepted a Partial Resynchronization.".into(),
        );
    }

    fn begin_stream(&mut self, id: ConnId, db: DbIndex) {
        self.note_stream();
        if let Some(following) = &mut self.following {
            following.link = Link::Streaming { conn: id, stream: Stream { db, transaction: None } };
            following.down_since = None;
            following.resume = Resume::FromHistory;
            (following.consent, following.refused) = (Consent::Needed, None);
            following.failed_syncs = 0;
        }
    }

    /// A full sync has arrived: dataset, id and offset change together.
    fn install(&mut self, now: Now, id: ConnId, loaded: Box<Loaded>) {
        // Our replicas' history ends here. They come back and are told the new one.
        self.drop_replicas(now, Mark::FullSyncDropsReplicas);
        self.transfers.clear();
        // redis: replication.c, readSyncBulkPayload: killRDBChild
        self.abandon_save();
        let has_mark = loaded.has_mark();
        let Loaded { keyspace, origin, stream_db, .. } = *loaded;
        self.marks.hit(if has_mark { Mark::LoadedMark } else { Mark::LoadedLength });
        if origin.is_none() {
            self.marks.hit(Mark::LoadedWithoutOrigin);
        }
        self.keyspace.replace_with(keyspace);
        self.stats.changes += 1;
        let (replid, offset) = match origin {
            Some(origin) => origin,
            // A master that knows no PSYNC: what we tell from here on is a history of our own.
            None => (ReplId::random(&mut self.rng), 0),
        };
        self.history.adopt_snapshot(replid, offset, Some(stream_db));
        self.begin_stream(id, stream_db);
        if origin.is_none()
            && let Some(following) = &mut self.following
        {
            following.resume = Resume::FromScratch(Scratch::Nameless);
        }
        self.log(Level::Notice, "MASTER <-> REPLICA sync: Finished with success".into());
        // A master that knows neither PSYNC nor marks would answer, in the middle of its stream.
        if origin.is_some() || has_mark {
            self.send_ack();
        }
    }

    /// Applies whole commands and transactions; how many bytes were taken.
    fn apply_stream(
        &mut self,
        now: Now,
        id: ConnId,
        buf: &[u8],
        parser: &mut Parser,
    ) -> Result<usize, LinkError> {
        let mut argv = mem::take(&mut self.argv);
        let (mut at, mut touched) = (0, 0);
        let mut ack = false;
        let result = loop {
            if at == buf.len() || !self.is_link(id) || self.has_ended() {
                break Ok(at);
            }
            match parser.next(buf, at, &Limits::MASTER_LINK, &mut argv) {
                Ok(Parsed::Request { form: Form::Inline, .. }) => break Err(LinkError::Inline),
                Ok(Parsed::Request { end, .. }) => {
                    ack |= self.on_stream_command(now, argv.view(buf), &buf[at..end]);
                    at = end;
                    if at >= touched {
                        touched = self.warm_ahead(self.stream_db(), buf, at);
                    }
                }
                Ok(Parsed::Empty { end }) => {
                    self.on_stream_gap(&buf[at..end]);
                    at = end;
                }
                Ok(Parsed::Incomplete) => break Ok(at),
                Err(error) => break Err(LinkError::Protocol(error)),
            }
        };
        self.argv = argv;
        self.grown = true;
        if ack {
            self.send_ack();
        }
        result
    }

    /// Bytes of the stream that are no command. They count, where they stand.
    fn on_stream_gap(&mut self, bytes: &[u8]) {
        self.marks.hit(Mark::StreamGap);
        match self.stream_mut().and_then(|stream| stream.transaction.as_mut()) {
            Some(transaction) => transaction.bytes.extend_from_slice(bytes),
            None => self.history.append_applied(bytes),
        }
    }

    /// One command of the stream, with its bytes. Returns whether the master asked for an
    /// acknowledgement.
    fn on_stream_command(&mut self, now: Now, args: Args<'_>, bytes: &[u8]) -> bool {
        let name = args.name();
        let Some(stream) = self.stream_mut() else { return false };
        if let Some(transaction) = &mut stream.transaction {
            transaction.bytes.extend_from_slice(bytes);
            if !name.eq_ignore_ascii_case(b"EXEC") {
                return false;
            }
            let transaction = stream.transaction.take().expect("it was just looked at");
            self.marks.hit(Mark::StreamTransaction);
            let ack = self.apply_transaction(now, &transaction.bytes);
            self.history.append_applied(&transaction.bytes);
            return ack;
        }
        if name.eq_ignore_ascii_case(b"MULTI") {
            stream.transaction = Some(Transaction { bytes: bytes.to_vec() });
            return false;
        }
        let ack = self.apply(now, args, bytes);
        self.history.append_applied(bytes);
        ack
    }

    /// The commands between `MULTI` and `EXEC`, in one go: nobody sees a part of them.
    fn apply_transaction(&mut self, now: Now, buf: &[u8]) -> bool {
        let (mut parser, mut argv) = (Parser::new(), crate::resp::Argv::new());
        let (mut at, mut ack) = (0, false);
        while at < buf.len() && !self.has_ended() {
            match parser.next(buf, at, &Limits::MASTER_LINK, &mut argv) {
                Ok(Parsed::Request { end, .. }) => {
                    let args = argv.view(buf);
                    let name = args.name();
                    let frames =
                        name.eq_ignore_ascii_case(b"MULTI") || name.eq_ignore_ascii_case(b"EXEC");
                    if !frames {
                        ack |= self.apply(now, args, &buf[at..end]);
                    }
                    at = end;
                }
                Ok(Parsed::Empty { end }) => at = end,
                Ok(Parsed::Incomplete) | Err(_) => {
                    unreachable!("these bytes were read as whole requests when they came")
                }
            }
        }
        ack
    }

    /// One command of our master, through the same handlers as any client's.
    fn apply(&mut self, now: Now, args: Args<'_>, bytes: &[u8]) -> bool {
        let spec = self.commands.find(args.name());
        // Nothing that is known, or a `SET` with options: anything else is not looked at.
        if spec.is_none_or(|spec| spec.name == "set" && args.len() > 4)
            && let Some(older) = in_older_words(args)
        {
            self.marks.hit(Mark::StreamNewer);
            return self.apply_transaction(now, &older);
        }
        let Some(spec) = spec else {
            let name = String::from_utf8_lossy(args.name()).into_owned();
            self.refuse_stream(now, "unknown command", &name);
            return false;
        };
        if spec.name == "replconf" {
            self.count_call(spec);
            let asks = args.try_get(1).is_some_and(|what| what.eq_ignore_ascii_case(b"GETACK"));
            if asks {
                self.marks.hit(Mark::StreamGetack);
            }
            return asks;
        }
        if is_for_clients(spec) {
            self.refuse_stream(now, "this command is no part of a stream", spec.name);
        } else if spec.takes(args.len()) {
            let request = Request { args, canonical: Some(bytes) };
            self.execute(now, Caller::Master, spec, request);
        } else {
            self.refuse_stream(now, "wrong number of arguments", spec.name);
        }
        // What replicas of ours hear is what our master said, not what we make of it.
        self.stats.changes += self.unit.len() as u64;
        self.unit.clear();
        if self.keyspace.has_ready() {
            // To serve a client would be a write of ours into our master's dataset.
            self.keyspace.forget_ready();
        }
        false
    }

    /// An error has ended the process: what comes behind it is not applied.
    fn has_ended(&self) -> bool {
        self.shutdown == Some(Shutdown::Ending)
    }

    /// A command of our master that is not even run.
    fn refuse_stream(&mut self, now: Now, why: &str, command: &str) {
        self.count_error("ERR");
        self.marks.hit(Mark::StreamRefused);
        self.unread.extend_from_slice(b"-ERR ");
        self.unread.extend_from_slice(why.as_bytes());
        self.drop_unread(now, Caller::Master, command);
    }

    fn stream_mut(&mut self) -> Option<&mut Stream> {
        match &mut self.following.as_mut()?.link {
            Link::Streaming { stream, .. } => Some(stream),
            Link::Waiting { .. }
            | Link::Dialing { .. }
            | Link::Greeting { .. }
            | Link::Loading { .. } => None,
        }
    }

    /// The database that the stream has selected.
    pub(super) fn stream_db(&self) -> DbIndex {
        self.history.stream_db().unwrap_or(DbIndex(0))
    }

    /// `SELECT` in the stream.
    pub(super) fn select_stream_db(&mut self, db: DbIndex) {
        if let Some(stream) = self.stream_mut() {
            stream.db = db;
        }
        self.history.note_stream_db(db);
    }
}
