//! Where a command's keys are among its arguments, and what happens to them. One declaration per
//! command: `COMMAND INFO` shows it, and `COMMAND GETKEYS` finds keys by it.

use alloc::vec::Vec;

use crate::{base::number::parse_i64, resp::Args};

/// What happens to a key, in the words of `COMMAND INFO`.
pub type Access = &'static [&'static str];

/// Marks a channel of a shard: it is found like a key, and is none.
const NOT_A_KEY: &str = "not_key";
/// Marks a key to which different things happen, as the options have it.
const VARIABLE: &str = "variable_flags";

/// How some of the keys are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The arguments from `first` to `last`, in steps. A negative `last` counts from the end: -1 is
    /// the last argument.
    Range {
        /// Position of the first key.
        first: i8,
        /// Position of the last key.
        last: i8,
        /// Distance between keys.
        step: i8,
    },
    /// The argument at `count` says how many keys follow it.
    Counted {
        /// Position of the number.
        count: i8,
    },
    /// Not by their positions.
    Unknown,
}

/// Some of the keys of a command.
#[derive(Clone, Copy, Debug)]
pub struct KeySpec {
    /// How they are found.
    pub place: Place,
    /// What happens to them.
    pub access: Access,
}

impl KeySpec {
    fn is(&self, mark: &str) -> bool {
        self.access.contains(&mark)
    }
}

/// A key found among arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its position; the command's name is at 0.
    pub at: usize,
    /// What happens to it.
    pub access: Access,
}

/// Finds the keys that no positions describe.
pub(super) type Finder = for<'a> fn(Args<'a>) -> Vec<Key>;

const SPECS_MAX: usize = 3;

/// All keys of a command.
#[derive(Clone, Copy, Debug)]
pub struct Keys {
    specs: [Option<KeySpec>; SPECS_MAX],
    finder: Option<Finder>,
}

impl Keys {
    /// The command names no key.
    pub const NONE: Self = Self { specs: [None; SPECS_MAX], finder: None };

    const fn at_place(place: Place, access: Access) -> Self {
        Self { specs: [Some(KeySpec { place, access }), None, None], finder: None }
    }

    /// The first argument is the key.
    #[must_use]
    pub const fn one(access: Access) -> Self {
        Self::at(1, access)
    }

    /// The argument at this position is the key.
    #[must_use]
    pub const fn at(first: i8, access: Access) -> Self {
        Self::range(first, first, 1, access)
    }

    /// All arguments are keys.
    #[must_use]
    pub const fn all(access: Access) -> Self {
        Self::range(1, -1, 1, access)
    }

    /// The arguments `first..=last` in steps.
    #[must_use]
    pub const fn range(first: i8, last: i8, step: i8, access: Access) -> Self {
        Self::at_place(Place::Range { first, last, step }, access)
    }

    /// The argument at `count` says how many keys follow it.
    #[must_use]
    pub const fn counted(count: i8, access: Access) -> Self {
        Self::at_place(Place::Counted { count }, access)
    }

    /// There are keys that no positions describe.
    #[must_use]
    pub const fn unknown(access: Access) -> Self {
        Self::at_place(Place::Unknown, access)
    }

    /// These keys, and then those.
    ///
    /// # Panics
    /// When that makes more than three rules: at compile time.
    #[must_use]
    pub const fn and(mut self, other: Self) -> Self {
        let (mut to, mut from) = (0, 0);
        while to < SPECS_MAX && self.specs[to].is_some() {
            to += 1;
        }
        while from < SPECS_MAX && other.specs[from].is_some() {
            self.specs[to] = other.specs[from];
            to += 1;
            from += 1;
        }
        self
    }

    /// These keys, which options may change or add to: `finder` knows how.
    #[must_use]
    pub const fn found_by(mut self, finder: Finder) -> Self {
        self.finder = Some(finder);
        self
    }

    /// The rules one by one.
    pub fn iter(&self) -> impl Iterator<Item = &KeySpec> {
        self.specs.iter().flatten()
    }

    /// Whether any argument may be a key.
    #[must_use]
    pub fn are_there(&self) -> bool {
        self.iter().any(|spec| !spec.is(NOT_A_KEY))
    }

    /// The only range, or all ranges as one if each begins where the one before it ends:
    /// `(first, last, step)`, all zero for none. The rest is what "movable" means.
    // redis: server.c, populateCommandLegacyRangeSpec
    #[must_use]
    pub fn plain_range(&self) -> (i8, i8, i8) {
        self.plain().0
    }

    /// Whether there are keys beside the plain range.
    #[must_use]
    pub fn are_movable(&self) -> bool {
        self.plain().1 == Movable::Yes
    }

