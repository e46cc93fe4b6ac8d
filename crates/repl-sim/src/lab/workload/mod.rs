//! What clients ask for: seeded commands of every group over three databases, weighted towards
//! what replication gets wrong.
//!
//! Which groups exist in a run, and which of them dominate, is drawn once for all its clients.

mod fill;
mod menu;

use repl_core::base::time::UnixMillis;

pub(super) use self::fill::{DATABASES, HEAP, HEAP_COUNT, QUEUE_COUNT};
use self::{
    fill::{Words, fill},
    menu::{ALWAYS, GROUPS, PUSHES, RARE},
};
use super::reply::push_request;
use crate::{draw::Draw, invariants::Message};

/// Pairs of keys that only transactions write.
const PAIRS: u64 = 4;

/// How many channels there are.
pub(super) const CHANNEL_COUNT: u64 = 3;

/// A channel's name.
pub(super) fn channel(number: u64) -> Vec<u8> {
    format!("news:{number}").into_bytes()
}

/// What a reply has to be, whatever else it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The request needs the dataset and leaves it alone.
    Read,
    /// The request may change the dataset.
    Write,
    /// The two values of a pair: they are equal.
    Pair,
    /// The request is about the connection, or about other connections.
    Session,
}

/// Requests that leave together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Batch {
    pub(crate) bytes: Vec<u8>,
    pub(crate) kinds: Vec<Kind>,
    /// What is published, each with the place of its request.
    pub(crate) messages: Vec<(usize, Message)>,
}

impl Batch {
    /// How many requests it is.
    pub(crate) const fn len(&self) -> usize {
        self.kinds.len()
    }

    pub(crate) fn push(&mut self, kind: Kind, words: &[&[u8]]) {
        push_request(&mut self.bytes, words);
        self.kinds.push(kind);
    }

    fn push_words(&mut self, kind: Kind, words: &Words) {
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        self.push(kind, &words);
    }
}

/// How much of each group a run has.
#[derive(Clone, Debug)]
pub(crate) struct Swarm {
    weights: [u64; GROUPS.len()],
    total: u64,
    /// Out of twenty requests of a group, so many only read.
    read_share: u64,
    /// One in so many batches is a transaction, and one in so many of the others selects.
    transaction_every: u64,
    select_every: u64,
    /// One in so many commands feeds those that wait for an element.
    push_every: u64,
    /// One in so many commands publishes.
    publish_every: u64,
}

impl Swarm {
    /// The one of this seed.
    pub(crate) fn drawn(seed: u64) -> Self {
        let mut draw = Draw::new(seed, "swarm");
        let mut weights = [0; GROUPS.len()];
        for (group, weight) in weights.iter_mut().enumerate() {
            // Absent, some, or most of what there is.
            let some = draw.between(1, 8);
            *weight = match draw.between(0, 5) {
                0 | 1 if group >= ALWAYS => 0,
                5 => some * 8,
                _ => some,
            };
            let rare = if group == RARE.0 { 1 } else { RARE.1 };
            *weight *= rare;
        }
        Self {
            total: weights.iter().sum(),
            weights,
            read_share: draw.between(1, 12),
            transaction_every: draw.between(4, 40),
            select_every: draw.between(4, 40),
            push_every: draw.between(6, 60),
            publish_every: draw.between(10, 80),
        }
    }

    fn group(&self, draw: &mut Draw) -> usize {
        let mut ticket = draw.between(0, self.total - 1);
        for (group, weight) in self.weights.iter().enumerate() {
            if ticket < *weight {
                return group;
            }
            ticket -= weight;
        }
        unreachable!("the ticket is below the sum of the weights")
    }
}

/// One client's endless supply of commands.
#[derive(Debug)]
pub(crate) struct Workload {
    draw: Draw,
    swarm: Swarm,
    twin_count: u64,
    /// Which publisher it is, and how many messages it has drawn.
    publisher: u64,
    message_count: u64,
}

impl Workload {
    /// `publisher` is a number that no other workload of the run has.
    pub(crate) const fn new(draw: Draw, swarm: Swarm, publisher: u64) -> Self {
        Self { draw, swarm, twin_count: 0, publisher, message_count: 0 }
    }

