//! Lists, sets, sorted sets and hashes. Knows nothing of the keys that hold them, of RESP, RDB or
//! replication.
//!
//! Each type has a compact form for few small elements and another one for the rest:
//!
//! ```text
//! list        one Pack                a deque of Packs of about 8 kB
//! set         sorted integers, Pack   Table: a dense array and an index into it
//! sorted set  Pack: member, score ..  Table, and an Order: a tree of places in the array
//! hash        Pack: field, value ..   Table
//! ```
//!
//! Everything here is a function of what was done to the value: the order of iteration and what a
//! random number picks depend on the history of the value and not on the seed of its hashes.

mod hash;
mod ints;
mod list;
mod pack;
mod seen;
mod set;
mod sorted_set;
mod table;

use alloc::vec::Vec;

use self::pack::{Pack, PackRef};
use crate::base::number::{DIGITS_MAX, format_i64};

pub use self::{
    hash::{Hash, HashRef},
    list::{End, List, PackLimit},
    seen::{Novelty, Seen},
    set::{Inserted, Set},
    sorted_set::{
        LexEdge, LexRange, Members, ScoreRange, ScoreRoom, SortedSet, SortedSetRef, in_order,
    },
};

/// No more is reserved at a time for elements that are about to come.
const RESERVED_BYTES_MAX: usize = 8 * 1024;

/// When values leave their compact form, and the seed of the hashes of those that did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// `hash-max-listpack-entries`: fields of a compact hash.
    pub hash_entries_max: usize,
    /// `hash-max-listpack-value`: bytes of a field or value of a compact hash.
    pub hash_value_bytes_max: usize,
    /// `set-max-intset-entries`: members of a set of sorted integers.
    pub set_ints_max: usize,
    /// `set-max-listpack-entries` of later versions: members of a compact set.
    pub set_entries_max: usize,
    /// `set-max-listpack-value` of later versions: bytes of a member of a compact set.
    pub set_value_bytes_max: usize,
    /// `zset-max-listpack-entries`: members of a compact sorted set.
    pub zset_entries_max: usize,
    /// `zset-max-listpack-value`: bytes of a member of a compact sorted set.
    pub zset_value_bytes_max: usize,
    /// `list-max-listpack-size`: when a list begins another pack.
    pub list_pack: PackLimit,
    /// What the hashes of tables are a function of. No order depends on it.
    pub seed: u64,
}

impl Shape {
    /// Redis' defaults.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self {
            hash_entries_max: 512,
            hash_value_bytes_max: 64,
            set_ints_max: 512,
            set_entries_max: 128,
            set_value_bytes_max: 64,
            zset_entries_max: 128,
            zset_value_bytes_max: 64,
            list_pack: PackLimit::from_size(-2),
            seed,
        }
    }
}

impl Default for Shape {
    fn default() -> Self {
        Self::new(0)
    }
}

/// A value that is not a string.
#[derive(Clone, Debug)]
pub enum Value {
    /// A sequence, open at both ends.
    List(List),
    /// Members without order.
    Set(Set),
    /// Members in the order of their scores.
    SortedSet(SortedSet),
    /// Fields with values, without order.
    Hash(Hash),
}

impl Value {
    /// Its type.
    #[must_use]
    pub fn kind(&self) -> Kind {
        View::from(self).kind()
    }

    /// Bytes of memory it owns, its own struct not counted.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        match self {
            Self::List(list) => list.memory_bytes(),
            Self::Set(set) => set.memory_bytes(),
            Self::SortedSet(set) => set.memory_bytes(),
            Self::Hash(hash) => hash.memory_bytes(),
        }
    }

    /// Room for `bytes` of elements that are about to come, as far as a compact form has use for
    /// it. [`Value::fit`] gives back what was too much.
    pub fn reserve(&mut self, shape: &Shape, bytes: usize) {
        let bytes_max = match self {
            Self::List(list) => list.room(shape),
            Self::Set(_) | Self::SortedSet(_) | Self::Hash(_) => RESERVED_BYTES_MAX,
        };
        if let Some(pack) = self.last_pack() {
            pack.reserve(bytes.min(bytes_max));
        }
    }

    /// Gives back room that no element took.
    pub fn fit(&mut self) {
        if let Some(pack) = self.last_pack() {
            pack.fit();
        }
    }

    /// What takes the next element in a compact form.
    fn last_pack(&mut self) -> Option<&mut Pack> {
        match self {
            Self::List(list) => Some(list.last_pack()),
            Self::Set(set) => set.pack(),
            Self::SortedSet(set) => set.pack(),
            Self::Hash(hash) => hash.pack(),
        }
    }

    /// The type of a small value and the allocation that holds it, with what lies before it there.
    ///
    /// # Errors
    /// When the value has no compact form or is not in it.
    pub fn into_packed(self) -> Result<(Compact, Vec<u8>, usize), Self> {
        let (compact, pack) = match self {
            Self::Hash(hash) => (Compact::Hash, hash.into_pack().map_err(Self::Hash)?),
            Self::SortedSet(set) => (Compact::SortedSet, set.into_pack().map_err(Self::SortedSet)?),
            Self::List(_) | Self::Set(_) => return Err(self),
        };
        let (bytes, base) = pack.into_bytes();
        Ok((compact, bytes, base))
    }
}

