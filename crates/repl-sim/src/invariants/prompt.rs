//! **Links are prompt**: on a link that is whole and has been for a while, a replica that lacks
//! something of its master's history is sent something (`tail-delivered`), and a master hears of
//! each of its replicas (`acks-come`).
//!
//! Nothing may wait for the next command or the next ping to leave: a tail that does is late, and
//! lost if the master dies. An acknowledgement comes once a second.
//!
//! The lab looks several times a second. It does not judge a link that is cut, stalled or slowed
//! down, one of whose ends stands still, or of which either end is new.
//!
//! Source: Kvrocks #346 and Redis 0150c70b2. Premises: looks at such a link whose
//! replica lacked something, and looks at any.

use std::{collections::BTreeMap, time::Duration};

use repl_core::base::{ids::ReplId, time::Instant};

use super::Broken;

pub(super) const TAIL: &str = "tail-delivered";
pub(super) const ACKS: &str = "acks-come";

/// Far more than a node takes, beside what a segment may be under way.
const TAIL_AFTER: Duration = Duration::from_millis(2_500);

/// The period of acknowledgements, and as much as above.
const ACK_AFTER: Duration = Duration::from_millis(4_500);

/// A link as the lab sees it now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) replica: usize,
    /// The nodes at its ends and their processes: another one is another link.
    pub(crate) ends: [(usize, u64); 2],
    pub(crate) replid: ReplId,
    /// How far both have come: the replica, and its master.
    pub(crate) offsets: [u64; 2],
    /// How long a segment may be under way, there and back.
    pub(crate) flight: Duration,
}

#[derive(Debug, Default)]
pub(super) struct Prompt {
    links: BTreeMap<usize, Watched>,
    /// When a replica last heard of its master, and when a master last heard of a node.
    heard: BTreeMap<usize, Instant>,
    acked: BTreeMap<(usize, usize), Instant>,
    pub(super) behind_count: u64,
    pub(super) look_count: u64,
}

#[derive(Clone, Copy, Debug)]
struct Watched {
    look: Look,
    since: Instant,
    behind_since: Option<Instant>,
}

impl Prompt {
    /// A replica has received something of its master.
    pub(super) fn on_heard(&mut self, replica: usize, now: Instant) {
        self.heard.insert(replica, now);
    }

    /// A node has received something of another one.
    pub(super) fn on_received(&mut self, from: usize, node: usize, now: Instant) {
        self.acked.insert((from, node), now);
    }

    /// The link of this node is none that could be judged.
    pub(super) fn look_away(&mut self, replica: usize) {
        self.links.remove(&replica);
    }

    /// The lab looks at a link that is whole.
    pub(super) fn look(&mut self, look: Look, now: Instant) -> Result<(), Broken> {
        let [here, there] = look.offsets;
        let is_behind = here < there;
        let same = |watched: &&mut Watched| {
            watched.look.ends == look.ends && watched.look.replid == look.replid
        };
        let Some(watched) = self.links.get_mut(&look.replica).filter(same) else {
            let behind_since = is_behind.then_some(now);
            self.links.insert(look.replica, Watched { look, since: now, behind_since });
            return Ok(());
        };
        watched.behind_since = match watched.behind_since {
            Some(since) if is_behind => Some(since),
            Some(_) | None => is_behind.then_some(now),
        };
        let Watched { since, behind_since, .. } = *watched;
        let master = look.ends[1].0;
        self.look_count += 1;
        if let Some(behind_since) = behind_since {
            self.behind_count += 1;
            let heard = self.heard.get(&look.replica).copied().unwrap_or(since);
            let silent = now.since(heard.max(behind_since));
            let limit = TAIL_AFTER + look.flight;
            if silent > limit {
                return Err(Broken {
                    property: TAIL,
                    expected: format!("something of what it lacks within {limit:?}"),
                    actual: format!("{} bytes are late, and nothing came", there - here),
                });
            }
        }
        let acked = self.acked.get(&(look.replica, master)).copied().unwrap_or(since);
        let limit = ACK_AFTER + look.flight;
        if now.since(acked.max(since)) > limit {
            return Err(Broken {
                property: ACKS,
                expected: format!("a word of the replica within {limit:?}"),
                actual: format!("n{} has heard nothing of it", master + 1),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Look = Look {
        replica: 1,
        ends: [(1, 1), (0, 1)],
        replid: ReplId::NONE,
        offsets: [5, 9],
        flight: Duration::ZERO,
    };

    fn at(tenths: u64) -> Instant {
        Instant::from_nanos(tenths * 100_000_000)
    }

    #[test]
    fn a_tail_that_is_kept_back_is_found() {
        let mut property = Prompt::default();
        let late = |property: &mut Prompt, tenths| {
            property.look(LOOK, at(tenths)).map_err(|broken| broken.property)
        };
        for tenths in 0..26 {
            assert_eq!(late(&mut property, tenths), Ok(()));
        }
        property.on_heard(1, at(10));
        assert_eq!(late(&mut property, 26), Ok(()), "something came");
        assert_eq!(late(&mut property, 36), Err(TAIL));
        property.look_away(1);
        assert_eq!(late(&mut property, 37), Ok(()), "another link");
    }

    #[test]
    fn a_replica_that_says_nothing_is_found() {
        let mut property = Prompt::default();
        let even = Look { offsets: [9, 9], ..LOOK };
        let mut found = None;
        for tenths in 0..60 {
            if tenths == 10 {
                property.on_received(1, 0, at(tenths));
            }
            if property.look(even, at(tenths)).is_err() {
                found = found.or(Some(tenths));
            }
        }
        assert_eq!(found, Some(56));
    }
}
