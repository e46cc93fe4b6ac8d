//! Lists, sets, sorted sets and hashes. Either the key, the number of elements and every element
//! are items of their own, or key and value make one item, of which the value is a blob of compact
//! encodings.
//!
//! ```text
//!  1 list          key, count, count x element
//!  2 set           key, count, count x member
//!  3 sorted set    key, count, count x (member, score as text)
//!  4 hash          key, count, count x (field, value)
//!  5 sorted set    key, count, count x (member, f64)
//! 14 quicklist     key, count, count x ziplist
//! 18 quicklist     key, count, count x (1, element | 2, listpack)
//! 10 13            key, ziplist          a list, a hash
//! 11               key, intset           a set
//! 12               key, ziplist          a sorted set: member, score, member, score
//! 16 17 20         key, listpack         a hash, a sorted set, a set
//! ```
//!
//! As in Redis, a value without elements is no key.

use alloc::vec::Vec;
use core::mem;

use super::{
    BUFFER_KEPT_BYTES, Decoder, Sink, State,
    cursor::{Cursor, Halt},
};
use crate::{
    base::{float::parse_score, number::DIGITS_MAX, time::UnixMillis},
    rdb::{
        compact::{Compact, intset, listpack, ziplist},
        error::RdbErrorKind,
        format::{list_node, score_text, value_type},
    },
    value::{Collection, End, Hash, Inserted, Item, List, Seen, Set, Shape, SortedSet, Value},
};

/// A value whose elements arrive one by one.
#[derive(Debug)]
pub(super) struct Building {
    key: Vec<u8>,
    value: Value,
    expires_at: Option<UnixMillis>,
    /// Elements or nodes that are to come, at least one.
    left: u64,
    part: Part,
}

/// What the items of a value are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Element,
    /// A member with its score as text.
    MemberAndText,
    Ziplist,
    Node,
}

/// Two elements take so many bytes more in memory than in a snapshot: their sizes.
const PAIR_BYTES_MORE: usize = 2;

impl Decoder {
    /// Reads the beginning of a value of type `code`, or all of it.
    pub(super) fn value(
        &mut self,
        code: u8,
        cursor: &mut Cursor<'_>,
        sink: &mut impl Sink,
    ) -> Result<State, Halt> {
        let (value, part) = match code {
            value_type::LIST => (List::new().into_value(), Part::Element),
            value_type::SET => (Set::new().into_value(), Part::Element),
            value_type::ZSET => (SortedSet::new().into_value(), Part::MemberAndText),
            value_type::HASH => (Hash::new().into_value(), Part::Element),
            value_type::ZSET_2 => (SortedSet::new().into_value(), Part::Element),
            value_type::LIST_QUICKLIST => (List::new().into_value(), Part::Ziplist),
            value_type::LIST_QUICKLIST_2 => (List::new().into_value(), Part::Node),
            _ => return self.compact_value(code, cursor, sink),
        };
        let key = cursor.text(self.limits.string_max_bytes)?;
        let left = cursor.len()?;
        let key = key.expand(&mut self.scratch[0])?.to_vec();
        let expires_at = self.expires_at.take();
        if left == 0 {
            return Ok(State::Item);
        }
        self.seen.clear();
        self.building = Some(Building { key, value, expires_at, left, part });
        Ok(State::Element)
    }

