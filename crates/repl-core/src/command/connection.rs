//! Connections and transactions: `PING ECHO AUTH HELLO CLIENT SELECT RESET QUIT`, `MULTI EXEC
//! DISCARD WATCH UNWATCH`, and `WAIT`.

use super::{Flags, Handler, Keys, NodeCommand, Outcome, Spec};

const fn node(name: &'static str, arity: i8, flags: Flags, what: NodeCommand) -> Spec {
    Spec {
        name,
        arity,
        flags,
        keys: Keys::NONE,
        group: "connection",
        categories: &["@connection"],
        summary: "",
        handler: Handler::Node(what),
    }
}

const ANYTIME: Flags = Flags::LOADING.and(Flags::STALE);
const TRANSACTION: Flags = ANYTIME.and(Flags::NOSCRIPT);

pub(super) const SPECS: &[Spec] = &[
    Spec {
        summary: "Authenticate to the server",
        ..node(
            "auth",
            -2,
            TRANSACTION.and(Flags::FAST).and(Flags::NO_AUTH).and(Flags::ALLOW_BUSY),
            NodeCommand::Auth,
        )
    },
    // Redis gives the flags to the subcommands of CLIENT; all of them have these.
    Spec {
        summary: "A container for client connection commands",
        ..node("client", -2, TRANSACTION.and(Flags::CONTAINER), NodeCommand::Client)
    },
    Spec {
        group: "transactions",
        categories: &["@transaction"],
        summary: "Discard all commands issued after MULTI",
        ..node(
            "discard",
            1,
            TRANSACTION.and(Flags::FAST).and(Flags::ALLOW_BUSY),
            NodeCommand::Discard,
        )
    },
    Spec {
        name: "echo",
        arity: 2,
        flags: ANYTIME.and(Flags::FAST),
        keys: Keys::NONE,
        group: "connection",
        categories: &["@connection"],
        summary: "Echo the given string",
        handler: Handler::Data(|data, args| {
            data.reply.bulk(args.get(1));
            Ok(Outcome::Unchanged)
        }),
    },
    Spec {
        group: "transactions",
        categories: &["@transaction"],
        summary: "Execute all commands issued after MULTI",
        ..node("exec", 1, TRANSACTION.and(Flags::SKIP_SLOWLOG), NodeCommand::Exec)
    },
    Spec {
        summary: "Handshake with Redis",
        ..node(
            "hello",
            -1,
            TRANSACTION.and(Flags::FAST).and(Flags::NO_AUTH).and(Flags::ALLOW_BUSY),
            NodeCommand::Hello,
        )
    },
    Spec {
        group: "transactions",
        categories: &["@transaction"],
        summary: "Mark the start of a transaction block",
        ..node("multi", 1, TRANSACTION.and(Flags::FAST).and(Flags::ALLOW_BUSY), NodeCommand::Multi)
    },
    Spec {
        summary: "Ping the server",
        // Neither stale nor loading: a Sentinel learns from the refusal how the node is.
        ..node("ping", -1, Flags::FAST, NodeCommand::Ping)
    },
    Spec {
        summary: "Close the connection",
        ..node(
            "quit",
            -1,
            TRANSACTION.and(Flags::FAST).and(Flags::NO_AUTH).and(Flags::ALLOW_BUSY),
            NodeCommand::Quit,
        )
    },
    Spec {
        summary: "Reset the connection",
        ..node(
            "reset",
            1,
            TRANSACTION.and(Flags::FAST).and(Flags::NO_AUTH).and(Flags::ALLOW_BUSY),
            NodeCommand::Reset,
        )
    },
    Spec {
        summary: "Change the selected database for the current connection",
        ..node("select", 2, ANYTIME.and(Flags::FAST), NodeCommand::Select)
    },
    Spec {
        group: "transactions",
        categories: &["@transaction"],
        summary: "Forget about all watched keys",
        ..node(
            "unwatch",
            1,
            TRANSACTION.and(Flags::FAST).and(Flags::ALLOW_BUSY),
            NodeCommand::Unwatch,
        )
    },
    Spec {
        group: "generic",
        summary: "Wait for the synchronous replication of all the write commands sent in the \
                  context of the current connection",
        ..node("wait", 3, Flags::NOSCRIPT, NodeCommand::Wait)
    },
    Spec {
        group: "transactions",
        categories: &["@transaction"],
        keys: Keys::all(&["RO"]),
        summary: "Watch the given keys to determine execution of the MULTI/EXEC block",
        ..node("watch", -2, TRANSACTION.and(Flags::FAST).and(Flags::ALLOW_BUSY), NodeCommand::Watch)
    },
];
