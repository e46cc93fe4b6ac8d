//! How a value is kept: `OBJECT ENCODING FREQ HELP IDLETIME REFCOUNT`.

use super::super::{
    CommandError, Data, DataError, Flags, Handler, Keys, Outcome, Sight, Spec, is_word,
};
use crate::{
    base::number::parse_i64,
    keyspace::{Entry, Form},
    resp::Args,
    value::View,
};

pub(in crate::command) const SPECS: &[Spec] = &[Spec {
    name: "object",
    arity: -2,
    flags: Flags::READONLY.and(Flags::CONTAINER),
    keys: Keys { first: 2, last: 2, step: 1, access: &["RO"] },
    group: "generic",
    categories: &["@keyspace"],
    summary: "A container for object introspection commands",
    handler: Handler::Data(object),
}];

const HELP: [&str; 15] = [
    "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "ENCODING <key>",
    "    Return the kind of internal representation used in order to store the value",
    "    associated with a <key>.",
    "FREQ <key>",
    "    Return the access frequency index of the <key>. The returned integer is",
    "    proportional to the logarithm of the recent access frequency of the key.",
    "IDLETIME <key>",
    "    Return the idle time of the <key>, that is the approximated number of",
    "    seconds elapsed since the last access to the key.",
    "REFCOUNT <key>",
    "    Return the number of references of the value associated with the specified",
    "    <key>.",
    "HELP",
    "    Prints this help.",
];

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
fn encoding(entry: &Entry) -> &'static str {
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
        View::Hash(hash) => hash.encoding(),
    }
}

fn references(entry: &Entry) -> i64 {
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

fn object<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let asked = args.get(1);
    if is_word(asked, "HELP") {
        if args.len() != 2 {
            return Err(CommandError::Arity("object|help"));
        }
        data.reply.array_len(HELP.len());
        HELP.into_iter().for_each(|line| data.reply.simple(line));
        return Ok(Outcome::Unchanged);
    }
    let question = [
        ("ENCODING", "object|encoding", Question::Encoding),
        ("FREQ", "object|freq", Question::Frequency),
        ("IDLETIME", "object|idletime", Question::IdleTime),
        ("REFCOUNT", "object|refcount", Question::References),
    ]
    .into_iter()
    .find(|(word, ..)| is_word(asked, word));
    let Some((_, name, question)) = question else {
        return Err(CommandError::UnknownSubcommand { command: "OBJECT", asked });
    };
    let (Some(key), 3) = (args.try_get(2), args.len()) else {
        return Err(CommandError::Arity(name));
    };
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

    #[test]
    fn subcommands_count_their_arguments() {
        let mut bench = Bench::new();
        let error = |name| alloc::format!("-ERR wrong number of arguments for '{name}' command");
        bench.check("OBJECT ENCODING", &error("object|encoding"), "");
        bench.check("OBJECT FREQ a b", &error("object|freq"), "");
        bench.check("OBJECT HELP a", &error("object|help"), "");
        bench.check("OBJECT foo", "-ERR unknown subcommand 'foo'. Try OBJECT HELP.", "");
        assert!(bench.run("OBJECT HELP").0.starts_with("*15 +OBJECT <subcommand>"));
    }
}
