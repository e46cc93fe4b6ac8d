//! A sequence of short byte strings in one allocation. Knows nothing of what they mean.
//!
//! ```text
//!  count   length  bytes  size       length  bytes  size
//! +-------+-------+------+------+   +-------+------+------+
//! | u32   | 1..   | n    | 1..  |   | 1..   | n    | 1..  |  ...
//! +-------+-------+------+------+   +-------+------+------+
//! ```
//!
//! A length takes seven bits per byte, lowest first; all but the last have the high bit. `size` is
//! that of the two parts before it, and is read from its end: so the sequence can be walked from
//! both sides. An element of up to 126 bytes costs two bytes.
//!
//! Bytes of somebody else may come before the sequence in the same allocation. They are kept as
//! they are, and all places count from behind them.

use alloc::vec::Vec;

/// Bytes before the first element.
const HEAD: usize = 4;
/// The longest number that counts bytes in memory.
const NUMBER_MAX: usize = 10;
/// Beyond this share of its length, an allocation does not run ahead of the content.
const AHEAD_SHARE: usize = 8;
/// An allocation of up to this many bytes is never shrunk.
const KEPT_BYTES: usize = 64;

/// The sequence. Without elements it owns no memory but what the bytes before it take.
#[derive(Clone, Debug, Default)]
pub(super) struct Pack {
    bytes: Vec<u8>,
    /// Bytes before the sequence.
    base: usize,
}

/// The sequence, to be looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct PackRef<'a>(&'a [u8]);

/// Where an element begins, or where the sequence ends. Any change makes those behind it worthless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(usize);

impl<'a> PackRef<'a> {
    /// The sequence that `bytes` hold, as `Pack::stored` gave them.
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// How many elements there are.
    pub(super) fn len(self) -> usize {
        self.0.first_chunk::<HEAD>().map_or(0, |count| u32::from_le_bytes(*count) as usize)
    }

    /// Before the first element.
    pub(super) const fn start(self) -> Place {
        Place(HEAD)
    }

    /// Behind the last element.
    pub(super) fn end(self) -> Place {
        Place(self.0.len().max(HEAD))
    }

    /// Where the element numbered `index` begins; the end for the number of elements.
    ///
    /// # Panics
    /// When there are not that many.
    pub(super) fn place(self, index: usize) -> Place {
        let count = self.len();
        assert!(index <= count, "an element is asked for by a number it has");
        if index <= count / 2 {
            (0..index).fold(self.start(), |place, _| self.after(place))
        } else {
            (index..count).fold(self.end(), |place, _| self.before(place))
        }
    }

    /// The element at `place`.
    pub(super) fn at(self, place: Place) -> &'a [u8] {
        let (length, start) = read_forward(self.0, place.0);
        &self.0[start..start + length]
    }

    /// The place behind the element at `place`.
    pub(super) fn after(self, place: Place) -> Place {
        let (length, start) = read_forward(self.0, place.0);
        let size = start - place.0 + length;
        Place(place.0 + size + number_size(size))
    }

    /// The place of the element before `place`.
    pub(super) fn before(self, place: Place) -> Place {
        let (size, end) = read_backward(self.0, place.0);
        Place(end - size)
    }

    /// All elements in order.
    pub(super) fn iter(self) -> Iter<'a> {
        Iter { pack: self, front: self.start(), back: self.end() }
    }

    /// The elements from `place` on.
    pub(super) fn iter_from(self, place: Place) -> Iter<'a> {
        self.iter_between(place, self.end())
    }

    /// The elements from `from` on, up to the one at `to`.
    pub(super) const fn iter_between(self, from: Place, to: Place) -> Iter<'a> {
        Iter { pack: self, front: from, back: to }
    }
}

impl Pack {
    /// No elements.
    pub(super) const fn new() -> Self {
        Self { bytes: Vec::new(), base: 0 }
    }

    /// The sequence that `bytes` hold behind the first `base`.
    pub(super) const fn behind(bytes: Vec<u8>, base: usize) -> Self {
        Self { bytes, base }
    }

    /// The whole allocation, and how many bytes in it come before the sequence.
    pub(super) fn into_bytes(self) -> (Vec<u8>, usize) {
        (self.bytes, self.base)
    }

