//! `MEMORY`: what keys take. What the process takes, the node knows.

use super::{
    CommandError, Data, Flags, Handler, Keys, MemoryCommand, Misses, NodeCommand, Outcome, Sight,
    Spec, is_word,
    subcommands::{Subcommand, container},
};
use crate::{base::number::parse_i64, resp::Args};

const BASE: Spec = Spec { group: "server", since: "4.0.0", ..Spec::PLAIN };

const fn own(
    name: &'static str,
    summary: &'static str,
    what: MemoryCommand,
    tips: &'static [&'static str],
) -> Subcommand {
    let handler = Handler::Node(NodeCommand::Memory(what));
    Subcommand::new(BASE, (name, "4.0.0"), 2, "", summary, handler).tips(tips)
}

const SUBCOMMANDS: &[Subcommand] = &[
    own(
        "memory|doctor",
        "Judges how memory is used.",
        MemoryCommand::Doctor,
        &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
    ),
    Subcommand::help(BASE, "memory|help", "4.0.0"),
    own(
        "memory|malloc-stats",
        "Shows what the allocator counts.",
        MemoryCommand::MallocStats,
        &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
    ),
    own(
        "memory|purge",
        "Asks the allocator to give back what is free.",
        MemoryCommand::Purge,
        &["request_policy:all_shards", "response_policy:all_succeeded"],
    ),
    own(
        "memory|stats",
        "Tells what memory is used for.",
        MemoryCommand::Stats,
        &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
    ),
    Subcommand::new(
        Spec { flags: Flags::READONLY, keys: Keys::at(2, &["RO"]), ..BASE },
        ("memory|usage", "4.0.0"),
        -3,
        "<key> [SAMPLES <count>]",
        "Counts the bytes that a key and its value take.",
        Handler::Data(usage),
    ),
];

pub(super) const SPECS: &[Spec] =
    &[container("memory", "4.0.0", "server", "Tells what takes memory.", SUBCOMMANDS)];

/// `MEMORY USAGE key [SAMPLES count]`: all elements are counted, however many samples are wanted.
fn usage<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let mut words = args.iter().skip(3);
    while let Some(option) = words.next() {
        let count = words.next().filter(|_| is_word(option, "SAMPLES"));
        let count = parse_i64(count.ok_or(CommandError::Syntax)?);
        if count.ok_or(CommandError::NotInteger)? < 0 {
            return Err(CommandError::Syntax);
        }
    }
    let key = args.get(2);
    data.misses = Misses::Untold;
    let (hash, sight) = data.meet(key);
    match (sight, data.keyspace.find(data.db, hash, key)) {
        (Sight::AsFound, Some(entry)) => {
            let bytes = entry.memory_bytes() + size_of_val(entry);
            data.reply.int(bytes as i64);
        }
        (Sight::AsFound, None) | (Sight::Hidden, _) => data.reply.null(),
    }
    Ok(Outcome::Unchanged)
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;

    fn usage(bench: &mut Bench, key: &str) -> usize {
        let (reply, _) = bench.run(&alloc::format!("MEMORY USAGE {key}"));
        reply.trim_start_matches(':').parse().expect("a number")
    }

    #[test]
    fn a_key_takes_what_its_entry_and_its_value_take() {
        let mut bench = Bench::new();
        bench.run("SET k v");
        let small = usage(&mut bench, "k");
        assert!((16..100).contains(&small), "{small}");
        let long = "x".repeat(10_000);
        bench.run(&alloc::format!("SET k {long}"));
        assert!((10_000..10_200).contains(&usage(&mut bench, "k")));
        for number in 0..2_000 {
            bench.run(&alloc::format!("RPUSH l {number:010}"));
            bench.run(&alloc::format!("HSET h {number:010} {number:010}"));
        }
        assert!((24_000..30_000).contains(&usage(&mut bench, "l")));
        assert!((48_000..200_000).contains(&usage(&mut bench, "h")));
    }

    /// Asked of redis-server 7.0.15.
    #[test]
    fn samples_are_a_number_and_change_nothing() {
        let mut bench = Bench::new();
        bench.run("SET k v");
        let bytes = alloc::format!(":{}", usage(&mut bench, "k"));
        bench.check("MEMORY USAGE k SAMPLES 0", &bytes, "");
        bench.check("MEMORY USAGE k samples 1 SAMPLES 3", &bytes, "");
        bench.check("MEMORY USAGE none", "$-1", "");
        bench.check("MEMORY USAGE k SAMPLES -1", "-ERR syntax error", "");
        bench.check("MEMORY USAGE k SAMPLES", "-ERR syntax error", "");
        bench.check("MEMORY USAGE k foo 1", "-ERR syntax error", "");
        let number = "-ERR value is not an integer or out of range";
        bench.check("MEMORY USAGE k SAMPLES x", number, "");
    }
}
