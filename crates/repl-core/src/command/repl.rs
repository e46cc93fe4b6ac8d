//! `REPL`: what Redis has no command for, in the form of its containers.

use super::{
    Flags, Handler, NodeCommand, Spec,
    subcommands::{Subcommand, container},
};

/// As `ROLE`: asked when something is wrong, so always answered.
const FLAGS: Flags =
    Flags::LOADING.and(Flags::STALE).and(Flags::NOSCRIPT).and(Flags::FAST).and(Flags::ADMIN);

const REPL: Spec = Spec { group: "server", flags: FLAGS, ..Spec::PLAIN };

const SUBCOMMANDS: &[Subcommand] = &[
    Subcommand::new(
        REPL,
        ("repl|explain", "7.0.15"),
        -2,
        "[<address> | <client-id> | RESET]",
        "Tells of each resynchronisation, newest first, why it was a full one or not.",
        Handler::Node(NodeCommand::ReplExplain),
    )
    .tips(&["nondeterministic_output"]),
    Subcommand::help(REPL, "repl|help", "7.0.15"),
];

pub(super) const SPECS: &[Spec] =
    &[container("repl", "7.0.15", "server", "Explains replication.", SUBCOMMANDS)];
