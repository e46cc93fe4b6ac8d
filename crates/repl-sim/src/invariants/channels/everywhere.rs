//! **Heard everywhere**: what is published at a master stands in its history, and who listens at a
//! node hears every message that the node's history tells while it listens, in that order, and no
//! other from elsewhere.
//!
//! A listener listens from the byte where its node stood when it had read the request. A node that
//! takes a snapshot leaps over what the stream told meanwhile: its listeners do not hear that, and
//! what they hear after such a leap without being told is not held against the node. What is
//! published at a replica is heard there and nowhere else.
//!
//! Source: what `PUBLISH` promises with replication. Premises: messages that were heard as told;
//! under `publish-told`, messages that a master took while it told a history.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use repl_core::base::{ids::ReplId, time::Instant};

use super::{Broken, Change, Message, Told, Topics};
use crate::{
    invariants::{ledger::Ledger, stream::Stream},
    node_view::View,
};

pub(super) const NAME: &str = "heard-everywhere";
pub(super) const TOLD: &str = "publish-told";

/// A message is on its way from a node to its listener for less than this.
const WAY: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(super) struct Everywhere {
    told: Told,
    all_told: BTreeSet<Message>,
    pub(super) premise_count: u64,
    pub(super) told_count: u64,
}

/// What a listener is to hear next.
#[derive(Debug, Default)]
pub(super) struct Expected {
    messages: VecDeque<(Message, Instant)>,
    /// The history and the byte up to which its node has told it, once it listens.
    place: Option<(ReplId, u64)>,
    /// Whether its node has leapt over a part of its history since.
    leapt: bool,
}

impl Expected {
    /// It listens from here on.
    pub(super) fn begin(&mut self, view: &View) {
        let place = Some((view.replid, view.offset));
        *self = Self { messages: VecDeque::new(), place, leapt: false };
    }

    /// Whether its node has leapt over a part of its history since, or back.
    pub(super) fn has_leapt(&self) -> bool {
        self.leapt
    }

    /// What was told some time ago was heard.
    pub(super) fn check_none_missed(&self, now: Instant) -> Result<(), Broken> {
        match self.messages.front() {
            Some((message, at)) if *at + WAY < now => Err(Broken {
                property: NAME,
                expected: format!("{}, as told at {at:?}", message.shown()),
                actual: format!("nothing was heard until {now:?}"),
            }),
            Some(_) | None => Ok(()),
        }
    }
}

impl Everywhere {
    /// A history tells of a message.
    pub(super) fn note(&mut self, owner: ReplId, end: u64, message: Message) {
        self.all_told.insert(message.clone());
        self.told.entry(owner).or_default().push((end, message));
    }

    /// A master that tells a history has taken the message.
    pub(super) fn check_told(&mut self, message: &Message) -> Result<(), Broken> {
        self.told_count += 1;
        if self.all_told.contains(message) {
            return Ok(());
        }
        Err(Broken {
            property: NAME,
            expected: format!("a history that tells {}", message.shown()),
            actual: "none does".to_owned(),
        })
    }

    /// A node that somebody listens to has moved.
    pub(super) fn expect(
        &self,
        expected: &mut Expected,
        topics: &Topics,
        ledger: &Ledger,
        stream: &Stream,
        change: Change<'_>,
    ) {
        let Some((replid, offset)) = expected.place else { return };
        let view = change.view;
        expected.place = Some((view.replid, view.offset));
        let stays = !change.leaves
            && view.backlog.is_some()
            && view.offset >= offset
            && ledger.same_up_to(replid, view.replid, offset)
            && stream.reads_all_of(ledger.owner(view.replid, view.offset));
        if !stays {
            expected.leapt = true;
            return;
        }
        let told = self.told_between(ledger, view.replid, offset, view.offset);
        let wanted = told.into_iter().filter(|message| topics.include(&message.channel));
        expected.messages.extend(wanted.map(|message| (message.clone(), change.now)));
    }