    fn plain(&self) -> ((i8, i8, i8), Movable) {
        let mut all = self.iter().map(|spec| spec.place);
        if let (Some(Place::Range { first, last, step }), None) = (all.next(), all.next()) {
            return ((first, last, step), Movable::No);
        }
        let (mut plain, mut movable): (Option<(i8, i8, i8)>, _) = (None, Movable::No);
        for spec in self.iter() {
            match (spec.place, plain) {
                (Place::Range { first, last, step: 1 }, None) => plain = Some((first, last, 1)),
                (Place::Range { first, last, step: 1 }, Some((begin, end, _)))
                    if end == first - 1 =>
                {
                    plain = Some((begin, last, 1));
                }
                (Place::Range { .. } | Place::Counted { .. } | Place::Unknown, _) => {
                    movable = Movable::Yes;
                }
            }
        }
        (plain.unwrap_or_default(), movable)
    }

    /// The keys among `args`, which are as many as the command takes. `None` when a count among
    /// them is none, or counts more than there is.
    // redis: db.c, getKeysFromCommandWithSpecs
    #[must_use]
    pub fn find(&self, args: Args<'_>) -> Option<Vec<Key>> {
        let varies = self.iter().any(|spec| spec.is(VARIABLE) || spec.place == Place::Unknown);
        if let (true, Some(finder)) = (varies, self.finder) {
            return Some(finder(args));
        }
        let mut found = Vec::new();
        for spec in self.iter().filter(|spec| !spec.is(NOT_A_KEY)) {
            let (first, last, step) = spec.place.bounds(args)?;
            let positions = (first..=last).step_by(step);
            found.extend(positions.map(|at| Key { at, access: spec.access }));
        }
        if found.is_empty() { None } else { Some(found) }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Movable {
    Yes,
    No,
}

impl Place {
    /// The first and the last position in `args`, and the step.
    fn bounds(self, args: Args<'_>) -> Option<(usize, usize, usize)> {
        let (first, last, step) = match self {
            Self::Range { first, last, step } => {
                let first = usize::try_from(first).ok()?;
                let last = match usize::try_from(last) {
                    Ok(last) => last,
                    Err(_) => args.len().checked_sub(usize::from(last.unsigned_abs()))?,
                };
                (first, last, usize::try_from(step).ok()?)
            }
            Self::Counted { count } => {
                let count = usize::try_from(count).ok()?;
                let keys = usize::try_from(parse_i64(args.try_get(count)?)?).ok()?;
                (count + 1, count.checked_add(keys)?, 1)
            }
            Self::Unknown => return None,
        };
        (first <= last && last < args.len()).then_some((first, last, step))
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::resp::Argv;

    const RO: Access = &["RO"];
    const OW: Access = &["OW"];

    fn positions(keys: Keys, line: &str) -> Option<Vec<usize>> {
        let mut argv = Argv::new();
        argv.fill(line.split(' ').map(str::as_bytes));
        let found = keys.find(argv.view(&[]))?;
        Some(found.into_iter().map(|key| key.at).collect())
    }

    #[test]
    fn keys_are_found_by_positions_and_by_counts() {
        assert_eq!(positions(Keys::one(RO), "c a b"), Some(vec![1]));
        assert_eq!(positions(Keys::all(RO), "c a b"), Some(vec![1, 2]));
        assert_eq!(positions(Keys::range(1, -2, 1, RO), "c a b 0"), Some(vec![1, 2]));
        assert_eq!(positions(Keys::range(1, -1, 2, RO), "c a 1 b"), Some(vec![1, 3]));
        let stored = Keys::one(OW).and(Keys::range(2, -1, 1, RO));
        assert_eq!(positions(stored, "c to a b"), Some(vec![1, 2, 3]));
        let counted = Keys::counted(1, RO);
        assert_eq!(positions(counted, "c 2 a b LEFT"), Some(vec![2, 3]));
        for bad in [
            "c 0 a",
            "c 2 a",
            "c -1 a",
            "c x a",
            "c 2x a b",
            "c 4294967297 a",
            "c 9223372036854775807 a",
            "c",
        ] {
            assert_eq!(positions(counted, bad), None, "{bad}");
        }
        assert_eq!(positions(Keys::all(&["not_key"]), "c a"), None);
        assert_eq!(positions(Keys::NONE, "c a"), None);
    }

    #[test]
    fn ranges_that_follow_each_other_are_one_and_the_rest_is_movable() {
        let plain = |keys: Keys| (keys.plain_range(), keys.are_movable());
        assert_eq!(plain(Keys::NONE), ((0, 0, 0), false));
        assert_eq!(plain(Keys::range(1, -1, 2, RO)), ((1, -1, 2), false));
        assert_eq!(plain(Keys::one(RO).and(Keys::at(2, OW))), ((1, 2, 1), false));
        assert_eq!(plain(Keys::one(OW).and(Keys::range(2, -1, 1, RO))), ((1, -1, 1), false));
        assert_eq!(plain(Keys::one(RO).and(Keys::at(3, OW))), ((1, 1, 1), true));
        assert_eq!(plain(Keys::counted(1, RO)), ((0, 0, 0), true));
        assert_eq!(plain(Keys::one(RO).and(Keys::unknown(OW))), ((1, 1, 1), true));
    }
}
