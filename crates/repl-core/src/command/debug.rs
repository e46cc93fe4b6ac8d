//! Specs of `DEBUG` and its subcommands. Their handlers are in `node`.

use super::{
    DebugCommand, Flags, Handler, NodeCommand, Spec,
    subcommands::{Subcommand, Subcommands},
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
    Subcommand::help(BASE, "debug|help", BASE.since),
    own(
        "debug|set-active-expire",
        3,
        "(0|1)",
        "Chooses whether expired keys are deleted that nobody asks for.",
        DebugCommand::SetActiveExpire,
    ),
];

pub(super) const SPECS: &[Spec] = &[Spec {
    name: "debug",
    arity: -2,
    summary: "What test suites need.",
    subcommands: Subcommands::Unlisted(SUBCOMMANDS),
    ..BASE
}];
