//! Sessions that clients may resume: so many, for so long.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rustls::server::StoresServerSessions;

/// OpenSSL's default, and Redis'.
const COUNT_BY_DEFAULT: usize = 20 * 1024;

/// See this file's header.
#[derive(Debug)]
pub(super) struct Sessions {
    count_max: usize,
    lasts: Duration,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    by_key: HashMap<Vec<u8>, (Instant, Vec<u8>)>,
    /// When each was kept, the oldest first. Some are gone already.
    order: VecDeque<(Instant, Vec<u8>)>,
}

impl Sessions {
    /// Room for `count_max` of them; zero is as many as by default.
    pub(super) fn new(count_max: usize, lasts: Duration) -> Self {
        let count_max = if count_max == 0 { COUNT_BY_DEFAULT } else { count_max };
        Self { count_max, lasts, kept: Mutex::default() }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // A panic ends the process.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_fresh(&self, kept_at: Instant) -> bool {
        kept_at.elapsed() < self.lasts
    }
}

impl StoresServerSessions for Sessions {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        let now = Instant::now();
        let mut kept = self.kept();
        while let Some((kept_at, _)) = kept.order.front()
            && (kept.order.len() >= self.count_max || !self.is_fresh(*kept_at))
        {
            let Some((kept_at, oldest)) = kept.order.pop_front() else { break };
            // It may have been kept again since.
            if kept.by_key.get(&oldest).is_some_and(|(at, _)| *at == kept_at) {
                kept.by_key.remove(&oldest);
            }
        }
        kept.order.push_back((now, key.clone()));
        kept.by_key.insert(key, (now, value));
        true
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        let kept = self.kept();
        let (kept_at, value) = kept.by_key.get(key)?;
        self.is_fresh(*kept_at).then(|| value.clone())
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        let (kept_at, value) = self.kept().by_key.remove(key)?;
        self.is_fresh(kept_at).then_some(value)
    }

    fn can_cache(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_session_makes_room_for_the_newest() {
        let sessions = Sessions::new(2, Duration::from_secs(3600));
        for key in 1..=3 {
            sessions.put(vec![key], vec![key, key]);
        }
        assert_eq!(sessions.get(&[1]), None);
        assert_eq!(sessions.get(&[2]), Some(vec![2, 2]));
        assert_eq!(sessions.take(&[3]), Some(vec![3, 3]));
        assert_eq!(sessions.take(&[3]), None, "it is taken once");
    }

    #[test]
    fn a_session_that_is_kept_again_stays_for_as_long_as_a_new_one() {
        let sessions = Sessions::new(3, Duration::from_secs(3600));
        for (key, value) in [(1, 1), (2, 1), (1, 2), (3, 1), (4, 1)] {
            sessions.put(vec![key], vec![value]);
        }
        assert_eq!(sessions.get(&[1]), Some(vec![2]));
        assert_eq!(sessions.get(&[2]), None);
    }

    #[test]
    fn there_is_always_a_limit() {
        assert_eq!(Sessions::new(0, Duration::ZERO).count_max, COUNT_BY_DEFAULT);
    }

    #[test]
    fn a_session_too_old_is_none() {
        let sessions = Sessions::new(2, Duration::ZERO);
        sessions.put(vec![1], vec![1]);
        assert_eq!((sessions.get(&[1]), sessions.take(&[1])), (None, None));
    }
}
