//! Channels: who listens, what they are sent, and what replicas hear of it.

use alloc::vec::Vec;

use super::{
    super::{Node, requests::Caller},
    Aside, Outcome,
};
use crate::{
    base::{
        glob::{self, Case},
        ids::ConnId,
        time::Now,
    },
    command::{CommandError, Handler, NodeCommand, PubsubCommand, SessionError, Spec, at_most},
    conn::{Client, Conn, Role, Subscriptions, Topic},
    resp::{Args, Reply},
};

/// How messages and replies name a kind of subscription.
struct Words {
    subscribe: &'static [u8],
    unsubscribe: &'static [u8],
    message: &'static [u8],
}

const fn words(topic: Topic) -> Words {
    match topic {
        Topic::Channel => {
            Words { subscribe: b"subscribe", unsubscribe: b"unsubscribe", message: b"message" }
        }
        Topic::Pattern => {
            Words { subscribe: b"psubscribe", unsubscribe: b"punsubscribe", message: b"pmessage" }
        }
        Topic::Shard => {
            Words { subscribe: b"ssubscribe", unsubscribe: b"sunsubscribe", message: b"smessage" }
        }
    }
}

/// The number that confirmations carry: channels and patterns count together, shard channels apart.
fn confirmed(own: Option<&Subscriptions>, topic: Topic) -> i64 {
    let count = |topic| own.map_or(0, |own| own.count(topic)) as i64;
    match topic {
        Topic::Channel | Topic::Pattern => count(Topic::Channel) + count(Topic::Pattern),
        Topic::Shard => count(Topic::Shard),
    }
}

/// Appends a confirmation. It reaches clients that hear no replies, too.
fn confirm(client: &Client, out: &mut Vec<u8>, topic: Topic, what: &[u8], name: Option<&[u8]>) {
    let mut reply = Reply::new(out, client.proto);
    reply.push_len(3);
    reply.bulk(what);
    match name {
        Some(name) => reply.bulk(name),
        None => reply.null(),
    }
    reply.int(confirmed(client.subscriptions.as_deref(), topic));
}

