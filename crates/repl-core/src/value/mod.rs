//! Lists, sets and hashes. Knows nothing of the keys that hold them, of RESP, RDB or replication.
//!
//! Each type has a compact form for few small elements and another one for the rest:
//!
//! ```text
//! list   one Pack               a deque of Packs of about 8 kB
//! set    sorted integers, Pack  Table: a dense array and an index into it
//! hash   Pack: field, value ..  Table
//! ```
//!
//! Everything here is a function of what was done to the value: the order of iteration and what a
//! random number picks depend on the history of the value and not on the seed of its hashes.

mod hash;
mod ints;
mod list;
mod pack;
mod set;
mod table;

use crate::base::number::{DIGITS_MAX, format_i64};

pub use self::{
    hash::Hash,
    list::{End, List},
    set::{Inserted, Set},
};

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
            Self::Hash(hash) => hash.memory_bytes(),
        }
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
    /// A hash.
    Hash(&'a Hash),
}

impl View<'_> {
    /// Its type.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            View::String(_) => Kind::String,
            View::List(_) => Kind::List,
            View::Set(_) => Kind::Set,
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
            View::Hash(_) => "hash",
        }
    }
}

impl<'a> From<&'a Value> for View<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::List(list) => Self::List(list),
            Value::Set(set) => Self::Set(set),
            Value::Hash(hash) => Self::Hash(hash),
        }
    }
}

/// One type of value that has elements, and disappears with the last of them.
pub trait Collection: Sized {
    /// One without elements.
    fn empty() -> Self;
    /// How many elements it has.
    fn len(&self) -> usize;
    /// Whether its key must go.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// This type in `value`, if it is that.
    fn of(value: &Value) -> Option<&Self>;
    /// This type in `value`, if it is that, to be changed.
    fn of_mut(value: &mut Value) -> Option<&mut Self>;
    /// As one of all types.
    fn into_value(self) -> Value;
}

macro_rules! collection {
    ($type:ident) => {
        impl Collection for $type {
            fn empty() -> Self {
                Self::new()
            }

            fn len(&self) -> usize {
                Self::len(self)
            }

            fn of(value: &Value) -> Option<&Self> {
                if let Value::$type(this) = value { Some(this) } else { None }
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

collection!(List);
collection!(Set);
collection!(Hash);

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
