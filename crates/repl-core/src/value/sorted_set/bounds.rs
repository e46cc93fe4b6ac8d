//! Ranges of scores and of members. Knows no set.

use core::{cmp::Ordering, ops::Bound};

/// The scores between two others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoreRange {
    /// The lowest.
    pub min: Bound<f64>,
    /// The highest.
    pub max: Bound<f64>,
}

impl ScoreRange {
    /// Whether `score` is too low.
    pub(super) fn is_below(&self, score: f64) -> bool {
        match self.min {
            Bound::Included(min) => score < min,
            Bound::Excluded(min) => score <= min,
            Bound::Unbounded => false,
        }
    }

    /// Whether `score` is too high.
    pub(super) fn is_above(&self, score: f64) -> bool {
        match self.max {
            Bound::Included(max) => score > max,
            Bound::Excluded(max) => score >= max,
            Bound::Unbounded => false,
        }
    }
}

/// An end of a range of members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LexEdge<'a> {
    /// Before all members.
    Lowest,
    /// At this one, which belongs to the range.
    Included(&'a [u8]),
    /// At this one, which does not.
    Excluded(&'a [u8]),
    /// Behind all members.
    Highest,
}

/// The members between two others, by their bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LexRange<'a> {
    /// The lowest.
    pub min: LexEdge<'a>,
    /// The highest.
    pub max: LexEdge<'a>,
}

impl LexRange<'_> {
    /// Whether `member` is too low.
    pub(super) fn is_below(&self, member: &[u8]) -> bool {
        match self.min {
            LexEdge::Lowest => false,
            LexEdge::Included(min) => member < min,
            LexEdge::Excluded(min) => member <= min,
            LexEdge::Highest => true,
        }
    }

    /// Whether `member` is too high.
    pub(super) fn is_above(&self, member: &[u8]) -> bool {
        match self.max {
            LexEdge::Lowest => true,
            LexEdge::Included(max) => member > max,
            LexEdge::Excluded(max) => member >= max,
            LexEdge::Highest => false,
        }
    }

    /// Whether no member can be in it.
    // redis: t_zset.c, zslIsInLexRange
    pub(super) fn is_empty(&self) -> bool {
        let key = |edge| match edge {
            LexEdge::Lowest => (0, [].as_slice()),
            LexEdge::Included(bytes) | LexEdge::Excluded(bytes) => (1, bytes),
            LexEdge::Highest => (2, [].as_slice()),
        };
        let excludes = |edge| matches!(edge, LexEdge::Excluded(_));
        match key(self.min).cmp(&key(self.max)) {
            Ordering::Less => false,
            Ordering::Equal => {
                excludes(self.min)
                    || excludes(self.max)
                    || !matches!(self.min, LexEdge::Included(_))
            }
            Ordering::Greater => true,
        }
    }
}
