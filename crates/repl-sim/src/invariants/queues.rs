//! A model of the queues: lists of unique elements that only waiting clients take from, and sorted
//! sets of unique members with one score, which are ordered by their bytes. It follows the
//! histories command by command, so that it knows which element each pop of each history took.
//!
//! A history begins with the queues of the history it came from, as they were at the switch, or
//! with those of the node that tells it first.

use std::collections::{BTreeMap, VecDeque};

use repl_core::base::ids::ReplId;

use super::stream::Command;
use crate::node_view::{QUEUES, Queues};

/// A key: its database and its name.
pub(crate) type Spot = (u64, Vec<u8>);

/// What a command took from a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) owner: ReplId,
    /// The number of the command's last byte.
    pub(super) end: u64,
    pub(super) from: Spot,
    /// Where it was put, if it was moved.
    pub(super) to: Option<Spot>,
    pub(super) elements: Vec<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Left,
    Right,
}

/// What a command does to the queues.
#[derive(Clone, Debug)]
enum Change {
    Push(Spot, End, Vec<Vec<u8>>),
    /// Members of a sorted set.
    Add(Spot, Vec<Vec<u8>>),
    Pop(Spot, End, usize),
    Move(Spot, End, Spot, End),
    /// All databases are emptied, or one.
    Flush(Option<u64>),
    Swap(u64, u64),
}

#[derive(Debug)]
struct History {
    /// The queues after byte `from`, and what came after it.
    base: Queues,
    from: u64,
    changes: Vec<(u64, Change)>,
    now: Queues,
    /// The database that is selected, once that is known.
    selected: Option<u64>,
    /// Whether a queue was changed of a database that was not known.
    unsure: bool,
}

/// See this file's header.
#[derive(Debug, Default)]
pub(super) struct Model {
    histories: BTreeMap<ReplId, History>,
}

impl Model {
    /// Whether a history has begun.
    pub(super) fn knows(&self, owner: ReplId) -> bool {
        self.histories.contains_key(&owner)
    }

    /// Commands of this history are about to be read for the first time. `from` is the last byte
    /// before them, and `queues` what was there.
    pub(super) fn begin(&mut self, owner: ReplId, from: u64, queues: Queues) {
        let (base, now) = (queues.clone(), queues);
        let history =
            History { base, from, changes: Vec::new(), now, selected: None, unsure: false };
        self.histories.insert(owner, history);
    }

    /// The queues after a byte of a history's own, if they are known.
    pub(super) fn at(&self, owner: ReplId, offset: u64) -> Option<Queues> {
        let history = self.histories.get(&owner)?;
        (offset >= history.from && !history.unsure).then(|| history.at(offset))
    }

    /// Whether the queues of a history are known.
    pub(super) fn is_sure(&self, owner: ReplId) -> bool {
        self.histories.get(&owner).is_some_and(|history| !history.unsure)
    }

    /// A command of a history; what it took from a queue.
    pub(super) fn on_command(&mut self, command: &Command<'_>) -> Option<Taken> {
        let history = self.histories.get_mut(&command.owner)?;
        if command.is("select") {
            history.selected = command.words.get(1).and_then(|word| number(word));
            return None;
        }
        if command.end <= history.from || history.unsure {
            return None;
        }
        let change = match change(command, history.selected) {
            Ok(change) => change?,
            Err(UnknownDatabase) => {
                // A node that tells a history anew says `SELECT` only when a snapshot begins.
                history.unsure = true;
                return None;
            }
        };
        let elements = apply(&mut history.now, &change);
        history.changes.push((command.end, change.clone()));
        let (from, to) = match change {
            Change::Pop(from, ..) => (from, None),
            Change::Move(from, _, to, _) => (from, Some(to)),
            Change::Push(..) | Change::Add(..) | Change::Flush(_) | Change::Swap(..) => {
                return None;
            }
        };
        Some(Taken { owner: command.owner, end: command.end, from, to, elements })
    }
}

