//! `notify-keyspace-events`: which events of keys are published, as a set of letters.
//!
//! Owns the letters and their order. What an event is stands in `keyspace/events.rs`.

use alloc::string::String;

use super::error::Reason;

/// A set of classes of events, and the ways in which they are published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventClasses(u16);

impl EventClasses {
    /// Nothing is published.
    pub const NONE: Self = Self(0);
    /// `g`: commands on keys whatever they hold.
    pub const GENERIC: Self = Self(1 << 0);
    /// `$`: strings.
    pub const STRING: Self = Self(1 << 1);
    /// `l`: lists.
    pub const LIST: Self = Self(1 << 2);
    /// `s`: sets.
    pub const SET: Self = Self(1 << 3);
    /// `h`: hashes.
    pub const HASH: Self = Self(1 << 4);
    /// `z`: sorted sets.
    pub const SORTED_SET: Self = Self(1 << 5);
    /// `x`: keys whose time has passed.
    pub const EXPIRED: Self = Self(1 << 6);
    /// `e`: keys that made room for others.
    pub const EVICTED: Self = Self(1 << 7);
    /// `t`: streams.
    pub const STREAM: Self = Self(1 << 8);
    /// `d`: types of modules.
    pub const MODULE: Self = Self(1 << 9);
    /// `n`: keys that were not there before.
    pub const NEW: Self = Self(1 << 10);
    /// `K`: on a channel of the key.
    pub const BY_KEY: Self = Self(1 << 11);
    /// `E`: on a channel of the event.
    pub const BY_EVENT: Self = Self(1 << 12);
    /// `m`: keys that were looked for in vain.
    pub const KEY_MISS: Self = Self(1 << 13);
    /// `A`: what most people want. Neither new keys nor misses belong to it.
    const ALL: Self = Self(0b11_1111_1111);

    /// The letters, in the order in which they are shown.
    const LETTERS: [(u8, Self); 15] = [
        (b'A', Self::ALL),
        (b'g', Self::GENERIC),
        (b'$', Self::STRING),
        (b'l', Self::LIST),
        (b's', Self::SET),
        (b'h', Self::HASH),
        (b'z', Self::SORTED_SET),
        (b'x', Self::EXPIRED),
        (b'e', Self::EVICTED),
        (b't', Self::STREAM),
        (b'd', Self::MODULE),
        (b'n', Self::NEW),
        (b'K', Self::BY_KEY),
        (b'E', Self::BY_EVENT),
        (b'm', Self::KEY_MISS),
    ];

    /// Both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the sets have anything in common.
    #[must_use]
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The set that these letters name.
    pub(super) fn parse(letters: &[u8]) -> Result<Self, Reason> {
        let mut classes = Self::NONE;
        for letter in letters {
            let found = Self::LETTERS.iter().find(|(known, _)| known == letter);
            let Some((_, class)) = found else {
                let text = "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.";
                return Err(Reason::Other(text));
            };
            classes = classes.and(*class);
        }
        Ok(classes)
    }

    /// As `CONFIG GET` shows it: beside `A` nothing is said of new keys.
    // redis: notify.c, keyspaceEventsFlagsToString
    pub(super) fn shown(self) -> String {
        self.letters(|class| !(class == Self::NEW && self.has(Self::ALL)))
    }

    /// All letters, so that a file that is read again means the same.
    pub(super) fn in_full(self) -> String {
        self.letters(|_| true)
    }

    fn letters(self, wanted: impl Fn(Self) -> bool) -> String {
        let mut rest = self;
        let mut text = String::new();
        for (letter, class) in Self::LETTERS {
            if rest.has(class) && wanted(class) {
                rest.0 &= !class.0;
                text.push(char::from(letter));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(letters: &str, shown: &str, in_full: &str) {
        let classes = EventClasses::parse(letters.as_bytes()).expect("letters that are known");
        assert_eq!((&*classes.shown(), &*classes.in_full()), (shown, in_full), "{letters}");
    }

    /// As redis-server 7.0.15 shows them.
    #[test]
    fn event_classes_are_shown_in_redis_order_and_written_in_full() {
        check("KEA", "AKE", "AKE");
        check("gKx", "gxK", "gxK");
        check("Kn", "nK", "nK");
        check("mKnEA", "AKEm", "AnKEm");
        check("g$lshzxetdE", "AE", "AE");
        check("g$lshzxetE", "g$lshzxetE", "g$lshzxetE");
        check("", "", "");
        assert!(EventClasses::parse(b"xyz").is_err());
        assert!(EventClasses::parse(b"\xff").is_err());
    }
}
