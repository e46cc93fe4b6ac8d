//! What a directive is: its names, when it may change, who acts on it, and how its value is read
//! and shown.
//!
//! Owns the forms of values (yes or no, number, memory, choice, text). Which directives exist
//! stands in the table; what those of several words mean stands in `words`.

use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::str;

use super::{Config, Line, When, error::Reason};
use crate::base::number::parse_i64;

/// One row of the table.
#[derive(Debug)]
pub struct Directive {
    /// Its name, in lower case.
    pub name: &'static str,
    /// Its older name, if it has one.
    pub alias: Option<&'static str>,
    /// When it may change.
    pub change: Change,
    /// Who acts on it.
    pub effect: Effect,
    /// One line for the operator.
    pub doc: &'static str,
    /// Whether a pattern of `CONFIG GET` finds it; its full name always does.
    pub listing: Listing,
    pub(super) kind: Kind,
}

/// When a directive may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// At boot and by `CONFIG SET`.
    Running,
    /// At boot only.
    Boot,
    /// At boot, and by `CONFIG SET` when `enable-protected-configs` says `yes`.
    Protected,
}

/// Who acts on a directive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The node.
    Node,
    /// The process around the node: sockets, log, files.
    Server,
    /// The process around the node, whose consent `CONFIG SET` waits for: it may refuse.
    Host,
    /// Nobody: it is checked, kept and shown, for clients and files that expect it.
    Inert,
}

/// Whether a pattern of `CONFIG GET` finds a directive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// Yes.
    Listed,
    /// No: it exists for tests.
    Hidden,
}

/// How to read and write one field of [`Config`].
#[derive(Debug)]
pub(super) struct Field<T: 'static> {
    pub(super) get: fn(&Config) -> T,
    pub(super) set: fn(&mut Config, T),
}

/// A directive of several words: how it is shown, taken and written into a file.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) show: fn(&Config) -> String,
    pub(super) take: Take,
    pub(super) lines: fn(&Config) -> Vec<Line>,
}

/// Takes the words of a directive into the configuration, or refuses them.
pub(super) type Take = fn(&mut Config, &[&[u8]], When) -> Result<(), Reason>;

/// The form of a directive's value and the place where it is kept.
#[derive(Debug)]
pub(super) enum Kind {
    YesNo(Field<bool>),
    Number {
        min: i64,
        max: i64,
        field: Field<i64>,
    },
    Memory {
        min: u64,
        max: u64,
        field: Field<u64>,
    },
    Choice {
        words: &'static [&'static str],
        field: Field<&'static str>,
    },
    Text {
        accept: fn(&str) -> Result<(), Reason>,
        field: Field<String>,
    },
    Words(Words),
    /// Checked and shown, and read by nobody: it needs no field.
    Kept {
        rule: Rule,
        default: &'static str,
    },
}

/// The form of a value that nobody reads.
#[derive(Debug)]
pub(super) enum Rule {
    YesNo,
    Number(i64, i64),
    Memory(u64, u64),
    MemoryOrPercent,
    Choice(&'static [&'static str]),
    Text,
    /// Several words; the function gives the form that is shown.
    Words(fn(&[&[u8]]) -> Result<String, Reason>),
    /// Of the form inside, but only the default is supported; otherwise the text says why.
    OnlyDefault(&'static Self, &'static str),
}

impl Directive {
    /// Whether `name` is one of its names, in any case.
    #[must_use]
    pub fn is_named(&self, name: &[u8]) -> bool {
        self.names().any(|own| own.as_bytes().eq_ignore_ascii_case(name))
    }

