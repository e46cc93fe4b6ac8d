//! A list: one [`Pack`] while it is short, a deque of packs after that. A pack takes about eight
//! kilobytes or what `list-max-listpack-size` says, or one longer element, so that no change moves
//! more than that.

use alloc::{boxed::Box, collections::VecDeque};
use core::mem;

use super::{
    Shape,
    pack::{Pack, stored_size},
};

/// Bytes of the smallest pack that `list-max-listpack-size` names; each further name doubles them.
const PACK_BYTES_LEAST: usize = 4 * 1024;
/// How often they can be doubled.
const DOUBLINGS_MAX: u32 = 4;
/// A pack limited by its elements has no more bytes than this.
const COUNTED_BYTES_MAX: usize = 8 * 1024;
/// Redis keeps the number of elements in 16 bits with a sign.
const COUNT_MAX: usize = i16::MAX as usize;

/// When a pack takes no further element. One element it always takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackLimit {
    bytes: usize,
    count: usize,
}

impl PackLimit {
    /// What `size` means as `list-max-listpack-size`: -1 to -5 for 4 to 64 kB, others for that many
    /// elements.
    // redis: quicklist.c, quicklistNodeLimit
    #[must_use]
    pub const fn from_size(size: i64) -> Self {
        let count = size.unsigned_abs() as usize;
        if size < 0 {
            let named =
                if count > DOUBLINGS_MAX as usize { DOUBLINGS_MAX } else { count as u32 - 1 };
            Self { bytes: PACK_BYTES_LEAST << named, count: usize::MAX }
        } else {
            let count = if count > COUNT_MAX { COUNT_MAX } else { count };
            Self { bytes: COUNTED_BYTES_MAX, count: if count == 0 { 1 } else { count } }
        }
    }

    /// The size that names this limit.
    #[must_use]
    pub const fn size(self) -> i64 {
        if self.count == usize::MAX {
            -1 - (self.bytes / PACK_BYTES_LEAST).ilog2() as i64
        } else {
            self.count as i64
        }
    }

    /// Whether `pack` takes `item` as well.
    fn admits(self, pack: &Pack, item: &[u8]) -> bool {
        pack.len() == 0 || (pack.len() < self.count && self.has_room(pack, item))
    }