impl History {
    /// The queues after this byte.
    fn at(&self, offset: u64) -> Queues {
        let mut queues = self.base.clone();
        for (_, change) in self.changes.iter().take_while(|(end, _)| *end <= offset) {
            apply(&mut queues, change);
        }
        queues
    }
}

fn number(word: &[u8]) -> Option<u64> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

fn end_of(word: &[u8]) -> End {
    if word.eq_ignore_ascii_case(b"left") { End::Left } else { End::Right }
}

/// The command is about a database that is not known.
struct UnknownDatabase;

/// What the command does to queues, if anything.
fn change(command: &Command<'_>, selected: Option<u64>) -> Result<Option<Change>, UnknownDatabase> {
    let key = command.words.get(1).copied().unwrap_or_default();
    if command.is("flushall") {
        return Ok(Some(Change::Flush(None)));
    }
    if command.is("swapdb") {
        let db = |at: usize| command.words.get(at).and_then(|word| number(word));
        return Ok(db(1).zip(db(2)).map(|(one, other)| Change::Swap(one, other)));
    }
    if command.is("flushdb") {
        return Ok(Some(Change::Flush(Some(selected.ok_or(UnknownDatabase)?))));
    }
    if !key.starts_with(QUEUES) {
        return Ok(None);
    }
    Ok(change_of_queue(command, (selected.ok_or(UnknownDatabase)?, key.to_vec())))
}

/// What a command about one queue does to it.
fn change_of_queue(command: &Command<'_>, spot: Spot) -> Option<Change> {
    let words = command.words;
    let db = spot.0;
    let values = || words.iter().skip(2).map(|word| word.to_vec()).collect();
    let count = || words.get(2).and_then(|word| number(word)).map_or(1, |count| count as usize);
    let target = || Some((db, words.get(2)?.to_vec()));
    if command.is("lpush") {
        Some(Change::Push(spot, End::Left, values()))
    } else if command.is("rpush") {
        Some(Change::Push(spot, End::Right, values()))
    } else if command.is("zadd") {
        Some(Change::Add(spot, words.iter().skip(3).step_by(2).map(|word| word.to_vec()).collect()))
    } else if command.is("zpopmin") {
        Some(Change::Pop(spot, End::Left, count()))
    } else if command.is("zpopmax") {
        Some(Change::Pop(spot, End::Right, count()))
    } else if command.is("lpop") {
        Some(Change::Pop(spot, End::Left, count()))
    } else if command.is("rpop") {
        Some(Change::Pop(spot, End::Right, count()))
    } else if command.is("lmove") {
        Some(Change::Move(spot, end_of(words.get(3)?), target()?, end_of(words.get(4)?)))
    } else if command.is("rpoplpush") {
        Some(Change::Move(spot, End::Right, target()?, End::Left))
    } else {
        None
    }
}

fn push(queues: &mut Queues, spot: &Spot, end: End, value: Vec<u8>) {
    let queue = queues.entry(spot.clone()).or_default();
    match end {
        End::Left => queue.push_front(value),
        End::Right => queue.push_back(value),
    }
}

/// Up to so many elements; an empty queue is none.
fn pop(queues: &mut Queues, spot: &Spot, end: End, count: usize) -> Vec<Vec<u8>> {
    let Some(queue) = queues.get_mut(spot) else { return Vec::new() };
    let one = |queue: &mut VecDeque<Vec<u8>>| match end {
        End::Left => queue.pop_front(),
        End::Right => queue.pop_back(),
    };
    let taken = (0..count).map_while(|_| one(queue)).collect();
    if queue.is_empty() {
        queues.remove(spot);
    }
    taken
}