    /// Its name and its alias.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        [self.name].into_iter().chain(self.alias)
    }

    /// Whether its value may be several words.
    #[must_use]
    pub const fn takes_words(&self) -> bool {
        matches!(self.kind, Kind::Words(_) | Kind::Kept { rule: Rule::Words(_), .. })
    }

    /// The value in `config`, as `CONFIG GET` shows it.
    pub(super) fn show(&self, config: &Config) -> String {
        match &self.kind {
            Kind::YesNo(field) => yes_no((field.get)(config)).to_owned(),
            Kind::Number { field, .. } => (field.get)(config).to_string(),
            Kind::Memory { field, .. } => (field.get)(config).to_string(),
            Kind::Choice { field, .. } => (field.get)(config).to_owned(),
            Kind::Text { field, .. } => (field.get)(config),
            Kind::Words(words) => (words.show)(config),
            Kind::Kept { default, .. } => {
                config.kept.0.get(self.name).cloned().unwrap_or_else(|| (*default).to_owned())
            }
        }
    }

    /// Takes the value that `args` are into `config`, without asking whether it may change.
    pub(super) fn take(
        &self,
        config: &mut Config,
        args: &[&[u8]],
        when: When,
    ) -> Result<(), Reason> {
        match &self.kind {
            Kind::YesNo(field) => (field.set)(config, parse_yes_no(only(args)?)?),
            Kind::Number { min, max, field } => {
                (field.set)(config, parse_number(only(args)?, *min, *max)?);
            }
            Kind::Memory { min, max, field } => {
                (field.set)(config, parse_memory_between(only(args)?, *min, *max)?);
            }
            Kind::Choice { words, field } => (field.set)(config, parse_choice(only(args)?, words)?),
            Kind::Text { accept, field } => {
                let text = parse_text(only(args)?)?;
                accept(text)?;
                (field.set)(config, text.to_owned());
            }
            Kind::Words(words) => (words.take)(config, args, when)?,
            Kind::Kept { rule, default } => {
                let value = rule.canonical(args, default)?;
                config.keep(self.name, value, default);
            }
        }
        Ok(())
    }
}

impl Rule {
    /// The value that `args` are, as `CONFIG GET` shows it.
    fn canonical(&self, args: &[&[u8]], default: &str) -> Result<String, Reason> {
        Ok(match self {
            Self::YesNo => yes_no(parse_yes_no(only(args)?)?).to_owned(),
            Self::Number(min, max) => parse_number(only(args)?, *min, *max)?.to_string(),
            Self::Memory(min, max) => parse_memory_between(only(args)?, *min, *max)?.to_string(),
            Self::MemoryOrPercent => parse_memory_or_percent(only(args)?)?,
            Self::Choice(words) => parse_choice(only(args)?, words)?.to_owned(),
            Self::Text => parse_text(only(args)?)?.to_owned(),
            Self::Words(canonical) => canonical(args)?,
            Self::OnlyDefault(rule, why_not) => {
                let value = rule.canonical(args, default)?;
                if value != default {
                    return Err(Reason::Other(why_not));
                }
                value
            }
        })
    }
}

const fn yes_no(on: bool) -> &'static str {
    if on { "yes" } else { "no" }
}

/// The one value of a directive that takes one.
pub(super) fn only<'a>(args: &[&'a [u8]]) -> Result<&'a [u8], Reason> {
    match args {
        [value] => Ok(value),
        _ => Err(Reason::WrongArgumentCount),
    }
}

/// A field of the node's configuration is text; Redis would keep any bytes.
pub(super) fn parse_text(value: &[u8]) -> Result<&str, Reason> {
    str::from_utf8(value).map_err(|_| Reason::NotUtf8)
}

fn parse_yes_no(value: &[u8]) -> Result<bool, Reason> {
    if value.eq_ignore_ascii_case(b"yes") {
        Ok(true)
    } else if value.eq_ignore_ascii_case(b"no") {
        Ok(false)
    } else {
        Err(Reason::NotYesNo)
    }
}

/// redis: util.c, string2ll: one spelling per number.
fn parse_number(value: &[u8], min: i64, max: i64) -> Result<i64, Reason> {
    let number = parse_i64(value).ok_or(Reason::NotInteger)?;
    if (min..=max).contains(&number) {
        Ok(number)
    } else {
        Err(Reason::OutOfRange { min: min.into(), max: max.into() })
    }
}

