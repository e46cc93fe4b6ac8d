//! The subcommands of containers: a request for one that does not exist, or with the wrong number
//! of arguments, is refused before it is queued or run.

use super::{CommandError, Spec};
use crate::resp::Args;

/// The full name, and the arity with both names counted.
type Subcommand = (&'static str, i8);

const CLIENT: &[Subcommand] = &[
    ("client|getname", 2),
    ("client|getredir", 2),
    ("client|help", 2),
    ("client|id", 2),
    ("client|info", 2),
    ("client|kill", -3),
    ("client|list", -2),
    ("client|no-evict", 3),
    ("client|no-touch", 3),
    ("client|pause", -3),
    ("client|reply", 3),
    ("client|setinfo", 4),
    ("client|setname", 3),
    ("client|trackinginfo", 2),
    ("client|unblock", -3),
    ("client|unpause", 2),
];
const COMMAND: &[Subcommand] =
    &[("command|count", 2), ("command|docs", -2), ("command|info", -2), ("command|list", -2)];
const CONFIG: &[Subcommand] =
    &[("config|get", -3), ("config|resetstat", 2), ("config|rewrite", 2), ("config|set", -4)];
const LATENCY: &[Subcommand] = &[
    ("latency|doctor", 2),
    ("latency|graph", 3),
    ("latency|histogram", -2),
    ("latency|history", 3),
    ("latency|latest", 2),
    ("latency|reset", -2),
];
const OBJECT: &[Subcommand] = &[
    ("object|encoding", 3),
    ("object|freq", 3),
    ("object|help", 2),
    ("object|idletime", 3),
    ("object|refcount", 3),
];
const PUBSUB: &[Subcommand] = &[
    ("pubsub|channels", -2),
    ("pubsub|numpat", 2),
    ("pubsub|numsub", -2),
    ("pubsub|shardchannels", -2),
    ("pubsub|shardnumsub", -2),
];
const SLOWLOG: &[Subcommand] = &[("slowlog|get", -2), ("slowlog|len", 2), ("slowlog|reset", 2)];

/// Containers by name in upper case, as errors show it.
const CONTAINERS: &[(&str, &[Subcommand])] = &[
    ("CLIENT", CLIENT),
    ("COMMAND", COMMAND),
    ("CONFIG", CONFIG),
    ("LATENCY", LATENCY),
    ("OBJECT", OBJECT),
    ("PUBSUB", PUBSUB),
    ("SLOWLOG", SLOWLOG),
];

/// Whether a request for a container names a subcommand and has as many arguments as that takes.
// redis: server.c, processCommand and commandCheckArity
pub fn check<'a>(spec: &Spec, args: Args<'a>) -> Result<(), CommandError<'a>> {
    let Some(asked) = args.try_get(1) else { return Ok(()) };
    let container = CONTAINERS.iter().find(|(name, _)| name.eq_ignore_ascii_case(spec.name));
    let Some(&(command, _)) = container else { return Ok(()) };
    let Some((name, arity)) = find(command, asked) else {
        return Err(CommandError::UnknownSubcommand { command, asked });
    };
    if Spec::arity_takes(arity, args.len()) { Ok(()) } else { Err(CommandError::Arity(name)) }
}

/// The full name and the arity of a subcommand of the container `command`, in upper case.
pub fn find(command: &str, asked: &[u8]) -> Option<(&'static str, i8)> {
    let (_, subcommands) = CONTAINERS.iter().find(|(name, _)| *name == command)?;
    let is_asked = |(name, _): &&Subcommand| {
        name.split_once('|').is_some_and(|(_, word)| asked.eq_ignore_ascii_case(word.as_bytes()))
    };
    subcommands.iter().find(is_asked).copied()
}

/// The subcommands of the container `command`, in lower case.
pub fn words(command: &str) -> impl Iterator<Item = &'static str> + Clone {
    let container = CONTAINERS.iter().find(|(name, _)| *name == command);
    let subcommands = container.into_iter().flat_map(|(_, subcommands)| subcommands.iter());
    subcommands.filter_map(|(name, _)| name.split_once('|').map(|(_, word)| word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        command::{Flags, Table},
        resp::Argv,
    };

    fn refused(line: &str) -> Option<alloc::string::String> {
        let mut argv = Argv::new();
        argv.fill(line.split(' ').map(str::as_bytes));
        let args = argv.view(&[]);
        let table = Table::new();
        let spec = table.find(args.name()).expect("the test names a command");
        check(spec, args).err().map(|error| alloc::format!("{error}"))
    }

    #[test]
    fn subcommands_are_known_in_any_case_and_count_their_arguments() {
        assert_eq!(refused("object Encoding k"), None);
        let text = "ERR wrong number of arguments for 'object|encoding' command";
        assert_eq!(refused("OBJECT ENCODING").as_deref(), Some(text));
        let text = "ERR unknown subcommand 'what'. Try CLIENT HELP.";
        assert_eq!(refused("CLIENT what").as_deref(), Some(text));
        assert_eq!(refused("COMMAND"), None);
    }

    #[test]
    fn containers_are_the_commands_that_say_so() {
        let table = Table::new();
        let flagged = table.iter().filter(|spec| spec.flags.has(Flags::CONTAINER));
        let mut names: alloc::vec::Vec<_> =
            flagged.map(|spec| spec.name.to_ascii_uppercase()).collect();
        names.sort();
        assert!(
            names.iter().map(|name| name.as_str()).eq(CONTAINERS.iter().map(|(name, _)| *name))
        );
    }
}
