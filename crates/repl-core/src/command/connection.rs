//! Connections and transactions: `PING ECHO AUTH SELECT QUIT MULTI EXEC DISCARD`.

use super::{CommandError, Data, Flags, Handler, Keys, NodeCommand, Outcome, Spec};
use crate::resp::Args;

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
        group: "transactions",
        categories: &["@transaction"],
        summary: "Mark the start of a transaction block",
        ..node("multi", 1, TRANSACTION.and(Flags::FAST).and(Flags::ALLOW_BUSY), NodeCommand::Multi)
    },
    Spec {
        name: "ping",
        arity: -1,
        // Neither stale nor loading: a Sentinel learns from the refusal how the node is.
        flags: Flags::FAST,
        keys: Keys::NONE,
        group: "connection",
        categories: &["@connection"],
        summary: "Ping the server",
        handler: Handler::Data(ping),
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
        summary: "Change the selected database for the current connection",
        ..node("select", 2, ANYTIME.and(Flags::FAST), NodeCommand::Select)
    },
];

fn ping<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    match (args.len(), args.try_get(1)) {
        (1, _) => data.reply.simple("PONG"),
        (2, Some(text)) => data.reply.bulk(text),
        (_, _) => return Err(CommandError::Arity("ping")),
    }
    Ok(Outcome::Unchanged)
}
