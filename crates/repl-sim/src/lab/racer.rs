//! A client that races with time: it sets keys that expire soon and, around the moment they do,
//! keeps, prolongs or reads them.

use std::time::Duration;

use super::{Client, Lab};

/// How many keys there are to race for.
const KEYS: u64 = 20;

/// A key lives so many milliseconds at the most.
const LIFE_MAX: u64 = 3_000;

/// When the second look is taken, in percent of the key's life.
const LATE: (u64, u64) = (80, 110);

impl Client {
    /// Races until the run is so old.
    pub(crate) async fn race_expiries(&mut self, lab: &Lab, until: Duration) {
        while lab.elapsed() < until {
            let key = format!("race:{}", self.pace.between(0, KEYS - 1));
            let millis = self.pace.between(1, LIFE_MAX);
            let text = millis.to_string();
            let set: &[&str] = match self.pace.between(0, 2) {
                0 => &["SET", &key, "soon", "PX", &text],
                1 => &["PSETEX", &key, &text, "soon"],
                _ => &["PEXPIRE", &key, &text],
            };
            // What is lost, or refused by a replica, is part of the race.
            let _ = self.call(set).await;
            let percent = self.pace.between(LATE.0, LATE.1);
            lab.pass(Duration::from_millis(millis * percent / 100)).await;
            let late: &[&str] = match self.pace.between(0, 5) {
                0 => &["PERSIST", &key],
                1 => &["PEXPIRE", &key, "60000"],
                2 => &["APPEND", &key, "er"],
                3 => &["SET", &key, "kept", "KEEPTTL"],
                4 => &["EXISTS", &key],
                _ => &["PTTL", &key],
            };
            let _ = self.call(late).await;
            self.world.lull().await;
        }
    }
}
