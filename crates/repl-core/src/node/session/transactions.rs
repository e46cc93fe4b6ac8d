//! `MULTI EXEC DISCARD WATCH UNWATCH`, and what happens to the commands between them.

use alloc::format;
use core::mem;

use super::{
    super::{
        Node,
        requests::{Caller, Request},
    },
    Outcome,
};
use crate::{
    base::{ids::ConnId, time::Now},
    command::{AclError, CommandError, Flags, Handler, NodeCommand, SessionError, Spec},
    conn::Queue,
    resp::{Args, Argv, Limits, Parsed, Parser, encode_command},
};

impl Node {
    pub(super) fn multi(&mut self, caller: Caller) -> Outcome<'static> {
        if let Some(client) = self.client(caller) {
            if client.transaction.is_some() {
                return Err(CommandError::NestedMulti);
            }
            client.transaction = Some(Queue::default());
        }
        self.with_reply(caller, |reply| reply.ok());
        Ok(())
    }

    pub(super) fn discard(&mut self, caller: Caller) -> Outcome<'static> {
        let queue = self.client(caller).and_then(|client| client.transaction.take());
        queue.ok_or(CommandError::DiscardWithoutMulti)?;
        self.unwatch_all(caller);
        self.with_reply(caller, |reply| reply.ok());
        Ok(())
    }

    pub(super) fn exec(&mut self, now: Now, caller: Caller) -> Outcome<'static> {
        let queue = self.client(caller).and_then(|client| client.transaction.take());
        let queue = queue.ok_or(CommandError::ExecWithoutMulti)?;
        let outdated = self.unwatch_all_at(now, caller);
        if queue.spoiled {
            return Err(CommandError::ExecAbort);
        }
        let gate = self.role_gate(now, queue.writes, queue.needs_fresh_data && queue.count > 0);
        if let Err(error) = gate {
            self.mark_refusal(&error);
            self.abort_transaction(caller, error);
        } else if outdated {
            self.with_reply(caller, |reply| reply.null_array());
        } else {
            self.run_queue(now, caller, &queue);
        }
        Ok(())
    }

    pub(super) fn watch<'a>(&mut self, now: Now, caller: Caller, args: Args<'a>) -> Outcome<'a> {
        let Caller::Conn(id) = caller else { return Ok(()) };
        // Not through `client`: the keyspace is asked while the client is held.
        if let Some(client) = self.conns.get_mut(id).and_then(|conn| conn.client_mut()) {
            if client.transaction.is_some() {
                return Err(CommandError::Session(SessionError::WatchInMulti));
            }
            for key in args.iter().skip(1) {
                if !client.watches.iter().any(|watch| watch.is_for(client.db, key)) {
                    client.watches.push(self.keyspace.watch(client.db, key, now.wall));
                }
            }
        }
        self.with_reply(caller, |reply| reply.ok());
        Ok(())
    }

    pub(super) fn unwatch_command(&mut self, caller: Caller) -> Outcome<'static> {
        self.unwatch_all(caller);
        self.with_reply(caller, |reply| reply.ok());
        Ok(())
    }

    /// Ends all watches of a client.
    pub(in crate::node) fn unwatch_all(&mut self, caller: Caller) {
        let watches = self.client(caller).map(|client| mem::take(&mut client.watches));
        for watch in watches.unwrap_or_default() {
            self.keyspace.unwatch(watch);
        }
    }

    /// Ends all watches of a client; whether one of its keys has changed.
    fn unwatch_all_at(&mut self, now: Now, caller: Caller) -> bool {
        let Some(client) = self.client(caller) else { return false };
        let watches = mem::take(&mut client.watches);
        let outdated = watches.iter().any(|watch| self.keyspace.has_changed(watch, now.wall));
        watches.into_iter().for_each(|watch| self.keyspace.unwatch(watch));
        outdated
    }

    /// Puts a command into the transaction of the client that sent it.
    pub(in crate::node) fn enqueue(&mut self, id: ConnId, spec: &Spec, args: Args<'_>) {
        let caller = Caller::Conn(id);
        if let Some(queue) = self.client(caller).and_then(|client| client.transaction.as_mut()) {
            encode_command(&mut queue.commands, args.iter());
            queue.count += 1;
            queue.writes |= spec.flags.has(Flags::WRITE);
            queue.may_replicate |=
                spec.flags.has(Flags::WRITE) || spec.flags.has(Flags::MAY_REPLICATE);
            queue.needs_fresh_data |= !spec.flags.has(Flags::STALE);
        }
        self.with_reply(caller, |reply| reply.simple("QUEUED"));
    }

    /// Runs what was queued as one unit.
    fn run_queue(&mut self, now: Now, caller: Caller, queue: &Queue) {
        let Caller::Conn(id) = caller else { return };
        let start = self.begin_aside(id);
        self.with_reply(caller, |reply| reply.array_len(queue.count));
        let (mut parser, mut argv, mut at) = (Parser::new(), Argv::new(), 0);
        let buf: &[u8] = &queue.commands;
        self.within_transaction = true;
        while at < buf.len() {
            let parsed = parser.next(buf, at, &Limits::MASTER_LINK, &mut argv);
            let Ok(Parsed::Request { end, .. }) = parsed else {
                unreachable!("the queue holds whole requests, encoded here")
            };
            let request = Request { args: argv.view(buf), canonical: buf.get(at..end) };
            at = end;
            let command = self.commands.find(request.args.name());
            let spec = command.and_then(|command| command.of_request(request.args).ok());
            let spec = spec.expect("it was found when queued");
            if self.is_greedy(id) {
                self.close_greedy_client(now, id);
            }
            // Closed now, or by what it was sent of its own doing: nobody is left whose command it
            // would be, and in which database.
            if self.conns.get(id).is_none() {
                break;
            }
            if let Err(denial) = self.judge(id, spec, request.args) {
                let error = AclError::DeniedMeanwhile(denial);
                self.count_rejection(spec, request.args);
                self.reply_error(caller, &format!("{error}"));
                continue;
            }
            // A role change inside the transaction counts for what follows it.
            let fresh = !spec.flags.has(Flags::STALE);
            match self.role_gate(now, spec.flags.has(Flags::WRITE), fresh) {
                Ok(()) => self.execute(now, caller, spec, request),
                Err(error) => {
                    self.mark_refusal(&error);
                    self.count_rejection(spec, request.args);
                    self.reply_error(caller, &format!("{error}"));
                }
            }
        }
        self.within_transaction = false;
        self.end_aside(start);
    }
}

/// What a transaction does not queue.
pub(in crate::node) fn waits_in_queue(spec: &Spec) -> bool {
    !matches!(
        spec.handler,
        Handler::Node(
            NodeCommand::Exec
                | NodeCommand::Discard
                | NodeCommand::Multi
                | NodeCommand::Quit
                | NodeCommand::Reset
                | NodeCommand::Watch
        )
    )
}
