//! Which command a name is: in any case, and by the names that `rename-command` gave.
//!
//! A command that was renamed keeps its own name in whatever is said about it; only who calls it
//! must know the other one.

use alloc::{boxed::Box, vec::Vec};
use core::{fmt, ptr};

use super::{SPEC_COUNT, SPECS, Spec};

/// The longest name that a command has of its own.
const NAME_MAX: usize = 16;
/// A slot of nobody.
const FREE: u8 = u8::MAX;
/// No name: in those of commands a bit of each byte is set.
const NO_NAME: u128 = 0;

/// Finds commands by name, in any case.
#[derive(Debug)]
pub struct Table {
    /// Open addressing over the specs' numbers; 255 is free.
    slots: [u8; Self::SLOTS],
    /// The folded name of each spec that is called by it.
    names: [u128; SPEC_COUNT],
    /// Commands that have other names than their own. Looked at last: whoever does not rename
    /// anything pays nothing for it.
    renamed: Vec<Renamed>,
    /// The commands that can be called.
    specs: Vec<&'static Spec>,
}

#[derive(Debug)]
struct Renamed {
    name: Box<[u8]>,
    spec: &'static Spec,
}

/// Why a command cannot be renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RenameError {
    /// There is none of that name, or there is none any more.
    NoSuchCommand,
    /// Another command has the new name.
    NameTaken,
}

impl fmt::Display for RenameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSuchCommand => "No such command in rename-command",
            Self::NameTaken => "Target command name already exists",
        })
    }
}

impl core::error::Error for RenameError {}

impl Table {
    const SLOTS: usize = 512;

    /// A table of all commands.
    pub fn new() -> Self {
        const { assert!(SPEC_COUNT < Self::SLOTS / 2, "the table stays half empty") };
        const { assert!(SPEC_COUNT < FREE as usize, "a number is none of a spec") };
        let mut slots = [FREE; Self::SLOTS];
        let mut names = [NO_NAME; SPEC_COUNT];
        for (number, spec) in SPECS.iter().enumerate() {
            names[number] = Self::fold(spec.name.as_bytes());
            let mut at = Self::home(names[number]);
            while slots[at] != FREE {
                at = (at + 1) % Self::SLOTS;
            }
            slots[at] = number as u8;
        }
        Self { slots, names, renamed: Vec::new(), specs: SPECS.iter().collect() }
    }

    /// A table of all commands after these changes of old names to new ones. What cannot be
    /// changed stays as it is.
    pub fn with_renamed(renames: &[(Vec<u8>, Vec<u8>)]) -> Self {
        let mut table = Self::new();
        for (old, new) in renames {
            let _ = table.rename(old, new);
        }
        table
    }

    /// From here on the command called `old` is called `new`, or, if that is empty, not at all.
    ///
    /// # Errors
    /// When there is no such command, or there is one called `new`; nothing is changed then.
    // redis: config.c, loadServerConfigFromString
    pub fn rename(&mut self, old: &[u8], new: &[u8]) -> Result<(), RenameError> {
        let spec = self.find(old).ok_or(RenameError::NoSuchCommand)?;
        if self.find(new).is_some_and(|other| !ptr::eq(other, spec)) {
            return Err(RenameError::NameTaken);
        }
        let number = SPECS.iter().position(|one| ptr::eq(one, spec));
        self.names[number.expect("a command that is found has a spec")] = NO_NAME;
        self.renamed.retain(|one| !ptr::eq(one.spec, spec));
        if new.is_empty() {
            self.specs.retain(|one| !ptr::eq(*one, spec));
        } else {
            self.renamed.push(Renamed { name: new.into(), spec });
        }
        Ok(())
    }

    /// A name in lower case, as one number. Two names of the same length with the same number are
    /// the same word: the bit that tells upper from lower case is set in each byte, and only a
    /// letter becomes a letter by that.
    fn fold(name: &[u8]) -> u128 {
        let mut bytes = [0; NAME_MAX];
        bytes[..name.len()].copy_from_slice(name);
        u128::from_le_bytes(bytes) | u128::from_le_bytes([0x20; NAME_MAX])
    }

    fn home(folded: u128) -> usize {
        let mixed = (folded as u64 ^ (folded >> 64) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 55) as usize % Self::SLOTS
    }

    /// The command called `name`.
    pub fn find(&self, name: &[u8]) -> Option<&'static Spec> {
        if name.len() > NAME_MAX {
            return self.find_renamed(name);
        }
        let folded = Self::fold(name);
        let mut at = Self::home(folded);
        while self.slots[at] != FREE {
            let number = usize::from(self.slots[at]);
            let spec = &SPECS[number];
            if self.names[number] == folded && spec.name.len() == name.len() {
                return Some(spec);
            }
            at = (at + 1) % Self::SLOTS;
        }
        self.find_renamed(name)
    }

    #[cold]
    fn find_renamed(&self, name: &[u8]) -> Option<&'static Spec> {
        let found = self.renamed.iter().find(|one| one.name.eq_ignore_ascii_case(name));
        found.map(|one| one.spec)
    }

    /// The command whose own name this is, in lower case, whatever it is called.
    ///
    /// # Panics
    /// When there is none.
    pub fn original(name: &str) -> &'static Spec {
        SPECS.iter().find(|spec| spec.name == name).expect("a command of ours is named")
    }

    /// All commands that can be called.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'static Spec> {
        self.specs.iter().copied()
    }
}

impl Default for Table {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_found_in_any_case_and_nothing_else_is() {
        let table = Table::new();
        for spec in table.iter() {
            let upper = spec.name.to_ascii_uppercase();
            assert_eq!(table.find(upper.as_bytes()).map(|found| found.name), Some(spec.name));
            assert!(spec.name.len() <= NAME_MAX);
        }
        assert!(table.find(b"").is_none());
        assert!(table.find(b"gett").is_none());
        assert!(table.find(b"get ").is_none());
        assert!(table.find(b"get\0").is_none());
        assert!(table.find(b"\x07et").is_none());
        assert!(table.find(&[b'g'; 1000]).is_none());
    }

    #[test]
    fn a_renamed_command_is_found_by_its_new_name_alone() {
        let mut table = Table::new();
        let long = [b'x'; 40];
        let name = |table: &Table, name: &[u8]| table.find(name).map(|spec| spec.name);
        assert_eq!(table.rename(b"CONFIG", &long), Ok(()));
        assert_eq!(table.rename(b"config", b"other"), Err(RenameError::NoSuchCommand));
        assert_eq!(table.rename(b"get", b"SET"), Err(RenameError::NameTaken));
        assert_eq!(table.rename(b"get", b"[1"), Ok(()));
        assert_eq!(table.rename(b"DEL", b"get"), Ok(()), "a name that is free again");
        assert_eq!(table.rename(b"Get", b"del"), Ok(()), "and back");
        assert_eq!(table.rename(b"FlushAll", b""), Ok(()));
        assert_eq!(table.rename(b"keys", b"KEYS"), Ok(()));
        assert_eq!(name(&table, b"CONFIG"), None);
        assert_eq!(name(&table, &long.to_ascii_uppercase()), Some("config"));
        assert_eq!((name(&table, b"get"), name(&table, b"[1")), (None, Some("get")));
        assert_eq!(name(&table, b"{1"), None);
        assert_eq!((name(&table, b"Del"), name(&table, b"keys")), (Some("del"), Some("keys")));
        assert_eq!((name(&table, b"flushall"), name(&table, b"")), (None, None));
        assert_eq!(table.iter().len(), SPEC_COUNT - 1);
        assert_eq!(Table::original("config").name, "config");
    }
}
