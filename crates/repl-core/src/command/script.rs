//! Specs of `SCRIPT`. There are no scripts: it exists because Sentinels end with it a script that
//! keeps a node from answering, and name it in their users' rules.

use super::{
    CommandError, Flags, Handler, SessionError, Spec,
    subcommands::{Subcommand, container},
};

const BASE: Spec =
    Spec { group: "scripting", categories: &["@scripting"], flags: Flags::NOSCRIPT, ..Spec::PLAIN };

const SUBCOMMANDS: &[Subcommand] = &[
    Subcommand::help(BASE, "script|help", "5.0.0"),
    Subcommand::new(
        BASE,
        ("script|kill", "2.6.0"),
        2,
        "",
        "Ends the script that is running: there is none.",
        Handler::Data(|_, _| Err(CommandError::Session(SessionError::NoScript))),
    )
    .with(Flags::ALLOW_BUSY)
    .tips(&["request_policy:all_shards", "response_policy:one_succeeded"]),
];

pub(super) const SPECS: &[Spec] = &[container(
    "script",
    "2.6.0",
    "scripting",
    "Is about scripts, which there are none.",
    SUBCOMMANDS,
)];
