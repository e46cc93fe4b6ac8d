//! `DEBUG`: what test suites need. Handlers that need more than the dataset are in `node`.

use alloc::{format, string::String, vec::Vec};

use super::{
    CommandError, Data, DataError, DebugCommand, Expiry, Flags, Handler, NodeCommand, Outcome,
    Spec, collection, is_word, keys,
    subcommands::{Subcommand, Subcommands},
};
use crate::{
    keyspace::Entry,
    rdb,
    resp::{Args, Proto, Reply},
    value::{List, Shape, View},
};

const BASE: Spec = Spec {
    since: "1.0.0",
    group: "server",
    flags: Flags::PROTECTED
        .and(Flags::ADMIN)
        .and(Flags::NOSCRIPT)
        .and(Flags::LOADING)
        .and(Flags::STALE),
    ..Spec::PLAIN
};

const fn own(
    name: &'static str,
    arity: i8,
    usage: &'static str,
    summary: &'static str,
    what: DebugCommand,
) -> Subcommand {
    let handler = Handler::Node(NodeCommand::Debug(what));
    Subcommand::new(BASE, (name, BASE.since), arity, usage, summary, handler)
}

type DataHandler = for<'a> fn(&mut Data<'_>, Args<'a>) -> Result<Outcome, CommandError<'a>>;

const fn of_data(
    name: &'static str,
    arity: i8,
    usage: &'static str,
    summary: &'static str,
    handler: DataHandler,
) -> Subcommand {
    Subcommand::new(BASE, (name, BASE.since), arity, usage, summary, Handler::Data(handler))
}

const SUBCOMMANDS: &[Subcommand] = &[
    own(
        "debug|change-repl-id",
        2,
        "",
        "Begins another history: replicas need a full sync.",
        DebugCommand::ChangeReplId,
    ),
    own(
        "debug|digest",
        2,
        "",
        "Reduces the whole dataset to a few digits that tell it from others.",
        DebugCommand::Digest,
    ),
    own(
        "debug|digest-value",
        -2,
        "[<key> ...]",
        "Does that for the value of each key.",
        DebugCommand::DigestValue,
    ),
    of_data("debug|error", 3, "<text>", "Answers with this error.", |data, args| {
        data.reply.error_bytes(args.get(2));
        Ok(Outcome::Unchanged)
    }),
    Subcommand::help(BASE, "debug|help", BASE.since),
    own("debug|log", 3, "<text>", "Writes a line into the log.", DebugCommand::Log),
    of_data("debug|object", 3, "<key>", "Tells how a key and its value are kept.", object),
    of_data(
        "debug|populate",
        -3,
        "<count> [<prefix>] [<size>]",
        "Creates so many strings, which replicas are not told.",
        populate,
    ),
    of_data("debug|protocol", 3, "<type>", "Answers with a value of this type.", protocol),
    own(
        "debug|reload",
        -2,
        "[NOSAVE] [NOFLUSH] [MERGE]",
        "Saves the dataset and loads it again.",
        DebugCommand::Reload,
    ),
    of_data(
        "debug|replicate",
        -3,
        "<command> [<argument> ...]",
        "Tells replicas a command that is not executed here.",
        replicate,
    ),
    own(
        "debug|set-active-expire",
        3,
        "(0|1)",
        "Chooses whether expired keys are deleted that nobody asks for.",
        DebugCommand::SetActiveExpire,
    ),
    own("debug|sleep", 3, "<seconds>", "Lets the whole server stand still.", DebugCommand::Sleep),
];

pub(super) const SPECS: &[Spec] = &[Spec {
    name: "debug",
    arity: -2,
    summary: "What test suites need.",
    subcommands: Subcommands::Unlisted(SUBCOMMANDS),
    ..BASE
}];

/// Bytes of a serialization that are not the value: the type before it, version and checksum
/// behind it.
const DUMP_FRAME: usize = 1 + 2 + 8;
/// Redis keeps the time of the last access in so many bits.
const ACCESS_SECONDS_MAX: i64 = 0xff_ffff;
/// What is shown for an address: an address of the process would be another in every run.
const ADDRESS_MAX: u64 = 0xffff_ffff_ffff;

/// `DEBUG OBJECT key`
// redis: debug.c, debugCommand
fn object<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let key = args.get(2);
    let hash = data.keyspace.hash(key);
    let entry = data.keyspace.find(data.db, hash, key).ok_or(DataError::NoSuchKey)?;
    let mut dump = Vec::new();
    rdb::dump(&mut dump, entry.view());
    let text = format!(
        "Value at:0x{:x} refcount:{} encoding:{} serializedlength:{} lru:{} lru_seconds_idle:0{}",
        hash.bits() & ADDRESS_MAX,
        keys::object::references(entry),
        keys::object::encoding(entry),
        dump.len() - DUMP_FRAME,
        data.now.as_secs() & ACCESS_SECONDS_MAX,
        pieces(entry, &data.keyspace.shape()),
    );
    data.reply.simple(&text);
    Ok(Outcome::Unchanged)
}

