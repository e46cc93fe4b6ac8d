//! The server itself: specs of `COMMAND CONFIG DEBUG INFO MONITOR PSYNC REPLCONF REPLICAOF ROLE
//! SHUTDOWN SLAVEOF SYNC`.
//!
//! Their handlers are in `node`, since they are about roles, connections and configuration.

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
        flags,
        keys: Keys::NONE,
        group: "server",
        categories: &[],
        summary,
        handler: Handler::Node(what),
    }
}

const ANYTIME: Flags = Flags::LOADING.and(Flags::STALE);
const ADMIN: Flags = Flags::ADMIN.and(Flags::NOSCRIPT);
const SYNC: Flags = ADMIN.and(Flags::NO_ASYNC_LOADING).and(Flags::NO_MULTI);
const FOLLOW: Flags = ADMIN.and(Flags::STALE).and(Flags::NO_ASYNC_LOADING);

pub(super) const SPECS: &[Spec] = &[
    Spec {
        categories: &["@connection"],
        ..spec(
            "command",
            -1,
            ANYTIME.and(Flags::CONTAINER),
            "Get array of Redis command details",
            NodeCommand::Command,
        )
    },
    // Redis gives the access flags to the subcommands of CONFIG; all of them are these.
    spec(
        "config",
        -2,
        ADMIN.and(ANYTIME).and(Flags::CONTAINER),
        "A container for server configuration commands",
        NodeCommand::Config,
    ),
    spec("debug", -2, ADMIN.and(ANYTIME), "A container for debugging commands", NodeCommand::Debug),
    Spec {
        categories: &["@dangerous"],
        ..spec(
            "info",
            -1,
            ANYTIME,
            "Get information and statistics about the server",
            NodeCommand::Info,
        )
    },
    spec(
        "monitor",
        1,
        ADMIN.and(ANYTIME),
        "Listen for all requests received by the server in real time",
        NodeCommand::Monitor,
    ),
    spec("psync", -3, SYNC, "Internal command used for replication", NodeCommand::Psync),
    spec(
        "replconf",
        -1,
        ADMIN.and(ANYTIME).and(Flags::ALLOW_BUSY),
        "An internal command for configuring the replication stream",
        NodeCommand::Replconf,
    ),
    spec(
        "replicaof",
        3,
        FOLLOW,
        "Make the server a replica of another instance, or promote it as master.",
        NodeCommand::Replicaof,
    ),
    Spec {
        categories: &["@admin", "@dangerous"],
        ..spec(
            "role",
            1,
            ANYTIME.and(Flags::NOSCRIPT).and(Flags::FAST),
            "Return the role of the instance in the context of replication",
            NodeCommand::Role,
        )
    },
    spec(
        "shutdown",
        -1,
        ADMIN.and(ANYTIME).and(Flags::NO_MULTI).and(Flags::ALLOW_BUSY),
        "Synchronously save the dataset to disk and then shut down the server",
        NodeCommand::Shutdown,
    ),
    spec(
        "slaveof",
        3,
        FOLLOW,
        "Make the server a replica of another instance, or promote it as master.",
        NodeCommand::Replicaof,
    ),
    spec("sync", 1, SYNC, "Internal command used for replication", NodeCommand::Sync),
];
