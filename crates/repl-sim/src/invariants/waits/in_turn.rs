//! **Served in turn**: of two that wait for one key at one node, the one that asked first is served
//! first.
//!
//! Who asked first is seen at the node: when it had read the whole request. Of two waiters that a
//! history served, the later one must not have been served from a key for which the earlier one
//! was waiting, before that one was served itself. An element that was moved to and fro says not
//! surely which of the moves was for whom: such a service is not judged.
//!
//! Source: part of oracle BLOCK. Premise: services while the other one was waiting for that key.

use std::collections::{BTreeMap, BTreeSet};

use repl_core::base::{ids::ReplId, time::Instant};

use super::{Arrival, Broken, Spot, Wish, served_once::Served};

pub(super) const NAME: &str = "served-in-turn";

/// A waiter that was served.
#[derive(Debug)]
struct Service {
    node: usize,
    arrival: Arrival,
    spots: BTreeSet<Spot>,
    /// The last byte of the command that took something, from where, and when.
    end: u64,
    from: Spot,
    at: Instant,
}

#[derive(Debug, Default)]
pub(super) struct InTurn {
    services: BTreeMap<ReplId, Vec<Service>>,
    pub(super) premise_count: u64,
}

impl InTurn {
    /// A wish that had arrived was served.
    pub(super) fn check(
        &mut self,
        wish: &Wish,
        arrival: Arrival,
        served: Served<'_>,
    ) -> Result<(), Broken> {
        let Served { taken, at, surely } = served;
        if !surely {
            return Ok(());
        }
        let (node, spots) = (wish.node, wish.spots.clone());
        let (end, from) = (taken.end, taken.from.clone());
        let service = Service { node, arrival, spots, end, from, at };
        let others = self.services.entry(taken.owner).or_default();
        for other in others.iter().filter(|other| other.node == node) {
            let other_is_first = other.arrival.place < service.arrival.place;
            let (first, second) =
                if other_is_first { (other, &service) } else { (&service, other) };
            if !first.spots.contains(&second.from) {
                continue;
            }
            if second.end < first.end {
                return Err(Broken {
                    property: NAME,
                    expected: format!("who arrived at {:?} to be served first", first.arrival.at),
                    actual: format!(
                        "who arrived at {:?} was, with {} of database {}",
                        second.arrival.at,
                        second.from.1.escape_ascii(),
                        second.from.0
                    ),
                });
            }
            self.premise_count += u64::from(second.arrival.at < first.at);
        }
        others.push(service);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{super::Role, *};
    use crate::invariants::{queues::Taken, samples::ids};

    /// Serves waiters (place, keys, key served from, last byte) of one node.
    fn serve(services: &[(u64, &str, &str, u64)]) -> Result<u64, &'static str> {
        let [owner] = ids();
        let spot = |key: &str| (0, key.as_bytes().to_vec());
        let at = |place: u64| Instant::ORIGIN + Duration::from_secs(place);
        let mut property = InTurn::default();
        for &(place, keys, from, end) in services {
            let spots = keys.split(' ').map(spot).collect();
            let wish = Wish { node: 0, spots, to: None, timeout: None, flight: Duration::ZERO };
            let taken = Taken { owner, end, from: spot(from), to: None, elements: vec![] };
            let arrival = Arrival { place, at: at(place), role: Role::Master };
            let served = Served { taken: &taken, at: at(90 + end), surely: true };
            let outcome = property.check(&wish, arrival, served);
            outcome.map_err(|broken| broken.property)?;
        }
        Ok(property.premise_count)
    }

    #[test]
    fn who_overtakes_another_waiter_of_the_key_is_found() {
        assert_eq!(serve(&[(1, "a", "a", 10), (2, "a", "a", 20)]), Ok(1));
        assert_eq!(serve(&[(1, "a", "a", 20), (2, "a", "a", 10)]), Err(NAME));
        // The answers may be heard in any order.
        assert_eq!(serve(&[(2, "a b", "b", 10), (1, "a b", "a", 20)]), Err(NAME));
        assert_eq!(serve(&[(2, "a b", "b", 10), (1, "a", "a", 20)]), Ok(0));
    }
}
