//! Containers: commands whose first argument names what to do. Each subcommand has a spec of its
//! own, by which the gate and `COMMAND` judge it, and a line in the `HELP` of its container.

use alloc::format;

use super::{CommandError, Flags, Handler, Keys, Spec, Text};
use crate::resp::{Args, Reply};

/// The subcommands of a container.
#[derive(Clone, Copy, Debug)]
pub enum Subcommands {
    /// It is none.
    None,
    /// Any other word is refused before it is queued or run, and so is one with the wrong number of
    /// arguments.
    Listed(&'static [Subcommand]),
    /// Redis has no list of them: `COMMAND INFO` does not show them, and a word is refused only
    /// when the command runs.
    Unlisted(&'static [Subcommand]),
}

impl Subcommands {
    /// All of them.
    #[must_use]
    pub const fn all(self) -> &'static [Subcommand] {
        match self {
            Self::None => &[],
            Self::Listed(all) | Self::Unlisted(all) => all,
        }
    }

    /// Those that `COMMAND` knows.
    #[must_use]
    pub const fn listed(self) -> &'static [Subcommand] {
        match self {
            Self::None | Self::Unlisted(_) => &[],
            Self::Listed(all) => all,
        }
    }
}

/// One word behind the name of a container.
#[derive(Clone, Copy, Debug)]
pub struct Subcommand {
    /// As that of a command. Its name is that of the container, a bar, and the word; both count as
    /// arguments.
    pub spec: Spec,
    /// Its arguments as `HELP` shows them.
    pub usage: &'static str,
}

impl Subcommand {
    /// A subcommand that has `base` in common with others.
    pub(super) const fn new(
        base: Spec,
        (name, since): (&'static str, &'static str),
        arity: i8,
        usage: &'static str,
        summary: &'static str,
        handler: Handler,
    ) -> Self {
        Self { spec: Spec { name, since, arity, summary, handler, ..base }, usage }
    }

    /// The `HELP` of a container whose subcommands have `base` in common.
    pub(super) const fn help(base: Spec, name: &'static str, since: &'static str) -> Self {
        let (arity, summary, handler) = (2, "Shows these lines.", Handler::Help);
        let (flags, keys, tips) = (Flags::LOADING.and(Flags::STALE), Keys::NONE, &[]);
        let spec = Spec { name, since, arity, flags, keys, tips, summary, handler, ..base };
        Self { spec, usage: "" }
    }

    /// This subcommand with these properties as well.
    pub(super) const fn with(self, flags: Flags) -> Self {
        Self { spec: Spec { flags: self.spec.flags.and(flags), ..self.spec }, ..self }
    }

    /// This subcommand with these tips.
    pub(super) const fn tips(self, tips: &'static [&'static str]) -> Self {
        Self { spec: self.spec.tips(tips), ..self }
    }

    /// Whether `asked` means this one, in any case.
    pub fn is_called(&self, asked: &[u8]) -> bool {
        asked.eq_ignore_ascii_case(self.word().as_bytes())
    }

    /// The word that a client says, in lower case.
    fn word(&self) -> &'static str {
        self.spec.name.split_once('|').map_or("", |(_, word)| word)
    }
}

