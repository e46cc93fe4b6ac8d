//! Specs of `ACL` and its subcommands. Their handlers are in `node`, users in `acl`.

use super::{
    AclCommand, Flags, Handler, NodeCommand, Spec,
    subcommands::{Subcommand, container},
};

const BASE: Spec = Spec {
    group: "server",
    flags: Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE),
    ..Spec::PLAIN
};

const fn own(
    name: &'static str,
    arity: i8,
    usage: &'static str,
    summary: &'static str,
    what: AclCommand,
) -> Subcommand {
    let handler = Handler::Node(NodeCommand::Acl(what));
    Subcommand::new(BASE, (name, "6.0.0"), arity, usage, summary, handler)
}

const SUBCOMMANDS: &[Subcommand] = &[
    own(
        "acl|cat",
        -2,
        "[<category>]",
        "Lists the categories of commands, or the commands of one.",
        AclCommand::Cat,
    ),
    own(
        "acl|deluser",
        -3,
        "<user> [<user> ...]",
        "Deletes users and ends their connections.",
        AclCommand::Deluser,
    )
    .with(Flags::ADMIN),
    Subcommand { spec: Spec { since: "7.0.0", ..DRYRUN.spec }, ..DRYRUN },
    own(
        "acl|genpass",
        -2,
        "[<bits>]",
        "Makes up a password, of 256 bits or as many as wanted.",
        AclCommand::Genpass,
    ),
    own("acl|getuser", 3, "<user>", "Shows what a user may do.", AclCommand::Getuser)
        .with(Flags::ADMIN),
    Subcommand::help(BASE, "acl|help", "6.0.0"),
    own("acl|list", 2, "", "Shows all users as configuration files do.", AclCommand::List)
        .with(Flags::ADMIN),
    own("acl|load", 2, "", "Would read the file of users.", AclCommand::Load).with(Flags::ADMIN),
    own("acl|save", 2, "", "Would write the file of users.", AclCommand::Save).with(Flags::ADMIN),
    own(
        "acl|setuser",
        -3,
        "<user> [<rule> [<rule> ...]]",
        "Makes a user, or changes what one may do.",
        AclCommand::Setuser,
    )
    .with(Flags::ADMIN),
    own("acl|users", 2, "", "Lists the names of all users.", AclCommand::Users).with(Flags::ADMIN),
    own("acl|whoami", 2, "", "Tells the user of this connection.", AclCommand::Whoami),
];

const DRYRUN: Subcommand = own(
    "acl|dryrun",
    -4,
    "<user> <command> [<arg> [<arg> ...]]",
    "Tells whether a user might run this.",
    AclCommand::Dryrun,
)
.with(Flags::ADMIN);

pub(super) const SPECS: &[Spec] =
    &[container("acl", "6.0.0", "server", "Says who may do what.", SUBCOMMANDS)];
