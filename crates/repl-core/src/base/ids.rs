//! Identity: replication ids, run ids, endpoints, connections.

use alloc::string::String;
use core::{fmt, str};

use super::rng::Rng;

/// A replication id: 40 lower-case hexadecimal digits that name one history.
///
/// A byte of the replication stream is identified by (replication id, offset) for ever.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplId([u8; 40]);

impl ReplId {
    /// Forty zeros: the `master_replid2` of a node that has no second history.
    pub const NONE: Self = Self([b'0'; 40]);

    /// A fresh id, never seen before.
    #[must_use]
    pub fn random(rng: &mut Rng) -> Self {
        Self(rng.hex())
    }

    /// The id a peer sent: exactly 40 bytes. As in Redis, the bytes need not be hexadecimal, and
    /// upper case names the same history as lower case (`masterTryPartialResync` uses
    /// `strcasecmp`).
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut id: [u8; 40] = text.try_into().ok()?;
        if !id.iter().all(u8::is_ascii_graphic) {
            return None;
        }
        id.make_ascii_lowercase();
        Some(Self(id))
    }

    /// The 40 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).expect("an id is made of graphic ASCII characters")
    }

    /// The 40 characters as bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 40] {
        &self.0
    }
}

impl fmt::Display for ReplId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for ReplId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..", &self.as_str()[..8])
    }
}

/// The name of one connection of a node: a slot and how often the slot was used before, so that the
/// name of a closed connection never means a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId {
    slot: u32,
    generation: u32,
}

impl ConnId {
    /// Made by the slot table only.
    pub(crate) const fn new(slot: u32, generation: u32) -> Self {
        Self { slot, generation }
    }

    /// Small and dense: a driver may index a table with it.
    #[must_use]
    pub const fn slot(self) -> usize {
        self.slot as usize
    }

    /// How often the slot was used before this connection.
    #[must_use]
    pub const fn generation(self) -> u32 {
        self.generation
    }
}

/// The name of one user of a node. That of a user that was deleted never means a later one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(u32);

impl UserId {
    /// The user that everybody is who has not said anything else.
    pub const DEFAULT: Self = Self(0);

    /// The one that comes after this.
    #[must_use]
    pub(crate) const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Where a server listens: a host name or address, and a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// A name or a literal address, as the operator wrote it.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::{Rng, Seed};

    #[test]
    fn an_id_is_forty_graphic_characters_in_any_case() {
        let id = ReplId::random(&mut Rng::new(Seed::from_u64(7), "test"));
        assert_eq!(ReplId::parse(id.as_str().to_ascii_uppercase().as_bytes()), Some(id));
        assert_eq!(ReplId::parse(b"?"), None);
        assert_eq!(ReplId::parse(&[b'a'; 41]), None);
        assert_eq!(ReplId::parse(&[b' '; 40]), None);
    }

    #[test]
    fn an_ipv6_endpoint_is_written_in_brackets() {
        let endpoint = Endpoint { host: "::1".into(), port: 6379 };
        assert_eq!(alloc::format!("{endpoint}"), "[::1]:6379");
    }
}