    /// What a history tells behind the byte `after`, up to `last`.
    fn told_between(
        &self,
        ledger: &Ledger,
        replid: ReplId,
        after: u64,
        last: u64,
    ) -> VecDeque<&Message> {
        let mut found = VecDeque::new();
        let (mut owner, mut last) = (ledger.owner(replid, last), last);
        while last > after {
            let own = self.told.get(&owner).map(Vec::as_slice).unwrap_or_default();
            let until = own.partition_point(|(end, _)| *end <= last);
            let newer = own[..until].iter().rev().take_while(|(end, _)| *end > after);
            newer.for_each(|(_, message)| found.push_front(message));
            let Some((parent, switch)) = ledger.came_from(owner) else { break };
            last = last.min(switch - 1);
            owner = ledger.owner(parent, last);
        }
        found
    }

    /// A listener has heard a message; `is_local` if it was published at the same node.
    pub(super) fn check_heard(
        &mut self,
        expected: &mut Expected,
        message: &Message,
        is_local: bool,
    ) -> Result<(), Broken> {
        let place = expected.messages.iter().position(|(one, _)| one == message);
        let expectation = match place {
            Some(0) => {
                expected.messages.pop_front();
                self.premise_count += 1;
                return Ok(());
            }
            Some(_) => expected.messages.front().map(|(first, _)| first.shown()),
            None if is_local || expected.leapt => return Ok(()),
            None => None,
        };
        let expectation = expectation.unwrap_or_else(|| "no message that was not told".to_owned());
        Err(Broken { property: NAME, expected: expectation, actual: message.shown() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariants::samples::{ids, master};

    fn message(number: u64) -> Message {
        Message { channel: b"a".to_vec(), publisher: 1, number }
    }

    fn expect(property: &Everywhere, expected: &mut Expected, ledger: &Ledger, view: &View) {
        let (stream, now) = (Stream::default(), Instant::ORIGIN);
        let change = Change { node: 0, view, leaves: false, now };
        property.expect(expected, &Topics::All, ledger, &stream, change);
    }

    #[test]
    fn what_is_told_is_heard_in_that_order_across_a_promotion() {
        let [old, new] = ids();
        let mut ledger = Ledger::default();
        ledger.inherit(new, old, 21).expect("a promotion after byte 20");
        let mut property = Everywhere::default();
        for (owner, end, number) in
            [(old, 10, 1), (old, 20, 2), (old, 30, 9), (new, 30, 3), (new, 40, 4)]
        {
            property.note(owner, end, message(number));
        }
        let mut expected = Expected::default();
        expected.begin(&master(old, 1..=10));
        expect(&property, &mut expected, &ledger, &master(new, 1..=40));
        let mut heard =
            |number| property.check_heard(&mut expected, &message(number), false).is_ok();
        assert!(heard(2));
        assert!(!heard(4), "before the third");
        assert!(!heard(9), "told by another history");
        assert!(heard(3));
        assert!(expected.check_none_missed(Instant::ORIGIN + WAY).is_ok());
        assert!(expected.check_none_missed(Instant::ORIGIN + WAY * 2).is_err());
        assert_eq!(property.premise_count, 2);
    }

    #[test]
    fn a_message_that_no_history_tells_is_found() {
        let mut property = Everywhere::default();
        assert!(property.check_told(&message(1)).is_err());
        property.note(ids::<1>()[0], 10, message(1));
        assert!(property.check_told(&message(1)).is_ok());
    }

    #[test]
    fn after_a_leap_and_from_the_same_node_anything_may_be_heard() {
        let [old, other] = ids();
        let mut property = Everywhere::default();
        let mut expected = Expected::default();
        expected.begin(&master(old, 1..=10));
        assert!(property.check_heard(&mut expected, &message(1), true).is_ok());
        assert!(property.check_heard(&mut expected, &message(1), false).is_err());
        expect(&property, &mut expected, &Ledger::default(), &master(other, 1..=40));
        assert!(property.check_heard(&mut expected, &message(1), false).is_ok());
    }
}
