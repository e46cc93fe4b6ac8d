//! A hash: fields with values. Fields and values in turn in one [`Pack`] while they are few and
//! short, a [`Table`] of pairs for ever after.

use alloc::{boxed::Box, vec::Vec};

use super::{
    Shape,
    pack::{Pack, PackRef, Place},
    seen::Novelty,
    set::Inserted,
    table::{Element, Table},
};

/// The fields and their values.
#[derive(Clone, Debug)]
pub struct Hash(Form);

#[derive(Clone, Debug)]
enum Form {
    Packed(Pack),
    Table(Box<Table<Pair>>),
}

/// The fields and their values, to be looked at.
#[derive(Clone, Copy, Debug)]
pub struct HashRef<'a>(FormRef<'a>);

#[derive(Clone, Copy, Debug)]
enum FormRef<'a> {
    Packed(PackRef<'a>),
    Table(&'a Table<Pair>),
}

/// A field and its value in one allocation: the length of the field in four bytes, the field, the
/// value.
#[derive(Clone, Debug)]
struct Pair(Box<[u8]>);

impl Pair {
    const HEAD: usize = 4;

    fn new(field: &[u8], value: &[u8]) -> Self {
        let length = u32::try_from(field.len()).expect("the protocol limits strings to 4 GB");
        let mut bytes = Vec::with_capacity(Self::HEAD + field.len() + value.len());
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(field);
        bytes.extend_from_slice(value);
        Self(bytes.into_boxed_slice())
    }

    fn parts(&self) -> (&[u8], &[u8]) {
        let (length, rest) = self.0.split_first_chunk().expect("a pair begins with a length");
        rest.split_at(u32::from_le_bytes(*length) as usize)
    }

    fn set_value(&mut self, value: &[u8]) {
        let (field, old) = self.parts();
        if old.len() == value.len() {
            let start = self.0.len() - value.len();
            self.0[start..].copy_from_slice(value);
        } else {
            *self = Self::new(field, value);
        }
    }
}

impl Element for Pair {
    fn name(&self) -> &[u8] {
        self.parts().0
    }

    fn memory_bytes(&self) -> usize {
        self.0.len()
    }
}

impl<'a> HashRef<'a> {
    /// A compact hash, as its pack is stored.
    pub(super) const fn packed(pack: PackRef<'a>) -> Self {
        Self(FormRef::Packed(pack))
    }

    /// How many fields there are.
    #[must_use]
    pub fn len(self) -> usize {
        match self.0 {
            FormRef::Packed(pack) => pack.len() / 2,
            FormRef::Table(table) => table.len(),
        }
    }

    /// Whether there is no field.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// What `OBJECT ENCODING` shows.
    #[must_use]
    pub const fn encoding(self) -> &'static str {
        match self.0 {
            FormRef::Packed(_) => "listpack",
            FormRef::Table(_) => "hashtable",
        }
    }

    /// The value of `field`.
    #[must_use]
    pub fn get(self, field: &[u8]) -> Option<&'a [u8]> {
        match self.0 {
            FormRef::Packed(pack) => find(pack, field).map(|(_, value)| pack.at(value)),
            FormRef::Table(table) => table.get(field).map(|pair| pair.parts().1),
        }
    }

    /// All fields with their values.
    pub fn iter(self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let (pack, pairs): (_, &[Pair]) = match self.0 {
            FormRef::Packed(pack) => (Some(pack), &[]),
            FormRef::Table(table) => (None, table.elements()),
        };
        pack.into_iter().flat_map(packed_pairs).chain(pairs.iter().map(Pair::parts))
    }

    /// The field numbered `index` in the order of `iter`, and its value.
    ///
    /// # Panics
    /// When there are not that many.
    #[must_use]
    pub fn nth(self, index: usize) -> (&'a [u8], &'a [u8]) {
        match self.0 {
            FormRef::Packed(pack) => {
                let place = pack.place(index * 2);
                (pack.at(place), pack.at(pack.after(place)))
            }
            FormRef::Table(table) => table.elements()[index].parts(),
        }
    }

    /// One step of a scan that began with cursor zero: looks at about `count` fields and returns
    /// the next cursor, zero after the last step. A field that is there all the time is met.
    pub fn scan(self, cursor: u64, count: usize, mut visit: impl FnMut(&[u8], &[u8])) -> u64 {
        match self.0 {
            FormRef::Packed(pack) => {
                packed_pairs(pack).for_each(|(field, value)| visit(field, value));
                0
            }
            FormRef::Table(table) => table.scan(cursor, count, |pair| {
                let (field, value) = pair.parts();
                visit(field, value);
            }),
        }
    }
}

impl Hash {
    /// No fields.
    #[must_use]
    pub const fn new() -> Self {
        Self(Form::Packed(Pack::new()))
    }

    /// A compact hash.
    pub(super) const fn from_pack(pack: Pack) -> Self {
        Self(Form::Packed(pack))
    }

    /// The pack of a compact hash.
    ///
    /// # Errors
    /// When it is a table.
    pub(super) fn into_pack(self) -> Result<Pack, Self> {
        match self.0 {
            Form::Packed(pack) => Ok(pack),
            Form::Table(_) => Err(self),
        }
    }

    /// The pack of a compact hash.
    pub(super) const fn pack(&mut self) -> Option<&mut Pack> {
        match &mut self.0 {
            Form::Packed(pack) => Some(pack),
            Form::Table(_) => None,
        }
    }