    /// Reads a value that is one blob.
    fn compact_value(
        &mut self,
        code: u8,
        cursor: &mut Cursor<'_>,
        sink: &mut impl Sink,
    ) -> Result<State, Halt> {
        let (mut value, format) = match code {
            value_type::LIST_ZIPLIST => (List::new().into_value(), ziplist::FORMAT),
            value_type::ZSET_ZIPLIST => (SortedSet::new().into_value(), ziplist::FORMAT),
            value_type::HASH_ZIPLIST => (Hash::new().into_value(), ziplist::FORMAT),
            value_type::SET_INTSET => (Set::new().into_value(), intset::FORMAT),
            value_type::HASH_LISTPACK => (Hash::new().into_value(), listpack::FORMAT),
            value_type::ZSET_LISTPACK => (SortedSet::new().into_value(), listpack::FORMAT),
            value_type::SET_LISTPACK => (Set::new().into_value(), listpack::FORMAT),
            _ => return Err(RdbErrorKind::UnsupportedType(code).into()),
        };
        let key = cursor.text(self.limits.string_max_bytes)?;
        let blob = cursor.text(self.limits.string_max_bytes)?;
        let [first, second] = &mut self.scratch;
        let (key, blob) = (key.expand(first)?, blob.expand(second)?);
        // redis: rdb.c, rdbLoadObject: a hash or a sorted set that comes compact leaves that form
        // for the number of its elements only.
        let shape = &Shape {
            hash_value_bytes_max: usize::MAX,
            zset_value_bytes_max: usize::MAX,
            ..self.shape
        };
        self.seen.clear();
        Filling { shape, seen: &mut self.seen }.add_all(&mut value, format, blob)?;
        let expires_at = self.expires_at.take();
        if count(&value) > 0 {
            value.fit();
            sink.value(key, value, expires_at)?;
        }
        self.shrink_scratch();
        Ok(State::Item)
    }

    /// Reads one element or one node of elements, and hands over the value after the last.
    pub(super) fn element(
        &mut self,
        cursor: &mut Cursor<'_>,
        sink: &mut impl Sink,
    ) -> Result<State, Halt> {
        let max = self.limits.string_max_bytes;
        let Some(building) = self.building.as_mut() else {
            unreachable!("the state says that a value is arriving")
        };
        let mut filling = Filling { shape: &self.shape, seen: &mut self.seen };
        let [first, second] = &mut self.scratch;
        let at = cursor.position();
        match (building.part, &mut building.value) {
            (Part::Element, Value::Hash(hash)) => {
                let (field, value) = (cursor.text(max)?, cursor.text(max)?);
                let (field, value) = (field.expand(first)?, value.expand(second)?);
                filling.add_field(hash, field, value)?;
            }
            (Part::Element, Value::SortedSet(set)) => {
                let (member, score) = (cursor.text(max)?, f64::from_le_bytes(cursor.array()?));
                filling.add_member(set, member.expand(first)?, score)?;
            }
            (Part::MemberAndText, Value::SortedSet(set)) => {
                let (member, score) = (cursor.text(max)?, text_score(cursor)?);
                filling.add_member(set, member.expand(first)?, score)?;
            }
            (Part::MemberAndText, Value::List(_) | Value::Set(_) | Value::Hash(_)) => {
                unreachable!("only sorted sets are made of such parts")
            }
            (Part::Element, value @ (Value::List(_) | Value::Set(_))) => {
                let text = cursor.text(max)?;
                filling.add(value, text.expand(first)?)?;
            }
            (Part::Ziplist, value) => {
                let blob = cursor.text(max)?;
                filling.add_all(value, ziplist::FORMAT, blob.expand(first)?)?;
            }
            (Part::Node, value) => {
                let container = cursor.len()?;
                let text = cursor.text(max)?;
                match container {
                    list_node::PLAIN => filling.add(value, text.expand(first)?)?,
                    list_node::LISTPACK => {
                        filling.add_all(value, listpack::FORMAT, text.expand(first)?)?;
                    }
                    other => {
                        return Err(Halt::Bad { at, kind: RdbErrorKind::UnknownListNode(other) });
                    }
                }
            }
        }
        building.left -= 1;
        if building.left > 0 {
            if count(&building.value) == 1 {
                // The others are about as large.
                let bytes = cursor.position() - at + PAIR_BYTES_MORE;
                let left = usize::try_from(building.left).unwrap_or(usize::MAX);
                building.value.reserve(&self.shape, left.saturating_mul(bytes));
            }
            self.shrink_scratch();
            return Ok(State::Element);
        }
        if let Some(mut done) = self.building.take()
            && count(&done.value) > 0
        {
            done.value.fit();
            sink.value(&done.key, done.value, done.expires_at)?;
        }
        self.shrink_scratch();
        Ok(State::Item)
    }

