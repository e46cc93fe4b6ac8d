//! Snapshots made from arbitrary bytes, and a [`Sink`] that writes down what it is told. Shared by
//! the tests of this room and by fuzz targets; not part of the node.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use arbitrary::{Arbitrary, Result, Unstructured};

use super::{Checksum, Compression, Encoder, Options, RdbErrorKind, Sink};
use crate::{
    base::{number::DIGITS_MAX, time::UnixMillis},
    value::{Collection, End, Hash, List, Set, Shape, SortedSet, Value, View},
};

/// One thing that a snapshot says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// [`Sink::aux`]
    Aux(Vec<u8>, Vec<u8>),
    /// [`Sink::select_db`]
    SelectDb(u64),
    /// [`Sink::resize_db`]
    ResizeDb(u64, u64),
    /// [`Sink::string`]
    String(Vec<u8>, Vec<u8>, Option<UnixMillis>),
    /// [`Sink::value`]
    Value(Vec<u8>, Elements, Option<UnixMillis>),
    /// [`Sink::function`]
    Function(Vec<u8>),
}

impl Event {
    /// Appends what says this to `out`.
    pub fn write(&self, encoder: &mut Encoder, out: &mut Vec<u8>) {
        match self {
            Self::Aux(name, value) => encoder.aux(out, name, value),
            Self::SelectDb(db) => encoder.select_db(out, *db),
            Self::ResizeDb(keys, expires) => encoder.resize_db(out, *keys, *expires),
            Self::String(key, value, expires_at) => encoder.string(out, key, value, *expires_at),
            Self::Value(key, elements, expires_at) => {
                let value = elements.build();
                encoder.value(out, key, View::from(&value), *expires_at);
            }
            Self::Function(_) => {}
        }
    }
}

/// What a value consists of, without the form it is kept in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Elements {
    /// Of a list.
    List(Vec<Vec<u8>>),
    /// Of a set.
    Set(BTreeSet<Vec<u8>>),
    /// Of a sorted set, each with the bits of its score.
    SortedSet(BTreeMap<Vec<u8>, u64>),
    /// Of a hash.
    Hash(BTreeMap<Vec<u8>, Vec<u8>>),
}

impl From<View<'_>> for Elements {
    fn from(value: View<'_>) -> Self {
        match value {
            View::String(string) => Self::List(Vec::from([string.to_vec()])),
            View::List(list) => Self::List(list.iter().map(<[u8]>::to_vec).collect()),
            View::Set(set) => {
                let mut digits = [0; DIGITS_MAX];
                Self::Set(set.iter().map(|item| item.text(&mut digits).to_vec()).collect())
            }
            View::SortedSet(set) => Self::SortedSet(
                set.iter().map(|(member, score)| (member.to_vec(), score.to_bits())).collect(),
            ),
            View::Hash(hash) => {
                Self::Hash(hash.iter().map(|(f, v)| (f.to_vec(), v.to_vec())).collect())
            }
        }
    }
}

impl Elements {
    fn build(&self) -> Value {
        let shape = Shape::default();
        match self {
            Self::List(items) => {
                let mut list = List::new();
                items.iter().for_each(|item| list.push(&shape, End::Right, item));
                list.into_value()
            }
            Self::Set(members) => {
                let mut set = Set::new();
                members.iter().for_each(|member| _ = set.insert(&shape, member));
                set.into_value()
            }
            Self::SortedSet(pairs) => {
                let mut set = SortedSet::new();
                for (member, score) in pairs {
                    set.set(&shape, member, f64::from_bits(*score));
                }
                set.into_value()
            }
            Self::Hash(pairs) => {
                let mut hash = Hash::new();
                pairs.iter().for_each(|(field, value)| _ = hash.set(&shape, field, value));
                hash.into_value()
            }
        }
    }
}

/// Writes down what it is told, and refuses nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorder {
    /// In the order of the snapshot.
    pub events: Vec<Event>,
}

impl Sink for Recorder {
    fn aux(&mut self, name: &[u8], value: &[u8]) {
        self.events.push(Event::Aux(name.to_vec(), value.to_vec()));
    }

    fn select_db(&mut self, db: u64) -> core::result::Result<(), RdbErrorKind> {
        self.events.push(Event::SelectDb(db));
        Ok(())
    }

    fn resize_db(&mut self, keys: u64, expires: u64) {
        self.events.push(Event::ResizeDb(keys, expires));
    }

    fn string(
        &mut self,
        key: &[u8],
        value: &[u8],
        expires_at: Option<UnixMillis>,
    ) -> core::result::Result<(), RdbErrorKind> {
        self.events.push(Event::String(key.to_vec(), value.to_vec(), expires_at));
        Ok(())
    }

