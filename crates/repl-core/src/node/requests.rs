//! From the bytes of a client to executed commands.

use alloc::{format, string::String, vec::Vec};
use core::mem;

use super::Node;
use crate::{
    base::{ids::ConnId, time::Now},
    command::{CommandError, Data, Expiry, Flags, Handler, NodeCommand, Outcome, Spec, Text},
    conn::{Conn, Fate, Inbox, Login, Queue, Role},
    io::Level,
    keyspace::{DbIndex, KeyHash},
    resp::{
        Args, Argv, Authenticated, Form, Limits, Parsed, Parser, Proto, ProtocolError, Reply,
        encode_command, look_ahead,
    },
};

/// An empty inbox gives back more memory than this.
const INBOX_KEPT_BYTES: usize = 16 * 1024;

/// How many requests of a pipeline are looked at ahead of their turn.
const AHEAD_REQUESTS: usize = 16;

/// Replies that a client may leave unread before it has given the password.
// redis: CVE-2025-21605
const STRANGER_UNREAD_BYTES: u64 = 1024;

/// One request, as it goes through the node.
#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) args: Args<'a>,
    /// The request's bytes, if they are what re-encoding its arguments would give.
    pub(super) canonical: Option<&'a [u8]>,
}

/// Whose command it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    /// A client's or a replica's.
    Conn(ConnId),
    /// Our master's.
    Master,
}

/// What the gate must know of who asks: read once per request.
#[derive(Clone, Copy)]
struct Standing {
    login: Login,
    kind: Kind,
    /// Replies it has not read yet.
    unread_bytes: u64,
    /// The database it has selected.
    db: DbIndex,
}

/// What kind of connection asks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Client,
    /// A client that has begun a transaction.
    Queueing,
    Replica,
}

impl Node {
    /// Bytes came in.
    pub(super) fn on_received(&mut self, now: Now, id: ConnId, bytes: &[u8]) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        conn.last_io_at = now.mono;
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

    fn on_requests(&mut self, now: Now, id: ConnId, bytes: &[u8]) {
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
        let standing = self.standing(id);
        if standing.is_some_and(|one| one.unread_bytes > self.unread_limit(one.login)) {
            self.close_greedy_client(now, id);
        }
    }

    /// How many bytes of replies a client may leave unread.
    fn unread_limit(&self, login: Login) -> u64 {
        match (login, self.config.output_limit_normal.hard_bytes) {
            (Login::Stranger, _) => STRANGER_UNREAD_BYTES,
            (Login::Known, 0) => u64::MAX,
            (Login::Known, hard) => hard,
        }
    }