impl Spec {
    /// What a request that names this command is for: the subcommand if this is a container, and
    /// otherwise the command itself.
    ///
    /// # Errors
    /// When the container knows no such word.
    // redis: server.c, lookupCommandLogic
    pub fn of_request<'a>(
        &'static self,
        args: Args<'a>,
    ) -> Result<&'static Self, CommandError<'a>> {
        match self.subcommands {
            Subcommands::None | Subcommands::Unlisted(_) => Ok(self),
            Subcommands::Listed(_) => match args.try_get(1) {
                None => Ok(self),
                Some(asked) => {
                    let container = args.name();
                    let found = self.subcommand(asked);
                    found.ok_or(CommandError::UnknownSubcommand { container, asked })
                }
            },
        }
    }

    /// The subcommand called `asked`, in any case.
    pub fn subcommand(&self, asked: &[u8]) -> Option<&'static Self> {
        let found = self.subcommands.all().iter().find(|one| one.is_called(asked));
        found.map(|found| &found.spec)
    }

    /// The name of the container that this is a subcommand of, or its own name.
    pub fn container(&self) -> &'static str {
        self.name.split_once('|').map_or(self.name, |(container, _)| container)
    }

    /// The reply to the `HELP` of this container, which the client calls `name`.
    // redis: networking.c, addReplyHelp
    pub fn write_help(&self, name: &[u8], reply: &mut Reply<'_>) {
        let name = name.to_ascii_uppercase();
        let name = Text(&name);
        let shown = self.subcommands.all().iter().filter(|one| one.word() != "help");
        reply.array_len(shown.clone().count() * 2 + 3);
        reply.simple(&format!("{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
        for one in shown {
            let line = format!("{} {}", one.word().to_ascii_uppercase(), one.usage);
            reply.simple(line.trim_end());
            reply.simple(&format!("    {}", one.spec.summary));
        }
        reply.simple("HELP");
        reply.simple("    Prints this help.");
    }
}

/// The container `name` of subcommands that Redis has a list of. It has no properties of its own.
pub(super) const fn container(
    name: &'static str,
    since: &'static str,
    group: &'static str,
    summary: &'static str,
    subcommands: &'static [Subcommand],
) -> Spec {
    let subcommands = Subcommands::Listed(subcommands);
    Spec { name, since, arity: -2, group, summary, subcommands, ..Spec::PLAIN }
}

/// Refuses more than `most` arguments of the subcommand that is being run: Redis counts those of
/// some only then.
// redis: networking.c, addReplySubcommandSyntaxError
pub fn at_most(most: usize, args: Args<'_>) -> Result<(), CommandError<'_>> {
    match args.try_get(1) {
        Some(asked) if args.len() > most => {
            Err(CommandError::SubcommandSyntax { container: args.name(), asked })
        }
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use alloc::{string::String, vec::Vec};

    use super::*;
    use crate::{
        command::Table,
        resp::{Argv, Proto},
    };

    fn judged(line: &str) -> String {
        let mut argv = Argv::new();
        argv.fill(line.split(' ').map(str::as_bytes));
        let args = argv.view(&[]);
        let spec = Table::new().find(args.name()).expect("the test names a command");
        spec.of_request(args).map_or_else(|error| format!("{error}"), |spec| spec.name.into())
    }

    #[test]
    fn a_request_for_a_container_is_one_for_its_subcommand() {
        assert_eq!(judged("object Encoding k"), "object|encoding");
        assert_eq!(judged("CLIENT what"), "ERR unknown subcommand 'what'. Try CLIENT HELP.");
        assert_eq!(judged("COMMAND"), "command");
        assert_eq!(judged("GET get"), "get");
        // Redis has no list for this one.
        assert_eq!(judged("DEBUG what"), "debug");
    }

    #[test]
    fn subcommands_are_called_after_their_container_and_tell_how_they_are_used() {
        for spec in Table::new().iter() {
            let all = spec.subcommands.all();
            let does_nothing_alone = matches!(spec.handler, Handler::Container);
            assert!(!all.is_empty() || !does_nothing_alone, "{}", spec.name);
            assert!(all.is_empty() || does_nothing_alone || spec.arity == -1, "{}", spec.name);
            for one in all {
                assert_eq!(one.spec.container(), spec.name);
                assert!(one.spec.subcommands.all().is_empty(), "{}", one.spec.name);
                assert!(one.spec.arity.unsigned_abs() >= 2, "{}", one.spec.name);
                let wants_more = one.spec.arity != 2;
                assert_eq!(wants_more, !one.usage.is_empty(), "{}", one.spec.name);
                assert!(one.spec.summary.ends_with('.'), "{}", one.spec.name);
            }
            let helps = all.iter().filter(|one| matches!(one.spec.handler, Handler::Help)).count();
            assert_eq!(helps, usize::from(!all.is_empty()), "{}", spec.name);
        }
    }

    #[test]
    fn help_shows_every_subcommand_and_ends_with_itself() {
        let spec = Table::new().find(b"slowlog").expect("it is a command");
        let mut out = Vec::new();
        spec.write_help(b"slowlog", &mut Reply::new(&mut out, Proto::Resp2));
        let text = String::from_utf8(out).expect("it is text");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], format!("*{}", lines.len() - 1));
        let head = "+SLOWLOG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:";
        assert_eq!(lines[1], head);
        assert_eq!(lines[2], "+GET [<count>]");
        assert!(lines[3].starts_with("+    "));
        assert_eq!(lines[lines.len() - 2..], ["+HELP", "+    Prints this help."]);
    }
}