/// The types of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A string.
    String,
    /// A list.
    List,
    /// A set.
    Set,
    /// A sorted set.
    SortedSet,
    /// A hash.
    Hash,
}

/// A value of any type, to be looked at.
#[derive(Clone, Copy, Debug)]
pub enum View<'a> {
    /// A string.
    String(&'a [u8]),
    /// A list.
    List(&'a List),
    /// A set.
    Set(&'a Set),
    /// A sorted set.
    SortedSet(SortedSetRef<'a>),
    /// A hash.
    Hash(HashRef<'a>),
}

impl View<'_> {
    /// Its type.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            View::String(_) => Kind::String,
            View::List(_) => Kind::List,
            View::Set(_) => Kind::Set,
            View::SortedSet(_) => Kind::SortedSet,
            View::Hash(_) => Kind::Hash,
        }
    }

    /// What `TYPE` shows.
    #[must_use]
    pub const fn type_name(self) -> &'static str {
        match self {
            View::String(_) => "string",
            View::List(_) => "list",
            View::Set(_) => "set",
            View::SortedSet(_) => "zset",
            View::Hash(_) => "hash",
        }
    }
}

impl<'a> From<&'a Value> for View<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::List(list) => Self::List(list),
            Value::Set(set) => Self::Set(set),
            Value::SortedSet(set) => Self::SortedSet(set.view()),
            Value::Hash(hash) => Self::Hash(hash.view()),
        }
    }
}

/// One type of value that has elements, and disappears with the last of them.
pub trait Collection: Sized {
    /// One that is only looked at.
    type Ref<'a>: Copy;
    /// One without elements.
    fn empty() -> Self;
    /// How many elements it has.
    fn len(&self) -> usize;
    /// Whether its key must go.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// This type in `view`, if it is that.
    fn of(view: View<'_>) -> Option<Self::Ref<'_>>;
    /// This type in `value`, if it is that, to be changed.
    fn of_mut(value: &mut Value) -> Option<&mut Self>;
    /// As one of all types.
    fn into_value(self) -> Value;
}

macro_rules! collection {
    ($type:ident, $ref:ty) => {
        impl Collection for $type {
            type Ref<'a> = $ref;

            fn empty() -> Self {
                Self::new()
            }

            fn len(&self) -> usize {
                Self::len(self)
            }

            fn of(view: View<'_>) -> Option<Self::Ref<'_>> {
                if let View::$type(this) = view { Some(this) } else { None }
            }

            fn of_mut(value: &mut Value) -> Option<&mut Self> {
                if let Value::$type(this) = value { Some(this) } else { None }
            }

            fn into_value(self) -> Value {
                Value::$type(self)
            }
        }
    };
}

collection!(List, &'a List);
collection!(Set, &'a Set);
collection!(SortedSet, SortedSetRef<'a>);
collection!(Hash, HashRef<'a>);

/// The types of which small values lie packed behind their keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compact {
    /// A hash.
    Hash,
    /// A sorted set.
    SortedSet,
}

impl Compact {
    /// The value whose elements `stored` holds, to be looked at.
    #[must_use]
    pub const fn view(self, stored: &[u8]) -> View<'_> {
        match self {
            Self::Hash => View::Hash(HashRef::packed(PackRef::new(stored))),
            Self::SortedSet => View::SortedSet(SortedSetRef::packed(PackRef::new(stored))),
        }
    }

    /// The value whose elements `bytes` holds behind the first `base`, to be changed.
    #[must_use]
    pub const fn value(self, bytes: Vec<u8>, base: usize) -> Value {
        match self {
            Self::Hash => Value::Hash(Hash::from_pack(Pack::behind(bytes, base))),
            Self::SortedSet => Value::SortedSet(SortedSet::from_pack(Pack::behind(bytes, base))),
        }
    }
}

/// An element as it is kept: its bytes, or the number that they spell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// Any bytes.
    Bytes(&'a [u8]),
    /// What writing this number gives.
    Int(i64),
}

impl Item<'_> {
    /// The bytes; in `digits` if they must be written first.
    pub fn text<'s>(&'s self, digits: &'s mut [u8; DIGITS_MAX]) -> &'s [u8] {
        match *self {
            Self::Bytes(bytes) => bytes,
            Self::Int(number) => format_i64(digits, number),
        }
    }
}
