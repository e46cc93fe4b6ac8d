//! Snapshots made from arbitrary bytes, and a [`Sink`] that writes down what it is told. Shared by
//! the tests of this room and by fuzz targets; not part of the node.

use alloc::vec::Vec;

use arbitrary::{Arbitrary, Result, Unstructured};

use super::{Checksum, Compression, Encoder, Options, RdbErrorKind, Sink};
use crate::base::time::UnixMillis;

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
    /// [`Sink::function`]
    Function(Vec<u8>),
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
            match event {
                Event::Aux(name, value) => encoder.aux(&mut out, name, value),
                Event::SelectDb(db) => encoder.select_db(&mut out, *db),
                Event::ResizeDb(keys, expires) => encoder.resize_db(&mut out, *keys, *expires),
                Event::String(key, value, expires_at) => {
                    encoder.string(&mut out, key, value, *expires_at);
                }
                Event::Function(_) => {}
            }
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
        _ => Event::String(text(u)?, text(u)?, expiry(u)?),
    })
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
