//! Which commands a user may run, and the rules that say so.

use alloc::{format, string::String, vec::Vec};

use super::RuleError;
use crate::command::{COUNTED, Spec, counted, counted_specs, number};

const WORD_BITS: usize = u64::BITS as usize;

/// See this file's header. A container and each of its subcommands are allowed apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Commands {
    /// By the numbers of commands.
    allowed: [u64; COUNTED.div_ceil(WORD_BITS)],
    /// The rules that have led here, each as far as no later one has made it void.
    rules: Vec<String>,
}

/// What a rule does to the commands it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Allow,
    Deny,
}

impl Change {
    const fn mark(self) -> char {
        match self {
            Self::Allow => '+',
            Self::Deny => '-',
        }
    }
}

impl Commands {
    /// No command at all.
    pub(super) fn none() -> Self {
        Self {
            allowed: [0; COUNTED.div_ceil(WORD_BITS)],
            rules: Vec::from([String::from("-@all")]),
        }
    }

    /// Every command.
    pub(super) fn all() -> Self {
        Self {
            allowed: [u64::MAX; COUNTED.div_ceil(WORD_BITS)],
            rules: Vec::from([String::from("+@all")]),
        }
    }

    /// Whether every command is allowed, and none was denied again.
    pub(super) fn are_all(&self) -> bool {
        *self == Self::all()
    }

    pub(super) fn allow(&self, spec: &Spec) -> bool {
        let at = number(spec);
        let word = self.allowed.get(at / WORD_BITS).copied().unwrap_or_default();
        word >> (at % WORD_BITS) & 1 == 1
    }

    /// The rules, in order, with blanks between them.
    pub(super) fn describe(&self) -> String {
        self.rules.join(" ")
    }

    /// Takes a rule: `name` is that of a command, of a subcommand with its container, or of a
    /// category with its `@`.
    // redis: acl.c, ACLSetSelector
    pub(super) fn change(&mut self, change: Change, name: &str) -> Result<(), RuleError> {
        let name = name.to_ascii_lowercase();
        if name == "@all" {
            *self = match change {
                Change::Allow => Self::all(),
                Change::Deny => Self::none(),
            };
            return Ok(());
        }
        if name.starts_with('@') {
            if !Spec::CATEGORIES.contains(&name.as_str()) {
                return Err(RuleError::UnknownCommand);
            }
            self.set(change, |spec| spec.is_in(&name));
        } else {
            Self::is_known(change, &name)?;
            self.set(change, |spec| is_of(spec.name, &name));
        }
        // What this one says again, or takes back as a whole, need not be said before.
        self.rules.retain(|rule| rule.get(1..).is_none_or(|old| !is_of(old, &name)));
        self.rules.push(format!("{}{name}", change.mark()));
        Ok(())
    }

    /// Whether there is a command of this name, and why there is no such rule otherwise.
    fn is_known(change: Change, name: &str) -> Result<(), RuleError> {
        if counted().any(|known| known == name) {
            return Ok(());
        }
        // `+select|0`: only with this argument.
        Err(match (change, name.rsplit_once('|')) {
            (Change::Allow, Some((known, _))) if counted().any(|name| name == known) => {
                let is_container = counted().any(|name| is_of(name, known) && name != known);
                match (is_container, known.contains('|')) {
                    (_, true) => RuleError::FirstArgumentOfSubcommand,
                    (true, false) => RuleError::UnknownCommand,
                    (false, false) => RuleError::FirstArgument,
                }
            }
            (Change::Allow | Change::Deny, _) => RuleError::UnknownCommand,
        })
    }

    fn set(&mut self, change: Change, means: impl Fn(&Spec) -> bool) {
        for (at, _) in counted_specs().enumerate().filter(|(_, spec)| means(spec)) {
            if let Some(word) = self.allowed.get_mut(at / WORD_BITS) {
                let bit = 1 << (at % WORD_BITS);
                match change {
                    Change::Allow => *word |= bit,
                    Change::Deny => *word &= !bit,
                }
            }
        }
    }
}

/// Whether a name is this one, or that of a subcommand of this one.
fn is_of(name: &str, this: &str) -> bool {
    name.strip_prefix(this).is_some_and(|rest| rest.is_empty() || rest.starts_with('|'))
}
