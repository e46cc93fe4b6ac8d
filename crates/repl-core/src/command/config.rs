//! Specs of `CONFIG` and its subcommands. Their handlers are in `node`.

use super::{
    ConfigCommand, Flags, Handler, NodeCommand, Spec,
    subcommands::{Subcommand, container},
};

const BASE: Spec = Spec {
    group: "server",
    flags: Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE),
    ..Spec::PLAIN
};

const fn own(
    name: (&'static str, &'static str),
    arity: i8,
    usage: &'static str,
    summary: &'static str,
    what: ConfigCommand,
) -> Subcommand {
    Subcommand::new(BASE, name, arity, usage, summary, Handler::Node(NodeCommand::Config(what)))
}

const SUBCOMMANDS: &[Subcommand] = &[
    own(
        ("config|get", "2.0.0"),
        -3,
        "<pattern> [<pattern> ...]",
        "Shows the directives whose names match, and their values.",
        ConfigCommand::Get,
    ),
    Subcommand::help(BASE, "config|help", "5.0.0"),
    own(
        ("config|resetstat", "2.0.0"),
        2,
        "",
        "Lets the counters of INFO begin at zero.",
        ConfigCommand::Resetstat,
    ),
    own(
        ("config|rewrite", "2.8.0"),
        2,
        "",
        "Writes the configuration into its file.",
        ConfigCommand::Rewrite,
    ),
    own(
        ("config|set", "2.0.0"),
        -4,
        "<directive> <value> [<directive> <value> ...]",
        "Changes directives while the server runs: all of these or none.",
        ConfigCommand::Set,
    )
    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
];

pub(super) const SPECS: &[Spec] =
    &[container("config", "2.0.0", "server", "Shows and changes the configuration.", SUBCOMMANDS)];
