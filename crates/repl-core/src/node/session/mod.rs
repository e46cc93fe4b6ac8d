//! Commands about a connection or the server, one file per subject.
//!
//! | file | commands |
//! |---|---|
//! | `acl` | `ACL`: users, and what they may do |
//! | `auth` | `AUTH HELLO RESET` |
//! | `blocking` | clients that wait for a key (`BLPOP`) are served |
//! | `channels` | `SUBSCRIBE PUBLISH PUBSUB` and their kin |
//! | `client`, `list` | `CLIENT` |
//! | `config`, `debug` | `CONFIG DEBUG` |
//! | `latency`, `doctor`, `slowlog` | `LATENCY SLOWLOG` |
//! | `memory` | `MEMORY` |
//! | `monitor` | `MONITOR` |
//! | `failover` | `FAILOVER`: the role of the master is handed over |
//! | `saving` | `SAVE BGSAVE LASTSAVE` |
//! | `shutdown` | `SHUTDOWN`, and the signals that mean it |
//! | `transactions` | `MULTI EXEC DISCARD WATCH UNWATCH` |
//! | `waiting`, `waiters` | `WAIT`, and whatever else makes a client wait |

mod acl;
mod auth;
mod blocking;
mod channels;
mod client;
mod config;
mod debug;
mod doctor;
mod failover;
mod latency;
mod list;
mod memory;
mod monitor;
mod saving;
mod shutdown;
mod slowlog;
mod transactions;
mod waiters;
mod waiting;

use alloc::string::String;

pub(super) use self::{
    channels::is_for_listeners, failover::Failover, memory::MemorySeen, shutdown::Shutdown,
    transactions::waits_in_queue, waiters::Waiting, waiting::Pause,
};
use super::{Node, requests::Caller};
use crate::{
    base::{ids::Endpoint, number::parse_i64, time::Now},
    command::{CommandError, DataError, Handler, NodeCommand, SessionError, Spec},
    conn::{Client, Topic},
    io::Level,
    repl::master::Protocol,
    resp::{Args, Proto},
};

type Outcome<'a> = Result<(), CommandError<'a>>;