    /// The next pipeline of at most `limit` requests, and one at least. `wall` is the server's
    /// clock, for absolute expiries.
    pub(crate) fn next_batch(&mut self, limit: usize, wall: UnixMillis) -> Batch {
        let mut batch = Batch::default();
        let wanted = self.batch_len(limit);
        while batch.len() < wanted {
            let left = wanted - batch.len();
            if left >= 5 && self.draw.once_in(self.swarm.transaction_every) {
                self.transaction(&mut batch, left, wall);
            } else if self.draw.once_in(self.swarm.select_every) {
                self.select(&mut batch);
            } else if self.draw.once_in(30) {
                self.pair_read(&mut batch);
            } else {
                self.command(&mut batch, wall);
            }
        }
        batch
    }

    /// As [`next_batch`](Self::next_batch), without anything that could change a dataset.
    pub(crate) fn next_reads(&mut self, limit: usize, wall: UnixMillis) -> Batch {
        let wanted = self.batch_len(limit);
        self.many_reads(wanted, wall)
    }

    /// As [`next_reads`](Self::next_reads), and exactly so many.
    pub(crate) fn many_reads(&mut self, count: usize, wall: UnixMillis) -> Batch {
        let mut batch = Batch::default();
        while batch.len() < count {
            match self.draw.between(0, 11) {
                0 => self.select(&mut batch),
                1 => self.pair_read(&mut batch),
                _ => {
                    let group = self.draw.pick(&GROUPS);
                    let pattern = *self.draw.pick(group.reads);
                    batch.push_words(Kind::Read, &fill(&mut self.draw, pattern, wall));
                }
            }
        }
        batch
    }

    /// Plain writes of new values into whatever database is selected.
    pub(crate) fn push_writes(&mut self, batch: &mut Batch, count: usize) {
        for _ in 0..count {
            let words = fill(&mut self.draw, "SET @s @v", UnixMillis(0));
            batch.push_words(Kind::Write, &words);
        }
    }

    /// Plain writes of new values, now and then into another database.
    pub(crate) fn next_writes(&mut self, count: usize) -> Batch {
        let mut batch = Batch::default();
        for _ in 0..count {
            if batch.len() + 1 < count && self.draw.once_in(8) {
                self.select(&mut batch);
            }
            if batch.len() < count {
                self.push_writes(&mut batch, 1);
            }
        }
        batch
    }

    /// Writes whose commands have the same length whoever sends them, and another value: two
    /// masters that take the same number of them stand at the same offset of different histories.
    pub(crate) fn next_twins(&mut self, count: usize) -> Batch {
        let mut batch = Batch::default();
        for _ in 0..count {
            let key = format!("twin:{:06}", self.twin_count);
            let value = format!("{:016x}", self.draw.bits());
            batch.push(Kind::Write, &[b"SET", key.as_bytes(), value.as_bytes()]);
            self.twin_count += 1;
        }
        batch
    }

    fn batch_len(&mut self, limit: usize) -> usize {
        let wanted = if self.draw.once_in(4) { 1 } else { 1 + self.draw.index(16) };
        wanted.min(limit.max(1))
    }

    fn select(&mut self, batch: &mut Batch) {
        let database = self.draw.between(0, DATABASES - 1).to_string();
        batch.push(Kind::Session, &[b"SELECT", database.as_bytes()]);
    }

    /// A transaction of at least two commands, sometimes watched, sometimes thought better of. It
    /// needs room for five requests.
    fn transaction(&mut self, batch: &mut Batch, room: usize, wall: UnixMillis) {
        let end = batch.len() + room;
        if self.draw.once_in(3) {
            let words = fill(&mut self.draw, "WATCH @s @k", wall);
            batch.push_words(Kind::Session, &words);
        }
        batch.push(Kind::Session, &[b"MULTI"]);
        if self.draw.once_in(2) {
            self.pair_write(batch);
        }
        while batch.len() + 1 < end && !self.draw.once_in(5) {
            if self.draw.once_in(6) {
                self.select(batch);
            } else {
                self.command(batch, wall);
            }
        }
        let ends: &[u8] = if self.draw.once_in(20) { b"DISCARD" } else { b"EXEC" };
        batch.push(Kind::Session, &[ends]);
    }

