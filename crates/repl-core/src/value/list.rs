//! A list: one [`Pack`] while it is short, a deque of packs after that. A pack takes about eight
//! kilobytes or one longer element, so that no change moves more than that.

use alloc::{boxed::Box, collections::VecDeque};
use core::mem;

use super::pack::{Pack, stored_size};

/// A pack takes no further element beyond this: `list-max-listpack-size -2`.
const PACK_BYTES_MAX: usize = 8 * 1024;

/// One end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The head, where `LPUSH` adds.
    Left,
    /// The tail, where `RPUSH` adds.
    Right,
}

/// The elements in order.
#[derive(Clone, Debug)]
pub struct List(Form);

#[derive(Clone, Debug)]
enum Form {
    One(Pack),
    Many(Box<Chain>),
}

/// Packs one behind the other. None of them is empty.
#[derive(Clone, Debug)]
struct Chain {
    packs: VecDeque<Pack>,
    len: usize,
}

impl List {
    /// No elements.
    #[must_use]
    pub const fn new() -> Self {
        Self(Form::One(Pack::new()))
    }

    /// How many elements there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::One(pack) => pack.len(),
            Form::Many(chain) => chain.len,
        }
    }

    /// Whether there is no element.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What `OBJECT ENCODING` shows. Redis 7.0 has one name for lists of any length.
    #[must_use]
    pub const fn encoding(&self) -> &'static str {
        "quicklist"
    }

    /// Bytes of memory it owns.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let chain = match &self.0 {
            Form::One(_) => 0,
            Form::Many(chain) => size_of::<Chain>() + chain.packs.capacity() * size_of::<Pack>(),
        };
        chain + self.packs().map(Pack::memory_bytes).sum::<usize>()
    }

    /// The element at one end.
    #[must_use]
    pub fn peek(&self, end: End) -> Option<&[u8]> {
        match end {
            End::Left => self.iter().next(),
            End::Right => self.iter().next_back(),
        }
    }

    /// The element numbered `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        self.iter_from(index).next()
    }

    /// All elements in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.packs().flat_map(Pack::iter)
    }

    /// The elements from the one numbered `index` on.
    pub fn iter_from(&self, index: usize) -> impl Iterator<Item = &[u8]> {
        let (number, within) = self.locate(index.min(self.len()));
        let first = self.pack(number);
        first
            .iter_from(first.place(within))
            .chain(self.packs().skip(number + 1).flat_map(Pack::iter))
    }

    /// Adds an element at one end.
    pub fn push(&mut self, end: End, item: &[u8]) {
        let at = match end {
            End::Left => 0,
            End::Right => self.pack_count(),
        };
        let nearest = at.saturating_sub(usize::from(end == End::Right));
        if !self.pack(nearest).takes(item) {
            self.insert_pack(at, Pack::new());
            return self.push_into(at, end, item);
        }
        self.push_into(nearest, end, item);
    }

    /// Takes `count` elements, or all there are, from one end.
    pub fn drop_from(&mut self, end: End, count: usize) {
        let count = count.min(self.len());
        match end {
            End::Left => self.remove(0, count),
            End::Right => self.remove(self.len() - count, count),
        }
    }

    /// Puts an element in front of the one numbered `index`, or at the end.
    ///
    /// # Panics
    /// When there are fewer than `index`.
    pub fn insert(&mut self, index: usize, item: &[u8]) {
        let (number, within) = self.locate(index);
        let pack = self.pack_mut(number);
        let place = pack.place(within);
        if pack.takes(item) {
            pack.insert(place, item);
            self.add_to_len(1);
            return;
        }
        let tail_count = pack.len() - within;
        let tail = pack.split_off(place, tail_count);
        if tail_count > 0 {
            self.insert_pack(number + 1, tail);
        }
        if within > 0 && self.pack(number).takes(item) {
            self.push_into(number, End::Right, item);
        } else if within == 0 {
            // All of the pack has moved to the one behind it.
            self.push_into(number, End::Right, item);
        } else if tail_count > 0 && self.pack(number + 1).takes(item) {
            self.push_into(number + 1, End::Left, item);
        } else {
            self.insert_pack(number + 1, Pack::new());
            self.push_into(number + 1, End::Right, item);
        }
    }

    /// Replaces the element numbered `index`.
    ///
    /// # Panics
    /// When there is none.
    pub fn set(&mut self, index: usize, item: &[u8]) {
        assert!(index < self.len(), "the caller checked the index");
        let (number, within) = self.locate(index);
        let pack = self.pack_mut(number);
        let place = pack.place(within);
        if pack.len() == 1 || pack.takes(item) || item.len() <= pack.at(place).len() {
            pack.replace(place, item);
        } else {
            self.insert(index, item);
            self.remove(index + 1, 1);
        }
    }

    /// Removes `count` elements from the one numbered `from` on.
    ///
    /// # Panics
    /// When there are not that many.
    pub fn remove(&mut self, from: usize, count: usize) {
        assert!(from + count <= self.len(), "the caller checked the range");
        let mut left = count;
        while left > 0 {
            let (number, within) = self.locate(from);
            let pack = self.pack_mut(number);
            let here = left.min(pack.len() - within);
            let (start, end) = (pack.place(within), pack.place(within + here));
            pack.remove(start, end, here);
            self.add_to_len(-(here as i64));
            self.drop_if_empty(number);
            left -= here;
        }
    }

    /// Removes up to `count` elements that equal `item`, those nearest to `end`; how many.
    pub fn remove_equal(&mut self, end: End, count: usize, item: &[u8]) -> usize {
        let (mut removed, mut passed) = (0, 0);
        while removed < count && passed < self.pack_count() {
            let number = match end {
                End::Left => passed,
                End::Right => self.pack_count() - 1 - passed,
            };
            let here = remove_equal(self.pack_mut(number), end, count - removed, item);
            self.add_to_len(-(here as i64));
            removed += here;
            passed += usize::from(!self.drop_if_empty(number));
        }
        removed
    }

    fn packs(&self) -> impl DoubleEndedIterator<Item = &Pack> {
        let (one, many) = match &self.0 {
            Form::One(pack) => (Some(pack), None),
            Form::Many(chain) => (None, Some(&chain.packs)),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }

    fn pack_count(&self) -> usize {
        match &self.0 {
            Form::One(_) => 1,
            Form::Many(chain) => chain.packs.len(),
        }
    }

    fn pack(&self, number: usize) -> &Pack {
        match &self.0 {
            Form::One(pack) => pack,
            Form::Many(chain) => &chain.packs[number],
        }
    }

    fn pack_mut(&mut self, number: usize) -> &mut Pack {
        match &mut self.0 {
            Form::One(pack) => pack,
            Form::Many(chain) => &mut chain.packs[number],
        }
    }

    /// The pack of the element numbered `index`, and the element's number in it. Behind the last
    /// element that is the end of the last pack.
    fn locate(&self, index: usize) -> (usize, usize) {
        let Form::Many(chain) = &self.0 else { return (0, index) };
        if index < chain.len / 2 {
            let mut before = 0;
            for (number, pack) in chain.packs.iter().enumerate() {
                if index < before + pack.len() {
                    return (number, index - before);
                }
                before += pack.len();
            }
        }
        let mut behind = chain.len;
        for (number, pack) in chain.packs.iter().enumerate().rev() {
            behind -= pack.len();
            if index >= behind {
                return (number, index - behind);
            }
        }
        unreachable!("the first pack begins at element zero")
    }

    fn push_into(&mut self, number: usize, end: End, item: &[u8]) {
        let pack = self.pack_mut(number);
        let place = match end {
            End::Left => pack.start(),
            End::Right => pack.end(),
        };
        pack.insert(place, item);
        self.add_to_len(1);
    }

    /// Puts a pack in front of the one numbered `number`. Its elements are counted already.
    fn insert_pack(&mut self, number: usize, pack: Pack) {
        if let Form::One(first) = &mut self.0 {
            let len = first.len() + pack.len();
            let packs = VecDeque::from([mem::take(first)]);
            self.0 = Form::Many(Box::new(Chain { packs, len }));
        }
        let Form::Many(chain) = &mut self.0 else { unreachable!("it was made a chain") };
        chain.packs.insert(number, pack);
    }

    /// Drops a pack without elements, unless it is the only one; whether it did.
    fn drop_if_empty(&mut self, number: usize) -> bool {
        let Form::Many(chain) = &mut self.0 else { return false };
        if chain.packs[number].len() > 0 {
            return false;
        }
        if chain.packs.len() == 1 {
            self.0 = Form::One(Pack::new());
            return false;
        }
        chain.packs.remove(number);
        true
    }

    fn add_to_len(&mut self, change: i64) {
        if let Form::Many(chain) = &mut self.0 {
            chain.len = chain.len.checked_add_signed(change as isize).expect("all are counted");
        }
    }
}