/// Does it, and gives what was taken.
fn apply(queues: &mut Queues, change: &Change) -> Vec<Vec<u8>> {
    match change {
        Change::Push(spot, end, values) => {
            values.iter().for_each(|value| push(queues, spot, *end, value.clone()));
            Vec::new()
        }
        Change::Add(spot, members) => {
            let queue = queues.entry(spot.clone()).or_default();
            for member in members {
                queue.insert(queue.partition_point(|other| other < member), member.clone());
            }
            Vec::new()
        }
        Change::Pop(spot, end, count) => pop(queues, spot, *end, *count),
        Change::Move(from, from_end, to, to_end) => {
            let taken = pop(queues, from, *from_end, 1);
            taken.iter().for_each(|value| push(queues, to, *to_end, value.clone()));
            taken
        }
        Change::Flush(database) => {
            queues.retain(|(db, _), _| database.is_some_and(|emptied| *db != emptied));
            Vec::new()
        }
        Change::Swap(one, other) => {
            let swapped = |db: u64| match db {
                db if db == *one => *other,
                db if db == *other => *one,
                db => db,
            };
            let all = std::mem::take(queues).into_iter();
            *queues = all.map(|((db, key), queue)| ((swapped(db), key), queue)).collect();
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariants::samples::ids;

    /// What each of these commands takes, the first of which ends with byte 10.
    fn taken(model: &mut Model, owner: ReplId, commands: &[&str]) -> Vec<String> {
        let mut end = 10;
        let mut all = Vec::new();
        for text in commands {
            let words: Vec<&[u8]> = text.split(' ').map(str::as_bytes).collect();
            let taken = model.on_command(&Command { owner, at: end - 9, end, words: &words });
            let elements = taken.into_iter().flat_map(|taken| taken.elements);
            all.extend(elements.map(|element| String::from_utf8_lossy(&element).into_owned()));
            end += 10;
        }
        all
    }

    #[test]
    fn every_pop_names_its_element() {
        let [id] = ids();
        let mut model = Model::default();
        model.begin(id, 0, Queues::new());
        let commands = [
            "SELECT 1",
            "RPUSH queue:0 a b c",
            "LPUSH queue:1 d",
            "LPUSH other x",
            "LPOP queue:0",
            "lmove queue:0 queue:1 right left",
            "SWAPDB 1 2",
            "LPOP queue:1",
            "SELECT 2",
            "RPOP queue:1 5",
            "RPOPLPUSH queue:0 queue:1",
            "FLUSHALL",
            "LPOP queue:1",
            "ZADD queue:heap:0 0 y 0 x 0 z",
            "ZPOPMIN queue:heap:0",
            "ZPOPMAX queue:heap:0 2",
        ];
        let expected = ["a", "c", "d", "c", "b", "x", "z", "y"];
        assert_eq!(taken(&mut model, id, &commands), expected);
        assert_eq!(model.at(id, 999), Some(Queues::new()));
        assert_eq!(model.at(id, 40).map(|queues| queues.len()), Some(2));
    }

    #[test]
    fn the_queues_at_an_earlier_byte_are_known() {
        let [old, new] = ids();
        let mut model = Model::default();
        model.begin(old, 0, Queues::new());
        let commands = ["SELECT 0", "RPUSH queue:0 a b", "LPOP queue:0", "LPOP queue:0"];
        assert_eq!(taken(&mut model, old, &commands), ["a", "b"]);
        let queues = model.at(old, 30).expect("after the first pop");
        model.begin(new, 0, queues);
        assert_eq!(taken(&mut model, new, &["SELECT 0", "LPOP queue:0"]), ["b"]);
    }

    #[test]
    fn a_queue_of_an_unknown_database_makes_a_history_unsure() {
        let [id] = ids();
        let mut model = Model::default();
        model.begin(id, 0, Queues::new());
        assert!(model.is_sure(id));
        assert!(taken(&mut model, id, &["LPUSH other x", "LPOP queue:0"]).is_empty());
        assert!(!model.is_sure(id) && model.at(id, 20).is_none());
    }
}