/// What a list is made of; nothing for other values.
fn pieces(entry: &Entry, shape: &Shape) -> String {
    let View::List(list) = entry.view() else { return String::new() };
    format!(
        " ql_nodes:{} ql_avg_node:{:.2} ql_listpack_max:{} ql_compressed:0 \
         ql_uncompressed_size:{}",
        list.pack_count(),
        list.len() as f64 / list.pack_count() as f64,
        shape.list_pack.size(),
        List::stored_bytes(list),
    )
}

/// `DEBUG POPULATE count [prefix] [size]`: what is there stays as it is.
// redis: debug.c, debugCommand
fn populate<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    if args.len() > 5 {
        let (container, asked) = (args.name(), args.get(1));
        return Err(CommandError::SubcommandSyntax { container, asked });
    }
    let count = collection::count(args.get(2))?;
    let prefix = args.try_get(3).unwrap_or(b"key");
    let size = args.try_get(4).map_or(Ok(0), collection::count)?;
    if size as u64 > data.value_bytes_max {
        return Err(CommandError::StringTooLong);
    }
    let mut key = prefix.to_vec();
    key.push(b':');
    let (mut value, mut digits) = (Vec::new(), itoa::Buffer::new());
    for number in 0..count {
        let number = digits.format(number).as_bytes();
        key.truncate(prefix.len() + 1);
        key.extend_from_slice(number);
        let hash = data.keyspace.hash(&key);
        if data.keyspace.find(data.db, hash, &key).is_some() {
            continue;
        }
        value.clear();
        value.extend_from_slice(b"value:");
        value.extend_from_slice(number);
        if size > 0 {
            value.resize(size, 0);
        }
        data.keyspace.set(data.db, hash, &key, &value, None);
    }
    data.reply.ok();
    Ok(Outcome::Unchanged)
}

/// `DEBUG REPLICATE command [argument ...]`: a replica has nobody to tell but its master's words.
fn replicate<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    data.reply.ok();
    if data.expiry != Expiry::Delete {
        return Ok(Outcome::Unchanged);
    }
    let words: Vec<&[u8]> = args.iter().skip(2).collect();
    data.effects.push(data.db, words);
    Ok(Outcome::Rewritten)
}

/// `DEBUG PROTOCOL type`
// redis: debug.c, debugCommand
fn protocol<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    type Write = fn(&mut Reply<'_>);
    const TYPES: [(&str, Write); 13] = [
        ("string", |reply| reply.bulk(b"Hello World")),
        ("integer", |reply| reply.int(12345)),
        ("double", |reply| reply.double(3141.0 / 1000.0)),
        ("bignum", |reply| match reply.proto() {
            Proto::Resp2 => reply.bulk(b"1234567999999999999999999999999999999"),
            Proto::Resp3 => reply.raw(b"(1234567999999999999999999999999999999\r\n"),
        }),
        ("null", |reply| reply.null()),
        ("array", |reply| {
            reply.array_len(3);
            (0..3).for_each(|number| reply.int(number));
        }),
        ("set", |reply| {
            reply.set_len(3);
            (0..3).for_each(|number| reply.int(number));
        }),
        ("map", |reply| {
            reply.map_len(3);
            for number in 0..3 {
                reply.int(number);
                reply.boolean(number == 1);
            }
        }),
        ("attrib", |reply| {
            if reply.proto() == Proto::Resp3 {
                reply.raw(b"|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n");
            }
            reply.bulk(b"Some real reply following the attribute");
        }),
        ("push", |reply| match reply.proto() {
            Proto::Resp2 => reply.error("ERR RESP2 is not supported by this command"),
            Proto::Resp3 => {
                reply.push_len(2);
                reply.bulk(b"server-cpu-usage");
                reply.int(42);
                reply.bulk(b"Some real reply following the push reply");
            }
        }),
        ("verbatim", |reply| reply.verbatim(b"txt", b"This is a verbatim\nstring")),
        ("true", |reply| reply.boolean(true)),
        ("false", |reply| reply.boolean(false)),
    ];
    match TYPES.iter().find(|(name, _)| is_word(args.get(2), name)) {
        Some((_, write)) => write(&mut data.reply),
        None => data.reply.error(
            "ERR Wrong protocol type name. Please use one of the following: \
             string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
        ),
    }
    Ok(Outcome::Unchanged)
}
