//! One key with its value and its expiry: packed into one allocation if the value is a string,
//! otherwise in parts.

mod packed;
mod rich;

use alloc::boxed::Box;

use self::{packed::Packed, rich::Rich};
use crate::{
    base::time::UnixMillis,
    value::{Collection, Value, View},
};

pub use self::packed::Form;

/// A key, its value and its expiry.
#[derive(Clone, Debug)]
pub struct Entry(Repr);

#[derive(Clone, Debug)]
enum Repr {
    Packed(Packed),
    Rich(Box<Rich>),
}

// A table of keys is made of these: the tag hides in a pointer that is never null.
const _: () = assert!(size_of::<Entry>() == 16);

/// The key holds another type of value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongType;

impl Entry {
    /// An entry that holds a string and fits it, with less than eight bytes to spare.
    pub fn new(key: &[u8], value: &[u8], expires_at: Option<UnixMillis>, form: Form) -> Self {
        Self(Repr::Packed(Packed::new(key, value, expires_at, form)))
    }

    /// An entry that holds another value.
    pub fn rich(key: &[u8], value: Value, expires_at: Option<UnixMillis>) -> Self {
        let (key, expires_at) = (key.into(), expires_at.into());
        Self(Repr::Rich(Box::new(Rich { key, value, expires_at, emitted: 0 })))
    }

    /// The key.
    pub fn key(&self) -> &[u8] {
        match &self.0 {
            Repr::Packed(packed) => packed.key(),
            Repr::Rich(rich) => &rich.key,
        }
    }

