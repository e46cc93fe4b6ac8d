//! What clients ask for: seeded commands over three databases, weighted towards what replication
//! gets wrong.

use repl_core::base::time::UnixMillis;

use super::reply::push_request;
use crate::draw::Draw;

/// Keys per database: few, so that commands meet.
const KEYS: u64 = 60;

/// How many databases are used.
const DATABASES: u64 = 3;

/// A value of this size does not fit one block of the shared history.
const BIG_BYTES: u64 = 20_000;

/// Requests that leave together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Batch {
    pub(crate) bytes: Vec<u8>,
    pub(crate) request_count: usize,
}

impl Batch {
    pub(crate) fn push(&mut self, words: &[&[u8]]) {
        push_request(&mut self.bytes, words);
        self.request_count += 1;
    }
}

/// One client's endless supply of commands.
#[derive(Debug)]
pub(crate) struct Workload {
    draw: Draw,
    twin_count: u64,
}

impl Workload {
    pub(crate) const fn new(draw: Draw) -> Self {
        Self { draw, twin_count: 0 }
    }

    /// The next pipeline of at most `limit` requests, and one at least. `wall` is the server's
    /// clock, for absolute expiries.
    pub(crate) fn next_batch(&mut self, limit: usize, wall: UnixMillis) -> Batch {
        let mut batch = Batch::default();
        let wanted = match self.draw.between(0, 3) {
            0 => 1,
            _ => 1 + self.draw.index(16),
        };
        let wanted = wanted.min(limit.max(1));
        while batch.request_count < wanted {
            let left = wanted - batch.request_count;
            match self.draw.between(0, 19) {
                0..=2 => self.select(&mut batch),
                3 if left >= 3 => self.transaction(&mut batch, left, wall),
                4 if self.draw.once_in(40) => batch.push(&[b"FLUSHALL"]),
                _ => self.command(&mut batch, wall),
            }
        }
        batch
    }

    /// Plain writes of new values into whatever database is selected.
    pub(crate) fn push_writes(&mut self, batch: &mut Batch, count: usize) {
        for _ in 0..count {
            let (key, value) = (self.key(), self.value());
            batch.push(&[b"SET", &key, &value]);
        }
    }

    /// Plain writes of new values, now and then into another database.
    pub(crate) fn next_writes(&mut self, count: usize) -> Batch {
        let mut batch = Batch::default();
        for _ in 0..count {
            if batch.request_count + 1 < count && self.draw.once_in(8) {
                self.select(&mut batch);
            }
            if batch.request_count < count {
                self.push_writes(&mut batch, 1);
            }
        }
        batch
    }

    /// Writes whose commands have the same length whoever sends them, and another value: two
    /// masters that take the same number of them stand at the same offset of different histories.
    pub(crate) fn next_twins(&mut self, count: usize) -> Batch {
        let mut batch = Batch::default();
        for _ in 0..count {
            let key = format!("twin:{:06}", self.twin_count);
            let value = format!("{:016x}", self.draw.bits());
            batch.push(&[b"SET", key.as_bytes(), value.as_bytes()]);
            self.twin_count += 1;
        }
        batch
    }

    fn select(&mut self, batch: &mut Batch) {
        let database = self.draw.between(0, DATABASES - 1).to_string();
        batch.push(&[b"SELECT", database.as_bytes()]);
    }

    fn transaction(&mut self, batch: &mut Batch, room: usize, wall: UnixMillis) {
        batch.push(&[b"MULTI"]);
        for _ in 0..self.draw.index(room - 1) {
            if self.draw.once_in(6) {
                self.select(batch);
            } else {
                self.command(batch, wall);
            }
        }
        batch.push(&[b"EXEC"]);
    }

