//! `COMMAND` and the `HELP` of containers: what the node says about its commands. All of it comes
//! from their specs.

use alloc::vec::Vec;

use super::{Node, requests::Caller};
use crate::{
    base::glob::{self, Case},
    command::{CommandCommand, CommandError, DataError, Key, KeySpec, Place, Spec, Table},
    resp::{Args, Reply},
};

/// Whether `COMMAND GETKEYS` says what happens to each key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Show {
    Keys,
    KeysAndFlags,
}

/// What `COMMAND LIST` is to leave over.
#[derive(Clone, Copy)]
enum Filter<'a> {
    /// Everything.
    All,
    /// What a module has brought: nothing, there are none.
    Module,
    /// What is in an ACL category.
    Category(&'a [u8]),
    /// What has a name like this.
    Pattern(&'a [u8]),
}

impl Node {
    pub(super) fn command<'a>(
        &mut self,
        caller: Caller,
        what: CommandCommand,
        args: Args<'a>,
    ) -> Result<(), CommandError<'a>> {
        let all: Vec<&'static Spec> = self.commands.iter().collect();
        let count = all.len() as i64;
        let all = all.into_iter();
        let names = args.iter().skip(2);
        match what {
            CommandCommand::Count => {
                self.with_reply(caller, |reply| reply.int(count));
            }
            CommandCommand::All => self.describe(caller, all.map(Some).collect()),
            CommandCommand::Info if args.len() == 2 => {
                self.describe(caller, all.map(Some).collect());
            }
            CommandCommand::Info => {
                let named = names.map(|name| named(&self.commands, name)).collect();
                self.describe(caller, named);
            }
            CommandCommand::Docs => {
                let known: Vec<&Spec> = if args.len() == 2 {
                    all.collect()
                } else {
                    names.filter_map(|name| named(&self.commands, name)).collect()
                };
                self.with_reply(caller, |reply| {
                    reply.map_len(known.len());
                    known.into_iter().for_each(|spec| document(reply, spec));
                });
            }
            CommandCommand::List => {
                let filter = Filter::parse(args)?;
                let with_subcommands = all.flat_map(|spec| {
                    let listed = spec.subcommands.listed().iter().map(|one| &one.spec);
                    core::iter::once(spec).chain(listed)
                });
                let kept: Vec<&Spec> = with_subcommands.filter(|spec| filter.keeps(spec)).collect();
                self.with_reply(caller, |reply| {
                    reply.array_len(kept.len());
                    kept.into_iter().for_each(|spec| reply.bulk(spec.name.as_bytes()));
                });
            }
            CommandCommand::Getkeys => self.show_keys(caller, Show::Keys, args)?,
            CommandCommand::Getkeysandflags => self.show_keys(caller, Show::KeysAndFlags, args)?,
        }
        Ok(())
    }

    /// The reply to the `HELP` that `spec` is, of a container that the client calls `name`.
    pub(super) fn help(&mut self, caller: Caller, spec: &'static Spec, name: &[u8]) {
        let container = Table::original(spec.container());
        self.with_reply(caller, |reply| container.write_help(name, reply));
    }

    fn describe(&mut self, caller: Caller, specs: Vec<Option<&'static Spec>>) {
        self.with_reply(caller, |reply| {
            reply.array_len(specs.len());
            for spec in specs {
                match spec {
                    Some(spec) => describe(reply, spec),
                    None => reply.null(),
                }
            }
        });
    }

    // redis: server.c, getKeysSubcommandImpl
    fn show_keys<'a>(
        &mut self,
        caller: Caller,
        show: Show,
        args: Args<'a>,
    ) -> Result<(), CommandError<'a>> {
        let request = args.skip(2);
        let command = self.commands.find(request.name());
        let spec = command.and_then(|command| command.of_request(request).ok());
        let spec = spec.ok_or(DataError::NoSuchCommand)?;
        if !spec.keys.are_there() {
            return Err(DataError::NoKeyArguments.into());
        }
        if !spec.takes(request.len()) {
            return Err(DataError::KeysOfWrongArity.into());
        }
        let keys = spec.keys.find(request).ok_or(DataError::KeysNotFound)?;
        self.with_reply(caller, |reply| {
            reply.array_len(keys.len());
            for Key { at, access } in keys {
                if show == Show::KeysAndFlags {
                    reply.array_len(2);
                }
                reply.bulk(request.get(at));
                if show == Show::KeysAndFlags {
                    statuses(reply, access.iter().copied());
                }
            }
        });
        Ok(())
    }
}

