//! From the bytes of a client to executed commands.

use alloc::format;
use core::mem;

use super::{Node, gate::unknown_command, measure::Noted, session::waits_in_queue};
use crate::{
    base::{ids::ConnId, time::Now},
    command::{CommandError, Data, Expiry, Flags, Handler, Misses, NodeCommand, Outcome, Spec},
    conn::{Conn, Fate, Hears, Inbox, Login, Rights, Role, Wait},
    io::Level,
    keyspace::{DbIndex, Event, ExpiryOf},
    repl::{Effects, History},
    resp::{Args, Argv, Authenticated, Form, Limits, Parsed, Parser, Proto, ProtocolError, Reply},
};

/// An empty inbox gives back more memory than this.
const INBOX_KEPT_BYTES: usize = 16 * 1024;

/// What the log calls a command that does not exist.
const UNKNOWN: &str = "<unknown>";

/// One request, as it goes through the node.
#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) args: Args<'a>,
    /// The request's bytes, if they are what re-encoding its arguments would give.
    pub(super) canonical: Option<&'a [u8]>,
}

/// Whose command it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// A client's or a replica's.
    Conn(ConnId),
    /// Our master's.
    Master,
}

/// What the gate must know of who asks: read once per request.
#[derive(Clone, Copy)]
pub(super) struct Standing {
    pub(super) login: Login,
    pub(super) kind: Kind,
    pub(super) rights: Rights,
    hears: Hears,
    /// Replies it has not read yet.
    pub(super) unread_bytes: u64,
    /// The database it has selected.
    db: DbIndex,
    /// How many of them it may leave unread.
    pub(super) unread_max: u64,
}

/// What kind of connection asks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Client,
    /// A client that has begun a transaction.
    Queueing,
    /// A RESP2 client that listens to channels: it takes whatever it is sent for a message.
    Listening,
    /// A client that monitors: to Redis it is a kind of replica.
    Monitoring,
    /// A client that waits for something. Nothing it sends is looked at.
    Waiting,
    Replica,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Handled {
    Done,
    /// It must be looked at again later.
    HeldBack,
}