    fn command(&mut self, batch: &mut Batch, wall: UnixMillis) {
        let key = self.key();
        let counter = self.counter();
        match self.draw.between(0, 29) {
            0..=8 => self.set(batch, &key, wall),
            9..=12 => batch.push(&[b"INCR", &counter]),
            13..=16 => {
                let tail = format!("{:x}", self.draw.between(0, 0xffff));
                batch.push(&[b"APPEND", &key, tail.as_bytes()]);
            }
            17..=19 => batch.push(&[b"GET", &key]),
            20..=21 => batch.push(&[b"DEL", &key, &self.key()]),
            22 => batch.push(&[b"EXISTS", &key]),
            23 => batch.push(&[b"EXPIRE", &key, self.seconds().as_bytes()]),
            24 => batch.push(&[b"PEXPIRE", &key, self.millis().as_bytes()]),
            25 => batch.push(&[b"PEXPIREAT", &key, self.deadline(wall).as_bytes()]),
            26 => batch.push(&[b"PERSIST", &key]),
            27 => batch.push(&[b"TTL", &key]),
            28 => batch.push(&[b"PTTL", &counter]),
            _ => batch.push(&[b"DBSIZE"]),
        }
    }

    fn set(&mut self, batch: &mut Batch, key: &[u8], wall: UnixMillis) {
        let value = self.value();
        let mut words: Vec<Vec<u8>> = vec![b"SET".to_vec(), key.to_vec(), value];
        let mut option = |name: &str| words.push(name.as_bytes().to_vec());
        match self.draw.between(0, 11) {
            0 => {
                option("EX");
                option(&self.seconds());
            }
            1 => {
                option("PX");
                option(&self.millis());
            }
            2 => {
                option("EXAT");
                option(&(wall.as_secs() + 1 + self.signed_up_to(30)).to_string());
            }
            3 => {
                option("PXAT");
                option(&self.deadline(wall));
            }
            4 => option("KEEPTTL"),
            _ => {}
        }
        match self.draw.between(0, 7) {
            0 => option("NX"),
            1 => option("XX"),
            2 => option("GET"),
            _ => {}
        }
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        batch.push(&words);
    }

    fn key(&mut self) -> Vec<u8> {
        format!("key:{}", self.draw.between(0, KEYS - 1)).into_bytes()
    }

    fn counter(&mut self) -> Vec<u8> {
        format!("counter:{}", self.draw.between(0, 9)).into_bytes()
    }

    fn value(&mut self) -> Vec<u8> {
        let len = if self.draw.once_in(150) {
            self.draw.between(BIG_BYTES, 2 * BIG_BYTES)
        } else if self.draw.once_in(4) {
            self.draw.between(0, 300)
        } else {
            self.draw.between(0, 24)
        };
        // Repeats now and then, so that a snapshot has something to compress.
        let letter = b'a' + u8::try_from(self.draw.between(0, 25)).expect("a letter");
        let mut value = vec![letter; usize::try_from(len).expect("it is small")];
        if self.draw.once_in(2) {
            for byte in &mut value {
                *byte = b' ' + u8::try_from(self.draw.between(0, 94)).expect("a graphic byte");
            }
        }
        value
    }

    fn seconds(&mut self) -> String {
        self.draw.between(1, 20).to_string()
    }

    fn millis(&mut self) -> String {
        self.draw.between(1, 20_000).to_string()
    }

    /// A deadline around `wall`, sometimes past.
    fn deadline(&mut self, wall: UnixMillis) -> String {
        (wall.0 - 500 + self.signed_up_to(20_000)).to_string()
    }

    fn signed_up_to(&mut self, bound: u64) -> i64 {
        i64::try_from(self.draw.between(0, bound)).expect("bounds are small")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_clients_twins_have_equal_lengths_and_other_values() {
        let twins = [1, 2].map(|seed| Workload::new(Draw::new(seed, "test")).next_twins(5));
        assert_eq!(twins[0].bytes.len(), twins[1].bytes.len());
        assert_ne!(twins[0].bytes, twins[1].bytes);
    }

    #[test]
    fn a_batch_keeps_to_its_limit_and_holds_whole_transactions() {
        let mut workload = Workload::new(Draw::new(3, "test"));
        for _ in 0..500 {
            let batch = workload.next_batch(7, UnixMillis(1_700_000_000_000));
            assert!((1..=7).contains(&batch.request_count));
            let text = String::from_utf8_lossy(&batch.bytes).into_owned();
            let count = |word: &str| text.matches(&format!("\r\n{word}\r\n")).count();
            assert_eq!(count("MULTI"), count("EXEC"));
        }
    }
}
