//! Channels and their messages: specs of `PUBLISH SUBSCRIBE PSUBSCRIBE SSUBSCRIBE ... PUBSUB`.
//!
//! Their handlers are in `node`, since they are about connections.

use super::{
    Access, Flags, Handler, Keys, NodeCommand, PubsubCommand, Spec,
    subcommands::{Subcommand, container},
};

const fn spec(
    name: &'static str,
    since: &'static str,
    arity: i8,
    flags: Flags,
    summary: &'static str,
    what: NodeCommand,
) -> Spec {
    Spec {
        name,
        since,
        arity,
        flags: flags.and(Flags::PUBSUB).and(Flags::LOADING).and(Flags::STALE),
        keys: Keys::NONE,
        group: "pubsub",
        categories: &[],
        summary,
        handler: Handler::Node(what),
        ..Spec::PLAIN
    }
}

const LISTEN: Flags = Flags::NOSCRIPT;
const SAY: Flags = Flags::FAST.and(Flags::MAY_REPLICATE);
/// Shard channels are found like keys, and are none.
const SHARD: Access = &["not_key"];

const BASE: Spec = Spec {
    group: "pubsub",
    flags: Flags::PUBSUB.and(Flags::LOADING).and(Flags::STALE),
    ..Spec::PLAIN
};

const fn own(
    name: (&'static str, &'static str),
    arity: i8,
    usage: &'static str,
    summary: &'static str,
    what: PubsubCommand,
) -> Subcommand {
    Subcommand::new(BASE, name, arity, usage, summary, Handler::Node(NodeCommand::Pubsub(what)))
}

const SUBCOMMANDS: &[Subcommand] = &[
    own(
        ("pubsub|channels", "2.8.0"),
        -2,
        "[<pattern>]",
        "Lists the channels that anybody listens to.",
        PubsubCommand::Channels,
    ),
    Subcommand::help(BASE, "pubsub|help", "6.2.0"),
    own(
        ("pubsub|numpat", "2.8.0"),
        2,
        "",
        "Counts the patterns that anybody listens to.",
        PubsubCommand::Numpat,
    ),
    own(
        ("pubsub|numsub", "2.8.0"),
        -2,
        "[<channel> ...]",
        "Counts the listeners of each channel, without those of patterns.",
        PubsubCommand::Numsub,
    ),
    own(
        ("pubsub|shardchannels", "7.0.0"),
        -2,
        "[<pattern>]",
        "Lists the shard channels that anybody listens to.",
        PubsubCommand::Shardchannels,
    ),
    own(
        ("pubsub|shardnumsub", "7.0.0"),
        -2,
        "[<channel> ...]",
        "Counts the listeners of each shard channel.",
        PubsubCommand::Shardnumsub,
    ),
];

pub(super) const SPECS: &[Spec] = &[
    spec(
        "psubscribe",
        "2.0.0",
        -2,
        LISTEN,
        "Listens to all channels that match patterns.",
        NodeCommand::Psubscribe,
    ),
    spec(
        "publish",
        "2.0.0",
        3,
        SAY,
        "Sends a message to all who listen to a channel.",
        NodeCommand::Publish,
    ),
    container("pubsub", "2.8.0", "pubsub", "Asks about channels.", SUBCOMMANDS),
    spec(
        "punsubscribe",
        "2.0.0",
        -1,
        LISTEN,
        "Listens to patterns of channels no longer.",
        NodeCommand::Punsubscribe,
    ),
    Spec {
        keys: Keys::one(SHARD),
        ..spec(
            "spublish",
            "7.0.0",
            3,
            SAY,
            "Sends a message to all who listen to a shard channel.",
            NodeCommand::Spublish,
        )
    },
    Spec {
        keys: Keys::all(SHARD),
        ..spec(
            "ssubscribe",
            "7.0.0",
            -2,
            LISTEN,
            "Listens to shard channels.",
            NodeCommand::Ssubscribe,
        )
    },
    spec("subscribe", "2.0.0", -2, LISTEN, "Listens to channels.", NodeCommand::Subscribe),
    Spec {
        keys: Keys::all(SHARD),
        ..spec(
            "sunsubscribe",
            "7.0.0",
            -1,
            LISTEN,
            "Listens to shard channels no longer.",
            NodeCommand::Sunsubscribe,
        )
    },
    spec(
        "unsubscribe",
        "2.0.0",
        -1,
        LISTEN,
        "Listens to channels no longer.",
        NodeCommand::Unsubscribe,
    ),
];
