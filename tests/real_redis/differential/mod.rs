//! The same generated commands to our server and to redis-server, compared reply by reply, and key
//! by key at the end of each sequence; a replica of the other kind follows each of the two.
//!
//! A sequence is a function of its number. `REPL_TEST_SEQUENCES` says how many there are, and
//! `REPL_TEST_SEQUENCE_FIRST` which is the first: a failure names the number to run alone.

mod alike;
mod channels;
mod commands;
mod connection;
mod dataset;
mod draw;
mod events;
mod templates;

use std::{env, fmt::Write as _, mem};

use libtest_mimic::Trial;

use self::{
    alike::Alike,
    connection::{Connection, Value},
    draw::Draw,
};
use crate::{
    fixture::{
        server::{Kind, Server},
        wait_for,
    },
    trial,
};

const SEQUENCES: u64 = 1_000;
const COMMANDS_MAX: u64 = 60;
/// Every so often a sequence is about channels.
const CHANNELS_EVERY: u64 = 8;
/// Every so often what one server dumps the other restores.
const DUMPS_EVERY: u64 = 4;
/// Every so often the replicas must hold what their masters hold.
const REPLICAS_EVERY: u64 = 20;

pub(crate) fn trials() -> Vec<Trial> {
    let number = |name: &str, default| {
        env::var(name).map_or(default, |text| text.parse().expect("it is set to a number"))
    };
    let count = number("REPL_TEST_SEQUENCES", SEQUENCES);
    let first = number("REPL_TEST_SEQUENCE_FIRST", 0);
    let title = format!("differential: {count} sequences of commands of all groups");
    let mut trials = vec![trial(title, vec![Kind::Ours, Kind::Redis], move || {
        let pairs = [[Kind::Ours, Kind::Redis], [Kind::Redis, Kind::Ours]];
        let pairs = pairs.map(|kinds| kinds.map(|kind| Server::start(kind, &[])));
        for [master, replica] in &pairs {
            replica.follow(master.port());
            // A key whose time is over is counted until somebody meets it: on both servers the
            // same.
            master.client().ok("DEBUG SET-ACTIVE-EXPIRE 0");
        }
        for sequence in first..first + count {
            if sequence % CHANNELS_EVERY == 0 {
                channels::run([&pairs[0][0], &pairs[1][0]], sequence);
            } else {
                run([&pairs[0][0], &pairs[1][0]], sequence);
            }
            if sequence % REPLICAS_EVERY == 1 {
                for [master, replica] in &pairs {
                    compare_replica(master, replica, sequence);
                }
            }
        }
    })];
    trials.extend(commands::trials());
    trials.extend(events::trials(first));
    trials
}

fn compare_replica(master: &Server, replica: &Server, sequence: u64) {
    wait_for("a replica that has applied everything", || {
        let (produced, applied) =
            (master.count("master_repl_offset"), replica.count("master_repl_offset"));
        let link = replica.info("master_link_status");
        if link == "up" && produced == applied {
            return Ok(());
        }
        Err(format!("link {link}, {applied} of {produced}"))
    });
    let digests = [master, replica].map(|server| server.client().ask("DEBUG DIGEST"));
    assert_eq!(digests[0], digests[1], "after sequence {sequence}: master and replica");
}

/// Which of a server's two connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Main,
    Other,
}

struct Step {
    who: Who,
    words: Vec<Vec<u8>>,
    alike: Alike,
}

