//! A set: sorted integers while all members are few integers, one [`Pack`] while they are few and
//! short, a [`Table`] for ever after.

use alloc::boxed::Box;

use super::{
    Item, Shape,
    ints::Ints,
    pack::{Pack, Place},
    seen::Novelty,
    table::Table,
};
use crate::base::number::{DIGITS_MAX, format_i64, parse_i64};

/// Whether what was put in is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// It was not there.
    New,
    /// It was there already.
    Known,
}

/// The members.
#[derive(Clone, Debug)]
pub struct Set(Form);

#[derive(Clone, Debug)]
enum Form {
    Ints(Ints),
    Packed(Pack),
    Table(Box<Table<Box<[u8]>>>),
}

impl Set {
    /// No members.
    #[must_use]
    pub const fn new() -> Self {
        Self(Form::Ints(Ints::new()))
    }

    /// How many members there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Ints(ints) => ints.len(),
            Form::Packed(pack) => pack.len(),
            Form::Table(table) => table.len(),
        }
    }

    /// Whether there is no member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What `OBJECT ENCODING` shows. The packed form goes by the name that Redis 7.0 has for such
    /// a set: `listpack` came with 7.2.
    #[must_use]
    pub const fn encoding(&self) -> &'static str {
        match &self.0 {
            Form::Ints(_) => "intset",
            Form::Packed(_) | Form::Table(_) => "hashtable",
        }
    }

    /// Bytes of memory it owns.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        match &self.0 {
            Form::Ints(ints) => ints.memory_bytes(),
            Form::Packed(pack) => pack.memory_bytes(),
            Form::Table(table) => table.memory_bytes(),
        }
    }

    /// Whether `member` is there.
    #[must_use]
    pub fn contains(&self, member: &[u8]) -> bool {
        match &self.0 {
            Form::Ints(ints) => parse_i64(member).is_some_and(|number| ints.contains(number)),
            Form::Packed(pack) => find(pack, member).is_some(),
            Form::Table(table) => table.get(member).is_some(),
        }
    }

    /// The pack of a set in that form.
    pub(super) const fn pack(&mut self) -> Option<&mut Pack> {
        match &mut self.0 {
            Form::Packed(pack) => Some(pack),
            Form::Ints(_) | Form::Table(_) => None,
        }
    }

    /// Adds `member`.
    pub fn insert(&mut self, shape: &Shape, member: &[u8]) -> Inserted {
        self.insert_hinted(shape, Novelty::Unsure, member)
    }

    /// As [`Set::insert`], with a hint of whether the member is new.
    pub fn insert_hinted(&mut self, shape: &Shape, novelty: Novelty, member: &[u8]) -> Inserted {
        if let Form::Ints(ints) = &mut self.0 {
            let new = match parse_i64(member) {
                Some(number) if ints.contains(number) => return Inserted::Known,
                Some(number) if ints.len() < shape.set_ints_max => ints.insert(number),
                Some(_) | None => {
                    self.leave_ints(shape);
                    false
                }
            };
            if new {
                return Inserted::New;
            }
        }
        if let Form::Packed(pack) = &mut self.0 {
            if novelty == Novelty::Unsure && find(pack, member).is_some() {
                return Inserted::Known;
            }
            if member.len() <= shape.set_value_bytes_max && pack.len() < shape.set_entries_max {
                pack.push(member);
                return Inserted::New;
            }
            let mut table = Table::new(shape.seed);
            pack.iter().for_each(|member| table.insert_new(member.into()));
            self.0 = Form::Table(Box::new(table));
        }
        let Form::Table(table) = &mut self.0 else {
            unreachable!("a set that is full in its other forms is a table")
        };
        if table.get(member).is_some() {
            return Inserted::Known;
        }
        table.insert_new(member.into());
        Inserted::New
    }

    /// Removes `member`; whether it was there.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match &mut self.0 {
            Form::Ints(ints) => parse_i64(member).is_some_and(|number| ints.remove(number)),
            Form::Packed(pack) => {
                let Some(place) = find(pack, member) else { return false };
                pack.remove(place, pack.after(place), 1);
                true
            }
            Form::Table(table) => table.remove(member).is_some(),
        }
    }

    /// All members.
    pub fn iter(&self) -> impl Iterator<Item = Item<'_>> {
        let (ints, pack, names): (_, _, &[Box<[u8]>]) = match &self.0 {
            Form::Ints(ints) => (Some(ints), None, &[]),
            Form::Packed(pack) => (None, Some(pack), &[]),
            Form::Table(table) => (None, None, table.elements()),
        };
        let ints = ints.into_iter().flat_map(|ints| ints.iter().map(Item::Int));
        let packed = pack.into_iter().flat_map(|pack| pack.iter().map(Item::Bytes));
        ints.chain(packed).chain(names.iter().map(|name| Item::Bytes(name)))
    }

    /// The member numbered `index` in the order of `iter`.
    ///
    /// # Panics
    /// When there are not that many.
    #[must_use]
    pub fn nth(&self, index: usize) -> Item<'_> {
        match &self.0 {
            Form::Ints(ints) => Item::Int(ints.at(index)),
            Form::Packed(pack) => Item::Bytes(pack.at(pack.place(index))),
            Form::Table(table) => Item::Bytes(&table.elements()[index]),
        }
    }

    /// One step of a scan that began with cursor zero: looks at about `count` members and returns
    /// the next cursor, zero after the last step. A member that is there all the time is met.
    pub fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(Item<'_>)) -> u64 {
        match &self.0 {
            Form::Ints(_) | Form::Packed(_) => {
                self.iter().for_each(visit);
                0
            }
            Form::Table(table) => table.scan(cursor, count, |name| visit(Item::Bytes(name))),
        }
    }

    /// Turns a set of integers into one of strings.
    fn leave_ints(&mut self, shape: &Shape) {
        let Form::Ints(ints) = &self.0 else { unreachable!("the caller looked at the form") };
        let mut digits = [0; DIGITS_MAX];
        self.0 = if ints.len() < shape.set_entries_max {
            let mut pack = Pack::new();
            ints.iter().for_each(|number| pack.push(format_i64(&mut digits, number)));
            Form::Packed(pack)
        } else {
            let mut table = Table::new(shape.seed);
            for number in ints.iter() {
                table.insert_new(format_i64(&mut digits, number).into());
            }
            Form::Table(Box::new(table))
        };
    }
}

