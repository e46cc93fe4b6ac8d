//! Channels: who published what, what the histories tell of it, and who listens. The properties are
//! in the files beside this one.

mod everywhere;
mod in_order;

use std::collections::BTreeMap;

use repl_core::base::{ids::ReplId, time::Instant};

use self::{
    everywhere::{Everywhere, Expected},
    in_order::InOrder,
};
use super::{Broken, Judge, Premises, Standing, ledger::Ledger, stream::Command, stream::Stream};
use crate::{
    net::HostId,
    node_view::{Role, View},
};

/// A message that exists once: the `number`th of its publisher.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Message {
    pub(crate) channel: Vec<u8>,
    pub(crate) publisher: u64,
    pub(crate) number: u64,
}

impl Message {
    /// What is sent.
    pub(crate) fn text(&self) -> Vec<u8> {
        format!("{} {}", self.publisher, self.number).into_bytes()
    }

    /// The message that was sent as `text`.
    pub(crate) fn parse(channel: &[u8], text: &[u8]) -> Option<Self> {
        let (publisher, number) = std::str::from_utf8(text).ok()?.split_once(' ')?;
        let (publisher, number) = (publisher.parse().ok()?, number.parse().ok()?);
        Some(Self { channel: channel.to_vec(), publisher, number })
    }

    fn shown(&self) -> String {
        let Self { channel, publisher, number } = self;
        format!("{} c{publisher}.{number}", channel.escape_ascii())
    }
}

/// What a listener listens to.
#[derive(Clone, Debug)]
pub(crate) enum Topics {
    Channels(Vec<Vec<u8>>),
    /// All there are.
    All,
}

impl Topics {
    fn include(&self, channel: &[u8]) -> bool {
        match self {
            Self::Channels(channels) => channels.iter().any(|one| one == channel),
            Self::All => true,
        }
    }
}

/// A connection over which somebody listens.
#[derive(Debug)]
struct Listener {
    node: usize,
    topics: Topics,
    /// The last number heard, by channel and publisher.
    heard: BTreeMap<(Vec<u8>, u64), u64>,
    expected: Expected,
}

/// See this file's header.
#[derive(Debug, Default)]
pub(super) struct Channels {
    listeners: BTreeMap<HostId, Listener>,
    in_order: InOrder,
    everywhere: Everywhere,
}

/// What a node does in one input.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change<'a> {
    pub(super) node: usize,
    pub(super) view: &'a View,
    /// Whether it may leave its history for a snapshot.
    pub(super) leaves: bool,
    pub(super) now: Instant,
}

impl Channels {
    pub(super) fn premises(&self) -> Premises {
        BTreeMap::from([
            (in_order::NAME, self.in_order.premise_count),
            (everywhere::NAME, self.everywhere.premise_count),
            (everywhere::TOLD, self.everywhere.told_count),
        ])
    }

    /// A host has sent something to a node that stands there.
    pub(super) fn on_received(&mut self, host: HostId, node: usize, view: &View) {
        if let Some(listener) = self.listeners.get_mut(&host).filter(|one| one.node == node) {
            // The last of it counts: a listener says nothing more.
            listener.expected.begin(view);
        }
    }

    /// A node's process begins: nobody listens to it.
    pub(super) fn on_boot(&mut self, node: usize) {
        for listener in self.listeners.values_mut().filter(|one| one.node == node) {
            listener.expected = Expected::default();
        }
    }

    /// A command of a history.
    pub(super) fn on_command(&mut self, command: &Command<'_>) {
        if command.is("publish")
            && let [_, channel, text] = command.words
            && let Some(message) = Message::parse(channel, text)
        {
            self.everywhere.note(command.owner, command.end, message);
        }
    }

    /// A node has moved along its history.
    pub(super) fn on_change(&mut self, ledger: &Ledger, stream: &Stream, change: Change<'_>) {
        let here = self.listeners.values_mut().filter(|one| one.node == change.node);
        for listener in here {
            let Listener { topics, expected, .. } = listener;
            self.everywhere.expect(expected, topics, ledger, stream, change);
        }
    }
}

impl Judge {
    /// A publisher, a client of `node`, is about to send these.
    pub(crate) fn on_publish<'a>(
        &mut self,
        node: usize,
        messages: impl Iterator<Item = &'a Message>,
    ) {
        for message in messages {
            self.channels.in_order.note(node, message);
        }
    }

    /// A node has said how many have heard it. `standing` is what it was all the time, if it was
    /// one thing.
    pub(crate) fn on_published(
        &mut self,
        node: usize,
        standing: Option<Standing>,
        message: &Message,
    ) -> Result<(), Broken> {
        let tells = standing.is_some_and(|it| it.role == Role::Master && it.recording)
            && self.history_of(node).is_some_and(|owner| self.stream.reads_all_of(owner));
        if tells { self.channels.everywhere.check_told(message) } else { Ok(()) }
    }

    /// Somebody begins to listen.
    pub(crate) fn on_listen(&mut self, host: HostId, node: usize, topics: Topics) {
        let (heard, expected) = (BTreeMap::new(), Expected::default());
        self.channels.listeners.insert(host, Listener { node, topics, heard, expected });
    }

    /// A listener has heard a message.
    pub(crate) fn on_heard(&mut self, host: HostId, message: &Message) -> Result<(), Broken> {
        let Channels { listeners, in_order, everywhere } = &mut self.channels;
        let Some(listener) = listeners.get_mut(&host) else { return Ok(()) };
        let leapt = listener.expected.has_leapt();
        in_order.check(&listener.topics, (&mut listener.heard, leapt), message)?;
        let is_local = in_order.home(message.publisher) == Some(listener.node);
        everywhere.check_heard(&mut listener.expected, message, is_local)
    }

    /// A listener listens no more.
    pub(crate) fn on_deaf(&mut self, host: HostId, now: Instant) -> Result<(), Broken> {
        match self.channels.listeners.remove(&host) {
            Some(listener) => listener.expected.check_none_missed(now),
            None => Ok(()),
        }
    }

    /// Nothing moves: what was to be heard was.
    pub(crate) fn on_channels_settled(&self, now: Instant) -> Result<(), Broken> {
        let mut listeners = self.channels.listeners.values();
        listeners.try_for_each(|listener| listener.expected.check_none_missed(now))
    }
}

/// The messages of a history's own, each with the number of its command's last byte.
type Told = BTreeMap<ReplId, Vec<(u64, Message)>>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_as_it_was_written() {
        let message = Message { channel: b"news:1".to_vec(), publisher: 7, number: 12 };
        assert_eq!(Message::parse(b"news:1", &message.text()), Some(message));
        assert_eq!(Message::parse(b"news:1", b"x"), None);
    }
}