impl Node {
    pub(super) fn run_node_command<'a>(
        &mut self,
        now: Now,
        caller: Caller,
        (name, command): (&'static str, NodeCommand),
        args: Args<'a>,
    ) -> Outcome<'a> {
        if let Some(client) = self.client(caller) {
            client.last_command = name;
        }
        match command {
            NodeCommand::Acl(what) => self.acl(now, caller, what, args),
            NodeCommand::Auth => self.auth(caller, args),
            NodeCommand::Bgsave => self.bgsave(now, caller, args),
            NodeCommand::Client(what) => self.client_command(now, caller, what, args),
            NodeCommand::Command(what) => self.command(caller, what, args),
            NodeCommand::Config(what) => self.config_command(caller, what, args),
            NodeCommand::Debug(what) => self.debug(now, caller, what, args),
            NodeCommand::Discard => self.discard(caller),
            NodeCommand::Exec => self.exec(now, caller),
            NodeCommand::Hello => self.hello(caller, args),
            NodeCommand::Info => {
                let text = self.info(now, args);
                self.with_reply(caller, |reply| reply.verbatim(b"txt", text.as_bytes()));
                Ok(())
            }
            NodeCommand::Failover => self.failover(now, caller, args),
            NodeCommand::Lastsave => {
                let secs = self.saves.last_secs;
                self.with_reply(caller, |reply| reply.int(secs));
                Ok(())
            }
            NodeCommand::Latency(what) => self.latency(now, caller, what, args),
            NodeCommand::Memory(what) => {
                self.memory_command(caller, what);
                Ok(())
            }
            NodeCommand::Monitor => self.monitor(caller),
            NodeCommand::Multi => self.multi(caller),
            NodeCommand::Ping => self.ping(caller, args),
            NodeCommand::Psync => self.sync(now, caller, Protocol::Psync, args),
            NodeCommand::Sync => self.sync(now, caller, Protocol::Sync, args),
            NodeCommand::Publish => self.publish_command(now, caller, Topic::Channel, args),
            NodeCommand::Spublish => self.publish_command(now, caller, Topic::Shard, args),
            NodeCommand::Pubsub(what) => self.pubsub(caller, what, args),
            NodeCommand::Subscribe => self.subscribe(caller, Topic::Channel, args),
            NodeCommand::Psubscribe => self.subscribe(caller, Topic::Pattern, args),
            NodeCommand::Ssubscribe => self.subscribe(caller, Topic::Shard, args),
            NodeCommand::Unsubscribe => self.unsubscribe(caller, Topic::Channel, args),
            NodeCommand::Punsubscribe => self.unsubscribe(caller, Topic::Pattern, args),
            NodeCommand::Sunsubscribe => self.unsubscribe(caller, Topic::Shard, args),
            NodeCommand::Quit => {
                self.with_reply(caller, |reply| reply.ok());
                if let Caller::Conn(id) = caller {
                    self.close_after_replies(now, id);
                }
                Ok(())
            }
            NodeCommand::ReplExplain => self.repl_explain(caller, args),
            NodeCommand::Replconf => self.replconf(now, caller, args),
            NodeCommand::Replicaof => self.replicaof(now, caller, args),
            NodeCommand::Reset => self.reset(caller),
            NodeCommand::Role => {
                self.role_command(caller);
                Ok(())
            }
            NodeCommand::Save => self.save(now, caller),
            NodeCommand::Select => self.select(caller, args),
            NodeCommand::Shutdown => self.shutdown(now, caller, args),
            NodeCommand::Slowlog(what) => self.slowlog(caller, what, args),
            NodeCommand::Unwatch => self.unwatch_command(caller),
            NodeCommand::Wait => self.wait(now, caller, args),
            NodeCommand::Watch => self.watch(now, caller, args),
        }
    }

    pub(super) fn client(&mut self, caller: Caller) -> Option<&mut Client> {
        match caller {
            Caller::Master => None,
            Caller::Conn(id) => self.conns.get_mut(id)?.client_mut(),
        }
    }

    fn ping<'a>(&mut self, caller: Caller, args: Args<'a>) -> Outcome<'a> {
        if args.len() > 2 {
            return Err(CommandError::Arity("ping"));
        }
        let text = args.try_get(1);
        // A RESP2 client that listens takes everything for a message.
        let listens = self
            .client(caller)
            .is_some_and(|client| client.proto == Proto::Resp2 && client.subscriptions.is_some());
        self.with_reply(caller, |reply| match text {
            _ if listens => {
                reply.array_len(2);
                reply.bulk(b"pong");
                reply.bulk(text.unwrap_or_default());
            }
            Some(text) => reply.bulk(text),
            None => reply.simple("PONG"),
        });
        Ok(())
    }

    fn select<'a>(&mut self, caller: Caller, args: Args<'a>) -> Outcome<'a> {
        let number = parse_i64(args.get(1)).ok_or(CommandError::NotInteger)?;
        let number = i32::try_from(number).map_err(|_| DataError::NotInt32)?;
        let db = self.keyspace.database(number.into()).ok_or(CommandError::DbIndexOutOfRange)?;
        match caller {
            Caller::Master => self.select_stream_db(db),
            Caller::Conn(_) => {
                if let Some(client) = self.client(caller) {
                    client.db = db;
                }
            }
        }
        self.with_reply(caller, |reply| reply.ok());
        Ok(())
    }

    fn replicaof<'a>(&mut self, now: Now, caller: Caller, args: Args<'a>) -> Outcome<'a> {
        if let Caller::Conn(id) = caller
            && self.conns.get(id).is_some_and(|conn| conn.session().is_some())
        {
            return Err(CommandError::NotFromReplica);
        }
        if self.failover.is_some() {
            return Err(SessionError::FollowWhileFailingOver.into());
        }
        let (host, port) = (args.get(1), args.get(2));
        // What this transaction did so far was done as what we were.
        self.finish_unit();
        if host.eq_ignore_ascii_case(b"no") && port.eq_ignore_ascii_case(b"one") {
            if self.following.is_some() {
                self.become_master(now);
                self.log(Level::Notice, "MASTER MODE enabled (user request)".into());
            }
            self.with_reply(caller, |reply| reply.ok());
            return Ok(());
        }
        let number = parse_i64(port).and_then(|port| u16::try_from(port).ok());
        let port = number.ok_or(CommandError::InvalidMasterPort)?;
        let master = Endpoint { host: String::from_utf8_lossy(host).into_owned(), port };
        if self.follows(&master) {
            self.log(
                Level::Notice,
                "REPLICAOF would result into synchronization with the master we are already \
                 connected with. No operation performed."
                    .into(),
            );
            self.consent(now);
            self.with_reply(caller, |reply| {
                reply.simple("OK Already connected to specified master")
            });
            return Ok(());
        }
        self.follow(now, master);
        self.with_reply(caller, |reply| reply.ok());
        Ok(())
    }
}

/// Commands about connections, roles and the process: no master sends them, and obeying one in the
/// middle of its stream would cut the stream in two.
pub(super) fn is_for_clients(spec: &Spec) -> bool {
    match spec.handler {
        Handler::Data(_)
        | Handler::Node(
            NodeCommand::Ping | NodeCommand::Publish | NodeCommand::Select | NodeCommand::Spublish,
        ) => false,
        Handler::Node(_) | Handler::Container | Handler::Help => true,
    }
}
