//! A client that waits for elements of the queues: it asks with a blocking command, takes what it
//! is handed, and asks again. Now and then it loses patience and closes its connection.

use std::{collections::BTreeSet, rc::Rc, time::Duration};

use super::{
    Client, Lost, Reply,
    workload::{Batch, DATABASES, HEAP, HEAP_COUNT, Kind, QUEUE_COUNT},
};
use crate::{
    alarm::{Alarm, within},
    invariants::{WaitAnswer, Wish},
    net::Network,
};

/// How long a waiter rests after an answer.
const REST: (Duration, Duration) = (Duration::ZERO, Duration::from_millis(900));

/// How long a waiter waits at the most.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(25));

/// What a waiter that was refused does not ask for again at once.
const AFTER_REFUSAL: Duration = Duration::from_millis(1_500);

/// One of the commands that may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Command {
    Pop(&'static str),
    PopMany,
    Move,
    MoveLeft,
    PopMember(&'static str),
    PopMembers,
}

impl Command {
    /// Whether it takes members of sorted sets.
    const fn is_about_sorted_sets(self) -> bool {
        matches!(self, Self::PopMember(_) | Self::PopMembers)
    }
}

const COMMANDS: [Command; 9] = [
    Command::Pop("BLPOP"),
    Command::Pop("BLPOP"),
    Command::Pop("BRPOP"),
    Command::PopMany,
    Command::Move,
    Command::MoveLeft,
    Command::PopMember("BZPOPMIN"),
    Command::PopMember("BZPOPMAX"),
    Command::PopMembers,
];

/// A wish and the requests that say it.
struct Request {
    batch: Batch,
    command: Command,
    wish: Wish,
}

impl Client {
    /// Waits for elements until the run is so old.
    pub async fn wait_for_elements(&mut self, until: Duration) {
        let time = self.world.net.time().clone();
        while time.elapsed() < until {
            let rest = match self.wait_once(until).await {
                Some(WaitAnswer::Refused(_)) => AFTER_REFUSAL,
                Some(WaitAnswer::Elements(_) | WaitAnswer::Nothing) | None => {
                    self.pace.span(REST.0, REST.1)
                }
            };
            Alarm::after(&time, rest).await;
        }
    }

    /// One wish; its answer, if there was one.
    async fn wait_once(&mut self, until: Duration) -> Option<WaitAnswer> {
        let Request { batch, command, wish } = self.draw_wish();
        let world = Rc::clone(&self.world);
        let left = until.saturating_sub(world.net.time().elapsed());
        let patience = self.pace.span(PATIENCE.0, PATIENCE.1).min(left);
        self.connect().await.ok()?;
        let standing = self.standing();
        let judge = &world.evidence.judge;
        judge.borrow_mut().on_wish(self.host, wish, world.net.now());
        let outcome = within(world.net.time(), patience, self.transfer(&batch)).await;
        let Some(Ok(replies)) = outcome else {
            let judged = judge.borrow_mut().on_wish_lost(self.host, world.net.now());
            self.report(judged);
            // Nobody is there to be told.
            let _: Result<(), Lost> = self.lose();
            return None;
        };
        self.count_answers(&replies);
        let answer = answer(command, replies.last()?);
        let standing = standing.filter(|before| Some(*before) == self.standing());
        let now = world.net.now();
        let judged = judge.borrow_mut().on_wish_answered(self.host, standing, &answer, now);
        self.report(judged);
        Some(answer)
    }

    fn draw_wish(&mut self) -> Request {
        let pace = &mut self.pace;
        let db = pace.between(0, DATABASES - 1);
        let command = *pace.pick(&COMMANDS);
        let mut keys: Vec<String> = if command.is_about_sorted_sets() {
            (0..HEAP_COUNT).map(|queue| format!("{HEAP}:{queue}")).collect()
        } else {
            (0..QUEUE_COUNT).map(|queue| format!("queue:{queue}")).collect()
        };
        if pace.once_in(2) {
            keys.reverse();
        }
        if pace.once_in(2) {
            keys.truncate(1);
        }
        // For ever, for a moment, or for a while.
        let millis = match pace.between(0, 3) {
            0 | 1 => 0,
            2 => pace.between(1, 400),
            _ => pace.between(400, 6_000),
        };
        let timeout = format!("{}.{:03}", millis / 1_000, millis % 1_000);
        let target = format!("queue:{}", pace.between(0, QUEUE_COUNT - 1));
        let mut words: Vec<&str> = Vec::new();
        let count = pace.between(1, 9).to_string();
        let number = keys.len().to_string();
        let ends = ["LEFT", "RIGHT"];
        let (from_end, to_end) = (*pace.pick(&ends), *pace.pick(&ends));
        match command {
            Command::Pop(name) | Command::PopMember(name) => {
                words.push(name);
                words.extend(keys.iter().map(String::as_str));
                words.push(&timeout);
            }
            Command::PopMany => {
                words.extend(["BLMPOP", &timeout, &number]);
                words.extend(keys.iter().map(String::as_str));
                words.extend([from_end, "COUNT", &count]);
            }
            Command::PopMembers => {
                words.extend(["BZMPOP", &timeout, &number]);
                words.extend(keys.iter().map(String::as_str));
                words.extend([if from_end == "LEFT" { "MIN" } else { "MAX" }, "COUNT", &count]);
            }
            Command::Move => {
                words.extend(["BLMOVE", &keys[0], &target, from_end, to_end, &timeout]);
            }
            Command::MoveLeft => words.extend(["BRPOPLPUSH", &keys[0], &target, &timeout]),
        }
        let moves = matches!(command, Command::Move | Command::MoveLeft);
        let in_transaction = pace.once_in(8);
        let mut batch = Batch::default();
        batch.push(Kind::Session, &[b"SELECT", db.to_string().as_bytes()]);
        if in_transaction {
            batch.push(Kind::Session, &[b"MULTI"]);
        }
        let words: Vec<&[u8]> = words.into_iter().map(str::as_bytes).collect();
        batch.push(Kind::Write, &words);
        if in_transaction {
            batch.push(Kind::Session, &[b"EXEC"]);
        }
        if moves {
            keys.truncate(1);
        }
        let spots: BTreeSet<_> = keys.into_iter().map(|key| (db, key.into_bytes())).collect();
        let timeout = if in_transaction {
            Some(Duration::ZERO)
        } else {
            (millis > 0).then(|| Duration::from_millis(millis))
        };
        let to = moves.then(|| (db, target.into_bytes()));
        let way = |network: &mut Network, _| network.shape(self.machine.host, self.host);
        let flight = self.world.net.with(way).flight_max();
        let wish = Wish { node: self.machine.index, spots, to, timeout, flight };
        Request { batch, command, wish }
    }
}

/// What a reply to the command means. In a transaction it stands among the results.
fn answer(command: Command, reply: &Reply) -> WaitAnswer {
    match (command, reply) {
        (_, Reply::Error(text)) => WaitAnswer::Refused(text.clone()),
        (_, Reply::Bulk(None) | Reply::Array(None)) => WaitAnswer::Nothing,
        (Command::Move | Command::MoveLeft, Reply::Bulk(Some(element))) => {
            WaitAnswer::Elements(vec![element.clone()])
        }
        (_, Reply::Array(Some(items))) => match items.as_slice() {
            [result] => answer(command, result),
            [_, Reply::Bulk(Some(element)), Reply::Bulk(Some(_score))] => {
                WaitAnswer::Elements(vec![element.clone()])
            }
            [_, Reply::Bulk(Some(element))] => WaitAnswer::Elements(vec![element.clone()]),
            [_, Reply::Array(Some(elements))] => {
                let elements = elements.iter().filter_map(|element| match element {
                    Reply::Bulk(Some(element)) => Some(element.clone()),
                    // A member with its score.
                    Reply::Array(Some(pair)) => match pair.as_slice() {
                        [Reply::Bulk(Some(member)), _] => Some(member.clone()),
                        _ => None,
                    },
                    Reply::Simple(_) | Reply::Error(_) | Reply::Integer(_) => None,
                    Reply::Bulk(None) | Reply::Array(None) => None,
                });
                WaitAnswer::Elements(elements.collect())
            }
            _ => WaitAnswer::Refused(format!("{reply:?}")),
        },
        (_, Reply::Simple(_) | Reply::Integer(_) | Reply::Bulk(Some(_))) => {
            WaitAnswer::Refused(format!("{reply:?}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_is_read_from_any_of_the_replies() {
        let bulk = |text: &str| Reply::Bulk(Some(text.as_bytes().to_vec()));
        let array = |items: &[Reply]| Reply::Array(Some(items.to_vec()));
        let taken = |words: &[&str]| {
            WaitAnswer::Elements(words.iter().map(|word| word.as_bytes().to_vec()).collect())
        };
        let pop = Command::Pop("BLPOP");
        assert_eq!(answer(pop, &array(&[bulk("k"), bulk("a")])), taken(&["a"]));
        assert_eq!(answer(pop, &array(&[array(&[bulk("k"), bulk("a")])])), taken(&["a"]));
        let many = array(&[bulk("k"), array(&[bulk("a"), bulk("b")])]);
        assert_eq!(answer(Command::PopMany, &many), taken(&["a", "b"]));
        let member = array(&[bulk("k"), bulk("a"), bulk("0")]);
        assert_eq!(answer(Command::PopMember("BZPOPMIN"), &member), taken(&["a"]));
        let pairs = ["a", "b"].map(|member| array(&[bulk(member), bulk("0")]));
        let members = array(&[bulk("k"), array(&pairs)]);
        assert_eq!(answer(Command::PopMembers, &members), taken(&["a", "b"]));
        assert_eq!(answer(Command::PopMembers, &array(&[members])), taken(&["a", "b"]));
        assert_eq!(answer(Command::Move, &bulk("a")), taken(&["a"]));
        assert_eq!(answer(Command::Move, &Reply::Bulk(None)), WaitAnswer::Nothing);
        assert_eq!(answer(pop, &array(&[Reply::Array(None)])), WaitAnswer::Nothing);
    }
}
