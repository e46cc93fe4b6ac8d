//! **Heard in order**: what a connection hears of one publisher on one channel is what that one has
//! sent there, in its order and each message once.
//!
//! Also on replicas, and after a promotion. Not after a snapshot, which may have taken the
//! listener's node back in its history: what the stream tells again is heard again.
//!
//! Source: what `PUBLISH` promises to one connection. Premise: messages heard.

use std::collections::{BTreeMap, BTreeSet};

use super::{Broken, Message, Topics};

pub(super) const NAME: &str = "heard-in-order";

#[derive(Debug, Default)]
pub(super) struct InOrder {
    sent: BTreeSet<Message>,
    /// The node at which each publisher is a client.
    homes: BTreeMap<u64, usize>,
    pub(super) premise_count: u64,
}

impl InOrder {
    /// A client of `node` is about to publish it.
    pub(super) fn note(&mut self, node: usize, message: &Message) {
        self.homes.insert(message.publisher, node);
        self.sent.insert(message.clone());
    }

    /// The node at which the publisher is a client.
    pub(super) fn home(&self, publisher: u64) -> Option<usize> {
        self.homes.get(&publisher).copied()
    }

    /// `last` is what this connection has heard last, by channel and publisher; `leapt` says
    /// whether its node has left its history for a snapshot since.
    pub(super) fn check(
        &mut self,
        topics: &Topics,
        (last, leapt): (&mut BTreeMap<(Vec<u8>, u64), u64>, bool),
        message: &Message,
    ) -> Result<(), Broken> {
        self.premise_count += 1;
        let broken =
            |expected: String| Err(Broken { property: NAME, expected, actual: message.shown() });
        if !self.sent.contains(message) || !topics.include(&message.channel) {
            return broken(format!("a message that was sent to one of {topics:?}"));
        }
        let before = last.insert((message.channel.clone(), message.publisher), message.number);
        match before {
            Some(before) if before >= message.number && !leapt => {
                broken(format!("a message behind number {before} of that publisher"))
            }
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_sent_or_comes_again_is_found() {
        let message =
            |channel: &str, number| Message { channel: channel.into(), publisher: 1, number };
        let mut property = InOrder::default();
        for number in 1..=9 {
            property.note(0, &message("a", number));
        }
        let mut last = BTreeMap::new();
        let topics = Topics::Channels(vec![b"a".to_vec()]);
        let mut hear = |message| property.check(&topics, (&mut last, false), &message).is_ok();
        assert!(hear(message("a", 1)) && hear(message("a", 5)));
        assert!(!hear(message("a", 5)), "twice");
        assert!(!hear(message("a", 4)), "out of order");
        assert!(!hear(message("a", 10)), "never sent");
        assert!(!hear(message("b", 6)), "to another channel");
        let again = property.check(&topics, (&mut last, true), &message("a", 2));
        assert!(again.is_ok(), "its node went back");
    }
}
