//! A sorted set of integers, as narrow as the widest of them. Knows nothing of other sets.

use alloc::vec::Vec;

/// Bytes that each integer takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Width {
    Two = 2,
    Four = 4,
    Eight = 8,
}

impl Width {
    const fn of(number: i64) -> Self {
        if number as i16 as i64 == number {
            Self::Two
        } else if number as i32 as i64 == number {
            Self::Four
        } else {
            Self::Eight
        }
    }
}

/// The integers, ascending, little endian.
#[derive(Clone, Debug)]
pub(super) struct Ints {
    bytes: Vec<u8>,
    width: Width,
}

impl Ints {
    /// None.
    pub(super) const fn new() -> Self {
        Self { bytes: Vec::new(), width: Width::Two }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() / self.width as usize
    }

    /// Bytes of memory it owns.
    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// The one numbered `index` in ascending order.
    ///
    /// # Panics
    /// When there are not that many.
    pub(super) fn at(&self, index: usize) -> i64 {
        let width = self.width as usize;
        let bytes = &self.bytes[index * width..][..width];
        let fits = "the slice is as long as the width says";
        match self.width {
            Width::Two => i16::from_le_bytes(bytes.try_into().expect(fits)).into(),
            Width::Four => i32::from_le_bytes(bytes.try_into().expect(fits)).into(),
            Width::Eight => i64::from_le_bytes(bytes.try_into().expect(fits)),
        }
    }

    /// All of them, ascending.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = i64> + Clone {
        (0..self.len()).map(|index| self.at(index))
    }

    /// The index of `number`, or the one it would have.
    fn search(&self, number: i64) -> Result<usize, usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.at(middle).cmp(&number) {
                core::cmp::Ordering::Less => low = middle + 1,
                core::cmp::Ordering::Equal => return Ok(middle),
                core::cmp::Ordering::Greater => high = middle,
            }
        }
        Err(low)
    }

    /// Whether `number` is there.
    pub(super) fn contains(&self, number: i64) -> bool {
        self.search(number).is_ok()
    }

    /// Adds `number`; whether it is new.
    pub(super) fn insert(&mut self, number: i64) -> bool {
        let Err(index) = self.search(number) else { return false };
        if Width::of(number) > self.width {
            self.widen(Width::of(number));
        }
        let (width, old_end) = (self.width as usize, self.bytes.len());
        let at = index * width;
        if old_end + width > self.bytes.capacity() {
            self.bytes.reserve_exact(width + old_end / 8);
        }
        self.bytes.resize(old_end + width, 0);
        self.bytes.copy_within(at..old_end, at + width);
        self.bytes[at..at + width].copy_from_slice(&number.to_le_bytes()[..width]);
        true
    }

    /// Removes `number`; whether it was there.
    pub(super) fn remove(&mut self, number: i64) -> bool {
        let Ok(index) = self.search(number) else { return false };
        let at = index * self.width as usize;
        self.bytes.drain(at..at + self.width as usize);
        if self.bytes.len() < self.bytes.capacity() / 2 {
            self.bytes.shrink_to_fit();
        }
        true
    }

    fn widen(&mut self, width: Width) {
        let mut bytes = Vec::with_capacity((self.len() + 1) * width as usize);
        for number in self.iter() {
            bytes.extend_from_slice(&number.to_le_bytes()[..width as usize]);
        }
        *self = Self { bytes, width };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::{Rng, Seed};
    use alloc::collections::BTreeSet;

    #[test]
    fn integers_of_all_widths_are_kept_in_order() {
        let mut rng = Rng::new(Seed::from_u64(1), "ints");
        for _ in 0..100 {
            let (mut ints, mut model) = (Ints::new(), BTreeSet::new());
            let narrow = rng.below(60) as u32;
            for _ in 0..100 {
                let number = rng.bits() as i64 >> (narrow.saturating_sub(rng.below(20) as u32));
                match rng.below(3) {
                    0 => assert_eq!(ints.remove(number), model.remove(&number)),
                    _ => assert_eq!(ints.insert(number), model.insert(number)),
                }
                let some = model.first().copied();
                some.inspect(|&some| assert!(ints.contains(some)));
            }
            assert!(ints.iter().eq(model.iter().copied()));
        }
    }

    #[test]
    fn small_integers_take_two_bytes_each() {
        let mut ints = Ints::new();
        (0..100).for_each(|number| assert!(ints.insert(number)));
        assert_eq!(ints.bytes.len(), 200);
        assert!(ints.insert(i64::MIN));
        assert_eq!((ints.bytes.len(), ints.at(0)), (808, i64::MIN));
    }
}
