//! The server itself: specs of `BGSAVE FAILOVER INFO LASTSAVE MONITOR PSYNC REPLCONF REPLICAOF ROLE
//! SAVE SHUTDOWN SLAVEOF SYNC`.
//!
//! Their handlers are in `node`, since they are about roles, connections and configuration.

use super::{Flags, Handler, Keys, NodeCommand, Spec};

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
        flags,
        keys: Keys::NONE,
        group: "server",
        categories: &[],
        summary,
        handler: Handler::Node(what),
        ..Spec::PLAIN
    }
}

const ANYTIME: Flags = Flags::LOADING.and(Flags::STALE);
const ADMIN: Flags = Flags::ADMIN.and(Flags::NOSCRIPT);
const SYNC: Flags = ADMIN.and(Flags::NO_ASYNC_LOADING).and(Flags::NO_MULTI);
const FOLLOW: Flags = ADMIN.and(Flags::STALE).and(Flags::NO_ASYNC_LOADING);

pub(super) const SPECS: &[Spec] = &[
    spec(
        "bgsave",
        "1.0.0",
        -1,
        ADMIN.and(Flags::NO_ASYNC_LOADING),
        "Writes the dataset to disk while others are served.",
        NodeCommand::Bgsave,
    ),
    spec(
        "failover",
        "6.2.0",
        -1,
        ADMIN.and(Flags::STALE),
        "Hands the role of the master to a replica, without losing a write.",
        NodeCommand::Failover,
    ),
    Spec {
        categories: &["@admin", "@dangerous"],
        ..spec(
            "lastsave",
            "1.0.0",
            1,
            ANYTIME.and(Flags::FAST),
            "Tells when the dataset was last written to disk.",
            NodeCommand::Lastsave,
        )
        .tips(&["nondeterministic_output"])
    },
    Spec {
        categories: &["@dangerous"],
        ..spec(
            "info",
            "1.0.0",
            -1,
            ANYTIME,
            "Reports on the server, section by section.",
            NodeCommand::Info,
        )
        .tips(&[
            "nondeterministic_output",
            "request_policy:all_shards",
            "response_policy:special",
        ])
    },
    spec(
        "monitor",
        "1.0.0",
        1,
        ADMIN.and(ANYTIME),
        "Shows every command as it is run.",
        NodeCommand::Monitor,
    ),
    spec(
        "psync",
        "2.8.0",
        -3,
        SYNC,
        "Asks a master for its stream, from an offset on if possible.",
        NodeCommand::Psync,
    ),
    spec(
        "replconf",
        "3.0.0",
        -1,
        ADMIN.and(ANYTIME).and(Flags::ALLOW_BUSY),
        "What replicas and masters tell each other.",
        NodeCommand::Replconf,
    ),
    spec(
        "replicaof",
        "5.0.0",
        3,
        FOLLOW,
        "Follows a master, or becomes one.",
        NodeCommand::Replicaof,
    ),
    Spec {
        categories: &["@admin", "@dangerous"],
        ..spec(
            "role",
            "2.8.12",
            1,
            ANYTIME.and(Flags::NOSCRIPT).and(Flags::FAST),
            "Tells whether this is a master or a replica, and of whom.",
            NodeCommand::Role,
        )
    },
    spec(
        "save",
        "1.0.0",
        1,
        SYNC,
        "Writes the dataset to disk, and answers when it is there.",
        NodeCommand::Save,
    ),
    spec(
        "shutdown",
        "1.0.0",
        -1,
        ADMIN.and(ANYTIME).and(Flags::NO_MULTI).and(Flags::ALLOW_BUSY),
        "Ends the server.",
        NodeCommand::Shutdown,
    ),
    spec(
        "slaveof",
        "1.0.0",
        3,
        FOLLOW,
        "Follows a master, or becomes one.",
        NodeCommand::Replicaof,
    ),
    spec(
        "sync",
        "1.0.0",
        1,
        SYNC,
        "Asks a master for its dataset and its stream, the old way.",
        NodeCommand::Sync,
    ),
];
