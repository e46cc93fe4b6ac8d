//! How a value is kept: `OBJECT ENCODING FREQ HELP IDLETIME REFCOUNT`.

use super::super::{
    CommandError, Data, DataError, Flags, Handler, Keys, Misses, Outcome, Sight, Spec,
    subcommands::{Subcommand, container},
};
use crate::{
    base::number::parse_i64,
    keyspace::{Entry, Form},
    resp::Args,
    value::View,
};

const BASE: Spec = Spec {
    group: "generic",
    categories: &["@keyspace"],
    flags: Flags::READONLY,
    keys: Keys::at(2, &["RO"]),
    tips: &["nondeterministic_output"],
    ..Spec::PLAIN
};

const fn own(
    name: (&'static str, &'static str),
    summary: &'static str,
    handler: Handler,
) -> Subcommand {
    Subcommand::new(BASE, name, 3, "<key>", summary, handler)
}

const SUBCOMMANDS: &[Subcommand] = &[
    own(
        ("object|encoding", "2.2.3"),
        "Names the form in which a value is kept.",
        Handler::Data(|data, args| object(data, args, Question::Encoding)),
    ),
    own(
        ("object|freq", "4.0.0"),
        "Tells how often a key is used, on a logarithmic scale.",
        Handler::Data(|data, args| object(data, args, Question::Frequency)),
    ),
    Subcommand::help(BASE, "object|help", "6.2.0"),
    own(
        ("object|idletime", "2.2.3"),
        "Tells for how many seconds a key was not used.",
        Handler::Data(|data, args| object(data, args, Question::IdleTime)),
    ),
    own(
        ("object|refcount", "2.2.3"),
        "Counts how many hold on to a value.",
        Handler::Data(|data, args| object(data, args, Question::References)),
    ),
];

pub(in crate::command) const SPECS: &[Spec] =
    &[container("object", "2.2.3", "generic", "Tells how a value is kept.", SUBCOMMANDS)];

/// Longer strings have a place of their own in Redis.
const EMBEDDED_BYTES_MAX: usize = 44;
/// Redis keeps one object for each integer below this, and says it has this many references.
const SHARED_INTEGERS: i64 = 10_000;
const SHARED_REFERENCES: i64 = i32::MAX as i64;

/// The integer that Redis would keep in place of the text.
fn integer(entry: &Entry) -> Option<i64> {
    match entry.form() {
        Form::Whole => entry.string().ok().and_then(parse_i64),
        Form::Grown => None,
    }
}

/// The name of the encoding that Redis would choose.
// redis: object.c, tryObjectEncoding
pub(in crate::command) fn encoding(entry: &Entry) -> &'static str {
    match entry.view() {
        View::String(_) if integer(entry).is_some() => "int",
        View::String(string)
            if entry.form() == Form::Whole && string.len() <= EMBEDDED_BYTES_MAX =>
        {
            "embstr"
        }
        View::String(_) => "raw",
        View::List(list) => list.encoding(),
        View::Set(set) => set.encoding(),
        View::SortedSet(set) => set.encoding(),
        View::Hash(hash) => hash.encoding(),
    }
}

/// How many references `OBJECT REFCOUNT` counts.
pub(in crate::command) fn references(entry: &Entry) -> i64 {
    match integer(entry) {
        Some(0..SHARED_INTEGERS) => SHARED_REFERENCES,
        Some(_) | None => 1,
    }
}

/// One of the subcommands that take a key.
#[derive(Clone, Copy)]
enum Question {
    Encoding,
    Frequency,
    IdleTime,
    References,
}

fn object<'a>(
    data: &mut Data<'_>,
    args: Args<'a>,
    question: Question,
) -> Result<Outcome, CommandError<'a>> {
    let key = args.get(2);
    data.misses = Misses::Untold;
    let (hash, sight) = data.meet(key);
    match (sight, data.keyspace.find(data.db, hash, key)) {
        (Sight::AsFound, Some(entry)) => match question {
            Question::Encoding => data.reply.bulk(encoding(entry).as_bytes()),
            Question::Frequency => return Err(DataError::FrequencyNotTracked.into()),
            // When a key was used last is not recorded: it may have been just now.
            Question::IdleTime => data.reply.int(0),
            Question::References => data.reply.int(references(entry)),
        },
        (Sight::AsFound, None) | (Sight::Hidden, _) => data.reply.null(),
    }
    Ok(Outcome::Unchanged)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Bench;

    #[test]
    fn encodings_have_the_names_that_users_expect() {
        let mut bench = Bench::new();
        let long = "x".repeat(45);
        for (value, encoding) in [
            ("1", "$3 int"),
            ("-9223372036854775808", "$3 int"),
            ("9223372036854775808", "$6 embstr"),
            ("01", "$6 embstr"),
            (&long[..44], "$6 embstr"),
            (&long, "$3 raw"),
        ] {
            bench.run(&alloc::format!("SET k {value}"));
            bench.check("OBJECT ENCODING k", encoding, "");
        }
        bench.run("SET k 1");
        bench.run("APPEND k 2");
        bench.check("OBJECT encoding k", "$3 raw", "");
        bench.run("COPY k l");
        bench.check("OBJECT encoding l", "$3 raw", "");
        bench.run("INCR k");
        bench.check("OBJECT encoding k", "$3 int", "");
        bench.run("SETRANGE new 0 1");
        bench.check("OBJECT encoding new", "$3 raw", "");
    }

    #[test]
    fn references_and_idle_time_are_those_of_an_untouched_redis() {
        let mut bench = Bench::new();
        bench.run("SET small 9999");
        bench.run("SET big 10000");
        bench.check("OBJECT REFCOUNT small", ":2147483647", "");
        bench.check("OBJECT REFCOUNT big", ":1", "");
        bench.check("OBJECT REFCOUNT none", "$-1", "");
        bench.check("OBJECT IDLETIME big", ":0", "");
        assert!(bench.run("OBJECT FREQ big").0.starts_with("-ERR An LFU maxmemory policy is not"));
        bench.check("OBJECT FREQ none", "$-1", "");
    }
}