impl Node {
    pub(super) fn subscribe<'a>(
        &mut self,
        caller: Caller,
        topic: Topic,
        args: Args<'a>,
    ) -> Outcome<'a> {
        let Caller::Conn(id) = caller else { return Ok(()) };
        if self.within_transaction && topic == Topic::Shard {
            return Err(CommandError::Session(SessionError::SsubscribeInMulti));
        }
        let Some(Conn { role: Role::Client(client), outbox, .. }) = self.conns.get_mut(id) else {
            return Ok(());
        };
        for name in args.iter().skip(1) {
            let own = client.subscriptions.get_or_insert_default();
            self.channels.add(id, own, topic, name);
            confirm(client, outbox.writer(), topic, words(topic).subscribe, Some(name));
        }
        Ok(())
    }

    pub(super) fn unsubscribe<'a>(
        &mut self,
        caller: Caller,
        topic: Topic,
        args: Args<'a>,
    ) -> Outcome<'a> {
        let Caller::Conn(id) = caller else { return Ok(()) };
        let Some(Conn { role: Role::Client(client), outbox, .. }) = self.conns.get_mut(id) else {
            return Ok(());
        };
        let what = words(topic).unsubscribe;
        let listed: Vec<Vec<u8>> = if args.len() > 1 {
            args.iter().skip(1).map(Vec::from).collect()
        } else {
            let own = client.subscriptions.as_ref();
            own.map(|own| own.names(topic).map(Vec::from).collect()).unwrap_or_default()
        };
        if listed.is_empty() {
            confirm(client, outbox.writer(), topic, what, None);
        }
        for name in listed {
            if let Some(own) = &mut client.subscriptions {
                self.channels.remove(id, own, topic, &name);
            }
            confirm(client, outbox.writer(), topic, what, Some(&name));
        }
        if client.subscriptions.as_ref().is_some_and(|own| own.is_empty()) {
            client.subscriptions = None;
        }
        Ok(())
    }

    /// `PUBLISH` and `SPUBLISH`. Replicas hear it whether or not anybody here listens.
    pub(super) fn publish_command<'a>(
        &mut self,
        now: Now,
        caller: Caller,
        topic: Topic,
        args: Args<'a>,
    ) -> Outcome<'a> {
        let count = self.publish(now, topic, args.get(1), args.get(2));
        if self.following.is_none() && self.history.is_recording() {
            let db = self.client(caller).map(|client| client.db).unwrap_or_default();
            self.unit.push(db, args.iter());
        }
        self.with_reply(caller, |reply| reply.int(count as i64));
        Ok(())
    }

    /// Sends a message to those that listen; how many times it was sent.
    pub(super) fn publish(
        &mut self,
        now: Now,
        topic: Topic,
        channel: &[u8],
        message: &[u8],
    ) -> usize {
        let mut reached: Vec<ConnId> = Vec::new();
        for id in self.channels.listeners(topic, channel) {
            let Some(conn) = self.conns.get_mut(id) else { continue };
            let mut reply = push_to(conn, id, &mut self.aside, 3);
            reply.bulk(words(topic).message);
            reply.bulk(channel);
            reply.bulk(message);
            reached.push(id);
        }
        if topic == Topic::Channel {
            for (pattern, id) in self.channels.matching(channel) {
                let Some(conn) = self.conns.get_mut(id) else { continue };
                let mut reply = push_to(conn, id, &mut self.aside, 4);
                reply.bulk(words(Topic::Pattern).message);
                reply.bulk(pattern);
                reply.bulk(channel);
                reply.bulk(message);
                reached.push(id);
            }
        }
        for id in &reached {
            self.wake(*id);
            if self.is_greedy(*id) {
                self.close_greedy_client(now, *id);
            }
        }
        reached.len()
    }

    pub(super) fn pubsub<'a>(
        &mut self,
        caller: Caller,
        what: PubsubCommand,
        args: Args<'a>,
    ) -> Outcome<'a> {
        match what {
            PubsubCommand::Channels => self.list_channels(caller, Topic::Channel, args)?,
            PubsubCommand::Shardchannels => self.list_channels(caller, Topic::Shard, args)?,
            PubsubCommand::Numsub => self.count_listeners(caller, Topic::Channel, args),
            PubsubCommand::Shardnumsub => self.count_listeners(caller, Topic::Shard, args),
            PubsubCommand::Numpat => {
                let count = self.channels.names(Topic::Pattern).len() as i64;
                self.with_reply(caller, |reply| reply.int(count));
            }
        }
        Ok(())
    }

    fn list_channels<'a>(&mut self, caller: Caller, topic: Topic, args: Args<'a>) -> Outcome<'a> {
        at_most(3, args)?;
        let pattern = args.try_get(2);
        let names = self.channels.names(topic).filter(|name| {
            pattern.is_none_or(|pattern| glob::matches(pattern, name, Case::Sensitive))
        });
        let names: Vec<Vec<u8>> = names.map(Vec::from).collect();
        self.with_reply(caller, |reply| {
            reply.array_len(names.len());
            names.iter().for_each(|name| reply.bulk(name));
        });
        Ok(())
    }

    fn count_listeners(&mut self, caller: Caller, topic: Topic, args: Args<'_>) {
        let counts = args.iter().skip(2).map(|name| {
            let count = self.channels.listeners(topic, name).len();
            (name, count as i64)
        });
        let counts: Vec<(&[u8], i64)> = counts.collect();
        self.with_reply(caller, |reply| {
            reply.array_len(counts.len() * 2);
            for (name, count) in counts {
                reply.bulk(name);
                reply.int(count);
            }
        });
    }
}

/// The head of a message of `count` parts to a listener.
fn push_to<'a>(
    conn: &'a mut Conn,
    id: ConnId,
    aside: &'a mut Option<Aside>,
    count: usize,
) -> Reply<'a> {
    let proto = conn.client().map(|client| client.proto).unwrap_or_default();
    let out = match aside {
        Some(aside) if aside.listener == id => &mut aside.messages,
        Some(_) | None => conn.outbox.writer(),
    };
    let mut reply = Reply::new(out, proto);
    reply.push_len(count);
    reply
}

/// What a RESP2 client that listens to channels may still say.
pub(in crate::node) fn is_for_listeners(spec: &Spec) -> bool {
    matches!(
        spec.handler,
        Handler::Node(
            NodeCommand::Ping
                | NodeCommand::Subscribe
                | NodeCommand::Psubscribe
                | NodeCommand::Ssubscribe
                | NodeCommand::Unsubscribe
                | NodeCommand::Punsubscribe
                | NodeCommand::Sunsubscribe
                | NodeCommand::Quit
                | NodeCommand::Reset
        )
    )
}