    /// To be looked at.
    #[inline]
    pub(super) fn view(&self) -> PackRef<'_> {
        PackRef(&self.bytes[self.base..])
    }

    /// How many elements there are.
    pub(super) fn len(&self) -> usize {
        self.view().len()
    }

    /// Bytes of all elements as they are stored.
    pub(super) fn stored_bytes(&self) -> usize {
        self.view().0.len().saturating_sub(HEAD)
    }

    /// Bytes of memory it owns.
    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// Before the first element.
    pub(super) fn start(&self) -> Place {
        self.view().start()
    }

    /// Behind the last element.
    pub(super) fn end(&self) -> Place {
        self.view().end()
    }

    /// Where the element numbered `index` begins; the end for the number of elements.
    ///
    /// # Panics
    /// When there are not that many.
    pub(super) fn place(&self, index: usize) -> Place {
        self.view().place(index)
    }

    /// The element at `place`.
    pub(super) fn at(&self, place: Place) -> &[u8] {
        self.view().at(place)
    }

    /// The place behind the element at `place`.
    pub(super) fn after(&self, place: Place) -> Place {
        self.view().after(place)
    }

    /// The place of the element before `place`.
    pub(super) fn before(&self, place: Place) -> Place {
        self.view().before(place)
    }

    /// All elements in order.
    pub(super) fn iter(&self) -> Iter<'_> {
        self.view().iter()
    }

    /// The elements from `place` on.
    pub(super) fn iter_from(&self, place: Place) -> Iter<'_> {
        self.view().iter_from(place)
    }

    /// Puts an element in front of the one at `place`.
    pub(super) fn insert(&mut self, place: Place, item: &[u8]) {
        self.begin(item);
        self.splice(place.0, place.0, item);
        self.add_to_count(1);
    }

    /// Before the first element comes its count.
    fn begin(&mut self, item: &[u8]) {
        if self.bytes.len() == self.base {
            let wanted = HEAD + stored_size(item);
            if self.bytes.capacity() - self.base < wanted {
                self.bytes.reserve_exact(wanted);
            }
            self.bytes.extend_from_slice(&[0; HEAD]);
        }
    }

    /// Has the allocation reach `end`, and a part ahead when it must grow.
    fn make_room(&mut self, end: usize) {
        if end > self.bytes.capacity() {
            self.bytes.reserve_exact(end + end / AHEAD_SHARE - self.bytes.len());
        }
    }

    /// Adds an element at the end.
    pub(super) fn push(&mut self, item: &[u8]) {
        self.begin(item);
        let (start, mut digits) = (self.bytes.len(), [0; NUMBER_MAX]);
        self.make_room(start + stored_size(item));
        self.bytes.extend_from_slice(write_number(&mut digits, item.len()));
        self.bytes.extend_from_slice(item);
        let end = self.bytes.len();
        self.bytes.extend_from_slice(write_number(&mut digits, end - start));
        self.bytes[end..].reverse();
        self.add_to_count(1);
    }

    /// Room for `bytes` more, as stored.
    pub(super) fn reserve(&mut self, bytes: usize) {
        self.bytes.reserve_exact(bytes);
    }

    /// Gives back room beyond what elements that come one by one would have made.
    pub(super) fn fit(&mut self) {
        let wanted = self.bytes.len() + self.bytes.len() / AHEAD_SHARE;
        if self.bytes.capacity() > wanted.max(KEPT_BYTES) {
            self.bytes.shrink_to(wanted);
        }
    }

    /// Puts `item` in the place of the element at `place`.
    pub(super) fn replace(&mut self, place: Place, item: &[u8]) {
        let end = self.after(place);
        self.splice(place.0, end.0, item);
    }

    /// Takes out the `count` elements that lie between `from` and `to`.
    pub(super) fn remove(&mut self, from: Place, to: Place, count: usize) {
        if count == 0 {
            return;
        }
        self.bytes.drain(self.base + from.0..self.base + to.0);
        self.add_to_count(-(count as i64));
        if self.len() == 0 {
            self.bytes.truncate(self.base);
            if self.base == 0 {
                self.bytes = Vec::new();
            }
        } else if self.bytes.capacity() > KEPT_BYTES && self.bytes.len() < self.bytes.capacity() / 2
        {
            self.bytes.shrink_to(self.bytes.len() + self.bytes.len() / AHEAD_SHARE);
        }
    }

    /// Moves the elements from `place` on, `count` of them, into a pack of their own.
    pub(super) fn split_off(&mut self, place: Place, count: usize) -> Self {
        if count == 0 {
            return Self::new();
        }
        let moved = &self.view().0[place.0..];
        let mut tail = Vec::with_capacity(HEAD + moved.len());
        let number = u32::try_from(count).expect("a pack counts its elements in 32 bits");
        tail.extend_from_slice(&number.to_le_bytes());
        tail.extend_from_slice(moved);
        let end = self.end();
        self.remove(place, end, count);
        Self { bytes: tail, base: 0 }
    }

    /// Replaces the bytes `from..to`, one element or none, by `item`.
    fn splice(&mut self, from: usize, to: usize, item: &[u8]) {
        let (from, to) = (self.base + from, self.base + to);
        let (old_end, new_size) = (self.bytes.len(), stored_size(item));
        let new_end = old_end - (to - from) + new_size;
        self.make_room(new_end);
        if new_end > old_end {
            self.bytes.resize(new_end, 0);
        }
        self.bytes.copy_within(to..old_end, from + new_size);
        self.bytes.truncate(new_end);
        let mut digits = [0; NUMBER_MAX];
        let length = write_number(&mut digits, item.len());
        let body = from + length.len();
        self.bytes[from..body].copy_from_slice(length);
        self.bytes[body..body + item.len()].copy_from_slice(item);
        let size_at = body + item.len();
        let size = write_number(&mut digits, size_at - from);
        let end = size_at + size.len();
        self.bytes[size_at..end].copy_from_slice(size);
        self.bytes[size_at..end].reverse();
    }

    fn add_to_count(&mut self, change: i64) {
        let count = u32::try_from(self.len() as i64 + change);
        let count = count.expect("a pack counts its elements in 32 bits");
        self.bytes[self.base..][..HEAD].copy_from_slice(&count.to_le_bytes());
    }
}