impl Default for Set {
    fn default() -> Self {
        Self::new()
    }
}

fn find(pack: &Pack, member: &[u8]) -> Option<Place> {
    let (mut place, end) = (pack.start(), pack.end());
    while place < end {
        if pack.at(place) == member {
            return Some(place);
        }
        place = pack.after(place);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::{Rng, Seed};
    use alloc::{collections::BTreeSet, format, string::String, vec::Vec};

    fn members(set: &Set) -> Vec<String> {
        let text = |item: Item<'_>| {
            String::from_utf8(item.text(&mut [0; DIGITS_MAX]).to_vec()).expect("made of ASCII")
        };
        set.iter().map(text).collect()
    }

    #[test]
    fn a_set_does_what_a_set_does_in_all_forms() {
        let shape = Shape { set_ints_max: 6, set_entries_max: 8, ..Shape::default() };
        let mut rng = Rng::new(Seed::from_u64(1), "set");
        for _ in 0..500 {
            let (mut set, mut model) = (Set::new(), BTreeSet::new());
            let (numbers, words) = (1 + rng.below(12), rng.below(4));
            for _ in 0..60 {
                let mut member = format!("{}", rng.below(numbers));
                if rng.below(10) < words {
                    member.insert(0, 'x');
                }
                if rng.below(3) == 0 {
                    assert_eq!(set.remove(member.as_bytes()), model.remove(&member));
                } else {
                    let new = set.insert(&shape, member.as_bytes()) == Inserted::New;
                    assert_eq!(new, model.insert(member));
                }
            }
            let mut found = members(&set);
            assert!(found.iter().enumerate().all(|(index, member)| {
                set.nth(index).text(&mut [0; DIGITS_MAX]) == member.as_bytes()
                    && set.contains(member.as_bytes())
            }));
            found.sort();
            assert!(found.iter().eq(&model));
            assert_eq!(set.len(), model.len());
        }
    }

    #[test]
    fn integers_are_sorted_until_there_are_too_many_or_a_word_comes() {
        let shape = Shape::default();
        let mut set = Set::new();
        for number in (0..512).rev() {
            set.insert(&shape, format!("{number}").as_bytes());
        }
        assert_eq!((set.encoding(), set.nth(511)), ("intset", Item::Int(511)));
        set.insert(&shape, b"512");
        assert_eq!((set.encoding(), set.len()), ("hashtable", 513));
        let mut set = Set::new();
        set.insert(&shape, b"1");
        set.insert(&shape, b"01");
        assert_eq!((set.encoding(), set.len()), ("hashtable", 2));
    }
}