    /// `client-output-buffer-limit normal`: a client asks for more than it reads.
    fn close_greedy_client(&mut self, now: Now, id: ConnId) {
        let Some(conn) = self.conns.get(id) else { return };
        let name = format!("{}:{}", conn.peer.ip, conn.peer.port);
        self.stats.output_limit_disconnections += 1;
        self.log(
            Level::Warning,
            format!(
                "Client {name} scheduled to be closed ASAP for overcoming of output buffer limits."
            ),
        );
        self.close(now, id);
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
            if standing.unread_bytes > self.unread_limit(standing.login) {
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
                    self.on_request(now, id, standing, request);
                    at = end;
                    if at >= touched {
                        touched = self.touch_ahead(standing.db, buf, at);
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

    /// In a pipeline most of the time goes into waiting for the memory of one key after the other. So
    /// the keys of the next requests are touched together, before the first of them is executed.
    /// Returns how far it looked.
    pub(super) fn touch_ahead(&mut self, db: DbIndex, buf: &[u8], at: usize) -> usize {
        let mut hashes = [KeyHash::default(); AHEAD_REQUESTS];
        let mut count = 0;
        let Self { ahead, keyspace, .. } = self;
        let end = look_ahead(buf, at, AHEAD_REQUESTS, ahead, |key| {
            hashes[count] = keyspace.hash(key);
            count += 1;
        });
        if count > 1 {
            keyspace.touch(db, &hashes[..count]);
        }
        end
    }

    /// Nothing behind these bytes can be understood.
    fn on_malformed(&mut self, now: Now, id: ConnId, error: ProtocolError) {
        self.stats.error_replies += 1;
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
    fn standing(&self, id: ConnId) -> Option<Standing> {
        let conn = self.conns.get(id).filter(|conn| conn.fate == Fate::Lives)?;
        let (login, kind, db) = match &conn.role {
            Role::Client(client) => {
                let open = self.config.requirepass.is_empty();
                let login = if open { Login::Known } else { client.login };
                let queueing = client.transaction.is_some();
                (login, if queueing { Kind::Queueing } else { Kind::Client }, client.db)
            }
            Role::Replica(_) | Role::Master => (Login::Known, Kind::Replica, DbIndex(0)),
        };
        Some(Standing { login, kind, unread_bytes: conn.outbox.pending().len() as u64, db })
    }

    /// One request of a client or a replica: the gate, then the queue or the execution.
    fn on_request(&mut self, now: Now, id: ConnId, standing: Standing, request: Request<'_>) {
        let args = request.args;
        let Some(spec) = self.commands.find(args.name()) else {
            let text = unknown_command(args);
            return self.refuse(now, id, &text);
        };
        if let Err(error) = self.gate(standing, spec, args) {
            if matches!(spec.handler, Handler::Node(NodeCommand::Exec)) {
                return self.abort_transaction(Caller::Conn(id), error);
            }
            return self.refuse(now, id, &format!("{error}"));
        }
        if standing.kind == Kind::Queueing && waits_in_queue(spec) {
            self.enqueue(id, spec, args);
        } else {
            self.execute(now, Caller::Conn(id), spec, request);
            self.finish_unit();
        }
    }

    /// `EXEC` itself is refused: the transaction is over.
    // redis: server.c, rejectCommand
    pub(super) fn abort_transaction(&mut self, caller: Caller, error: CommandError<'_>) {
        self.stats.error_replies += 1;
        if let Some(client) = self.client(caller) {
            client.transaction = None;
        }
        let reason = format!("{error}");
        let reason = reason.strip_prefix("ERR ").unwrap_or(&reason);
        let text = format!("EXECABORT Transaction discarded because of: {reason}");
        self.with_reply(caller, |reply| reply.error(&text));
    }

    /// Whether this caller may run this command now.
    // redis: server.c, processCommand
    fn gate<'a>(
        &self,
        standing: Standing,
        spec: &'static Spec,
        args: Args<'a>,
    ) -> Result<(), CommandError<'a>> {
        if !spec.takes(args.len()) {
            return Err(CommandError::Arity(spec.name));
        }
        if standing.login == Login::Stranger && !spec.flags.has(Flags::NO_AUTH) {
            return Err(CommandError::NoAuth);
        }
        match standing.kind {
            Kind::Client => {}
            Kind::Queueing if spec.flags.has(Flags::NO_MULTI) => {
                return Err(CommandError::NotInTransaction);
            }
            Kind::Queueing => {}
            Kind::Replica => {
                if spec.flags.has(Flags::WRITE) || spec.flags.has(Flags::READONLY) {
                    return Err(CommandError::ReplicaTouchesKeyspace);
                }
            }
        }
        self.role_gate(spec.flags.has(Flags::WRITE), !spec.flags.has(Flags::STALE))
    }

    /// What our role forbids: writes on a read-only replica, stale answers where they are not
    /// wanted.
    pub(super) fn role_gate(
        &self,
        writes: bool,
        needs_fresh_data: bool,
    ) -> Result<(), CommandError<'static>> {
        let Some(following) = &self.following else { return Ok(()) };
        if writes && self.config.replica_read_only {
            return Err(CommandError::ReadOnly);
        }
        let stale = !following.link.is_up() && !self.config.replica_serve_stale_data;
        if stale && needs_fresh_data { Err(CommandError::MasterDown) } else { Ok(()) }
    }

    /// Puts a command into the transaction of the client that sent it.
    fn enqueue(&mut self, id: ConnId, spec: &Spec, args: Args<'_>) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        if let Some(queue) = conn.client_mut().and_then(|client| client.transaction.as_mut()) {
            encode_command(&mut queue.commands, args.iter());
            queue.count += 1;
            queue.writes |= spec.flags.has(Flags::WRITE);
            queue.needs_fresh_data |= !spec.flags.has(Flags::STALE);
        }
        Reply::new(conn.outbox.writer(), Proto::Resp2).simple("QUEUED");
    }

