//! What is known of a command before it runs: one `Spec` drives arity and access checks, key
//! extraction and the replies of `COMMAND`.

use crate::{
    command::{CommandError, Data, Outcome},
    resp::Args,
};

/// A set of properties of a command, named as `COMMAND INFO` names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags(u32);

impl Flags {
    /// No property.
    pub const NONE: Self = Self(0);
    /// May change the dataset.
    pub const WRITE: Self = Self(1 << 0);
    /// Reads the dataset.
    pub const READONLY: Self = Self(1 << 1);
    /// Refused when memory is short.
    pub const DENYOOM: Self = Self(1 << 2);
    /// For operators.
    pub const ADMIN: Self = Self(1 << 3);
    /// Not from scripts.
    pub const NOSCRIPT: Self = Self(1 << 4);
    /// Allowed while a dataset is being loaded.
    pub const LOADING: Self = Self(1 << 5);
    /// Allowed on a replica without its master that may not serve stale data.
    pub const STALE: Self = Self(1 << 6);
    /// Not listed in the slow log.
    pub const SKIP_SLOWLOG: Self = Self(1 << 7);
    /// Constant or logarithmic time.
    pub const FAST: Self = Self(1 << 8);
    /// Allowed before authentication.
    pub const NO_AUTH: Self = Self(1 << 9);
    /// Not while a dataset is loaded beside the old one.
    pub const NO_ASYNC_LOADING: Self = Self(1 << 10);
    /// Not inside a transaction.
    pub const NO_MULTI: Self = Self(1 << 11);
    /// Allowed while a script runs away.
    pub const ALLOW_BUSY: Self = Self(1 << 12);

    /// About channels and their messages.
    pub const PUBSUB: Self = Self(1 << 13);
    /// May tell replicas something without being a write. `COMMAND INFO` does not show it.
    pub const MAY_REPLICATE: Self = Self(1 << 14);
    /// May make the client wait.
    pub const BLOCKING: Self = Self(1 << 16);
    /// Deletes expired keys that it was not asked about: replicas hear of each by itself.
    /// `COMMAND INFO` does not show it.
    pub const TOUCHES_ARBITRARY_KEYS: Self = Self(1 << 17);

    /// Its first argument names a subcommand. `COMMAND INFO` does not show it.
    pub const CONTAINER: Self = Self(1 << 15);

    /// The names, in the order `COMMAND INFO` lists them.
    const NAMES: [(Self, &'static str); 15] = [
        (Self::WRITE, "write"),
        (Self::READONLY, "readonly"),
        (Self::DENYOOM, "denyoom"),
        (Self::ADMIN, "admin"),
        (Self::PUBSUB, "pubsub"),
        (Self::NOSCRIPT, "noscript"),
        (Self::BLOCKING, "blocking"),
        (Self::LOADING, "loading"),
        (Self::STALE, "stale"),
        (Self::SKIP_SLOWLOG, "skip_slowlog"),
        (Self::FAST, "fast"),
        (Self::NO_AUTH, "no_auth"),
        (Self::NO_ASYNC_LOADING, "no_async_loading"),
        (Self::NO_MULTI, "no_multi"),
        (Self::ALLOW_BUSY, "allow_busy"),
    ];

    /// Both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether `other` is part of this set.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The names of the properties.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.iter().filter(move |(flag, _)| self.has(*flag)).map(|(_, name)| *name)
    }
}

/// Where a command's keys are among its arguments: `first..=last` in steps; a negative `last`
/// counts from the end. All zero for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keys {
    /// Position of the first key.
    pub first: i8,
    /// Position of the last key.
    pub last: i8,
    /// Distance between keys.
    pub step: i8,
    /// What happens to them, as the key specifications of `COMMAND INFO` say it.
    pub access: &'static [&'static str],
}

impl Keys {
    /// The command names no key.
    pub const NONE: Self = Self { first: 0, last: 0, step: 0, access: &[] };

    /// The first argument is the key.
    #[must_use]
    pub const fn one(access: &'static [&'static str]) -> Self {
        Self { first: 1, last: 1, step: 1, access }
    }

    /// All arguments are keys.
    #[must_use]
    pub const fn all(access: &'static [&'static str]) -> Self {
        Self { first: 1, last: -1, step: 1, access }
    }
}

/// Who runs a command.
#[derive(Clone, Copy, Debug)]
pub enum Handler {
    /// It needs the dataset and nothing of the node.
    Data(for<'a> fn(&mut Data<'_>, Args<'a>) -> Result<Outcome, CommandError<'a>>),
    /// The node itself: the command is about connections, roles, configuration.
    Node(NodeCommand),
}

/// The commands that the node runs itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the command of that name")]
pub enum NodeCommand {
    Auth,
    Client,
    Command,
    Config,
    Debug,
    Discard,
    Exec,
    Hello,
    Info,
    Monitor,
    Multi,
    Ping,
    Psubscribe,
    Psync,
    Publish,
    Pubsub,
    Punsubscribe,
    Quit,
    Replconf,
    Replicaof,
    Reset,
    Role,
    Select,
    Shutdown,
    Spublish,
    Ssubscribe,
    Subscribe,
    Sunsubscribe,
    Sync,
    Unsubscribe,
    Unwatch,
    Wait,
    Watch,
}

/// One command.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// In lower case.
    pub name: &'static str,
    /// Arguments including the name; negative for "at least".
    pub arity: i8,
    /// Its properties.
    pub flags: Flags,
    /// Its keys.
    pub keys: Keys,
    /// Its group, as `COMMAND DOCS` names it.
    pub group: &'static str,
    /// The ACL categories that do not follow from flags: `@string`, `@keyspace`, ...
    pub categories: &'static [&'static str],
    /// One sentence for `COMMAND DOCS`.
    pub summary: &'static str,
    /// Who runs it.
    pub handler: Handler,
}

impl Spec {
    /// Whether `count` arguments, the name included, fit.
    #[must_use]
    pub fn takes(&self, count: usize) -> bool {
        Self::arity_takes(self.arity, count)
    }

    /// Whether `count` arguments fit this arity.
    pub(super) fn arity_takes(arity: i8, count: usize) -> bool {
        let wanted = usize::from(arity.unsigned_abs());
        if arity < 0 { count >= wanted } else { count == wanted }
    }

    /// Whether it may not be answered from a dataset that may be stale. The help of a container
    /// that is about keys may.
    pub fn needs_fresh_data(&self, args: Args<'_>) -> bool {
        let is_help = || {
            args.len() == 2
                && ["object", "memory"].contains(&self.name)
                && args.get(1).eq_ignore_ascii_case(b"HELP")
        };
        !self.flags.has(Flags::STALE) && !is_help()
    }

    /// All ACL categories, as `COMMAND INFO` lists them.
    pub fn acl_categories(&self) -> impl Iterator<Item = &'static str> {
        let derived = [
            (self.flags.has(Flags::WRITE), "@write"),
            (self.flags.has(Flags::READONLY), "@read"),
            (self.flags.has(Flags::ADMIN), "@admin"),
            (self.flags.has(Flags::ADMIN), "@dangerous"),
            (self.flags.has(Flags::PUBSUB), "@pubsub"),
            (self.flags.has(Flags::FAST), "@fast"),
            (!self.flags.has(Flags::FAST), "@slow"),
            (self.flags.has(Flags::BLOCKING), "@blocking"),
        ];
        let listed = self.categories.iter().copied();
        listed.chain(derived.into_iter().filter(|(holds, _)| *holds).map(|(_, name)| name))
    }
}
