//! The slow log: the last commands that took long, as their clients sent them, without secrets.

use alloc::{collections::VecDeque, string::String, vec::Vec};

use crate::{
    base::number::{DIGITS_MAX, format_u64},
    command::{AclCommand, ConfigCommand, Handler, NodeCommand, Spec},
    resp::Args,
};

/// More arguments are only counted.
const ARGS_MAX: usize = 32;

/// Longer ones are cut.
const ARG_BYTES_MAX: usize = 128;

const REDACTED: &[u8] = b"(redacted)";

/// The arguments of a command as the slow log shows them.
#[derive(Clone, Debug, Default)]
pub(in crate::node) struct Noted {
    bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
}

impl Noted {
    pub(in crate::node) fn of(spec: &Spec, args: Args<'_>) -> Self {
        let mut noted = Self::default();
        noted.note(spec, args);
        noted
    }

    /// Takes other arguments, in the same memory.
    // redis: slowlog.c, slowlogCreateEntry
    pub(super) fn note(&mut self, spec: &Spec, args: Args<'_>) {
        self.bytes.clear();
        self.ends.clear();
        let shown = if args.len() > ARGS_MAX { ARGS_MAX - 1 } else { args.len() };
        let may_tell = matches!(spec.handler, Handler::Node(_));
        for (at, arg) in args.iter().take(shown).enumerate() {
            if may_tell && is_secret(spec, args, at) {
                self.bytes.extend_from_slice(REDACTED);
            } else if let Some((start, rest)) = arg.split_at_checked(ARG_BYTES_MAX)
                && !rest.is_empty()
            {
                self.bytes.extend_from_slice(start);
                self.more(rest.len(), b" more bytes)");
            } else {
                self.bytes.extend_from_slice(arg);
            }
            self.ends.push(self.bytes.len());
        }
        if args.len() > shown {
            self.more(args.len() - shown, b" more arguments)");
            self.ends.push(self.bytes.len());
        }
    }

    fn more(&mut self, count: usize, of_what: &[u8]) {
        self.bytes.extend_from_slice(b"... (");
        self.bytes.extend_from_slice(format_u64(&mut [0; DIGITS_MAX], count as u64));
        self.bytes.extend_from_slice(of_what);
    }

    /// The arguments.
    pub(in crate::node) fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        let starts = [0].into_iter().chain(self.ends.iter().copied());
        let pieces: Vec<&[u8]> =
            starts.zip(&self.ends).map(|(start, end)| &self.bytes[start..*end]).collect();
        pieces.into_iter()
    }
}

/// Whether the argument at this place is a user or a password.
// redis: redactClientCommandArgument and its callers
pub(in crate::node) fn is_secret(spec: &Spec, args: Args<'_>, at: usize) -> bool {
    let is = |at: usize, words: &[&str]| {
        args.try_get(at)
            .is_some_and(|arg| words.iter().any(|word| arg.eq_ignore_ascii_case(word.as_bytes())))
    };
    const SENSITIVE: &[&str] = &["masterauth", "masteruser", "requirepass"];
    let Handler::Node(command) = spec.handler else { return false };
    if command == NodeCommand::Auth {
        at > 0
    } else if command == NodeCommand::Hello {
        at > 2 && (is(at - 1, &["AUTH"]) || is(at - 2, &["AUTH"]))
    } else if command == NodeCommand::Config(ConfigCommand::Set) {
        at > 2 && at % 2 == 1 && is(at - 1, SENSITIVE)
    } else if let NodeCommand::Acl(
        AclCommand::Deluser | AclCommand::Dryrun | AclCommand::Getuser | AclCommand::Setuser,
    ) = command
    {
        at > 1
    } else {
        false
    }
}

/// One slow command.
#[derive(Debug)]
pub(in crate::node) struct Entry {
    pub(in crate::node) id: i64,
    /// Seconds since the Unix epoch.
    pub(in crate::node) at: i64,
    pub(in crate::node) micros: u64,
    pub(in crate::node) noted: Noted,
    /// Address and name of the client.
    pub(in crate::node) client: [String; 2],
}

/// The last slow commands.
#[derive(Debug, Default)]
pub(in crate::node) struct SlowLog {
    /// The latest first.
    entries: VecDeque<Entry>,
    count: i64,
}

impl SlowLog {
    pub(super) fn push(&mut self, at: i64, micros: u64, noted: Noted, peer: String, name: String) {
        let (id, client) = (self.count, [peer, name]);
        self.count += 1;
        self.entries.push_front(Entry { id, at, micros, noted, client });
    }

    pub(super) fn trim(&mut self, len_max: u64) {
        self.entries.truncate(usize::try_from(len_max).unwrap_or(usize::MAX));
    }

    pub(in crate::node) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Forgets all of them. Numbers go on.
    pub(in crate::node) fn clear(&mut self) {
        self.entries.clear();
    }

    /// The latest first.
    pub(in crate::node) fn iter(&self) -> impl ExactSizeIterator<Item = &Entry> {
        self.entries.iter()
    }
}
