//! **Unblocked by a demotion**: who waits for a key when its node becomes a replica is told so, at
//! once, and is handed nothing any more: what it would take is its new master's.
//!
//! It is told `UNBLOCKED`, or loses its connection. An element that was taken before the demotion
//! may still arrive, and so may a timeout that was over by then. Who is held back by a pause does
//! not wait for a key yet.
//!
//! Source: Redis #2473; part of oracle BLOCK. Premise: waiters that were told.

use std::{collections::BTreeMap, time::Duration};

use repl_core::base::time::Instant;

use super::{Broken, Role, WaitAnswer, Waiting, Wish};

pub(super) const NAME: &str = "unblocked-by-demotion";

/// So long after the demotion the waiter knows, beside the way of two segments, and clocks may
/// differ by as much.
const AT_ONCE: Duration = Duration::from_secs(3);

/// Until it has ended.
const FOR_EVER: Duration = Duration::from_secs(1_000_000);

/// From when until when.
type Span = (Instant, Instant);

#[derive(Debug, Default)]
pub(super) struct Unblocked {
    /// From when until when each node was told to take no writes.
    pauses: BTreeMap<usize, Vec<Span>>,
    /// From when until when each node handed its role over.
    hand_overs: BTreeMap<usize, Vec<Span>>,
    pub(super) premise_count: u64,
}

impl Unblocked {
    pub(super) fn on_pause(&mut self, node: usize, from: Instant, until: Instant) {
        self.pauses.entry(node).or_default().push((from, until));
    }

    /// A node hands its role over: it takes no writes until that has ended.
    pub(super) fn on_hand_over(&mut self, node: usize, now: Instant) {
        self.hand_overs.entry(node).or_default().push((now, now + FOR_EVER));
    }

    /// It has ended.
    pub(super) fn on_hand_over_ended(&mut self, node: usize, now: Instant) {
        if let Some((_, until)) = self.hand_overs.get_mut(&node).and_then(|all| all.last_mut()) {
            *until = now;
        }
    }

    /// Whether a node that becomes a replica now has kept this waiter waiting for a key.
    pub(super) fn is_blocked(&self, waiting: &Waiting, now: Instant) -> bool {
        let Some(arrived) = waiting.arrived else { return false };
        if waiting.wish.timeout.is_some_and(|timeout| timeout.is_zero()) {
            return false;
        }
        // One pause may have gone over into the next.
        let all = [&self.pauses, &self.hand_overs].map(|spans| spans.get(&waiting.wish.node));
        let mut spans: Vec<Span> = all.into_iter().flatten().flatten().copied().collect();
        spans.sort_unstable();
        let mut held_until = None;
        for (from, until) in spans {
            if from <= held_until.unwrap_or(arrived.at) && until > arrived.at {
                held_until = held_until.max(Some(until));
            }
        }
        held_until.is_none_or(|until| until < now)
    }

    /// A waiter is answered; its elements were taken at `taken_at`.
    pub(super) fn check(
        &mut self,
        waiting: &Waiting,
        answer: &WaitAnswer,
        taken_at: Option<Instant>,
        now: Instant,
    ) -> Result<(), Broken> {
        let (Some(demoted_at), Some(arrived)) = (waiting.demoted_at, waiting.arrived) else {
            return Ok(());
        };
        let is_right = match answer {
            WaitAnswer::Elements(_) => taken_at.is_none_or(|at| at <= demoted_at),
            WaitAnswer::Nothing => {
                let over_at = waiting.wish.timeout.map(|timeout| arrived.at + timeout);
                over_at.is_some_and(|at| at <= demoted_at + AT_ONCE)
            }
            WaitAnswer::Refused(text) if text.starts_with("UNBLOCKED") => {
                self.premise_count += 1;
                now <= demoted_at + told_within(&waiting.wish)
            }
            // Refused when it arrived: a replica may have been promoted and demoted since then.
            WaitAnswer::Refused(text) => {
                text.starts_with("NOREPLICAS")
                    || (text.starts_with("READONLY") && arrived.role == Role::Replica)
            }
        };
        if is_right {
            return Ok(());
        }
        Err(broken(demoted_at, format!("{answer:?} at {now:?}")))
    }

    /// A waiter's connection is gone, and there was no answer.
    pub(super) fn check_unanswered(&self, waiting: &Waiting, now: Instant) -> Result<(), Broken> {
        match waiting.demoted_at {
            Some(demoted_at) if demoted_at + told_within(&waiting.wish) < now => {
                Err(broken(demoted_at, format!("no answer until {now:?}")))
            }
            Some(_) | None => Ok(()),
        }
    }
}

fn told_within(wish: &Wish) -> Duration {
    AT_ONCE + 2 * wish.flight
}

fn broken(demoted_at: Instant, actual: String) -> Broken {
    let expected = format!("UNBLOCKED, its node became a replica at {demoted_at:?}");
    Broken { property: NAME, expected, actual }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::invariants::waits::Arrival;

    fn at(secs: u64) -> Instant {
        Instant::ORIGIN + Duration::from_secs(secs)
    }

    /// Arrived at 10, demoted at 20.
    fn waiting(timeout: Option<Duration>) -> Waiting {
        let wish =
            Wish { node: 0, spots: BTreeSet::new(), to: None, timeout, flight: Duration::ZERO };
        let arrived = Some(Arrival { place: 1, at: at(10), role: Role::Master });
        Waiting { wish, sent_at: at(9), arrived, demoted_at: Some(at(20)) }
    }

    #[test]
    fn who_is_served_by_a_replica_or_not_told_is_found() {
        let mut property = Unblocked::default();
        let mut check = |answer: &WaitAnswer, taken_at, now| {
            property.check(&waiting(None), answer, taken_at, at(now)).is_ok()
        };
        let refused = |text: &str| WaitAnswer::Refused(text.to_owned());
        assert!(check(&refused("UNBLOCKED force"), None, 21));
        assert!(!check(&refused("UNBLOCKED force"), None, 30), "too late");
        assert!(!check(&refused("READONLY"), None, 21));
        assert!(!check(&WaitAnswer::Nothing, None, 21));
        assert!(!check(&WaitAnswer::Elements(vec![]), Some(at(21)), 21));
        assert!(check(&WaitAnswer::Elements(vec![]), Some(at(19)), 21));
        assert_eq!(property.premise_count, 2);
        let outlived = |now| property.check_unanswered(&waiting(None), at(now)).is_err();
        assert!(outlived(40) && !outlived(21));
    }

    #[test]
    fn who_was_refused_by_a_replica_that_is_promoted_and_demoted_did_not_wait() {
        let mut asker = waiting(None);
        let refused = WaitAnswer::Refused("READONLY You can't write".to_owned());
        let told = |asker: &Waiting| Unblocked::default().check(asker, &refused, None, at(21));
        assert!(told(&asker).is_err());
        asker.arrived = Some(Arrival { place: 1, at: at(10), role: Role::Replica });
        assert!(told(&asker).is_ok());
    }

    #[test]
    fn a_timeout_that_was_over_and_a_pause_are_no_wait() {
        let mut property = Unblocked::default();
        let short = waiting(Some(Duration::from_secs(10)));
        assert!(property.check(&short, &WaitAnswer::Nothing, None, at(21)).is_ok());
        assert!(property.is_blocked(&short, at(20)));
        property.on_pause(0, at(5), at(15));
        assert!(property.is_blocked(&short, at(20)), "the pause is over");
        property.on_pause(0, at(14), at(25));
        assert!(!property.is_blocked(&short, at(20)));
    }
}
