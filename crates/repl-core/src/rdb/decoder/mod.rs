//! Reads a snapshot that arrives in pieces. Bytes are pushed in, what they say is handed to a
//! [`Sink`]. Knows nothing of where they come from and where it goes.
//!
//! ```text
//! Signature -> Item <-> Skip          parts of what is passed over
//!               ^ |                 Element: of a list, set or hash
//!               | +-> Checksum -> Done
//!               v
//!            Element
//! ```
//!
//! The stream is cut into *items*: the signature, an opcode with its arguments, a key with its
//! string, one part of something longer, the checksum. An item is read when all of it is there, and
//! only then is anything changed, so an incomplete one can be looked at again. Items of the input
//! are read where they lie; only the last, incomplete one is kept, and later input is added to it
//! up to the byte it still needs. A look at an item costs as much as it has lengths, however long
//! its strings are, so small pieces cost no more than large ones.
//!
//! A type of value has a file of its own here, as `string.rs`. A value of many elements must not be
//! one item, since it would be gathered whole: it gets a state, and takes one element per item, as
//! `skip.rs` does.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod cursor;
mod item;
mod skip;
mod string;
mod value;

use alloc::vec::Vec;
use core::mem;

use self::{
    cursor::{Cursor, Halt},
    skip::Skip,
    value::Building,
};
use super::{
    crc64,
    error::{RdbError, RdbErrorKind},
};
use crate::{
    base::time::UnixMillis,
    value::{Seen, Shape, Value},
};

/// Takes what a snapshot says, in its order. What is passed is valid for the call only.
pub trait Sink {
    /// A fact about the snapshot or its origin. Unknown names are to be ignored.
    fn aux(&mut self, name: &[u8], value: &[u8]);

    /// The keys that follow belong to database `db`. At first that is database 0.
    ///
    /// # Errors
    /// [`RdbErrorKind::TooManyDatabases`].
    fn select_db(&mut self, db: u64) -> Result<(), RdbErrorKind>;

    /// How many keys the database is said to hold, and how many of them expire. Nobody checked
    /// these numbers: reserve no memory for them beyond a bound of your own.
    fn resize_db(&mut self, keys: u64, expires: u64);

    /// A key whose value is a string.
    ///
    /// # Errors
    /// [`RdbErrorKind::DuplicateKey`].
    fn string(
        &mut self,
        key: &[u8],
        value: &[u8],
        expires_at: Option<UnixMillis>,
    ) -> Result<(), RdbErrorKind>;

    /// A key whose value is a list, a set or a hash, with at least one element.
    ///
    /// # Errors
    /// [`RdbErrorKind::DuplicateKey`].
    fn value(
        &mut self,
        key: &[u8],
        value: Value,
        expires_at: Option<UnixMillis>,
    ) -> Result<(), RdbErrorKind>;

    /// The source of a library of functions.
    ///
    /// # Errors
    /// [`RdbErrorKind::UnusableFunctions`].
    fn function(&mut self, code: &[u8]) -> Result<(), RdbErrorKind>;
}

/// What a snapshot may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest key or value, in bytes: `proto-max-bulk-len`.
    pub string_max_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { string_max_bytes: 512 * 1024 * 1024 }
    }
}

/// What became of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fed {
    /// All of it belongs to the snapshot, which goes on.
    More,
    /// The snapshot is complete.
    Done {
        /// How many bytes of this input belong to it, with its checksum. If the length of the
        /// snapshot was announced, compare: a damaged snapshot may seem to end early.
        consumed: usize,
    },
}

/// Reads one snapshot. The outcome is a function of the bytes, not of the pieces they come in.
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    shape: Shape,
    state: State,
    dialect: Dialect,
    version: u32,
    /// Of the next key.
    expires_at: Option<UnixMillis>,
    /// In the state `Element`: the value that the elements belong to.
    building: Option<Building>,
    /// Of all bytes taken so far, up to and with the end opcode.
    crc: u64,
    /// Where in the stream the next item begins.
    offset: u64,
    /// The beginning of that item, when some input ended inside it.
    partial: Vec<u8>,
    /// The length that `partial` must reach before it is worth another look.
    needed: usize,
    /// Where strings are expanded.
    scratch: [Vec<u8>; 2],
    /// The elements of the value at hand.
    seen: Seen,
}

/// What the next item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Signature,
    Item,
    Element,
    Skip(Skip),
    Checksum,
    Done,
    Failed(RdbError),
}

/// Whose snapshot it is: some codes were given two meanings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    Redis,
    Valkey,
}

/// A buffer larger than this is given back after use.
const BUFFER_KEPT_BYTES: usize = 64 * 1024;

