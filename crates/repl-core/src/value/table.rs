//! A set of named elements of any number: a dense array of them, and an index from names to places
//! in the array. Knows nothing of what the elements are but their names.
//!
//! The order of the array is a function of what was inserted and removed, and of nothing else: the
//! last element moves to the place of one that is removed. A scan that goes from the end of the
//! array to its start therefore meets every element that is there all the time: elements only ever
//! move towards the start from a place that the scan has left behind or never had before it.

use core::hash::BuildHasher;

use alloc::{boxed::Box, vec::Vec};
use foldhash::quality::FixedState;
use hashbrown::HashTable;

/// What a table holds.
pub(super) trait Element {
    /// What it is found by.
    fn name(&self) -> &[u8];
    /// Bytes of memory it owns.
    fn memory_bytes(&self) -> usize;
}

impl Element for Box<[u8]> {
    fn name(&self) -> &[u8] {
        self
    }

    fn memory_bytes(&self) -> usize {
        self.len()
    }
}

/// Where an element is, with part of its hash: growing the index and most misses need not look at
/// the element.
#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: u32,
    at: u32,
}

impl Slot {
    /// For the index: the table takes its tags from the high bits, its buckets from the low ones.
    const fn spread(hash: u32) -> u64 {
        (hash as u64) << 32 | hash as u64
    }
}

/// Room in the smallest index. A table of four of these slots would take 52 bytes, aligned to 16,
/// and jemalloc with size classes of eight bytes gives memory for that which is not so aligned.
const INDEX_KEYS_MIN: usize = 7;

/// The elements. At most 2^32 - 1 of them.
#[derive(Clone, Debug)]
pub(super) struct Table<T> {
    elements: Vec<T>,
    index: HashTable<Slot>,
    hasher: FixedState,
}