/// Bytes that `item` takes in a pack.
pub(super) const fn stored_size(item: &[u8]) -> usize {
    let size = number_size(item.len()) + item.len();
    size + number_size(size)
}

const fn number_size(number: usize) -> usize {
    // Zero takes one byte as well.
    ((number | 1).ilog2() / 7 + 1) as usize
}

fn write_number(digits: &mut [u8; NUMBER_MAX], mut number: usize) -> &[u8] {
    let size = number_size(number);
    for digit in &mut digits[..size - 1] {
        *digit = (number & 0x7f) as u8 | 0x80;
        number >>= 7;
    }
    digits[size - 1] = number as u8;
    &digits[..size]
}

/// The number that begins at `at`, and where it ends.
#[inline]
fn read_forward(bytes: &[u8], mut at: usize) -> (usize, usize) {
    let (mut number, mut shift) = (0, 0);
    loop {
        let byte = bytes[at];
        at += 1;
        number |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return (number, at);
        }
        shift += 7;
    }
}

/// The number that ends at `at`, and where it begins.
#[inline]
fn read_backward(bytes: &[u8], mut at: usize) -> (usize, usize) {
    let (mut number, mut shift) = (0, 0);
    loop {
        at -= 1;
        let byte = bytes[at];
        number |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return (number, at);
        }
        shift += 7;
    }
}

/// The elements of a pack, from both sides.
#[derive(Clone, Debug)]
pub(super) struct Iter<'a> {
    pack: PackRef<'a>,
    front: Place,
    back: Place,
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        if self.front >= self.back {
            return None;
        }
        let (length, start) = read_forward(self.pack.0, self.front.0);
        let size = start - self.front.0 + length;
        self.front = Place(self.front.0 + size + number_size(size));
        Some(&self.pack.0[start..start + length])
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.front >= self.back {
            return None;
        }
        self.back = self.pack.before(self.back);
        Some(self.pack.at(self.back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::{Rng, Seed};
    use alloc::vec;

    fn check(pack: &Pack, model: &[Vec<u8>]) {
        assert_eq!(pack.len(), model.len());
        assert!(pack.iter().eq(model.iter().map(Vec::as_slice)));
        assert!(pack.iter().rev().eq(model.iter().rev().map(Vec::as_slice)));
        for (index, item) in model.iter().enumerate() {
            assert_eq!(pack.at(pack.place(index)), item);
        }
        assert_eq!(pack.stored_bytes(), model.iter().map(|item| stored_size(item)).sum::<usize>());
    }

    #[test]
    fn a_pack_does_what_a_vector_of_strings_does() {
        let mut rng = Rng::new(Seed::from_u64(1), "pack");
        for _ in 0..200 {
            let (mut pack, mut model) = (Pack::new(), Vec::<Vec<u8>>::new());
            for _ in 0..60 {
                let length = match rng.below(20) {
                    0 => rng.below(20_000),
                    1 => 120 + rng.below(12),
                    _ => rng.below(12),
                };
                let item = vec![rng.bits() as u8; length as usize];
                let index = rng.below(model.len() as u64 + 1) as usize;
                match rng.below(13) {
                    10.. => {
                        if rng.below(4) == 0 {
                            pack.reserve(rng.below(300) as usize);
                        }
                        pack.push(&item);
                        if rng.below(4) == 0 {
                            pack.fit();
                        }
                        model.push(item);
                    }
                    0..6 => {
                        pack.insert(pack.place(index), &item);
                        model.insert(index, item);
                    }
                    6 | 7 if index < model.len() => {
                        pack.replace(pack.place(index), &item);
                        model[index] = item;
                    }
                    8 => {
                        let count = model.len() - index;
                        let tail = pack.split_off(pack.place(index), count);
                        check(&tail, &model.split_off(index));
                    }
                    _ => {
                        let to = (index + rng.below(3) as usize).min(model.len());
                        pack.remove(pack.place(index), pack.place(to), to - index);
                        model.drain(index..to);
                    }
                }
                check(&pack, &model);
            }
        }
    }

    #[test]
    fn an_element_of_up_to_126_bytes_costs_two() {
        assert_eq!(stored_size(&[0; 126]), 128);
        assert_eq!(stored_size(b""), 2);
        assert_eq!(Pack::new().memory_bytes(), 0);
    }
}