impl<'a> Filter<'a> {
    // redis: server.c, commandListCommand
    fn parse(args: Args<'a>) -> Result<Self, CommandError<'a>> {
        if args.len() == 2 {
            return Ok(Self::All);
        }
        let (Some(word), Some(kind), Some(wanted), 5) =
            (args.try_get(2), args.try_get(3), args.try_get(4), args.len())
        else {
            return Err(CommandError::Syntax);
        };
        match kind {
            _ if !word.eq_ignore_ascii_case(b"FILTERBY") => Err(CommandError::Syntax),
            kind if kind.eq_ignore_ascii_case(b"MODULE") => Ok(Self::Module),
            kind if kind.eq_ignore_ascii_case(b"ACLCAT") => Ok(Self::Category(wanted)),
            kind if kind.eq_ignore_ascii_case(b"PATTERN") => Ok(Self::Pattern(wanted)),
            _ => Err(CommandError::Syntax),
        }
    }

    fn keeps(self, spec: &Spec) -> bool {
        match self {
            Self::All => true,
            Self::Module => false,
            Self::Category(wanted) => spec.acl_categories().any(|category| {
                category.trim_start_matches('@').as_bytes().eq_ignore_ascii_case(wanted)
            }),
            Self::Pattern(pattern) => {
                glob::matches(pattern, spec.name.as_bytes(), Case::Insensitive)
            }
        }
    }
}

/// The command called `name`, or with a bar in it the subcommand.
// redis: server.c, lookupCommandBySds
pub(super) fn named(commands: &Table, name: &[u8]) -> Option<&'static Spec> {
    match name.iter().position(|byte| *byte == b'|') {
        None => commands.find(name),
        Some(bar) => {
            let (container, word) = (name.get(..bar)?, name.get(bar + 1..)?);
            let listed = commands.find(container)?.subcommands.listed();
            let found = listed.iter().find(|one| one.is_called(word));
            found.map(|one| &one.spec)
        }
    }
}

fn statuses<'a>(reply: &mut Reply<'_>, words: impl Iterator<Item = &'a str>) {
    let place = reply.deferred();
    let mut count = 0;
    for word in words {
        reply.simple(word);
        count += 1;
    }
    reply.set_deferred_set(place, count);
}

// redis: server.c, addReplyCommandInfo
fn describe(reply: &mut Reply<'_>, spec: &Spec) {
    reply.array_len(10);
    reply.bulk(spec.name.as_bytes());
    reply.int(i64::from(spec.arity));
    statuses(reply, spec.all_flags().names());
    let (first, last, step) = spec.keys.plain_range();
    for position in [first, last, step] {
        reply.int(i64::from(position));
    }
    statuses(reply, spec.acl_categories());
    reply.set_len(spec.tips.len());
    spec.tips.iter().for_each(|tip| reply.bulk(tip.as_bytes()));
    reply.set_len(spec.keys.iter().count());
    spec.keys.iter().for_each(|keys| describe_keys(reply, keys));
    match spec.subcommands.listed() {
        [] => reply.set_len(0),
        listed => {
            reply.array_len(listed.len());
            listed.iter().for_each(|one| describe(reply, &one.spec));
        }
    }
}

fn describe_keys(reply: &mut Reply<'_>, keys: &KeySpec) {
    reply.map_len(3);
    reply.bulk(b"flags");
    statuses(reply, keys.access.iter().copied());
    let (begin, find) = match keys.place {
        Place::Range { first, last, step } => {
            // Counted from the first key, unlike the old form above.
            let last = if last < 0 { last } else { last - first };
            (Rule::from_index(first), Rule::range(last, step))
        }
        Place::Counted { count } => (Rule::from_index(count), Rule::KEYNUM),
        Place::Unknown => (Rule::UNKNOWN, Rule::UNKNOWN),
    };
    reply.bulk(b"begin_search");
    begin.write(reply);
    reply.bulk(b"find_keys");
    find.write(reply);
}

/// Half of a key specification.
struct Rule {
    kind: &'static str,
    numbers: [(&'static str, i8); 3],
    count: usize,
}

impl Rule {
    const UNKNOWN: Self = Self { kind: "unknown", numbers: [("", 0); 3], count: 0 };
    const KEYNUM: Self = Self {
        kind: "keynum",
        numbers: [("keynumidx", 0), ("firstkey", 1), ("keystep", 1)],
        count: 3,
    };

    fn from_index(index: i8) -> Self {
        Self { kind: "index", numbers: [("index", index), ("", 0), ("", 0)], count: 1 }
    }

    fn range(last: i8, step: i8) -> Self {
        let numbers = [("lastkey", last), ("keystep", step), ("limit", 0)];
        Self { kind: "range", numbers, count: 3 }
    }

    fn write(&self, reply: &mut Reply<'_>) {
        reply.map_len(2);
        reply.bulk(b"type");
        reply.bulk(self.kind.as_bytes());
        reply.bulk(b"spec");
        reply.map_len(self.count);
        for (name, number) in self.numbers.iter().take(self.count) {
            reply.bulk(name.as_bytes());
            reply.int(i64::from(*number));
        }
    }
}

fn document(reply: &mut Reply<'_>, spec: &Spec) {
    let listed = spec.subcommands.listed();
    reply.bulk(spec.name.as_bytes());
    reply.map_len(if listed.is_empty() { 3 } else { 4 });
    for (name, text) in [("summary", spec.summary), ("since", spec.since), ("group", spec.group)] {
        reply.bulk(name.as_bytes());
        reply.bulk(text.as_bytes());
    }
    if !listed.is_empty() {
        reply.bulk(b"subcommands");
        reply.map_len(listed.len());
        listed.iter().for_each(|one| document(reply, &one.spec));
    }
}