/// Runs one sequence against both servers.
///
/// # Panics
/// With the commands so far, when the servers differ.
fn run(servers: [&Server; 2], sequence: u64) {
    let mut draw = Draw::of(sequence);
    let steps = steps(&mut draw);
    let mut connections =
        servers.map(|server| [Connection::to(server.port()), Connection::to(server.port())]);
    let [ours, theirs] = connections.each_mut().map(|pair| ask_all(pair, &steps));
    let mut told = String::new();
    // How the replies within the next EXEC must be alike.
    let mut queued = Vec::new();
    for ((step, ours), theirs) in steps.iter().zip(&ours).zip(&theirs) {
        let words: Vec<String> =
            step.words.iter().map(|word| word.escape_ascii().to_string()).collect();
        writeln!(told, "{:?} {}", step.who, words.join(" ")).expect("a string takes all");
        assert!(
            are_alike(step, &mut queued, ours, theirs),
            "sequence {sequence}: ours {ours:?}, redis {theirs:?}, after\n{told}"
        );
    }
    let objects = object_alike(&steps);
    let [ours, theirs] = connections.each_mut().map(|[main, _]| dataset::of(main));
    for (key, theirs) in &theirs {
        let found = ours.get(key);
        assert!(
            found.is_some_and(|ours| ours.is_like(theirs, objects)),
            "sequence {sequence}: {key:?} is {found:?}, in redis {theirs:?}, after\n{told}"
        );
    }
    assert_eq!(ours.len(), theirs.len(), "sequence {sequence}: surplus keys, after\n{told}");
    if sequence % DUMPS_EVERY == 1 {
        let [[ours, _], [theirs, _]] = &mut connections;
        dataset::exchange_dumps(ours, theirs, sequence);
        dataset::exchange_dumps(theirs, ours, sequence);
    }
}

/// Sends everything; what goes over one connection, at once.
fn ask_all([main, other]: &mut [Connection; 2], steps: &[Step]) -> Vec<Value> {
    let mut replies = Vec::new();
    for batch in steps.chunk_by(|one, next| one.who == next.who) {
        let connection = match batch[0].who {
            Who::Main => &mut *main,
            Who::Other => &mut *other,
        };
        let commands: Vec<&[Vec<u8>]> = batch.iter().map(|step| step.words.as_slice()).collect();
        replies.extend(connection.ask_all(&commands));
    }
    replies
}

fn are_alike(step: &Step, queued: &mut Vec<Alike>, ours: &Value, theirs: &Value) -> bool {
    let is = |name: &[u8]| step.words[0].eq_ignore_ascii_case(name);
    if step.who == Who::Other {
        return step.alike.holds(ours, theirs);
    }
    if ours.is(b'+', b"QUEUED") {
        queued.push(step.alike);
        return ours == theirs;
    }
    if is(b"EXEC") {
        let queued = mem::take(queued);
        let (ours_in, theirs_in) = (ours.items(), theirs.items());
        return ours.mark == theirs.mark
            && ours_in.len() == theirs_in.len()
            && (ours_in.is_empty() || ours_in.len() == queued.len())
            && (!ours_in.is_empty() || ours == theirs)
            && queued
                .iter()
                .zip(ours_in)
                .zip(theirs_in)
                .all(|((alike, ours), theirs)| alike.holds(ours, theirs));
    }
    if (is(b"MULTI") || is(b"DISCARD")) && ours.mark == b'+' {
        queued.clear();
    }
    step.alike.holds(ours, theirs)
}

fn steps(draw: &mut Draw) -> Vec<Step> {
    let mut steps = vec![exact("FLUSHALL"), exact("SELECT 0")];
    if draw.below(3) == 0 {
        steps.push(Step { alike: Alike::NotAtAll, ..exact("HELLO 3") });
    }
    // A sequence is about a few groups, so that its commands meet each other's keys.
    let groups: Vec<&[&str]> = (0..3).map(|_| *draw.one_of(templates::GROUPS)).collect();
    let count = 5 + draw.below(COMMANDS_MAX - 5);
    for _ in 0..count {
        let who = if draw.below(12) == 0 { Who::Other } else { Who::Main };
        match draw.below(40) {
            0 => steps.push(exact("MULTI")),
            1..=3 => steps.push(exact("EXEC")),
            4 => steps.push(exact("DISCARD")),
            5 => steps.push(drawn(draw, who, "WATCH $key $key", &mut Vec::new())),
            6 => steps.push(exact("UNWATCH")),
            7 | 8 => steps.push(any_arguments(draw, who)),
            _ => {
                let group = *draw.one_of(&groups);
                let mut key = Vec::new();
                for template in draw.one_of(group).split("; ") {
                    steps.push(drawn(draw, who, template, &mut key));
                }
            }
        }
    }
    steps.push(exact("EXEC"));
    let objects = object_alike(&steps);
    steps.iter_mut().filter(|step| step.alike == Alike::AsObject).for_each(|step| {
        step.alike = objects;
    });
    steps
}

