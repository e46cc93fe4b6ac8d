//! Specs of `CLIENT` and its subcommands. Their handlers are in `node`.

use super::{
    ClientCommand, Flags, Handler, NodeCommand, Spec,
    subcommands::{Subcommand, container},
};

const BASE: Spec = Spec {
    group: "connection",
    categories: &["@connection"],
    flags: Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE),
    ..Spec::PLAIN
};

const fn own(
    name: (&'static str, &'static str),
    arity: i8,
    usage: &'static str,
    summary: &'static str,
    what: ClientCommand,
) -> Subcommand {
    Subcommand::new(BASE, name, arity, usage, summary, Handler::Node(NodeCommand::Client(what)))
}

const CHANGES: &[&str] = &["nondeterministic_output"];

const SUBCOMMANDS: &[Subcommand] = &[
    own(
        ("client|getname", "2.6.9"),
        2,
        "",
        "Tells the name of this connection.",
        ClientCommand::Getname,
    ),
    own(
        ("client|getredir", "6.0.0"),
        2,
        "",
        "Tells which client is notified in place of this one.",
        ClientCommand::Getredir,
    ),
    Subcommand::help(BASE, "client|help", "5.0.0"),
    own(("client|id", "5.0.0"), 2, "", "Tells the number of this connection.", ClientCommand::Id),
    own(("client|info", "6.2.0"), 2, "", "Describes this connection.", ClientCommand::Info)
        .tips(CHANGES),
    own(
        ("client|kill", "2.4.0"),
        -3,
        "<ip:port> | <filter> <value> [<filter> <value> ...]",
        "Ends connections. Filters are ID, TYPE, ADDR, LADDR, USER and SKIPME.",
        ClientCommand::Kill,
    )
    .with(Flags::ADMIN),
    own(
        ("client|list", "2.4.0"),
        -2,
        "[TYPE (NORMAL|MASTER|REPLICA|PUBSUB)] [ID <number> [<number> ...]]",
        "Describes all connections, those of a type, or those with these numbers.",
        ClientCommand::List,
    )
    .with(Flags::ADMIN)
    .tips(CHANGES),
    own(
        ("client|no-evict", "7.0.0"),
        3,
        "(ON|OFF)",
        "Spares this connection when clients take too much memory.",
        ClientCommand::NoEvict,
    )
    .with(Flags::ADMIN),
    own(
        ("client|no-touch", "7.2.0"),
        3,
        "(ON|OFF)",
        "Lets the commands of this connection not count as uses of keys.",
        ClientCommand::NoTouch,
    ),
    own(
        ("client|pause", "2.9.50"),
        -3,
        "<milliseconds> [WRITE|ALL]",
        "Holds back the commands of all clients for a while, or only writes.",
        ClientCommand::Pause,
    )
    .with(Flags::ADMIN),
    own(
        ("client|reply", "3.2.0"),
        3,
        "(ON|OFF|SKIP)",
        "Chooses whether this connection gets replies.",
        ClientCommand::Reply,
    ),
    own(
        ("client|setinfo", "7.2.0"),
        4,
        "(LIB-NAME|LIB-VER) <text>",
        "Tells the server which library the client uses.",
        ClientCommand::Setinfo,
    ),
    own(
        ("client|setname", "2.6.9"),
        3,
        "<name>",
        "Gives this connection a name.",
        ClientCommand::Setname,
    ),
    own(
        ("client|trackinginfo", "6.2.0"),
        2,
        "",
        "Tells what this connection is notified of.",
        ClientCommand::Trackinginfo,
    ),
    own(
        ("client|unblock", "5.0.0"),
        -3,
        "<number> [TIMEOUT|ERROR]",
        "Ends the wait of a client.",
        ClientCommand::Unblock,
    )
    .with(Flags::ADMIN),
    own(
        ("client|unpause", "6.2.0"),
        2,
        "",
        "Ends what CLIENT PAUSE has begun.",
        ClientCommand::Unpause,
    )
    .with(Flags::ADMIN),
];

pub(super) const SPECS: &[Spec] = &[container(
    "client",
    "2.4.0",
    "connection",
    "Asks about connections, and changes them.",
    SUBCOMMANDS,
)];
