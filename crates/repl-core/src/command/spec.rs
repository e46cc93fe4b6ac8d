//! What is known of a command before it runs: one `Spec` drives arity and access checks, key
//! extraction and the replies of `COMMAND`. A subcommand of a container has one of its own.

use super::{CommandError, Data, Keys, NodeCommand, Outcome, Subcommands};
use crate::resp::Args;

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

    /// Refused unless the configuration allows it. `COMMAND INFO` does not show it.
    pub const PROTECTED: Self = Self(1 << 18);

    /// Takes as long as its request and its reply are long: it is measured together with others.
    /// So are all that are `FAST` and need only the dataset. `COMMAND INFO` does not show it.
    pub const BRIEF: Self = Self(1 << 19);

    /// Some keys are not found by their positions. Nobody declares this: it follows from the keys.
    const MOVABLE_KEYS: Self = Self(1 << 15);

    /// The names, in the order `COMMAND INFO` lists them.
    const NAMES: [(Self, &'static str); 16] = [
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
        (Self::MOVABLE_KEYS, "movablekeys"),
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

/// Who runs a command.
#[derive(Clone, Copy, Debug)]
pub enum Handler {
    /// It needs the dataset and nothing of the node.
    Data(for<'a> fn(&mut Data<'_>, Args<'a>) -> Result<Outcome, CommandError<'a>>),
    /// The node itself: the command is about connections, roles, configuration.
    Node(NodeCommand),
    /// Nobody: it does nothing without a subcommand.
    Container,
    /// It is the `HELP` of the container it belongs to.
    Help,
}

/// One command.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// In lower case.
    pub name: &'static str,
    /// The version of Redis that brought it.
    pub since: &'static str,
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
    /// What proxies should know of its replies, as `COMMAND INFO` says it.
    pub tips: &'static [&'static str],
    /// One sentence for `COMMAND DOCS` and for the `HELP` of its container.
    pub summary: &'static str,
    /// Who runs it.
    pub handler: Handler,
    /// What may follow its name, if it is a container.
    pub subcommands: Subcommands,
}

impl Spec {
    /// What most commands have in common: no keys, no subcommands, nothing to tip.
    pub const PLAIN: Self = Self {
        name: "",
        since: "",
        arity: 0,
        flags: Flags::NONE,
        keys: Keys::NONE,
        group: "",
        categories: &[],
        tips: &[],
        summary: "",
        handler: Handler::Container,
        subcommands: Subcommands::None,
    };

    /// This spec with these tips.
    #[must_use]
    pub const fn tips(self, tips: &'static [&'static str]) -> Self {
        Self { tips, ..self }
    }

    /// Whether `count` arguments, the name included, fit.
    #[must_use]
    pub fn takes(&self, count: usize) -> bool {
        let wanted = usize::from(self.arity.unsigned_abs());
        if self.arity < 0 { count >= wanted } else { count == wanted }
    }

    /// Its properties, those included that follow from others.
    #[must_use]
    pub fn all_flags(&self) -> Flags {
        if self.keys.are_movable() { self.flags.and(Flags::MOVABLE_KEYS) } else { self.flags }
    }

    /// All ACL categories, as `COMMAND INFO` lists them.
    pub fn acl_categories(&self) -> impl Iterator<Item = &'static str> {
        Self::CATEGORIES.iter().copied().filter(|category| self.is_in(category))
    }

    /// Whether it belongs to an ACL category, which is named with its `@`.
    // redis: server.c, setImplicitACLCategories
    pub fn is_in(&self, category: &str) -> bool {
        let implied = match category {
            "@write" => self.flags.has(Flags::WRITE),
            "@read" => self.flags.has(Flags::READONLY),
            "@admin" | "@dangerous" => self.flags.has(Flags::ADMIN),
            "@pubsub" => self.flags.has(Flags::PUBSUB),
            "@fast" => self.flags.has(Flags::FAST),
            "@slow" => !self.flags.has(Flags::FAST),
            "@blocking" => self.flags.has(Flags::BLOCKING),
            _ => false,
        };
        implied || self.categories.contains(&category)
    }

    /// All categories of Redis, in its order; there may be no command here that belongs to one.
    pub const CATEGORIES: [&'static str; 21] = [
        "@keyspace",
        "@read",
        "@write",
        "@set",
        "@sortedset",
        "@list",
        "@hash",
        "@string",
        "@bitmap",
        "@hyperloglog",
        "@geo",
        "@stream",
        "@pubsub",
        "@admin",
        "@fast",
        "@slow",
        "@blocking",
        "@dangerous",
        "@connection",
        "@transaction",
        "@scripting",
    ];
}
