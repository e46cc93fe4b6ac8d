//! A sorted set of few members in one [`Pack`]: member, score, member, score, in order.
//!
//! A score takes one to four bytes if it is a whole number that fits them, otherwise eight.
//! As in Redis, the form does not know a zero below zero.

use core::{cmp::Ordering, ops::Range};

use super::{
    super::pack::{self, Pack, PackRef},
    ranked::compare,
};

/// Members up to this length are moved by way of the stack.
const SHORT_BYTES: usize = 64;

/// Where a member and its score are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Where the member begins.
    pub(super) start: pack::Place,
    /// Where its score begins.
    pub(super) score: pack::Place,
    /// Behind the score.
    pub(super) end: pack::Place,
}

/// The bytes of a score.
struct Score {
    bytes: [u8; 8],
    len: usize,
}

impl Score {
    fn new(score: f64) -> Self {
        let whole = score as i32;
        if f64::from(whole) != score {
            return Self { bytes: score.to_le_bytes(), len: 8 };
        }
        let mut bytes = [0; 8];
        bytes[..4].copy_from_slice(&whole.to_le_bytes());
        // Bits that say more than the sign, and one for the sign.
        let bits = 33 - (if whole < 0 { !whole } else { whole }).leading_zeros();
        Self { bytes, len: bits.div_ceil(8) as usize }
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// The score that these bytes are.
fn read(bytes: &[u8]) -> f64 {
    match *bytes {
        [a] => f64::from(i8::from_le_bytes([a])),
        [a, b] => f64::from(i16::from_le_bytes([a, b])),
        // Extended to four bytes by the sign, which is in the last one.
        [a, b, c] => f64::from(i32::from_le_bytes([0, a, b, c]) >> 8),
        [a, b, c, d] => f64::from(i32::from_le_bytes([a, b, c, d])),
        [a, b, c, d, e, f, g, h] => f64::from_le_bytes([a, b, c, d, e, f, g, h]),
        _ => unreachable!("a score has one of five lengths"),
    }
}

/// The member and its score from both sides.
#[derive(Clone, Debug)]
pub(super) struct Pairs<'a>(pack::Iter<'a>);

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a [u8], f64);

    fn next(&mut self) -> Option<Self::Item> {
        Some((self.0.next()?, read(self.0.next()?)))
    }
}

impl DoubleEndedIterator for Pairs<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let score = read(self.0.next_back()?);
        Some((self.0.next_back()?, score))
    }
}

/// All members with their scores.
pub(super) fn pairs(pack: PackRef<'_>) -> Pairs<'_> {
    Pairs(pack.iter())
}

/// The members at these ranks.
pub(super) fn range(pack: PackRef<'_>, ranks: Range<usize>) -> Pairs<'_> {
    Pairs(pack.iter_between(pack.place(ranks.start * 2), pack.place(ranks.end * 2)))
}

/// The member at a rank.
pub(super) fn nth(pack: PackRef<'_>, rank: usize) -> (&[u8], f64) {
    let place = pack.place(rank * 2);
    (pack.at(place), read(pack.at(pack.after(place))))
}

/// Where `member` is, and its score.
pub(super) fn find(pack: PackRef<'_>, member: &[u8]) -> Option<(Place, f64)> {
    let (mut start, all) = (pack.start(), pack.end());
    while start < all {
        let score = pack.after(start);
        let end = pack.after(score);
        if pack.at(start) == member {
            return Some((Place { start, score, end }, read(pack.at(score))));
        }
        start = end;
    }
    None
}

/// Adds a member that is not there yet.
pub(super) fn insert(pack: &mut Pack, member: &[u8], score: f64) {
    let view = pack.view();
    let (mut at, all) = (view.start(), view.end());
    // What comes sorted goes to the end.
    if view.len() > 0 && is_before(view, view.before(view.before(all)), (member, score)) {
        at = all;
    }
    while at < all && is_before(view, at, (member, score)) {
        at = view.after(view.after(at));
    }
    if at == all {
        pack.push(member);
        return pack.push(Score::new(score).bytes());
    }
    pack.insert(at, member);
    pack.insert(pack.after(at), Score::new(score).bytes());
}

fn is_before(pack: PackRef<'_>, at: pack::Place, other: (&[u8], f64)) -> bool {
    let one = (pack.at(at), read(pack.at(pack.after(at))));
    compare(one, other) == Ordering::Less
}

/// Gives the member at `place` another score.
pub(super) fn set_score(pack: &mut Pack, place: Place, score: f64) {
    let view = pack.view();
    let changed = (view.at(place.start), score);
    let keeps_its_rank = (place.start == view.start()
        || is_before(view, view.before(view.before(place.start)), changed))
        && (place.end == view.end() || !is_before(view, place.end, changed));
    if keeps_its_rank {
        pack.replace(place.score, Score::new(score).bytes());
        return;
    }
    // The member moves, mostly by way of the stack.
    let mut short = [0; SHORT_BYTES];
    let long;
    let member = match short.get_mut(..changed.0.len()) {
        Some(room) => {
            room.copy_from_slice(changed.0);
            &*room
        }
        None => {
            long = changed.0.to_vec();
            &long
        }
    };
    pack.remove(place.start, place.end, 2);
    insert(pack, member, score);
}
