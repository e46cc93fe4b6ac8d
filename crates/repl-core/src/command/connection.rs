//! Connections and transactions: `PING ECHO AUTH HELLO SELECT RESET QUIT`, `MULTI EXEC
//! DISCARD WATCH UNWATCH`, and `WAIT`.

use super::{Flags, Handler, Keys, NodeCommand, Outcome, Spec};

const fn node(
    name: &'static str,
    since: &'static str,
    arity: i8,
    flags: Flags,
    what: NodeCommand,
) -> Spec {
    Spec {
        name,
        since,
        arity,
        flags,
        keys: Keys::NONE,
        group: "connection",
        categories: &["@connection"],
        summary: "",
        handler: Handler::Node(what),
        ..Spec::PLAIN
    }
}

const ANYTIME: Flags = Flags::LOADING.and(Flags::STALE);
const TRANSACTION: Flags = ANYTIME.and(Flags::NOSCRIPT);

pub(super) const SPECS: &[Spec] = &[
    Spec {
        summary: "Gives the server the password.",
        ..node(
            "auth",
            "1.0.0",
            -2,
            TRANSACTION.and(Flags::FAST).and(Flags::NO_AUTH).and(Flags::ALLOW_BUSY),
            NodeCommand::Auth,
        )
    },
    Spec {
        group: "transactions",
        categories: &["@transaction"],
        summary: "Gives up the transaction that was begun.",
        ..node(
            "discard",
            "2.0.0",
            1,
            TRANSACTION.and(Flags::FAST).and(Flags::ALLOW_BUSY),
            NodeCommand::Discard,
        )
    },
    Spec {
        name: "echo",
        since: "1.0.0",
        arity: 2,
        flags: ANYTIME.and(Flags::FAST),
        keys: Keys::NONE,
        group: "connection",
        categories: &["@connection"],
        summary: "Says what it is told.",
        handler: Handler::Data(|data, args| {
            data.reply.bulk(args.get(1));
            Ok(Outcome::Unchanged)
        }),
        ..Spec::PLAIN
    },
    Spec {
        group: "transactions",
        categories: &["@transaction"],
        summary: "Runs the commands queued since MULTI.",
        ..node("exec", "1.2.0", 1, TRANSACTION.and(Flags::SKIP_SLOWLOG), NodeCommand::Exec)
    },
    Spec {
        summary: "Chooses the version of the protocol, and may log in.",
        ..node(
            "hello",
            "6.0.0",
            -1,
            TRANSACTION.and(Flags::FAST).and(Flags::NO_AUTH).and(Flags::ALLOW_BUSY),
            NodeCommand::Hello,
        )
    },
    Spec {
        group: "transactions",
        categories: &["@transaction"],
        summary: "Begins a transaction.",
        ..node(
            "multi",
            "1.2.0",
            1,
            TRANSACTION.and(Flags::FAST).and(Flags::ALLOW_BUSY),
            NodeCommand::Multi,
        )
    },
    Spec {
        summary: "Answers, which shows that the server is alive.",
        // Neither stale nor loading: a Sentinel learns from the refusal how the node is.
        ..node("ping", "1.0.0", -1, Flags::FAST.and(Flags::BRIEF), NodeCommand::Ping)
            .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
    },
    Spec {
        summary: "Ends the connection.",
        ..node(
            "quit",
            "1.0.0",
            -1,
            TRANSACTION.and(Flags::FAST).and(Flags::NO_AUTH).and(Flags::ALLOW_BUSY),
            NodeCommand::Quit,
        )
    },
    Spec {
        summary: "Makes the connection like a new one.",
        ..node(
            "reset",
            "6.2.0",
            1,
            TRANSACTION.and(Flags::FAST).and(Flags::NO_AUTH).and(Flags::ALLOW_BUSY),
            NodeCommand::Reset,
        )
    },
    Spec {
        summary: "Chooses the database for this connection.",
        ..node("select", "1.0.0", 2, ANYTIME.and(Flags::FAST), NodeCommand::Select)
    },
    Spec {
        group: "transactions",
        categories: &["@transaction"],
        summary: "Watches no key any longer.",
        ..node(
            "unwatch",
            "2.2.0",
            1,
            TRANSACTION.and(Flags::FAST).and(Flags::ALLOW_BUSY),
            NodeCommand::Unwatch,
        )
    },
    Spec {
        group: "generic",
        summary: "Waits until replicas have all that this connection has written.",
        ..node("wait", "3.0.0", 3, Flags::NOSCRIPT, NodeCommand::Wait)
            .tips(&["request_policy:all_shards", "response_policy:agg_min"])
    },
    Spec {
        group: "transactions",
        categories: &["@transaction"],
        keys: Keys::all(&["RO"]),
        summary: "Lets the next transaction fail if one of the keys changes.",
        ..node(
            "watch",
            "2.2.0",
            -2,
            TRANSACTION.and(Flags::FAST).and(Flags::ALLOW_BUSY),
            NodeCommand::Watch,
        )
    },
];