impl<T: Element> Table<T> {
    /// No elements. Only the place of an element in memory depends on `seed`.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            elements: Vec::new(),
            index: HashTable::with_capacity(INDEX_KEYS_MIN),
            hasher: FixedState::with_seed(seed),
        }
    }

    /// How many elements there are.
    pub(super) fn len(&self) -> usize {
        self.elements.len()
    }

    /// The elements in the order of the array.
    pub(super) fn elements(&self) -> &[T] {
        &self.elements
    }

    fn hash(&self, name: &[u8]) -> u32 {
        // The high half is as good as the low one, and all that 2^32 elements need.
        (self.hasher.hash_one(name) >> 32) as u32
    }

    fn find(&self, hash: u32, name: &[u8]) -> Option<Slot> {
        let found = self.index.find(Slot::spread(hash), |slot| {
            slot.hash == hash && self.elements[slot.at as usize].name() == name
        });
        found.copied()
    }

    /// The element called `name`.
    pub(super) fn get(&self, name: &[u8]) -> Option<&T> {
        let slot = self.find(self.hash(name), name)?;
        Some(&self.elements[slot.at as usize])
    }

    /// Where the element called `name` is in the array.
    pub(super) fn position(&self, name: &[u8]) -> Option<usize> {
        self.find(self.hash(name), name).map(|slot| slot.at as usize)
    }

    /// The element at a place of the array, to be changed. Its name must stay.
    pub(super) fn at_mut(&mut self, place: usize) -> &mut T {
        &mut self.elements[place]
    }

    /// The element called `name`, to be changed. Its name must stay.
    pub(super) fn get_mut(&mut self, name: &[u8]) -> Option<&mut T> {
        let slot = self.find(self.hash(name), name)?;
        Some(&mut self.elements[slot.at as usize])
    }

    /// Adds an element whose name is not there yet, as `get` said.
    pub(super) fn insert_new(&mut self, element: T) {
        let hash = self.hash(element.name());
        debug_assert!(self.find(hash, element.name()).is_none(), "names are unique");
        let at = u32::try_from(self.elements.len()).expect("so many elements fit no memory");
        if self.elements.len() == self.elements.capacity() {
            // Less ahead than a doubling: the array is most of a table's unused memory.
            self.elements.reserve_exact(16.max(self.elements.len() / 4));
        }
        self.elements.push(element);
        self.index
            .insert_unique(Slot::spread(hash), Slot { hash, at }, |slot| Slot::spread(slot.hash));
    }

    /// Takes out the element called `name`.
    pub(super) fn remove(&mut self, name: &[u8]) -> Option<T> {
        let hash = self.hash(name);
        let slot = self.find(hash, name)?;
        Some(self.take(hash, slot.at))
    }

    /// Takes out the element at a place of the array.
    pub(super) fn remove_at(&mut self, place: usize) -> T {
        self.take(self.hash(self.elements[place].name()), place as u32)
    }

    /// Takes out the element at `at`, a place that the last one takes.
    fn take(&mut self, hash: u32, at: u32) -> T {
        let found = self.index.find_entry(Slot::spread(hash), |slot| slot.at == at);
        found.expect("every element is in the index").remove();
        let last = self.elements.len() as u32 - 1;
        if at != last {
            let moved = self.hash(self.elements[last as usize].name());
            let moved = self.index.find_mut(Slot::spread(moved), |slot| slot.at == last);
            moved.expect("every element is in the index").at = at;
        }
        let element = self.elements.swap_remove(at as usize);
        if self.elements.capacity() > 64 && self.elements.len() < self.elements.capacity() / 4 {
            self.elements.shrink_to(self.elements.len() * 2);
            self.index.shrink_to(self.elements.len() * 2, |slot| Slot::spread(slot.hash));
        }
        element
    }

    /// One step of a scan: looks at up to `count` elements and returns the next cursor, zero after
    /// the last step. A scan starts with zero.
    pub(super) fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(&T)) -> u64 {
        let len = self.elements.len();
        let end = match usize::try_from(cursor) {
            Ok(cursor @ 1..) => cursor.min(len),
            Ok(0) | Err(_) => len,
        };
        let start = end.saturating_sub(count);
        self.elements[start..end].iter().rev().for_each(&mut visit);
        start as u64
    }

    /// Bytes of memory it owns.
    pub(super) fn memory_bytes(&self) -> usize {
        let elements: usize = self.elements.iter().map(Element::memory_bytes).sum();
        elements + self.elements.capacity() * size_of::<T>() + self.index.allocation_size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::{Rng, Seed};
    use alloc::collections::BTreeSet;

    fn boxed(number: u64) -> Box<[u8]> {
        number.to_le_bytes().into()
    }

    fn order(table: &Table<Box<[u8]>>) -> Vec<Box<[u8]>> {
        table.elements().to_vec()
    }

    #[test]
    fn a_table_does_what_a_set_does_and_its_order_knows_no_seed() {
        let mut rng = Rng::new(Seed::from_u64(1), "table");
        let mut model = BTreeSet::new();
        let (mut first, mut second) = (Table::new(1), Table::new(2));
        for round in 0..50_000 {
            let name = boxed(rng.below(if round < 25_000 { 5_000 } else { 40 }));
            if rng.below(2) == 0 {
                assert_eq!(first.get(&name).is_none(), model.insert(name.clone()));
                if first.get(&name).is_none() {
                    first.insert_new(name.clone());
                    second.insert_new(name);
                }
            } else {
                assert_eq!(first.remove(&name).is_some(), model.remove(&name));
                second.remove(&name);
            }
        }
        assert!(model.iter().all(|name| first.get(name).is_some()));
        assert_eq!(first.len(), model.len());
        assert_eq!(order(&first), order(&second));
    }

    #[test]
    fn a_scan_meets_all_that_stays_while_others_come_and_go() {
        let mut rng = Rng::new(Seed::from_u64(2), "table scan");
        for _ in 0..50 {
            let mut table = Table::new(1);
            (0..500).for_each(|number| table.insert_new(boxed(number)));
            let (mut cursor, mut seen) = (0, BTreeSet::new());
            loop {
                cursor = table.scan(cursor, 10, |name| _ = seen.insert(name.clone()));
                if cursor == 0 {
                    break;
                }
                for _ in 0..rng.below(20) {
                    // The even ones stay.
                    let name = boxed(rng.below(700) | 1);
                    if table.remove(&name).is_none() {
                        table.insert_new(name);
                    }
                }
            }
            assert!((0..500).step_by(2).all(|number| seen.contains(&boxed(number))));
        }
    }

    #[test]
    fn a_cursor_nobody_gave_out_is_no_danger() {
        let mut table = Table::new(1);
        (0..5).for_each(|number| table.insert_new(boxed(number)));
        let mut seen = 0;
        assert_eq!(table.scan(u64::MAX, usize::MAX, |_| seen += 1), 0);
        assert_eq!(seen, 5);
    }
}