    /// The value, whatever its type.
    pub fn view(&self) -> View<'_> {
        match &self.0 {
            Repr::Packed(packed) => View::String(packed.value()),
            Repr::Rich(rich) => View::from(&rich.value),
        }
    }

    /// The string.
    ///
    /// # Errors
    /// When it is something else.
    #[inline]
    pub fn string(&self) -> Result<&[u8], WrongType> {
        match &self.0 {
            Repr::Packed(packed) => Ok(packed.value()),
            Repr::Rich(_) => Err(WrongType),
        }
    }

    /// The collection.
    ///
    /// # Errors
    /// When it is something else.
    pub fn collection<C: Collection>(&self) -> Result<&C, WrongType> {
        match &self.0 {
            Repr::Packed(_) => Err(WrongType),
            Repr::Rich(rich) => C::of(&rich.value).ok_or(WrongType),
        }
    }

    /// The collection, to be changed.
    ///
    /// # Errors
    /// When it is something else.
    pub fn collection_mut<C: Collection>(&mut self) -> Result<&mut C, WrongType> {
        match &mut self.0 {
            Repr::Packed(_) => Err(WrongType),
            Repr::Rich(rich) => C::of_mut(&mut rich.value).ok_or(WrongType),
        }
    }

    /// When the key ceases to exist, if ever.
    #[inline]
    pub fn expires_at(&self) -> Option<UnixMillis> {
        match &self.0 {
            Repr::Packed(packed) => packed.expires_at(),
            Repr::Rich(rich) => rich.expires_at.time(),
        }
    }

    /// Whether the key has ceased to exist at `now`. As in Redis, it still exists in its last
    /// millisecond.
    #[inline]
    pub fn is_expired(&self, now: UnixMillis) -> bool {
        self.expires_at().is_some_and(|at| now > at)
    }

    /// How a string came to be; other values are always whole.
    pub fn form(&self) -> Form {
        match &self.0 {
            Repr::Packed(packed) => packed.form(),
            Repr::Rich(_) => Form::Whole,
        }
    }

    /// Bytes of memory the entry owns.
    pub fn memory_bytes(&self) -> usize {
        match &self.0 {
            Repr::Packed(packed) => packed.memory_bytes(),
            Repr::Rich(rich) => rich.memory_bytes(),
        }
    }

    /// Whether the key is `key`.
    #[inline]
    pub fn has_key(&self, key: &[u8]) -> bool {
        match &self.0 {
            Repr::Packed(packed) => packed.has_key(key),
            Repr::Rich(rich) => *rich.key == *key,
        }
    }

    /// Reads some bytes of it, so that they are close when they are needed.
    #[inline]
    pub fn warm(&self) -> usize {
        match &self.0 {
            Repr::Packed(packed) => packed.warm(),
            Repr::Rich(rich) => rich.key.first().map_or(0, |byte| usize::from(*byte)),
        }
    }

    /// Whether the key ever ceases to exist.
    #[inline]
    pub fn is_volatile(&self) -> bool {
        match &self.0 {
            Repr::Packed(packed) => packed.is_volatile(),
            Repr::Rich(rich) => rich.expires_at.time().is_some(),
        }
    }

    /// Makes it a string with this expiry, whatever it was; without an allocation when a string
    /// takes the place of one of about the same size.
    pub fn replace(&mut self, value: &[u8], expires_at: Option<UnixMillis>, form: Form) {
        match &mut self.0 {
            Repr::Packed(packed) => packed.replace(value, expires_at, form),
            Repr::Rich(rich) => {
                let fresh = Self::new(&rich.key, value, expires_at, form);
                self.succeed(fresh);
            }
        }
    }

    /// Makes it `value` with this expiry, whatever it was.
    pub fn replace_rich(&mut self, value: Value, expires_at: Option<UnixMillis>) {
        match &mut self.0 {
            Repr::Packed(packed) => {
                let fresh = Self::rich(packed.key(), value, expires_at);
                self.succeed(fresh);
            }
            Repr::Rich(rich) => {
                rich.value = value;
                rich.expires_at = expires_at.into();
            }
        }
    }

    /// Makes it a string and leaves the expiry as it is.
    pub fn set_value(&mut self, value: &[u8]) {
        match &mut self.0 {
            Repr::Packed(packed) => packed.set_value(value),
            Repr::Rich(_) => self.replace(value, self.expires_at(), Form::Whole),
        }
    }

    /// Appends to a string. Growth is geometric up to a megabyte ahead, as in Redis' strings.
    ///
    /// # Errors
    /// When it is something else.
    pub fn append(&mut self, tail: &[u8]) -> Result<(), WrongType> {
        match &mut self.0 {
            Repr::Packed(packed) => packed.append(tail),
            Repr::Rich(_) => return Err(WrongType),
        }
        Ok(())
    }

    /// Puts `bytes` at `at` of a string, which grows with zeros in between when it must.
    ///
    /// # Errors
    /// When it is something else.
    pub fn write_at(&mut self, at: usize, bytes: &[u8]) -> Result<(), WrongType> {
        match &mut self.0 {
            Repr::Packed(packed) => packed.write_at(at, bytes),
            Repr::Rich(_) => return Err(WrongType),
        }
        Ok(())
    }

    /// The same value under another key, with the same expiry. No snapshot knows it yet.
    pub fn under_key(&self, key: &[u8]) -> Self {
        match &self.0 {
            Repr::Packed(packed) => Self(Repr::Packed(packed.under_key(key))),
            Repr::Rich(rich) => Self::rich(key, rich.value.clone(), self.expires_at()),
        }
    }

    /// Sets or removes the expiry.
    pub fn set_expiry(&mut self, expires_at: Option<UnixMillis>) {
        match &mut self.0 {
            Repr::Packed(packed) => packed.set_expiry(expires_at),
            Repr::Rich(rich) => rich.expires_at = expires_at.into(),
        }
    }

    /// Whether the image of this entry is out for the snapshot in `slot`.
    pub fn is_emitted(&self, slot: u8) -> bool {
        match &self.0 {
            Repr::Packed(packed) => packed.is_emitted(slot),
            Repr::Rich(rich) => rich.emitted & 1 << slot != 0,
        }
    }

    /// Says so.
    pub fn mark_emitted(&mut self, slot: u8) {
        match &mut self.0 {
            Repr::Packed(packed) => packed.mark_emitted(slot),
            Repr::Rich(rich) => rich.emitted |= 1 << slot,
        }
    }

    /// Forgets it.
    pub fn clear_emitted(&mut self, slot: u8) {
        match &mut self.0 {
            Repr::Packed(packed) => packed.clear_emitted(slot),
            Repr::Rich(rich) => rich.emitted &= !(1 << slot),
        }
    }

    /// Makes way for an entry of another kind: what snapshots know of the key stays.
    fn succeed(&mut self, mut fresh: Self) {
        for slot in 0..super::SNAPSHOTS_MAX as u8 {
            if self.is_emitted(slot) {
                fresh.mark_emitted(slot);
            }
        }
        *self = fresh;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{End, List, Set};

    fn list() -> Value {
        let mut list = List::new();
        list.push(End::Left, b"element");
        list.into_value()
    }

    #[test]
    fn a_key_exists_in_its_last_millisecond() {
        for entry in [
            Entry::new(b"k", b"v", Some(UnixMillis(10)), Form::Whole),
            Entry::rich(b"k", list(), Some(UnixMillis(10))),
        ] {
            assert!(!entry.is_expired(UnixMillis(10)));
            assert!(entry.is_expired(UnixMillis(11)));
        }
    }

    #[test]
    fn a_key_that_changes_its_type_stays_what_it_is_for_snapshots() {
        let mut entry = Entry::new(b"k", b"v", None, Form::Whole);
        entry.mark_emitted(1);
        entry.replace_rich(list(), Some(UnixMillis(5)));
        assert_eq!(entry.string(), Err(WrongType));
        assert_eq!(entry.collection::<List>().map(List::len), Ok(1));
        assert!(entry.collection::<Set>().is_err());
        assert_eq!(entry.append(b"tail"), Err(WrongType));
        assert!(entry.is_emitted(1) && !entry.is_emitted(0) && entry.has_key(b"k"));
        entry.clear_emitted(1);
        entry.mark_emitted(0);
        entry.set_value(b"w");
        assert_eq!((entry.string(), entry.expires_at()), (Ok(&b"w"[..]), Some(UnixMillis(5))));
        assert!(entry.is_emitted(0) && !entry.is_emitted(1));
    }

    #[test]
    fn the_expiry_of_any_type_comes_and_goes() {
        let mut entry = Entry::rich(b"k", list(), None);
        assert!(!entry.is_volatile());
        entry.set_expiry(Some(UnixMillis(-7)));
        assert_eq!(entry.expires_at(), Some(UnixMillis(-7)));
        entry.set_expiry(None);
        assert_eq!((entry.expires_at(), entry.is_volatile()), (None, false));
    }
}
