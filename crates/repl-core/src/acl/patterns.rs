//! Which keys and channels a user may touch.

use alloc::{format, string::String, vec::Vec};

use super::RuleError;
use crate::{
    base::glob::{self, Case},
    command::Access,
};

/// What may be done to the keys of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    Read,
    Write,
    Both,
}

impl Reach {
    /// Whether this is enough for a command that does this to a key.
    // redis: acl.c, ACLSelectorCheckKey
    fn suffices_for(self, access: Access) -> bool {
        let reads = access.contains(&"access");
        let writes = ["insert", "delete", "update"].iter().any(|what| access.contains(what));
        match self {
            Self::Read => !writes,
            Self::Write => !reads,
            Self::Both => true,
        }
    }

    fn mark(self) -> &'static str {
        match self {
            Self::Read => "%R~",
            Self::Write => "%W~",
            Self::Both => "~",
        }
    }
}

/// The keys that a user may touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Keys {
    All,
    Of(Vec<(Reach, String)>),
}

impl Keys {
    pub(super) const NONE: Self = Self::Of(Vec::new());

    pub(super) fn allow(&self, key: &[u8], access: Access) -> bool {
        let Self::Of(patterns) = self else { return true };
        patterns.iter().any(|(reach, pattern)| {
            reach.suffices_for(access) && glob::matches(pattern.as_bytes(), key, Case::Sensitive)
        })
    }

    /// Whether every key may be read.
    pub(super) fn allow_reading_all(&self) -> bool {
        let Self::Of(patterns) = self else { return true };
        patterns.iter().any(|(reach, pattern)| *reach != Reach::Write && pattern == "*")
    }

    /// Takes `~pattern` or `%RW~pattern`.
    pub(super) fn take(&mut self, rule: &str) -> Result<(), RuleError> {
        let (reach, pattern) = match rule.strip_prefix('%') {
            None => (Reach::Both, rule.strip_prefix('~').ok_or(RuleError::Syntax)?),
            Some(rest) => {
                let (reach, pattern) = rest.split_once('~').ok_or(RuleError::Syntax)?;
                let reach = match reach.to_ascii_uppercase().as_str() {
                    "R" => Reach::Read,
                    "W" => Reach::Write,
                    "RW" | "WR" => Reach::Both,
                    _ => return Err(RuleError::Syntax),
                };
                (reach, pattern)
            }
        };
        let Self::Of(patterns) = self else { return Err(RuleError::AfterAllKeys) };
        if (reach, pattern) == (Reach::Both, "*") {
            *self = Self::All;
            return Ok(());
        }
        plain(pattern)?;
        match patterns.iter_mut().find(|(_, known)| known == pattern) {
            Some((known, _)) if *known != reach => *known = Reach::Both,
            Some(_) => {}
            None => patterns.push((reach, pattern.into())),
        }
        Ok(())
    }

    pub(super) fn describe(&self) -> String {
        match self {
            Self::All => "~*".into(),
            Self::Of(patterns) => {
                let shown = patterns.iter().map(|(reach, text)| format!("{}{text}", reach.mark()));
                shown.collect::<Vec<_>>().join(" ")
            }
        }
    }
}

/// The channels that a user may listen and publish to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Channels {
    All,
    Of(Vec<String>),
}

impl Channels {
    pub(super) const NONE: Self = Self::Of(Vec::new());

    /// Whether the user may use the channel of this name.
    pub(super) fn allow(&self, channel: &[u8]) -> bool {
        let Self::Of(patterns) = self else { return true };
        let matches = |text: &String| glob::matches(text.as_bytes(), channel, Case::Sensitive);
        patterns.iter().any(matches)
    }

    /// Whether the user may listen to whatever matches this pattern: only if it is one of the
    /// user's own, to the letter.
    // redis: acl.c, ACLCheckChannelAgainstList
    pub(super) fn allow_pattern(&self, pattern: &[u8]) -> bool {
        let Self::Of(patterns) = self else { return true };
        patterns.iter().any(|text| text.as_bytes() == pattern)
    }

    /// Takes `&pattern`.
    pub(super) fn take(&mut self, rule: &str) -> Result<(), RuleError> {
        let pattern = rule.strip_prefix('&').ok_or(RuleError::Syntax)?;
        let Self::Of(patterns) = self else { return Err(RuleError::AfterAllChannels) };
        if pattern == "*" {
            *self = Self::All;
            return Ok(());
        }
        plain(pattern)?;
        if !patterns.iter().any(|known| known == pattern) {
            patterns.push(pattern.into());
        }
        Ok(())
    }

    pub(super) fn describe(&self) -> String {
        match self {
            Self::All => "&*".into(),
            Self::Of(patterns) => {
                let shown = patterns.iter().map(|text| format!("&{text}"));
                shown.collect::<Vec<_>>().join(" ")
            }
        }
    }
}

/// A pattern that a line of configuration can hold.
fn plain(pattern: &str) -> Result<(), RuleError> {
    let spoils = |byte: u8| byte.is_ascii_whitespace() || byte == 0;
    if pattern.bytes().any(spoils) { Err(RuleError::Syntax) } else { Ok(()) }
}