impl Node {
    /// Bytes came in.
    pub(super) fn on_received(&mut self, now: Now, id: ConnId, bytes: &[u8]) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        conn.last_io_at = now.mono;
        self.stats.reads += 1;
        match conn.role {
            Role::Master => {
                self.stats.net_repl_input_bytes += bytes.len() as u64;
                self.on_master_bytes(now, id, bytes);
            }
            Role::Client(_) | Role::Replica(_) => {
                self.stats.net_input_bytes += bytes.len() as u64;
                self.on_requests(now, id, bytes);
            }
        }
    }

    pub(super) fn on_requests(&mut self, now: Now, id: ConnId, bytes: &[u8]) {
        let Some(conn) = self.conns.get_mut(id).filter(|conn| conn.fate == Fate::Lives) else {
            return;
        };
        let mut inbox = mem::take(&mut conn.inbox);
        let mut argv = mem::take(&mut self.argv);
        let Inbox { bytes: tail, parser } = &mut inbox;
        let used = if tail.is_empty() {
            let used = self.run_requests(now, id, bytes, parser, &mut argv);
            tail.extend_from_slice(&bytes[used..]);
            used
        } else {
            tail.extend_from_slice(bytes);
            let used = self.run_requests(now, id, tail, parser, &mut argv);
            tail.drain(..used);
            used
        };
        if used > 0 && inbox.bytes.is_empty() {
            // Large requests are rare: their memory is not kept for small ones.
            inbox.bytes.shrink_to(INBOX_KEPT_BYTES);
        }
        self.argv = argv;
        let Some(conn) = self.conns.get_mut(id) else { return };
        // A transaction that waits for EXEC is input that was not worked off, too.
        let queued = conn.client_mut().and_then(|client| client.transaction.as_ref());
        let queued = queued.map_or(0, |queue| queue.commands.len());
        let waiting = (inbox.bytes.len() + queued) as u64;
        conn.inbox = inbox;
        if waiting > self.config.client_query_buffer_limit {
            self.log(Level::Warning, "Closing client that reached max query buffer length".into());
            self.close(now, id);
        }
        if self.is_greedy(id) {
            self.close_greedy_client(now, id);
        }
    }

    /// Executes the whole requests in `buf`; how many bytes they took.
    fn run_requests(
        &mut self,
        now: Now,
        id: ConnId,
        buf: &[u8],
        parser: &mut Parser,
        argv: &mut Argv,
    ) -> usize {
        let (mut at, mut touched) = (0, 0);
        while at < buf.len() {
            let Some(standing) = self.standing(id) else { return buf.len() };
            if standing.kind == Kind::Waiting {
                return at;
            }
            if standing.unread_bytes > standing.unread_max {
                self.close_greedy_client(now, id);
                return buf.len();
            }
            let auth = match standing.login {
                Login::Stranger => Authenticated::No,
                Login::Known => Authenticated::Yes,
            };
            let limits = Limits { auth, proto_max_bulk_len: self.config.proto_max_bulk_len };
            match parser.next(buf, at, &limits, argv) {
                Ok(Parsed::Request { end, form }) => {
                    let canonical = match form {
                        Form::Canonical => buf.get(at..end),
                        Form::Other | Form::Inline => None,
                    };
                    let request = Request { args: argv.view(buf), canonical };
                    if self.on_request(now, id, standing, request) == Handled::HeldBack {
                        return at;
                    }
                    at = end;
                    if at >= touched {
                        touched = self.warm_ahead(standing.db, buf, at);
                    }
                }
                Ok(Parsed::Empty { end }) => {
                    at = end;
                    // While it loads a snapshot, a replica says no more than that it lives.
                    // redis: networking.c, processInlineBuffer
                    if let Some(session) = self.conns.get_mut(id).and_then(Conn::session_mut) {
                        session.ack_at = now.mono;
                    }
                }
                Ok(Parsed::Incomplete) => return at,
                Err(error) => {
                    self.on_malformed(now, id, error);
                    return buf.len();
                }
            }
        }
        at
    }

    /// Nothing behind these bytes can be understood.
    fn on_malformed(&mut self, now: Now, id: ConnId, error: ProtocolError) {
        self.count_error("ERR Protocol error");
        self.log(Level::Verbose, format!("Protocol error ({error}) from client"));
        let Some(conn) = self.conns.get_mut(id) else { return };
        match conn.role {
            Role::Client(_) => {
                error.write_reply(conn.outbox.writer());
                self.close_after_replies(now, id);
            }
            // Part of a command may have left: an error would be taken for the rest of it.
            Role::Replica(_) | Role::Master => self.close(now, id),
        }
    }

    /// `None` when nothing more is read from this connection.
    pub(super) fn standing(&self, id: ConnId) -> Option<Standing> {
        let conn = self.conns.get(id).filter(|conn| conn.fate == Fate::Lives)?;
        let unread_bytes = conn.outbox.pending().len() as u64;
        Some(match &conn.role {
            Role::Client(client) => {
                let open = self.users.default_user().lets_everybody_in();
                let login = if open { Login::Known } else { client.login };
                let unread_max = self.unread_max(login, client);
                let kind = if client.waits.is_some() {
                    Kind::Waiting
                } else if client.transaction.is_some() {
                    Kind::Queueing
                } else if client.subscriptions.is_some() && client.proto == Proto::Resp2 {
                    Kind::Listening
                } else if client.monitors {
                    Kind::Monitoring
                } else {
                    Kind::Client
                };
                let (hears, db, rights) = (client.hears, client.db, conn.rights);
                Standing { login, kind, rights, hears, unread_bytes, unread_max, db }
            }
            Role::Replica(_) | Role::Master => Standing {
                login: Login::Known,
                kind: Kind::Replica,
                rights: conn.rights,
                hears: Hears::All,
                unread_bytes,
                unread_max: u64::MAX,
                db: DbIndex(0),
            },
        })
    }

    /// One request of a client or a replica: the gate, then the queue or the execution.
    fn on_request(
        &mut self,
        now: Now,
        id: ConnId,
        standing: Standing,
        request: Request<'_>,
    ) -> Handled {
        let args = request.args;
        if let Some(command) = self.commands.find(args.name()) {
            match self.gate(now, id, standing, command, args) {
                Ok(spec) => {
                    if self.on_admitted(now, id, standing, spec, request) == Handled::HeldBack {
                        return Handled::HeldBack;
                    }
                }
                Err(error) => {
                    self.mark_refusal(&error);
                    self.count_rejection(command, args);
                    if matches!(command.handler, Handler::Node(NodeCommand::Exec)) {
                        self.abort_transaction(Caller::Conn(id), error);
                    } else {
                        self.refuse(now, id, command.name, &format!("{error}"));
                    }
                }
            }
        } else {
            self.refuse(now, id, UNKNOWN, &unknown_command(args));
        }
        if standing.hears == Hears::AllButNext {
            self.hear_again(id);
        }
        Handled::Done
    }

    /// A request that has passed the gate.
    #[inline]
    fn on_admitted(
        &mut self,
        now: Now,
        id: ConnId,
        standing: Standing,
        spec: &'static Spec,
        request: Request<'_>,
    ) -> Handled {
        if self.may_hold_back() && self.is_held_back(now, id, spec) {
            self.begin_wait(id, Wait::Pause);
            return Handled::HeldBack;
        }
        if standing.kind == Kind::Queueing && waits_in_queue(spec) {
            self.enqueue(id, spec, request.args);
            return Handled::Done;
        }
        self.execute(now, Caller::Conn(id), spec, request);
        if spec.flags.has(Flags::TOUCHES_ARBITRARY_KEYS) {
            self.tell(History::feed_apart);
        } else {
            self.finish_unit();
        }
        if self.history.is_recording() {
            self.note_offset(id);
        }
        if self.keyspace.has_ready() {
            self.serve_ready(now);
        }
        Handled::Done
    }

    /// A client that did not want to hear one reply has not heard it, unless it is still to come.
    pub(super) fn hear_again(&mut self, id: ConnId) {
        if let Some(client) = self.conns.get_mut(id).and_then(Conn::client_mut)
            && client.hears == Hears::AllButNext
            && client.waits.is_none()
        {
            client.hears = Hears::All;
        }
    }

    /// This client knows of the history up to here: what `WAIT` waits for.
    // redis: server.c, processCommand
    pub(super) fn note_offset(&mut self, id: ConnId) {
        let offset = self.history.offset();
        if let Some(client) = self.conns.get_mut(id).and_then(Conn::client_mut) {
            client.knows_until = offset;
        }
    }

    /// `EXEC` itself is refused: the transaction is over.
    // redis: server.c, rejectCommand
    pub(super) fn abort_transaction(&mut self, caller: Caller, error: CommandError<'_>) {
        if let Some(client) = self.client(caller) {
            client.transaction = None;
        }
        self.unwatch_all(caller);
        let reason = format!("{error}");
        let reason = reason.strip_prefix("ERR ").unwrap_or(&reason);
        let text = format!("EXECABORT Transaction discarded because of: {reason}");
        self.reply_error(caller, &text);
    }

    /// Replies with an error to a command that was not run, and spoils the transaction it was meant
    /// for.
    fn refuse(&mut self, now: Now, id: ConnId, command: &str, text: &str) {
        self.count_error(text);
        let Some(conn) = self.conns.get_mut(id) else { return };
        if let Some(queue) = conn.client_mut().and_then(|client| client.transaction.as_mut()) {
            queue.spoiled = true;
        }
        match conn.role {
            Role::Client(_) => self.with_reply(Caller::Conn(id), |reply| reply.error(text)),
            // A reply would be taken for a part of the stream.
            Role::Replica(_) | Role::Master => {
                self.unread.push(b'-');
                self.unread.extend_from_slice(text.as_bytes());
            }
        }
        self.drop_unread(now, Caller::Conn(id), command);
    }

    /// Runs one command. What it did is in `self.unit` afterwards.
    pub(super) fn execute(
        &mut self,
        now: Now,
        caller: Caller,
        spec: &'static Spec,
        request: Request<'_>,
    ) {
        if caller == Caller::Master {
            self.stream_command = spec.name;
        }
        let begun = self.begin_command(spec);
        self.run(now, caller, spec, request);
        self.end_command(caller, spec, request, begun);
        self.drop_unread(now, caller, spec.name);
        if !self.monitors.is_empty() {
            self.show_to_monitors(now, caller, spec, request.args);
        }
    }

    fn run(&mut self, now: Now, caller: Caller, spec: &'static Spec, request: Request<'_>) {
        let args = request.args;
        let result = match spec.handler {
            Handler::Data(handler) => {
                return self.run_data(now, caller, spec, request, handler);
            }
            Handler::Node(command) => {
                self.run_node_command(now, caller, (spec.name, command), args)
            }
            Handler::Help => {
                self.help(caller, spec, args.name());
                Ok(())
            }
            Handler::Container => {
                let asked = args.try_get(1).unwrap_or_default();
                match spec.subcommand(asked).filter(|found| found.takes(args.len())) {
                    Some(found) => return self.run(now, caller, found, request),
                    None => Err(CommandError::SubcommandSyntax { container: args.name(), asked }),
                }
            }
        };
        if let Err(error) = result {
            self.reply_error(caller, &format!("{error}"));
        }
    }

    /// Replies with an error, which is counted.
    pub(super) fn reply_error(&mut self, caller: Caller, text: &str) {
        self.count_error(text);
        self.with_reply(caller, |reply| reply.error(text));
    }

    /// Writes to the reply of `caller`, or where nobody reads it.
    pub(super) fn with_reply<R>(
        &mut self,
        caller: Caller,
        write: impl FnOnce(&mut Reply<'_>) -> R,
    ) -> R {
        let mut reply = match caller {
            Caller::Master => Reply::new(&mut self.unread, Proto::Resp2),
            Caller::Conn(id) => match self.conns.get_mut(id) {
                Some(Conn { role: Role::Client(client), outbox, .. }) => {
                    client.reply(outbox.writer(), &mut self.unheard)
                }
                Some(_) | None => Reply::new(&mut self.unread, Proto::Resp2),
            },
        };
        write(&mut reply)
    }

    fn run_data(
        &mut self,
        now: Now,
        caller: Caller,
        spec: &'static Spec,
        request: Request<'_>,
        handler: for<'a> fn(&mut Data<'_>, Args<'a>) -> Result<Outcome, CommandError<'a>>,
    ) {
        let reply_start = self.reply_start(caller);
        let mut data = self.data(now, caller, spec);
        let (db, start) = (data.db, data.reply.end());
        let result = handler(&mut data, request.args);
        self.measure.reply_bytes = data.reply.end() - start;
        if matches!(result, Ok(Outcome::Propagate)) && spec.name == "flushall" {
            self.save_what_is_flushed();
        }
        match result {
            Ok(Outcome::Unchanged | Outcome::Rewritten) => {}
            // Nobody listens and nothing is recorded: the change only counts.
            Ok(Outcome::Propagate) if !self.history.is_recording() && self.unit.is_empty() => {
                self.stats.changes += 1;
            }
            Ok(Outcome::Propagate) => match request.canonical {
                Some(bytes) => self.unit.push_encoded(db, bytes),
                None => self.unit.push(db, request.args.iter()),
            },
            Ok(Outcome::Block(block)) => {
                let noted = Noted::of(spec, request.args);
                self.block(now, caller, spec, noted, *block);
            }
            Err(error) => self.reply_error(caller, &format!("{error}")),
        }
        if self.keyspace.has_events() {
            self.publish_events_of(now, caller, reply_start);
        }
    }

    /// What a command may touch that is run for `caller`.
    pub(super) fn data(&mut self, now: Now, caller: Caller, spec: &'static Spec) -> Data<'_> {
        let expiry = match (caller, &self.following) {
            (Caller::Master, _) => Expiry::Ignore,
            // While clients are paused, nothing new must reach replicas.
            (Caller::Conn(_), None) if self.may_hold_back() && self.is_paused(now) => Expiry::Hide,
            (Caller::Conn(_), None) => Expiry::Delete,
            // A writable replica: its own writes deal with expired keys, and nobody hears of it.
            (Caller::Conn(_), Some(_)) if spec.flags.has(Flags::WRITE) => Expiry::Delete,
            (Caller::Conn(_), Some(_)) => Expiry::Hide,
        };
        if self.following.is_some() {
            self.keyspace.give_expiries_of(match caller {
                Caller::Master => ExpiryOf::TheOwner,
                Caller::Conn(_) => ExpiryOf::AGuest,
            });
        }
        let (db, reply) = match caller {
            Caller::Master => (self.stream_db(), Reply::new(&mut self.unread, Proto::Resp2)),
            Caller::Conn(id) => match self.conns.get_mut(id) {
                Some(Conn { role: Role::Client(client), outbox, .. }) => {
                    client.last_command = spec.name;
                    (client.db, client.reply(outbox.writer(), &mut self.unheard))
                }
                Some(_) | None => (DbIndex(0), Reply::new(&mut self.unread, Proto::Resp2)),
            },
        };
        let reads = spec.flags.has(Flags::READONLY) && self.keyspace.wants(Event::KEY_MISS);
        Data {
            misses: if reads { Misses::Told } else { Misses::Untold },
            keyspace: &mut self.keyspace,
            effects: &mut self.unit,
            reply,
            db,
            now: now.wall,
            expiry,
            // What our master has accepted must be applied, whatever our own limit is.
            value_bytes_max: match caller {
                Caller::Master => u64::MAX,
                Caller::Conn(_) => self.config.proto_max_bulk_len,
            },
            rng: &mut self.chance,
            expired_count: &mut self.stats.expired_keys,
            marks: &mut self.marks,
        }
    }

    /// A unit of execution is over: a master tells its replicas.
    pub(super) fn finish_unit(&mut self) {
        self.tell(History::feed);
    }

    fn tell(&mut self, feed: fn(&mut History, &Effects)) {
        if self.unit.is_empty() {
            return;
        }
        self.stats.changes += self.unit.len() as u64;
        if self.following.is_none() && self.history.is_recording() {
            feed(&mut self.history, &self.unit);
            self.grown = true;
        }
        self.unit.clear();
    }
}