    /// Both keys of a pair are given the same new value. Only to be used in a transaction.
    fn pair_write(&mut self, batch: &mut Batch) {
        let [one, other] = self.pair();
        let value = format!("{:016x}", self.draw.bits());
        batch.push(Kind::Write, &[b"SET", &one, value.as_bytes()]);
        batch.push(Kind::Write, &[b"SET", &other, value.as_bytes()]);
    }

    /// Both keys of a pair are read at once.
    fn pair_read(&mut self, batch: &mut Batch) {
        let [one, other] = self.pair();
        batch.push(Kind::Pair, &[b"MGET", &one, &other]);
    }

    fn pair(&mut self) -> [Vec<u8>; 2] {
        let number = self.draw.between(0, PAIRS - 1);
        ["one", "other"].map(|side| format!("pair:{number}:{side}").into_bytes())
    }

    fn publish(&mut self, batch: &mut Batch) {
        self.message_count += 1;
        let channel = channel(self.draw.between(0, CHANNEL_COUNT - 1));
        let (publisher, number) = (self.publisher, self.message_count);
        let message = Message { channel, publisher, number };
        let place = batch.len();
        batch.push(Kind::Session, &[b"PUBLISH", &message.channel, &message.text()]);
        batch.messages.push((place, message));
    }

    fn command(&mut self, batch: &mut Batch, wall: UnixMillis) {
        if self.draw.once_in(self.swarm.push_every) {
            let pattern = *self.draw.pick(PUSHES);
            batch.push_words(Kind::Write, &fill(&mut self.draw, pattern, wall));
            return;
        }
        if self.draw.once_in(self.swarm.publish_every) {
            self.publish(batch);
            return;
        }
        let group = &GROUPS[self.swarm.group(&mut self.draw)];
        let (kind, patterns) = if self.draw.between(1, 20) <= self.swarm.read_share {
            (Kind::Read, group.reads)
        } else {
            (Kind::Write, group.writes)
        };
        let pattern = *self.draw.pick(patterns);
        batch.push_words(kind, &fill(&mut self.draw, pattern, wall));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALL: UnixMillis = UnixMillis(1_700_000_000_000);

    fn workload(seed: u64) -> Workload {
        Workload::new(Draw::new(seed, "test"), Swarm::drawn(seed), seed)
    }

    #[test]
    fn two_clients_twins_have_equal_lengths_and_other_values() {
        let twins = [1, 2].map(|seed| workload(seed).next_twins(5));
        assert_eq!(twins[0].bytes.len(), twins[1].bytes.len());
        assert_ne!(twins[0].bytes, twins[1].bytes);
    }

    #[test]
    fn a_batch_keeps_to_its_limit_and_holds_whole_transactions() {
        let mut workload = workload(3);
        let mut transactions = 0;
        for _ in 0..500 {
            let batch = workload.next_batch(7, WALL);
            assert!((1..=7).contains(&batch.len()));
            let text = String::from_utf8_lossy(&batch.bytes).into_owned();
            let count = |word: &str| text.matches(&format!("\r\n{word}\r\n")).count();
            assert_eq!(count("MULTI"), count("EXEC") + count("DISCARD"));
            transactions += count("MULTI");
        }
        assert!(transactions > 0);
    }

    #[test]
    fn every_pattern_of_the_menu_can_be_filled() {
        let mut draw = Draw::new(1, "test");
        for group in GROUPS {
            for pattern in group.reads.iter().chain(group.writes) {
                let words = fill(&mut draw, pattern, WALL);
                assert!(words.iter().all(|word| !word.starts_with(b"@")), "{pattern}");
            }
        }
    }

    #[test]
    fn seeds_differ_in_what_their_clients_do_not_ask_for() {
        let absent = |seed| {
            let weights = Swarm::drawn(seed).weights;
            weights.map(|weight| weight == 0)
        };
        let absences: Vec<_> = (0..50).map(absent).collect();
        for group in 0..GROUPS.len() {
            let count = absences.iter().filter(|absent| absent[group]).count();
            assert_eq!(count > 0, group >= ALWAYS, "group {group} is absent in {count} of 50");
            assert!(count < 40, "group {group} is absent in {count} of 50");
        }
    }
}