impl Default for List {
    fn default() -> Self {
        Self::new()
    }
}

impl Pack {
    /// Whether `item` may be added, as far as a list is concerned.
    fn takes(&self, item: &[u8]) -> bool {
        self.len() == 0 || self.stored_bytes() + stored_size(item) <= PACK_BYTES_MAX
    }
}

fn remove_equal(pack: &mut Pack, end: End, count: usize, item: &[u8]) -> usize {
    let mut removed = 0;
    match end {
        End::Left => {
            let mut place = pack.start();
            while removed < count && place < pack.end() {
                if pack.at(place) == item {
                    pack.remove(place, pack.after(place), 1);
                    removed += 1;
                } else {
                    place = pack.after(place);
                }
            }
        }
        End::Right => {
            let mut place = pack.end();
            while removed < count && place > pack.start() {
                place = pack.before(place);
                if pack.at(place) == item {
                    pack.remove(place, pack.after(place), 1);
                    removed += 1;
                }
            }
        }
    }
    removed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::{Rng, Seed};
    use alloc::{vec, vec::Vec};

    fn check(list: &List, model: &[Vec<u8>]) {
        assert_eq!(list.len(), model.len());
        assert!(list.iter().eq(model.iter().map(Vec::as_slice)));
        assert!(list.iter().rev().eq(model.iter().rev().map(Vec::as_slice)));
        if let Form::Many(chain) = &list.0 {
            assert!(chain.packs.iter().all(|pack| pack.len() > 0));
            let full = |pack: &Pack| pack.stored_bytes() > PACK_BYTES_MAX && pack.len() > 1;
            assert!(!chain.packs.iter().any(full), "only a single element may be too long");
        }
    }

    fn item(rng: &mut Rng) -> Vec<u8> {
        let length = match rng.below(8) {
            0 => rng.below(12_000),
            1 => rng.below(3_000),
            _ => rng.below(40),
        };
        vec![rng.below(3) as u8; length as usize]
    }

    fn step(list: &mut List, model: &mut Vec<Vec<u8>>, rng: &mut Rng) {
        let index = rng.below(model.len() as u64 + 1) as usize;
        let end = if rng.below(2) == 0 { End::Left } else { End::Right };
        let value = item(rng);
        match rng.below(12) {
            0..4 => {
                list.push(end, &value);
                model.insert(if end == End::Left { 0 } else { model.len() }, value);
            }
            4..7 => {
                list.insert(index, &value);
                model.insert(index, value);
            }
            7 if index < model.len() => {
                list.set(index, &value);
                model[index] = value;
            }
            8 => {
                let count = rng.below(4).min((model.len() - index) as u64) as usize;
                list.remove(index, count);
                model.drain(index..index + count);
            }
            9 => {
                let value = model.get(index).cloned().unwrap_or_default();
                let mut left = rng.below(4) as usize;
                let before = model.len();
                let removed = list.remove_equal(end, left, &value);
                let mut keep = |other: &Vec<u8>| {
                    let goes = left > 0 && *other == value;
                    left -= usize::from(goes);
                    !goes
                };
                match end {
                    End::Left => model.retain(keep),
                    End::Right => {
                        let kept = model.drain(..).rev().filter(|other| keep(other)).collect();
                        *model = kept;
                        model.reverse();
                    }
                }
                assert_eq!(removed, before - model.len());
            }
            10 => {
                let count = rng.below(3) as usize;
                list.drop_from(end, count);
                let count = count.min(model.len());
                drop(match end {
                    End::Left => model.drain(..count),
                    End::Right => model.drain(model.len() - count..),
                });
            }
            _ => {
                assert_eq!(list.get(index), model.get(index).map(Vec::as_slice));
                assert!(list.iter_from(index).eq(model[index..].iter().map(Vec::as_slice)));
            }
        }
    }

    #[test]
    fn a_list_does_what_a_vector_does() {
        for seed in 0..60 {
            let mut rng = Rng::new(Seed::from_u64(seed), "list");
            let (mut list, mut model) = (List::new(), Vec::new());
            for _ in 0..200 {
                step(&mut list, &mut model, &mut rng);
                check(&list, &model);
            }
            list.drop_from(End::Right, usize::MAX);
            check(&list, &[]);
        }
    }

    #[test]
    fn a_long_list_of_short_elements_costs_two_bytes_each() {
        let mut list = List::new();
        (0..100_000).for_each(|_| list.push(End::Right, b"1234567890"));
        assert!(list.memory_bytes() < 100_000 * 14, "{}", list.memory_bytes());
    }
}