/// A number of bytes: digits and an optional unit in any case. As in Redis no digits at all mean
/// zero, and `k`, `m`, `g` are powers of 1000 where `kb`, `mb`, `gb` are powers of 1024. What
/// exceeds 64 bits saturates.
pub(super) fn parse_memory(value: &[u8]) -> Option<u64> {
    let end = value.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(value.len());
    let (digits, unit) = value.split_at_checked(end)?;
    let factor: u64 = match unit.to_ascii_lowercase().as_slice() {
        b"" | b"b" => 1,
        b"k" => 1000,
        b"kb" => 1 << 10,
        b"m" => 1_000_000,
        b"mb" => 1 << 20,
        b"g" => 1_000_000_000,
        b"gb" => 1 << 30,
        _ => return None,
    };
    let count = digits.iter().fold(0_u64, |count, digit| {
        count.saturating_mul(10).saturating_add(u64::from(digit.saturating_sub(b'0')))
    });
    Some(count.saturating_mul(factor))
}

fn parse_memory_between(value: &[u8], min: u64, max: u64) -> Result<u64, Reason> {
    let bytes = parse_memory(value).ok_or(Reason::NotMemory)?;
    if (min..=max).contains(&bytes) {
        Ok(bytes)
    } else {
        Err(Reason::OutOfRange { min: min.into(), max: max.into() })
    }
}

fn parse_memory_or_percent(value: &[u8]) -> Result<String, Reason> {
    let Some(percent) = value.strip_suffix(b"%") else {
        let bytes = parse_memory(value).ok_or(Reason::NotMemoryOrPercent)?;
        return Ok(bytes.to_string());
    };
    match parse_number(percent, 0, i64::MAX) {
        Ok(percent @ 0..=100) => Ok(format!("{percent}%")),
        Ok(_) => Err(Reason::PercentAbove(100)),
        Err(_) => Err(Reason::NotMemoryOrPercent),
    }
}

pub(super) fn parse_choice(
    value: &[u8],
    words: &'static [&'static str],
) -> Result<&'static str, Reason> {
    let chosen = words.iter().find(|word| word.as_bytes().eq_ignore_ascii_case(value));
    chosen.copied().ok_or(Reason::NotOneOf(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_has_decimal_and_binary_units_and_saturates() {
        let check = |text: &str, bytes| assert_eq!(parse_memory(text.as_bytes()), bytes, "{text}");
        check("100", Some(100));
        check("100B", Some(100));
        check("1k", Some(1000));
        check("1Kb", Some(1024));
        check("3mb", Some(3 << 20));
        check("1G", Some(1_000_000_000));
        check("", Some(0));
        check("kb", Some(0));
        check("18446744073709551616", Some(u64::MAX));
        check("17179869184gb", Some(u64::MAX));
        for bad in ["-1", "+5", " 10", "10 ", "1.5gb", "10xb", "0x10", "1kbb"] {
            check(bad, None);
        }
    }

    #[test]
    fn a_number_has_exactly_one_spelling() {
        assert_eq!(parse_number(b"-12", -20, 5), Ok(-12));
        assert_eq!(parse_number(b"0", 0, 5), Ok(0));
        assert_eq!(parse_number(b"6", 0, 5), Err(Reason::OutOfRange { min: 0, max: 5 }));
        for bad in ["", "05", "+5", "-0", "--5", " 5", "5s", "99999999999999999999"] {
            assert_eq!(parse_number(bad.as_bytes(), 0, 5), Err(Reason::NotInteger), "{bad}");
        }
    }

    #[test]
    fn a_percentage_is_kept_as_one() {
        assert_eq!(parse_memory_or_percent(b"5%"), Ok("5%".into()));
        assert_eq!(parse_memory_or_percent(b"1kb"), Ok("1024".into()));
        assert_eq!(parse_memory_or_percent(b"105%"), Err(Reason::PercentAbove(100)));
        assert_eq!(parse_memory_or_percent(b"x"), Err(Reason::NotMemoryOrPercent));
    }
}