/// How what `OBJECT` says must be alike in this sequence.
fn object_alike(steps: &[Step]) -> Alike {
    let is_sort = |step: &Step| step.words[0].to_ascii_uppercase().starts_with(b"SORT");
    if steps.iter().any(is_sort) { Alike::AsSortedObject } else { Alike::AsObject }
}

fn exact(line: &str) -> Step {
    let words = line.split(' ').map(|word| word.into()).collect();
    Step { who: Who::Main, words, alike: Alike::Exactly }
}

/// A command made of a template. `key` is the last key that was drawn.
fn drawn(draw: &mut Draw, who: Who, template: &str, key: &mut Vec<u8>) -> Step {
    let mut words: Vec<Vec<u8>> = Vec::new();
    for part in template.split(' ') {
        match part.strip_prefix('$') {
            Some("=") => words.push(key.clone()),
            Some(kind) => {
                let drawn = draw::words(draw, kind);
                if kind == "key" {
                    key.clone_from(&drawn[0]);
                }
                words.extend(drawn);
            }
            None => words.push(part.into()),
        }
    }
    let alike = alike_of(&words);
    Step { who, words, alike }
}

/// A command with whatever arguments.
fn any_arguments(draw: &mut Draw, who: Who) -> Step {
    let mut words = vec![(*draw.one_of(templates::ANY_ARGUMENTS)).into()];
    for _ in 0..draw.below(5) {
        let kind = *draw.one_of(templates::ANY_KINDS);
        words.extend(draw::words(draw, kind));
    }
    let alike = alike_of(&words);
    Step { who, words, alike }
}

/// How the replies to this command must be alike.
fn alike_of(words: &[Vec<u8>]) -> Alike {
    let name = words[0].to_ascii_uppercase();
    let has = |wanted: &[u8]| words.iter().any(|word| word.eq_ignore_ascii_case(wanted));
    match name.as_slice() {
        b"KEYS" | b"SCAN" | b"SMEMBERS" | b"SINTER" | b"SUNION" | b"SDIFF" | b"SSCAN"
        | b"HGETALL" | b"HKEYS" | b"HVALS" | b"HSCAN" | b"ZSCAN" => Alike::InAnyOrder,
        b"TTL" | b"PTTL" | b"EXPIRETIME" | b"PEXPIRETIME" => Alike::Nearly,
        b"DUMP" => Alike::AsDump,
        // Our own words.
        b"OBJECT" if has(b"HELP") => Alike::NotAtAll,
        b"OBJECT" => Alike::AsObject,
        b"SPOP" if has(b"9000") => Alike::InAnyOrder,
        b"HRANDFIELD" if has(b"2000") => Alike::InAnyOrder,
        b"ZRANDMEMBER" if has(b"2000") => Alike::InPairs,
        b"SPOP" | b"SRANDMEMBER" | b"HRANDFIELD" | b"ZRANDMEMBER" | b"RANDOMKEY" | b"TIME" => {
            Alike::InShape
        }
        // A part of what has no order may be any part.
        b"SORT" | b"SORT_RO" if has_free_order(words) && has(b"LIMIT") => Alike::InShape,
        b"SORT" | b"SORT_RO" if has_free_order(words) => Alike::InAnyOrder,
        b"HELLO" => Alike::NotAtAll,
        _ => Alike::Exactly,
    }
}

/// Whether a `SORT` leaves the order, or a part of it, to the order of a set: it sorts by nothing,
/// or by texts of which some may be equal. Equal numbers are told apart by the elements.
fn has_free_order(words: &[Vec<u8>]) -> bool {
    let is = |word: &[u8], wanted: &[u8]| word.eq_ignore_ascii_case(wanted);
    let by = words.windows(2).find(|pair| is(&pair[0], b"BY")).map(|pair| &pair[1]);
    by.is_some_and(|pattern| {
        let by_texts = words.iter().any(|word| is(word, b"ALPHA"));
        by_texts || !pattern.contains(&b'*')
    })
}
