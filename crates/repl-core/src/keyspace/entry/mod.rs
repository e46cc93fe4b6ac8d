//! One key with its value and its expiry: packed into one allocation if the value is a string, a
//! small hash or a small sorted set, otherwise in parts.

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
        match value.into_packed() {
            Ok((compact, bytes, base)) => {
                let elements = (compact, &bytes[base..]);
                Self(Repr::Packed(Packed::collection(key, elements, expires_at)))
            }
            Err(value) => Self::in_parts(key, value, expires_at, 0),
        }
    }

    fn in_parts(key: &[u8], value: Value, expires_at: Option<UnixMillis>, emitted: u8) -> Self {
        let (key, expires_at) = (key.into(), expires_at.into());
        Self(Repr::Rich(Box::new(Rich { key, value, expires_at, emitted })))
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
            Repr::Packed(packed) => packed.view(),
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
            Repr::Packed(packed) if packed.compact().is_none() => Ok(packed.value()),
            Repr::Packed(_) | Repr::Rich(_) => Err(WrongType),
        }
    }

    /// The collection.
    ///
    /// # Errors
    /// When it is something else.
    pub fn collection<C: Collection>(&self) -> Result<C::Ref<'_>, WrongType> {
        C::of(self.view()).ok_or(WrongType)
    }

    /// Changes the collection under `key`, which is the entry's.
    ///
    /// # Errors
    /// When it is something else.
    pub fn change<C: Collection, R>(
        &mut self,
        key: &[u8],
        change: impl FnOnce(&mut C) -> R,
    ) -> Result<R, WrongType> {
        let packed = match &mut self.0 {
            Repr::Packed(packed) => packed,
            Repr::Rich(rich) => return C::of_mut(&mut rich.value).map(change).ok_or(WrongType),
        };
        let compact = packed.compact().ok_or(WrongType)?;
        let (expires_at, emitted) = (packed.expires_at(), packed.emitted());
        let (bytes, base) = packed.lend();
        let mut value = compact.value(bytes, base);
        let result = C::of_mut(&mut value).map(change);
        match value.into_packed() {
            Ok((_, bytes, _)) => packed.take_back(bytes),
            // It outgrew its compact form.
            Err(value) => *self = Self::in_parts(key, value, expires_at, emitted),
        }
        result.ok_or(WrongType)
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
        let fresh = Self::rich(self.key(), value, expires_at);
        self.succeed(fresh);
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
            Repr::Packed(packed) if packed.compact().is_none() => packed.append(tail),
            Repr::Packed(_) | Repr::Rich(_) => return Err(WrongType),
        }
        Ok(())
    }

    /// Puts `bytes` at `at` of a string, which grows with zeros in between when it must.
    ///
    /// # Errors
    /// When it is something else.
    pub fn write_at(&mut self, at: usize, bytes: &[u8]) -> Result<(), WrongType> {
        match &mut self.0 {
            Repr::Packed(packed) if packed.compact().is_none() => packed.write_at(at, bytes),
            Repr::Packed(_) | Repr::Rich(_) => return Err(WrongType),
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
    use crate::value::{End, Hash, HashRef, List, Set, Shape, SortedSet};

    fn list() -> Value {
        let mut list = List::new();
        list.push(&Shape::default(), End::Left, b"element");
        list.into_value()
    }

    fn hash(fields: usize) -> Value {
        let mut hash = Hash::new();
        for number in 0..fields {
            hash.set(&Shape::default(), &[number as u8], b"value");
        }
        hash.into_value()
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

    #[test]
    fn a_small_hash_shares_the_allocation_of_its_key() {
        let entry = Entry::rich(b"hash:00000001", hash(5), None);
        assert!(matches!(entry.0, Repr::Packed(_)));
        // Three bytes, the key, the count; for each field its name and value with their lengths.
        assert_eq!(entry.memory_bytes(), usize::next_multiple_of(3 + 13 + 4 + 5 * (3 + 7), 8));
        assert_eq!((entry.key(), entry.string()), (&b"hash:00000001"[..], Err(WrongType)));
        let copy = entry.under_key(b"copy");
        assert_eq!(copy.collection::<Hash>().map(|hash| hash.get(&[4])), Ok(Some(&b"value"[..])));
    }

    #[test]
    fn a_small_hash_grows_shrinks_and_outgrows_its_place_with_all_that_belongs_to_its_key() {
        let shape = Shape { hash_entries_max: 40, ..Shape::default() };
        let key = [b'k'; 300];
        for expires_at in [None, Some(UnixMillis(9))] {
            let mut entry = Entry::rich(&key, hash(1), expires_at);
            entry.mark_emitted(1);
            for number in (0..60_u8).chain(0..50) {
                let change = |hash: &mut Hash| hash.set(&shape, &[number], &[number; 50]);
                assert!(entry.change(&key, change).is_ok());
                let last = entry.collection::<Hash>().map(|hash| hash.get(&[number]));
                assert_eq!(last, Ok(Some(&[number; 50][..])));
                assert_eq!((entry.key(), entry.expires_at()), (&key[..], expires_at));
                assert!(entry.is_emitted(1) && !entry.is_emitted(0));
                assert_eq!(matches!(entry.0, Repr::Packed(_)), number < 40 && !is_table(&entry));
            }
            assert!(is_table(&entry));
            let mut entry = Entry::rich(&key, hash(100), expires_at);
            for number in 0..100 {
                assert_eq!(entry.change(&key, |hash: &mut Hash| hash.remove(&[number])), Ok(true));
            }
            assert_eq!(entry.collection::<Hash>().map(HashRef::len), Ok(0));
            assert!(entry.memory_bytes() < 800, "{}", entry.memory_bytes());
        }
    }

    #[test]
    fn a_small_sorted_set_shares_the_allocation_of_its_key_and_is_no_hash() {
        let shape = Shape { zset_entries_max: 20, ..Shape::default() };
        let mut set = SortedSet::new();
        (0..5_u8).for_each(|number| set.set(&shape, &[number; 6], f64::from(number)));
        let mut entry = Entry::rich(b"zset:00000001", set.into_value(), Some(UnixMillis(9)));
        // Three bytes, expiry, key and count; each member and its score with their lengths.
        let bytes = 3 + 8 + 13 + 4 + 5 * (8 + 3);
        assert_eq!(entry.memory_bytes(), usize::next_multiple_of(bytes, 8));
        assert_eq!(entry.change(b"zset:00000001", |hash: &mut Hash| hash.len()), Err(WrongType));
        assert!(entry.collection::<Hash>().is_err());
        for number in 0..40_u8 {
            let change = |set: &mut SortedSet| set.set(&shape, &[number; 6], -f64::from(number));
            assert_eq!(entry.change(b"zset:00000001", change), Ok(()));
            let rank = entry.collection::<SortedSet>().map(|set| set.rank(&[number; 6]));
            assert_eq!(rank, Ok(Some(0)));
            assert_eq!(matches!(entry.0, Repr::Packed(_)), number < 20);
            assert_eq!(entry.expires_at(), Some(UnixMillis(9)));
        }
    }

    fn is_table(entry: &Entry) -> bool {
        entry.collection::<Hash>().map(HashRef::encoding) == Ok("hashtable")
    }

    #[test]
    fn a_small_hash_is_no_other_type_and_stays_whole_when_taken_for_one() {
        let mut entry = Entry::rich(b"k", hash(2), None);
        assert_eq!(entry.change(b"k", |list: &mut List| list.len()), Err(WrongType));
        assert_eq!(entry.append(b"tail"), Err(WrongType));
        assert_eq!(entry.write_at(0, b"tail"), Err(WrongType));
        assert_eq!(entry.collection::<Hash>().map(HashRef::len), Ok(2));
        entry.set_expiry(Some(UnixMillis(3)));
        assert_eq!(entry.collection::<Hash>().map(HashRef::len), Ok(2));
        entry.replace(b"a string", None, Form::Whole);
        assert_eq!((entry.string(), entry.expires_at()), (Ok(&b"a string"[..]), None));
        entry.replace_rich(hash(3), None);
        entry.set_value(b"");
        assert_eq!(entry.string(), Ok(&b""[..]));
    }
}