    /// To be looked at.
    #[must_use]
    pub fn view(&self) -> HashRef<'_> {
        HashRef(match &self.0 {
            Form::Packed(pack) => FormRef::Packed(pack.view()),
            Form::Table(table) => FormRef::Table(table),
        })
    }

    /// How many fields there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.view().len()
    }

    /// Whether there is no field.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory it owns.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        match &self.0 {
            Form::Packed(pack) => pack.memory_bytes(),
            Form::Table(table) => table.memory_bytes(),
        }
    }

    /// Sets `field` to `value`; whether the field is new.
    pub fn set(&mut self, shape: &Shape, field: &[u8], value: &[u8]) -> Inserted {
        self.set_hinted(shape, Novelty::Unsure, field, value)
    }

    /// As [`Hash::set`], with a hint of whether the field is new.
    pub fn set_hinted(
        &mut self,
        shape: &Shape,
        novelty: Novelty,
        field: &[u8],
        value: &[u8],
    ) -> Inserted {
        if let Form::Packed(pack) = &mut self.0 {
            let found = match novelty {
                Novelty::Sure => None,
                Novelty::Unsure => find(pack.view(), field),
            };
            let short = field.len().max(value.len()) <= shape.hash_value_bytes_max;
            // A limit lowered since counts as soon as the hash is written to.
            let fields = pack.len() / 2 + usize::from(found.is_none());
            let few = fields <= shape.hash_entries_max;
            if short && few {
                return match found {
                    Some((_, place)) => {
                        pack.replace(place, value);
                        Inserted::Known
                    }
                    None => {
                        pack.push(field);
                        pack.push(value);
                        Inserted::New
                    }
                };
            }
        }
        let table = self.table(shape);
        match table.get_mut(field) {
            Some(pair) => {
                pair.set_value(value);
                Inserted::Known
            }
            None => {
                table.insert_new(Pair::new(field, value));
                Inserted::New
            }
        }
    }

    /// Removes `field`; whether it was there.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        match &mut self.0 {
            Form::Packed(pack) => {
                let Some((field, value)) = find(pack.view(), field) else { return false };
                pack.remove(field, pack.after(value), 2);
                true
            }
            Form::Table(table) => table.remove(field).is_some(),
        }
    }

    /// The table, made of the pack if there is none yet.
    fn table(&mut self, shape: &Shape) -> &mut Table<Pair> {
        if let Form::Packed(pack) = &self.0 {
            let mut table = Table::new(shape.seed);
            for (field, value) in packed_pairs(pack.view()) {
                table.insert_new(Pair::new(field, value));
            }
            self.0 = Form::Table(Box::new(table));
        }
        match &mut self.0 {
            Form::Table(table) => table,
            Form::Packed(_) => unreachable!("it was turned into a table"),
        }
    }
}

impl Default for Hash {
    fn default() -> Self {
        Self::new()
    }
}

fn packed_pairs(pack: PackRef<'_>) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut items = pack.iter();
    core::iter::from_fn(move || Some((items.next()?, items.next()?)))
}

/// Where a field and its value are.
fn find(pack: PackRef<'_>, field: &[u8]) -> Option<(Place, Place)> {
    let (mut place, end) = (pack.start(), pack.end());
    while place < end {
        let value = pack.after(place);
        if pack.at(place) == field {
            return Some((place, value));
        }
        place = pack.after(value);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::{Rng, Seed};
    use alloc::{collections::BTreeMap, vec};

    #[test]
    fn a_hash_does_what_a_map_does_in_both_forms() {
        let shape = Shape { hash_entries_max: 8, ..Shape::default() };
        let mut rng = Rng::new(Seed::from_u64(1), "hash");
        for _ in 0..300 {
            let (mut hash, mut model) = (Hash::new(), BTreeMap::<Vec<u8>, Vec<u8>>::new());
            let fields = 1 + rng.below(16);
            for _ in 0..60 {
                let field = vec![b'f'; rng.below(fields) as usize];
                if rng.below(3) == 0 {
                    assert_eq!(hash.remove(&field), model.remove(&field).is_some());
                } else {
                    let value = vec![rng.bits() as u8; rng.below(60 + fields) as usize];
                    let known = hash.set(&shape, &field, &value) == Inserted::Known;
                    assert_eq!(known, model.insert(field, value).is_some());
                }
            }
            assert_eq!(hash.len(), model.len());
            let pairs: BTreeMap<_, _> =
                hash.view().iter().map(|(f, v)| (f.to_vec(), v.to_vec())).collect();
            assert_eq!(pairs, model);
            assert!(model.iter().all(|(f, v)| hash.view().get(f) == Some(v.as_slice())));
            assert!(
                hash.view().iter().enumerate().all(|(index, pair)| hash.view().nth(index) == pair)
            );
        }
    }

    #[test]
    fn a_hash_becomes_a_table_beyond_either_limit_and_stays_one() {
        let shape = Shape::default();
        let mut hash = Hash::new();
        for number in 0..512_u32 {
            hash.set(&shape, &number.to_le_bytes(), &[0; 64]);
        }
        assert_eq!(hash.view().encoding(), "listpack");
        hash.set(&shape, b"one more", b"");
        assert_eq!(hash.view().encoding(), "hashtable");
        let (mut hash, tight) = (Hash::new(), Shape { hash_entries_max: 1, ..shape });
        hash.set(&shape, b"f", b"");
        hash.set(&shape, b"g", b"");
        hash.set(&tight, b"g", b"");
        assert_eq!((hash.view().encoding(), hash.len()), ("hashtable", 2));
        let mut hash = Hash::new();
        hash.set(&shape, b"f", &[0; 65]);
        hash.set(&shape, b"f", b"short");
        assert_eq!(hash.view().encoding(), "hashtable");
    }
}