    /// Replies with an error to a command that was not run, and spoils the transaction it was meant
    /// for.
    fn refuse(&mut self, now: Now, id: ConnId, text: &str) {
        self.stats.error_replies += 1;
        let Some(conn) = self.conns.get_mut(id) else { return };
        if let Some(queue) = conn.client_mut().and_then(|client| client.transaction.as_mut()) {
            queue.spoiled = true;
        }
        match conn.role {
            Role::Client(_) => Reply::new(conn.outbox.writer(), Proto::Resp2).error(text),
            // A reply would be taken for a part of the stream.
            Role::Replica(_) | Role::Master => self.unread.extend_from_slice(b"-"),
        }
        self.drop_unread(now, Caller::Conn(id), "");
    }

    /// Runs one command. What it did is in `self.unit` afterwards.
    pub(super) fn execute(&mut self, now: Now, caller: Caller, spec: &Spec, request: Request<'_>) {
        self.stats.commands += 1;
        match spec.handler {
            Handler::Data(handler) => {
                self.run_data(now, caller, request, spec.flags.has(Flags::WRITE), handler);
            }
            Handler::Node(command) => {
                if let Err(error) = self.run_node_command(now, caller, command, request.args) {
                    let text = format!("{error}");
                    self.stats.error_replies += 1;
                    self.with_reply(caller, |reply| reply.error(&text));
                }
            }
        }
        self.drop_unread(now, caller, spec.name);
    }