impl Decoder {
    /// A decoder at the beginning of a snapshot.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Self {
            limits,
            shape: Shape::new(0),
            state: State::Signature,
            dialect: Dialect::Redis,
            version: 0,
            expires_at: None,
            building: None,
            crc: 0,
            offset: 0,
            partial: Vec::new(),
            needed: 0,
            scratch: [Vec::new(), Vec::new()],
            seen: Seen::new(0),
        }
    }

    /// Gives values the forms of the dataset they are read for.
    #[must_use]
    pub fn with_shape(mut self, shape: Shape) -> Self {
        self.shape = shape;
        self.seen = Seen::new(shape.seed);
        self
    }

    /// Takes the next bytes of the stream. After the end, takes none.
    ///
    /// # Errors
    /// When the snapshot is damaged, or from a version we cannot read, or the sink refused
    /// something. The sink has then been told all that came before the fault. Every later call
    /// returns the same error.
    pub fn feed(&mut self, input: &[u8], sink: &mut impl Sink) -> Result<Fed, RdbError> {
        match self.state {
            State::Failed(error) => return Err(error),
            State::Done => return Ok(Fed::Done { consumed: 0 }),
            State::Signature | State::Item | State::Element | State::Skip(_) | State::Checksum => {}
        }
        let fed = self.read(input, sink);
        if let Err(error) = fed {
            self.state = State::Failed(error);
        }
        if fed != Ok(Fed::More) {
            self.partial = Vec::new();
            self.scratch = [Vec::new(), Vec::new()];
            self.building = None;
        }
        fed
    }

    /// Says that no more input will come.
    ///
    /// # Errors
    /// [`RdbErrorKind::UnexpectedEnd`] unless the snapshot is complete, or the error that was
    /// returned before.
    pub fn finish(&self) -> Result<(), RdbError> {
        match self.state {
            State::Done => Ok(()),
            State::Failed(error) => Err(error),
            State::Signature | State::Item | State::Element | State::Skip(_) | State::Checksum => {
                let at = self.offset + self.partial.len() as u64;
                Err(RdbError { at, kind: RdbErrorKind::UnexpectedEnd })
            }
        }
    }

    fn read(&mut self, input: &[u8], sink: &mut impl Sink) -> Result<Fed, RdbError> {
        let Some(used) = self.complete_partial(input, sink)? else { return Ok(Fed::More) };
        self.read_in_place(input, used, sink)
    }

    /// Completes the item that earlier input began, if there is one. Returns how much of the input
    /// that took, or `None` when the input does not suffice.
    fn complete_partial(
        &mut self,
        input: &[u8],
        sink: &mut impl Sink,
    ) -> Result<Option<usize>, RdbError> {
        let mut used = 0;
        while !self.partial.is_empty() {
            let missing = self.needed - self.partial.len();
            let rest = behind(input, used);
            let Some(more) = rest.get(..missing) else {
                self.keep(rest, self.needed);
                return Ok(None);
            };
            self.keep(more, self.needed);
            used += missing;
            let mut partial = mem::take(&mut self.partial);
            let mut cursor = Cursor::new(&partial);
            match self.item(&mut cursor, sink) {
                Ok(next) => {
                    assert_eq!(cursor.position(), partial.len(), "an item asks for its own bytes");
                    self.state = next;
                    self.offset += partial.len() as u64;
                    partial.clear();
                    partial.shrink_to(BUFFER_KEPT_BYTES);
                }
                Err(Halt::Need(needed)) => self.needed = needed,
                Err(Halt::Bad { at, kind }) => return Err(self.error(at, kind)),
            }
            self.partial = partial;
        }
        Ok(Some(used))
    }

    /// Reads the items that lie whole in the input after its first `used` bytes. Keeps the rest.
    fn read_in_place(
        &mut self,
        input: &[u8],
        mut used: usize,
        sink: &mut impl Sink,
    ) -> Result<Fed, RdbError> {
        // Summing up many items at once is faster than one by one.
        let unsummed = used;
        loop {
            if self.state == State::Done {
                return Ok(Fed::Done { consumed: used });
            }
            let rest = behind(input, used);
            let mut cursor = Cursor::new(rest);
            match self.item(&mut cursor, sink) {
                Ok(next) => {
                    used += cursor.position();
                    self.offset += cursor.position() as u64;
                    if next == State::Checksum {
                        self.sum(input.get(unsummed..used).unwrap_or_default());
                    }
                    self.state = next;
                }
                Err(Halt::Need(needed)) => {
                    self.sum(input.get(unsummed..used).unwrap_or_default());
                    self.keep(rest, needed);
                    return Ok(Fed::More);
                }
                Err(Halt::Bad { at, kind }) => return Err(self.error(at, kind)),
            }
        }
    }

    /// Keeps `bytes` of an item that needs so many in all.
    fn keep(&mut self, bytes: &[u8], needed: usize) {
        self.sum(bytes);
        self.partial.extend_from_slice(bytes);
        self.needed = needed;
    }

    /// Adds `bytes` to the checksum, unless they are the checksum.
    fn sum(&mut self, bytes: &[u8]) {
        if self.state != State::Checksum {
            self.crc = crc64::update(self.crc, bytes);
        }
    }

    /// Memory held for items to come.
    #[cfg(test)]
    pub(super) fn kept_bytes(&self) -> usize {
        self.partial.capacity() + self.scratch.iter().map(Vec::capacity).sum::<usize>()
    }

    const fn error(&self, at: usize, kind: RdbErrorKind) -> RdbError {
        RdbError { at: self.offset + at as u64, kind }
    }
}

/// What lies behind the first `used` bytes.
fn behind(input: &[u8], used: usize) -> &[u8] {
    input.get(used..).unwrap_or_default()
}