    /// Whether there is room for the bytes of `item`.
    fn has_room(self, pack: &Pack, item: &[u8]) -> bool {
        pack.stored_bytes() + stored_size(item) <= self.bytes
    }
}

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

    /// How many packs there are.
    #[must_use]
    pub fn pack_count(&self) -> usize {
        match &self.0 {
            Form::One(_) => 1,
            Form::Many(chain) => chain.packs.len(),
        }
    }

    /// Bytes of all elements as they are stored.
    #[must_use]
    pub fn stored_bytes(&self) -> usize {
        self.packs().map(Pack::stored_bytes).sum()
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
    pub fn push(&mut self, shape: &Shape, end: End, item: &[u8]) {
        let at = match end {
            End::Left => 0,
            End::Right => self.pack_count(),
        };
        let nearest = at.saturating_sub(usize::from(end == End::Right));
        if !shape.list_pack.admits(self.pack(nearest), item) {
            self.insert_pack(at, Pack::new());
            return self.push_into(at, end, item);
        }
        self.push_into(nearest, end, item);
    }

    /// Bytes that the last pack takes before another one is begun.
    pub(super) fn room(&self, shape: &Shape) -> usize {
        let last = self.pack(self.pack_count() - 1);
        shape.list_pack.bytes.saturating_sub(last.stored_bytes())
    }

    pub(super) fn last_pack(&mut self) -> &mut Pack {
        self.pack_mut(self.pack_count() - 1)
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
    pub fn insert(&mut self, shape: &Shape, index: usize, item: &[u8]) {
        let limit = shape.list_pack;
        let (number, within) = self.locate(index);
        let pack = self.pack_mut(number);
        let place = pack.place(within);
        if limit.admits(pack, item) {
            pack.insert(place, item);
            self.add_to_len(1);
            return;
        }
        let tail_count = pack.len() - within;
        let tail = pack.split_off(place, tail_count);
        if tail_count > 0 {
            self.insert_pack(number + 1, tail);
        }
        if within > 0 && limit.admits(self.pack(number), item) {
            self.push_into(number, End::Right, item);
        } else if within == 0 {
            // All of the pack has moved to the one behind it.
            self.push_into(number, End::Right, item);
        } else if tail_count > 0 && limit.admits(self.pack(number + 1), item) {
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
    pub fn set(&mut self, shape: &Shape, index: usize, item: &[u8]) {
        assert!(index < self.len(), "the caller checked the index");
        let (number, within) = self.locate(index);
        let pack = self.pack_mut(number);
        let place = pack.place(within);
        let fits = shape.list_pack.has_room(pack, item);
        if pack.len() == 1 || fits || item.len() <= pack.at(place).len() {
            pack.replace(place, item);
        } else {
            self.insert(shape, index, item);
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
        match end {
            End::Left => pack.insert(pack.start(), item),
            End::Right => pack.push(item),
        }
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

    fn check(list: &List, model: &[Vec<u8>], limit: PackLimit) {
        assert_eq!(list.len(), model.len());
        assert!(list.iter().eq(model.iter().map(Vec::as_slice)));
        assert!(list.iter().rev().eq(model.iter().rev().map(Vec::as_slice)));
        if let Form::Many(chain) = &list.0 {
            assert!(chain.packs.iter().all(|pack| pack.len() > 0));
            let full = |pack: &Pack| {
                pack.len() > limit.count || (pack.stored_bytes() > limit.bytes && pack.len() > 1)
            };
            assert!(!chain.packs.iter().any(full), "only a single element may be too much");
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

    fn step(list: &mut List, model: &mut Vec<Vec<u8>>, shape: &Shape, rng: &mut Rng) {
        let index = rng.below(model.len() as u64 + 1) as usize;
        let end = if rng.below(2) == 0 { End::Left } else { End::Right };
        let value = item(rng);
        match rng.below(12) {
            0..4 => {
                list.push(shape, end, &value);
                model.insert(if end == End::Left { 0 } else { model.len() }, value);
            }
            4..7 => {
                list.insert(shape, index, &value);
                model.insert(index, value);
            }
            7 if index < model.len() => {
                list.set(shape, index, &value);
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
    fn a_size_is_a_class_of_bytes_or_a_number_of_elements() {
        let check = |size, bytes, count| {
            let limit = PackLimit::from_size(size);
            assert_eq!(limit, PackLimit { bytes, count }, "{size}");
            assert_eq!(PackLimit::from_size(limit.size()), limit, "{size}");
        };
        check(-1, 4_096, usize::MAX);
        check(-2, 8_192, usize::MAX);
        check(-5, 65_536, usize::MAX);
        check(i32::MIN.into(), 65_536, usize::MAX);
        check(0, 8_192, 1);
        check(128, 8_192, 128);
        check(i32::MAX.into(), 8_192, 32_767);
    }

    #[test]
    fn a_list_does_what_a_vector_does() {
        for seed in 0..60 {
            let mut rng = Rng::new(Seed::from_u64(seed), "list");
            let (mut list, mut model) = (List::new(), Vec::new());
            let list_pack = PackLimit::from_size([-2, -1, -5, 0, 1, 3, 128][seed as usize % 7]);
            let shape = Shape { list_pack, ..Shape::default() };
            for _ in 0..200 {
                step(&mut list, &mut model, &shape, &mut rng);
                check(&list, &model, list_pack);
            }
            list.drop_from(End::Right, usize::MAX);
            check(&list, &[], list_pack);
        }
    }

    #[test]
    fn a_long_list_of_short_elements_costs_two_bytes_each() {
        let mut list = List::new();
        let shape = Shape::default();
        (0..100_000).for_each(|_| list.push(&shape, End::Right, b"1234567890"));
        assert!(list.memory_bytes() < 100_000 * 14, "{}", list.memory_bytes());
    }
}