    /// Writes to the reply of `caller`, or where nobody reads it.
    pub(super) fn with_reply<R>(
        &mut self,
        caller: Caller,
        write: impl FnOnce(&mut Reply<'_>) -> R,
    ) -> R {
        let out = match caller {
            Caller::Master => &mut self.unread,
            Caller::Conn(id) => match self.conns.get_mut(id) {
                Some(conn) if matches!(conn.role, Role::Client(_)) => conn.outbox.writer(),
                Some(_) | None => &mut self.unread,
            },
        };
        write(&mut Reply::new(out, Proto::Resp2))
    }

    fn run_data(
        &mut self,
        now: Now,
        caller: Caller,
        request: Request<'_>,
        writes: bool,
        handler: for<'a> fn(&mut Data<'_>, Args<'a>) -> Result<Outcome, CommandError<'a>>,
    ) {
        let expiry = match (caller, &self.following) {
            (Caller::Master, _) => Expiry::Ignore,
            (Caller::Conn(_), None) => Expiry::Delete,
            // A writable replica: its own writes deal with expired keys, and nobody hears of it.
            (Caller::Conn(_), Some(_)) if writes => Expiry::Delete,
            (Caller::Conn(_), Some(_)) => Expiry::Hide,
        };
        let (db, out) = match caller {
            Caller::Master => (self.stream_db(), &mut self.unread),
            Caller::Conn(id) => match self.conns.get_mut(id) {
                Some(Conn { role: Role::Client(client), outbox, .. }) => {
                    (client.db, outbox.writer())
                }
                Some(_) | None => (DbIndex(0), &mut self.unread),
            },
        };
        let mut data = Data {
            keyspace: &mut self.keyspace,
            effects: &mut self.unit,
            reply: Reply::new(out, Proto::Resp2),
            db,
            now: now.wall,
            expiry,
            // What our master has accepted must be applied, whatever our own limit is.
            value_bytes_max: match caller {
                Caller::Master => u64::MAX,
                Caller::Conn(_) => self.config.proto_max_bulk_len,
            },
            expired_count: &mut self.stats.expired_keys,
        };
        match handler(&mut data, request.args) {
            Ok(Outcome::Unchanged | Outcome::Rewritten) => {}
            // Nobody listens and nothing is recorded: the change only counts.
            Ok(Outcome::Propagate) if !self.history.is_recording() && data.effects.is_empty() => {
                self.stats.changes += 1;
            }
            Ok(Outcome::Propagate) => match request.canonical {
                Some(bytes) => self.unit.push_encoded(db, bytes),
                None => self.unit.push(db, request.args.iter()),
            },
            Err(error) => {
                data.reply.error(&format!("{error}"));
                self.stats.error_replies += 1;
            }
        }
    }

    /// A unit of execution is over: a master tells its replicas.
    pub(super) fn finish_unit(&mut self) {
        if self.unit.is_empty() {
            return;
        }
        self.stats.changes += self.unit.len() as u64;
        if self.following.is_none() && self.history.is_recording() {
            self.history.feed(&self.unit);
            self.grown = true;
        }
        self.unit.clear();
    }

    /// A reply to our master or a replica cannot be sent. From a replica it means that the peer is
    /// none; from our master's stream an error means that the datasets differ.
    #[inline]
    pub(super) fn drop_unread(&mut self, now: Now, caller: Caller, command: &str) {
        if !self.unread.is_empty() {
            self.explain_unread(now, caller, command);
        }
    }

    fn explain_unread(&mut self, now: Now, caller: Caller, command: &str) {
        let reply = mem::take(&mut self.unread);
        match caller {
            Caller::Master if reply.first() == Some(&b'-') => {
                self.stats.unexpected_error_replies += 1;
                let text = String::from_utf8_lossy(&reply).trim_end().replace('\r', " ");
                self.log(
                    Level::Warning,
                    format!(
                        "== CRITICAL == This replica is sending an error to its master: '{text}' \
                         after processing the command '{command}'"
                    ),
                );
            }
            Caller::Master => {}
            Caller::Conn(id) => {
                self.log(
                    Level::Warning,
                    format!("Replica generated a reply to command '{command}', disconnecting it"),
                );
                self.close(now, id);
            }
        }
        self.unread = reply;
        self.unread.clear();
    }

    /// `EXEC`: runs what was queued as one unit.
    pub(super) fn run_queue(&mut self, now: Now, caller: Caller, queue: &Queue) {
        let Caller::Conn(id) = caller else { return };
        self.with_reply(caller, |reply| reply.array_len(queue.count));
        let (mut parser, mut argv, mut at) = (Parser::new(), Argv::new(), 0);
        let buf: &[u8] = &queue.commands;
        while at < buf.len() {
            let parsed = parser.next(buf, at, &Limits::MASTER_LINK, &mut argv);
            let Ok(Parsed::Request { end, .. }) = parsed else {
                unreachable!("the queue holds whole requests, encoded here")
            };
            let request = Request { args: argv.view(buf), canonical: buf.get(at..end) };
            at = end;
            let spec = self.commands.find(request.args.name()).expect("it was found when queued");
            let unread = self.standing(id).map_or(0, |standing| standing.unread_bytes);
            if unread > self.unread_limit(Login::Known) {
                return self.close_greedy_client(now, id);
            }
            // A role change inside the transaction counts for what follows it.
            let gate = self.role_gate(spec.flags.has(Flags::WRITE), !spec.flags.has(Flags::STALE));
            match gate {
                Ok(()) => self.execute(now, caller, spec, request),
                Err(error) => {
                    let text = format!("{error}");
                    self.with_reply(caller, |reply| reply.error(&text));
                }
            }
        }
    }
}

/// What a transaction does not queue.
fn waits_in_queue(spec: &Spec) -> bool {
    !matches!(
        spec.handler,
        Handler::Node(
            NodeCommand::Exec | NodeCommand::Discard | NodeCommand::Multi | NodeCommand::Quit
        )
    )
}

// redis: server.c, processCommand
fn unknown_command(args: Args<'_>) -> String {
    const SHOWN_BYTES: usize = 128;
    let name = args.name();
    let mut shown = String::new();
    for arg in args.iter().skip(1) {
        if shown.len() >= SHOWN_BYTES {
            break;
        }
        let part: Vec<u8> = arg.iter().copied().take(SHOWN_BYTES - shown.len()).collect();
        shown.push_str(&format!("'{}' ", Text(&part)));
    }
    let name = &name[..name.len().min(SHOWN_BYTES)];
    format!("ERR unknown command '{}', with args beginning with: {shown}", Text(name))
}
