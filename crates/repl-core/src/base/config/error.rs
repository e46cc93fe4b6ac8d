//! Why a directive was refused, in the words Redis uses.
//!
//! Owns the texts. Knows neither the table nor where the value came from: a configuration file
//! shows the [`Reason`] alone, `CONFIG SET` shows the whole [`ConfigError`] after `ERR `.

use alloc::string::String;
use core::fmt;

/// A directive was refused; nothing was changed.
///
/// Displays as the error of `CONFIG SET` without its `ERR `. The name is shown as the user wrote it
/// and may hold any character: whoever puts it on the wire must keep it on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The directive, as the user wrote it.
    pub name: String,
    /// What is wrong.
    pub reason: Reason,
}

/// What is wrong with a directive. Displays as a configuration file's error shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No directive has this name.
    UnknownName,
    /// One value is wanted and none or several were given.
    WrongArgumentCount,
    /// It is fixed once the server runs.
    Immutable,
    /// It may harm the server, and `enable-protected-configs` does not allow it.
    Protected,
    /// One `CONFIG SET` names it twice.
    Duplicate,
    /// Neither `yes` nor `no`.
    NotYesNo,
    /// Not a whole number.
    NotInteger,
    /// Not a number of bytes with an optional unit.
    NotMemory,
    /// Neither a number of bytes nor a percentage.
    NotMemoryOrPercent,
    /// A percentage above this.
    PercentAbove(u64),
    /// A number outside these bounds, both allowed.
    OutOfRange {
        /// Smallest value allowed.
        min: i128,
        /// Largest value allowed.
        max: i128,
    },
    /// Not a whole number in base eight.
    NotOctal,
    /// A number in base eight below zero or above this.
    NotWithinOctal(u32),
    /// None of these words.
    NotOneOf(&'static [&'static str]),
    /// Bytes that are no text. Redis takes them; see `docs/CONFIG.md`.
    NotUtf8,
    /// The operating system allows only so many clients.
    TooManyClients(u32),
    /// It needs the host's consent, for which a transaction does not wait.
    WithinTransaction,
    /// The host refuses it, in these words.
    Refused(String),
    /// What only one directive can get wrong.
    Other(&'static str),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownName => "Bad directive or wrong number of arguments",
            Self::WrongArgumentCount => "wrong number of arguments",
            Self::Immutable => "can't set immutable config",
            Self::Protected => "can't set protected config",
            Self::Duplicate => "duplicate parameter",
            Self::NotYesNo => "argument must be 'yes' or 'no'",
            Self::NotInteger => "argument couldn't be parsed into an integer",
            Self::NotOctal => "argument couldn't be parsed as an octal number",
            Self::NotMemory => "argument must be a memory value",
            Self::NotMemoryOrPercent => "argument must be a memory or percent value",
            Self::NotUtf8 => "argument must be valid UTF-8 text",
            Self::PercentAbove(max) => {
                return write!(f, "percentage argument must be less or equal to {max}");
            }
            Self::TooManyClients(most) => {
                return write!(
                    f,
                    "The operating system is not able to handle the specified number of clients, \
                     try with {most}"
                );
            }
            Self::OutOfRange { min, max } => {
                return write!(f, "argument must be between {min} and {max} inclusive");
            }
            Self::NotWithinOctal(max) => {
                return write!(f, "argument must be between 0 and {max:o} inclusive");
            }
            Self::NotOneOf(words) => {
                f.write_str("argument(s) must be one of the following: ")?;
                for (i, word) in words.iter().enumerate() {
                    f.write_str(if i == 0 { "" } else { ", " })?;
                    f.write_str(word)?;
                }
                return Ok(());
            }
            Self::WithinTransaction => "it cannot be set within a transaction",
            Self::Refused(text) => text,
            Self::Other(text) => text,
        })
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, reason } = self;
        if *reason == Reason::UnknownName {
            // As C prints it: to the first null byte.
            let name = name.split('\0').next().unwrap_or_default();
            write!(f, "Unknown option or number of arguments for CONFIG SET - '{name}'")
        } else {
            write!(f, "CONFIG SET failed (possibly related to argument '{name}') - {reason}")
        }
    }
}

impl core::error::Error for ConfigError {}