    fn value(
        &mut self,
        key: &[u8],
        value: Value,
        expires_at: Option<UnixMillis>,
    ) -> core::result::Result<(), RdbErrorKind> {
        let elements = View::from(&value).into();
        self.events.push(Event::Value(key.to_vec(), elements, expires_at));
        Ok(())
    }

    fn function(&mut self, code: &[u8]) -> core::result::Result<(), RdbErrorKind> {
        self.events.push(Event::Function(code.to_vec()));
        Ok(())
    }
}

/// A snapshot that our encoder can write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// How to write it.
    pub options: Options,
    /// What it says. No functions: the encoder writes none.
    pub events: Vec<Event>,
}

impl Sample {
    /// The snapshot's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::new(self.options);
        let mut out = Vec::new();
        encoder.header(&mut out);
        for event in &self.events {
            event.write(&mut encoder, &mut out);
        }
        encoder.end(&mut out);
        out
    }
}

impl<'a> Arbitrary<'a> for Sample {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let options = Options {
            compression: if u.arbitrary()? { Compression::On } else { Compression::Off },
            checksum: if u.arbitrary()? { Checksum::On } else { Checksum::Off },
        };
        let count = u.int_in_range(0..=20)?;
        let events = (0..count).map(|_| event(u)).collect::<Result<_>>()?;
        Ok(Self { options, events })
    }
}

fn event(u: &mut Unstructured<'_>) -> Result<Event> {
    Ok(match u.int_in_range(0..=9)? {
        0 => Event::Aux(text(u)?, text(u)?),
        1 => Event::SelectDb(number(u)?),
        2 => Event::ResizeDb(number(u)?, number(u)?),
        3..=5 => Event::Value(text(u)?, elements(u)?, expiry(u)?),
        _ => Event::String(text(u)?, text(u)?, expiry(u)?),
    })
}

/// At least one element.
fn elements(u: &mut Unstructured<'_>) -> Result<Elements> {
    let count = u.int_in_range(1..=8)?;
    Ok(match u.int_in_range(0..=3)? {
        0 => Elements::List((0..count).map(|_| text(u)).collect::<Result<_>>()?),
        1 => Elements::Set((0..count).map(|_| text(u)).collect::<Result<_>>()?),
        2 => Elements::SortedSet(
            (0..count).map(|_| Ok((text(u)?, score(u)?))).collect::<Result<_>>()?,
        ),
        _ => Elements::Hash((0..count).map(|_| Ok((text(u)?, text(u)?))).collect::<Result<_>>()?),
    })
}

/// The bits of a score: whole or not, and no zero below zero, which small sets do not keep.
fn score(u: &mut Unstructured<'_>) -> Result<u64> {
    let score = match u.int_in_range(0..=3)? {
        0 => f64::from(u.arbitrary::<i8>()?),
        1 => f64::from(u.arbitrary::<i32>()?),
        2 => *u.choose(&[f64::INFINITY, f64::NEG_INFINITY, f64::MAX, 1e-310, 0.1])?,
        _ => u.arbitrary()?,
    };
    Ok(if score.is_nan() || score == 0.0 { 0.0_f64 } else { score }.to_bits())
}

/// A number whose size in bits is as likely to be small as large.
fn number(u: &mut Unstructured<'_>) -> Result<u64> {
    let shift = u.int_in_range(0..=63)?;
    Ok(u.arbitrary::<u64>()? >> shift)
}

/// Any time but -1, which Redis reads as none.
fn expiry(u: &mut Unstructured<'_>) -> Result<Option<UnixMillis>> {
    Ok(u.arbitrary::<Option<i64>>()?.filter(|millis| *millis != -1).map(UnixMillis))
}

/// A string of one of the kinds that are written differently.
fn text(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    Ok(match u.int_in_range(0..=3)? {
        0 => {
            let number = number(u)? as i64;
            let number = if u.arbitrary()? { number } else { number.wrapping_neg() };
            itoa::Buffer::new().format(number).as_bytes().to_vec()
        }
        1 => {
            let len = u.int_in_range(0..=100)?;
            some_bytes(u, len)?.to_vec()
        }
        2 => {
            // Repeats a short piece often: compresses well, with copies that overlap themselves.
            let len = u.int_in_range(1..=8)?;
            some_bytes(u, len)?.repeat(u.int_in_range(1..=500)?)
        }
        _ => {
            // A few words again and again: compresses with copies of all lengths and distances.
            let words: [[u8; 5]; 3] = u.arbitrary()?;
            let count = u.int_in_range(0..=200)?;
            let mut text = Vec::new();
            for _ in 0..count {
                text.extend_from_slice(u.choose(&words)?);
            }
            text
        }
    })
}

/// `len` bytes, or as many as are left.
fn some_bytes<'a>(u: &mut Unstructured<'a>, len: usize) -> Result<&'a [u8]> {
    u.bytes(len.min(u.len()))
}
