//! Requests of a client that knows more than a client can: which keys a node holds although their
//! time is over, and which byte of which history its own last write is.

use std::collections::BTreeMap;

use super::{
    Client, Reply,
    workload::{Batch, Kind},
};
use crate::node_view::{self, Deadline, Holding};

/// What is asked of a key whose time is over.
const QUESTIONS: [&str; 20] = [
    "GET",
    "EXISTS",
    "TYPE",
    "TTL",
    "PTTL",
    "PEXPIRETIME",
    "STRLEN",
    "MGET",
    "TOUCH",
    "GETRANGE 0 -1",
    "OBJECT ENCODING",
    "DUMP",
    "LRANGE 0 -1",
    "LLEN",
    "SMEMBERS",
    "SCARD",
    "HGETALL",
    "HLEN",
    "SORT_RO",
    "SCAN",
];

/// The longest that a client of this kind waits for replicas, in milliseconds.
const WAIT_MILLIS: u64 = 300;

impl Client {
    /// Reads a key whose time is over by the node's own clock, if the node holds one. Gives how
    /// many requests were answered.
    pub(super) async fn read_expired(&mut self) -> usize {
        let wall = self.machine.clock.at(self.world.net.now()).wall;
        let expired = self.machine.with_node(|node| node_view::expired_keys(node, wall));
        let expired = expired.unwrap_or_default();
        if expired.is_empty() {
            return 0;
        }
        let expired = self.pace.pick(&expired).clone();
        let mut batch = Batch::default();
        batch.push(Kind::Session, &[b"SELECT", expired.database.to_string().as_bytes()]);
        let question = *self.pace.pick(&QUESTIONS);
        batch.push(Kind::Read, &words(question, &expired.key));
        let (skew, life) = (self.machine.clock.skew_millis(), self.machine.lives.get());
        let Some(before) = self.machine.with_node(node_view::view) else { return 0 };
        let Ok(replies) = self.exchange(&batch).await else { return 0 };
        let undisturbed =
            skew == self.machine.clock.skew_millis() && life == self.machine.lives.get();
        if let (true, Some(reply)) = (undisturbed && self.stayed(&before, &expired), replies.get(1))
        {
            let judged =
                self.world.evidence.judge.borrow_mut().on_expired_read(&expired.key, reply);
            self.report(judged);
        }
        replies.len()
    }

    /// Whether nobody can have given the key another life since `before`.
    fn stayed(&self, before: &node_view::View, expired: &Deadline) -> bool {
        let stayed = self.machine.with_node(|node| {
            let after = node_view::view(node);
            let Some((first, _)) = after.backlog else { return false };
            if after.replid != before.replid || after.offset < before.offset {
                return false;
            }
            if before.offset + 1 < first && after.offset > before.offset {
                return false;
            }
            let told: Vec<u8> = if after.offset == before.offset {
                Vec::new()
            } else {
                let pieces = node_view::backlog_bytes(node, before.offset + 1, after.offset);
                pieces.flatten().copied().collect()
            };
            let count = |text: &[u8]| told.windows(text.len()).filter(|here| *here == text).count();
            match node_view::deadline_of(node, expired) {
                Holding::Same => count(b"SWAPDB") == 0 && count(&expired.key) == 0,
                // Deleted, and not created before that.
                Holding::Nothing if count(b"FLUSH") == 0 => {
                    count(b"SWAPDB") == 0 && count(&expired.key) <= 1
                }
                Holding::Nothing => count(b"SWAPDB") == 0 && count(&expired.key) == 0,
                Holding::Other => false,
            }
        });
        stayed.unwrap_or(false)
    }

    /// Writes a value that exists once, alone or in a transaction, and asks how many replicas have
    /// it. Gives how many requests were answered.
    pub(super) async fn write_and_wait(&mut self) -> usize {
        self.token_count += 1;
        let key = format!("token:{}", self.pace.between(0, 9));
        let token = format!("{:016x}.{}", self.pace.bits(), self.token_count);
        let mut batch = Batch::default();
        let in_transaction = self.pace.once_in(2);
        if in_transaction {
            batch.push(Kind::Session, &[b"MULTI"]);
        }
        batch.push(Kind::Write, &[b"SET", key.as_bytes(), token.as_bytes()]);
        if in_transaction {
            batch.push(Kind::Session, &[b"EXEC"]);
        }
        let count = self.pace.between(1, 3).to_string();
        let millis = self.pace.between(1, WAIT_MILLIS).to_string();
        batch.push(Kind::Session, &[b"WAIT", count.as_bytes(), millis.as_bytes()]);
        let Ok(replies) = self.exchange(&batch).await else { return 0 };
        let written = match replies.iter().rev().nth(1) {
            Some(Reply::Array(Some(results))) => results.iter().all(is_ok),
            Some(reply) => is_ok(reply),
            None => false,
        };
        if let (true, Some(Reply::Integer(claimed))) = (written, replies.last()) {
            let claimed = usize::try_from(*claimed).unwrap_or(usize::MAX);
            let index = self.machine.index;
            let mut links: BTreeMap<usize, usize> = BTreeMap::new();
            for host in self.machine.accepted_from.borrow().values() {
                if let Some(node) = self.world.machine_at(*host) {
                    *links.entry(node.index).or_default() += 1;
                }
            }
            let mut judge = self.world.evidence.judge.borrow_mut();
            let judged = judge.on_wait(index, token.as_bytes(), claimed, &links);
            drop(judge);
            self.report(judged);
        }
        replies.len()
    }
}

fn is_ok(reply: &Reply) -> bool {
    matches!(reply, Reply::Simple(text) if text == "OK")
}

/// A question about a key: `GETRANGE 0 -1` becomes `GETRANGE key 0 -1`.
fn words<'a>(question: &'a str, key: &'a [u8]) -> Vec<&'a [u8]> {
    let mut parts: Vec<&[u8]> = question.split(' ').map(str::as_bytes).collect();
    match question {
        // The whole database, in one page.
        "SCAN" => parts.extend([b"0".as_slice(), b"COUNT", b"10000"]),
        "OBJECT ENCODING" => parts.push(key),
        _ => parts.insert(1, key),
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_about_its_key() {
        assert_eq!(words("GETRANGE 0 -1", b"k"), [b"GETRANGE".as_slice(), b"k", b"0", b"-1"]);
        assert_eq!(words("OBJECT ENCODING", b"k"), [b"OBJECT".as_slice(), b"ENCODING", b"k"]);
    }
}