    /// Gives large buffers back.
    pub(super) fn shrink_scratch(&mut self) {
        for buffer in &mut self.scratch {
            if buffer.capacity() > BUFFER_KEPT_BYTES {
                mem::take(buffer);
            }
        }
    }
}

fn count(value: &Value) -> usize {
    match value {
        Value::List(list) => list.len(),
        Value::Set(set) => set.len(),
        Value::SortedSet(set) => set.len(),
        Value::Hash(hash) => hash.len(),
    }
}

/// Adds elements to a value.
struct Filling<'a> {
    shape: &'a Shape,
    /// The elements that it has got.
    seen: &'a mut Seen,
}

impl Filling<'_> {
    /// Adds an element to a list or a set.
    fn add(&mut self, value: &mut Value, item: &[u8]) -> Result<(), Halt> {
        match value {
            Value::List(list) => list.push(self.shape, End::Right, item),
            Value::Set(set) => is_new(set.insert_hinted(self.shape, self.seen.note(item), item))?,
            Value::SortedSet(_) | Value::Hash(_) => unreachable!("these are made of pairs"),
        }
        Ok(())
    }

    /// Adds a member to a sorted set.
    fn add_member(&mut self, set: &mut SortedSet, member: &[u8], score: f64) -> Result<(), Halt> {
        if score.is_nan() {
            return Err(RdbErrorKind::NotANumber.into());
        }
        is_new(set.insert_hinted(self.shape, self.seen.note(member), member, score))
    }

    /// Adds a field to a hash.
    fn add_field(&mut self, hash: &mut Hash, field: &[u8], value: &[u8]) -> Result<(), Halt> {
        is_new(hash.set_hinted(self.shape, self.seen.note(field), field, value))
    }

    /// Adds the elements of a blob in `format`.
    fn add_all(&mut self, value: &mut Value, format: Compact, blob: &[u8]) -> Result<(), Halt> {
        let malformed = || Halt::from(format.malformed);
        let (mut first, mut second) = ([0; DIGITS_MAX], [0; DIGITS_MAX]);
        let mut items = (format.open)(blob).ok_or_else(malformed)?;
        let mut expected = blob.len();
        while let Some(item) = items.next() {
            let item: Item<'_> = item.ok_or_else(malformed)?;
            match value {
                Value::List(_) | Value::Set(_) => self.add(value, item.text(&mut first))?,
                Value::SortedSet(set) => {
                    let other = items.next().flatten().and_then(score_of).ok_or_else(malformed)?;
                    self.add_member(set, item.text(&mut first), other)?;
                }
                Value::Hash(hash) => {
                    let other = items.next().flatten().ok_or_else(malformed)?;
                    self.add_field(hash, item.text(&mut first), other.text(&mut second))?;
                }
            }
            if expected > 0 {
                // All others take about what they take in the blob.
                value.reserve(self.shape, mem::take(&mut expected));
            }
        }
        Ok(())
    }
}

fn is_new(inserted: Inserted) -> Result<(), Halt> {
    match inserted {
        Inserted::New => Ok(()),
        Inserted::Known => Err(RdbErrorKind::DuplicateElement.into()),
    }
}

/// The score that is written as text behind its length.
// redis: rdb.c, rdbLoadDoubleValue
fn text_score(cursor: &mut Cursor<'_>) -> Result<f64, Halt> {
    match cursor.byte()? {
        score_text::NAN => Ok(f64::NAN),
        score_text::INFINITY => Ok(f64::INFINITY),
        score_text::NEG_INFINITY => Ok(f64::NEG_INFINITY),
        length => {
            let text = cursor.take(usize::from(length))?;
            parse_score(text).ok_or_else(|| RdbErrorKind::MalformedScore.into())
        }
    }
}

/// The score that an element of a blob is.
fn score_of(item: Item<'_>) -> Option<f64> {
    match item {
        Item::Int(number) => Some(number as f64),
        Item::Bytes(text) => parse_score(text),
    }
}
