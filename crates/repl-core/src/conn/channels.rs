//! Who listens to what: channels, patterns of channels, and shard channels.
//!
//! Both directions are kept, so that a message finds its listeners and a listener that goes is
//! forgotten everywhere. Ordered, since they are iterated. Knows nothing of messages and how they
//! are written.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use crate::base::{
    glob::{self, Case},
    ids::ConnId,
};

/// What a name to subscribe to is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// The name of a channel.
    Channel,
    /// A pattern that names of channels match.
    Pattern,
    /// The name of a shard channel, which no pattern matches.
    Shard,
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Channel, Self::Pattern, Self::Shard];

    const fn place(self) -> usize {
        match self {
            Self::Channel => 0,
            Self::Pattern => 1,
            Self::Shard => 2,
        }
    }
}

/// What one client listens to.
#[derive(Debug, Default)]
pub struct Subscriptions([BTreeSet<Box<[u8]>>; 3]);

impl Subscriptions {
    /// How many names of this kind.
    pub fn count(&self, topic: Topic) -> usize {
        self.0[topic.place()].len()
    }

    /// The names of this kind.
    pub fn names(&self, topic: Topic) -> impl Iterator<Item = &[u8]> {
        self.0[topic.place()].iter().map(|name| &**name)
    }

    /// Whether there are none at all.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(BTreeSet::is_empty)
    }
}

/// Who listens to what, for a whole node.
#[derive(Debug, Default)]
pub struct Channels([BTreeMap<Box<[u8]>, BTreeSet<ConnId>>; 3]);

impl Channels {
    /// `listener`, whose subscriptions are `own`, listens to `name` from here on.
    pub fn add(&mut self, listener: ConnId, own: &mut Subscriptions, topic: Topic, name: &[u8]) {
        if own.0[topic.place()].insert(name.into()) {
            self.0[topic.place()].entry(name.into()).or_default().insert(listener);
        }
    }

    /// `listener` listens to `name` no more.
    pub fn remove(&mut self, listener: ConnId, own: &mut Subscriptions, topic: Topic, name: &[u8]) {
        if !own.0[topic.place()].remove(name) {
            return;
        }
        let names = &mut self.0[topic.place()];
        if let Some(listeners) = names.get_mut(name) {
            listeners.remove(&listener);
            if listeners.is_empty() {
                names.remove(name);
            }
        }
    }

    /// `listener` goes.
    pub fn remove_all(&mut self, listener: ConnId, mut own: Subscriptions) {
        for topic in Topic::ALL {
            let names: Vec<Box<[u8]>> = own.0[topic.place()].iter().cloned().collect();
            for name in names {
                self.remove(listener, &mut own, topic, &name);
            }
        }
    }

    /// Those that listen to exactly this name.
    pub fn listeners(&self, topic: Topic, name: &[u8]) -> impl ExactSizeIterator<Item = ConnId> {
        let found = self.0[topic.place()].get(name).map(BTreeSet::iter);
        found.unwrap_or_default().copied()
    }

    /// The patterns that match a channel, with those that listen to them.
    pub fn matching(&self, channel: &[u8]) -> impl Iterator<Item = (&[u8], ConnId)> {
        self.0[Topic::Pattern.place()]
            .iter()
            .filter(move |(pattern, _)| glob::matches(pattern, channel, Case::Sensitive))
            .flat_map(|(pattern, listeners)| listeners.iter().map(|id| (&**pattern, *id)))
    }

    /// Whether nobody listens to anything.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(BTreeMap::is_empty)
    }

    /// The names somebody listens to.
    pub fn names(&self, topic: Topic) -> impl ExactSizeIterator<Item = &[u8]> {
        self.0[topic.place()].keys().map(|name| &**name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_that_goes_is_forgotten_everywhere() {
        let (mut channels, mut own) = (Channels::default(), Subscriptions::default());
        let [one, other] = [ConnId::new(1, 0), ConnId::new(2, 0)];
        for topic in Topic::ALL {
            channels.add(one, &mut own, topic, b"a*");
            channels.add(one, &mut own, topic, b"a*");
        }
        let mut others = Subscriptions::default();
        channels.add(other, &mut others, Topic::Channel, b"a*");
        assert_eq!(Topic::ALL.map(|topic| own.count(topic)), [1, 1, 1]);
        assert_eq!(channels.listeners(Topic::Channel, b"a*").len(), 2);
        assert_eq!(channels.matching(b"abc").count(), 1);
        channels.remove_all(one, own);
        assert_eq!(channels.listeners(Topic::Channel, b"a*").collect::<Vec<_>>(), [other]);
        assert_eq!(Topic::ALL.map(|topic| channels.names(topic).len()), [1, 0, 0]);
        channels.remove(other, &mut others, Topic::Channel, b"a*");
        assert!(others.is_empty());
        assert_eq!(channels.names(Topic::Channel).len(), 0);
    }
}
