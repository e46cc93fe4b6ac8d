//! Specs of `COMMAND` and its subcommands. Their handlers are in `node`.

use super::{
    CommandCommand, Flags, Handler, NodeCommand, Spec,
    subcommands::{Subcommand, Subcommands},
};

const BASE: Spec = Spec {
    group: "server",
    categories: &["@connection"],
    flags: Flags::LOADING.and(Flags::STALE),
    ..Spec::PLAIN
};

const fn own(
    name: (&'static str, &'static str),
    arity: i8,
    usage: &'static str,
    summary: &'static str,
    what: CommandCommand,
) -> Subcommand {
    Subcommand::new(BASE, name, arity, usage, summary, Handler::Node(NodeCommand::Command(what)))
}

const ANY_ORDER: &[&str] = &["nondeterministic_output_order"];
const REQUEST: &str = "<command> <argument> [<argument> ...]";

const SUBCOMMANDS: &[Subcommand] = &[
    own(("command|count", "2.8.13"), 2, "", "Counts the commands.", CommandCommand::Count),
    own(
        ("command|docs", "7.0.0"),
        -2,
        "[<command> ...]",
        "Says what commands are for: all of them, or these.",
        CommandCommand::Docs,
    )
    .tips(ANY_ORDER),
    own(
        ("command|getkeys", "2.8.13"),
        -4,
        REQUEST,
        "Picks the keys out of a request.",
        CommandCommand::Getkeys,
    ),
    own(
        ("command|getkeysandflags", "7.0.0"),
        -4,
        REQUEST,
        "Picks the keys out of a request, and tells what would happen to each.",
        CommandCommand::Getkeysandflags,
    ),
    Subcommand::help(BASE, "command|help", "5.0.0"),
    own(
        ("command|info", "2.8.13"),
        -2,
        "[<command> ...]",
        "Describes commands as clients and proxies want it: all of them, or these.",
        CommandCommand::Info,
    )
    .tips(ANY_ORDER),
    own(
        ("command|list", "7.0.0"),
        -2,
        "[FILTERBY (MODULE <name>|ACLCAT <category>|PATTERN <pattern>)]",
        "Lists the names of commands.",
        CommandCommand::List,
    )
    .tips(ANY_ORDER),
];

pub(super) const SPECS: &[Spec] = &[Spec {
    name: "command",
    since: "2.8.13",
    arity: -1,
    tips: ANY_ORDER,
    summary: "Describes all commands.",
    handler: Handler::Node(NodeCommand::Command(CommandCommand::All)),
    subcommands: Subcommands::Listed(SUBCOMMANDS),
    ..BASE
}];
