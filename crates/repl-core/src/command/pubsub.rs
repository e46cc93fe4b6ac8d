//! Channels and their messages: specs of `PUBLISH SUBSCRIBE PSUBSCRIBE SSUBSCRIBE ... PUBSUB`.
//!
//! Their handlers are in `node`, since they are about connections.

use super::{Flags, Handler, Keys, NodeCommand, Spec};

const fn spec(
    name: &'static str,
    arity: i8,
    flags: Flags,
    summary: &'static str,
    what: NodeCommand,
) -> Spec {
    Spec {
        name,
        arity,
        flags: flags.and(Flags::PUBSUB).and(Flags::LOADING).and(Flags::STALE),
        keys: Keys::NONE,
        group: "pubsub",
        categories: &[],
        summary,
        handler: Handler::Node(what),
    }
}

const LISTEN: Flags = Flags::NOSCRIPT;
const SAY: Flags = Flags::FAST.and(Flags::MAY_REPLICATE);
/// Shard channels are found like keys, and are none.
const SHARD: &[&str] = &["not_key"];

pub(super) const SPECS: &[Spec] = &[
    spec(
        "psubscribe",
        -2,
        LISTEN,
        "Listen for messages published to channels matching the given patterns",
        NodeCommand::Psubscribe,
    ),
    spec("publish", 3, SAY, "Post a message to a channel", NodeCommand::Publish),
    spec("pubsub", -2, Flags::CONTAINER, "A container for Pub/Sub commands", NodeCommand::Pubsub),
    spec(
        "punsubscribe",
        -1,
        LISTEN,
        "Stop listening for messages posted to channels matching the given patterns",
        NodeCommand::Punsubscribe,
    ),
    Spec {
        keys: Keys::one(SHARD),
        ..spec("spublish", 3, SAY, "Post a message to a shard channel", NodeCommand::Spublish)
    },
    Spec {
        keys: Keys::all(SHARD),
        ..spec(
            "ssubscribe",
            -2,
            LISTEN,
            "Listen for messages published to the given shard channels",
            NodeCommand::Ssubscribe,
        )
    },
    spec(
        "subscribe",
        -2,
        LISTEN,
        "Listen for messages published to the given channels",
        NodeCommand::Subscribe,
    ),
    Spec {
        keys: Keys::all(SHARD),
        ..spec(
            "sunsubscribe",
            -1,
            LISTEN,
            "Stop listening for messages posted to the given shard channels",
            NodeCommand::Sunsubscribe,
        )
    },
    spec(
        "unsubscribe",
        -1,
        LISTEN,
        "Stop listening for messages posted to the given channels",
        NodeCommand::Unsubscribe,
    ),
];
