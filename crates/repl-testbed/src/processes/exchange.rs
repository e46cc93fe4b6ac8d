//! The exchange of `PSYNC` and its answer, read from the bytes of a link as they pass a proxy.

use crate::decision::Verdict;

/// More than a replica and its master say to each other before the answer.
const HANDSHAKE_MAX_BYTES: usize = 64 * 1024;

/// What a link showed of one resynchronisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The (replication id, first byte wanted); `None` for `PSYNC ? -1`.
    pub asked: Option<(String, u64)>,
    /// The id that the answer names.
    pub replid: String,
    /// The answer.
    pub verdict: Verdict,
}

/// Reads one connection until it has seen an exchange, or what cannot be one.
#[derive(Debug, Default)]
pub(super) struct Reader {
    asked: Option<Option<(String, u64)>>,
    requests: Vec<u8>,
    replies: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Reading,
    Done,
}

impl Reader {
    /// Bytes on the way to the server.
    pub(super) fn on_request(&mut self, bytes: &[u8]) {
        if self.state == State::Done || self.asked.is_some() {
            return;
        }
        self.requests.extend_from_slice(bytes);
        self.asked = psync(&self.requests);
        if self.requests.len() > HANDSHAKE_MAX_BYTES {
            self.finish();
        }
    }

    /// Bytes on the way back; the exchange, when they complete it.
    pub(super) fn on_reply(&mut self, bytes: &[u8]) -> Option<Exchange> {
        if self.state == State::Done {
            return None;
        }
        self.replies.extend_from_slice(bytes);
        if let Some((verdict, replid)) = answer(&self.replies) {
            let asked = self.asked.take();
            self.finish();
            return asked.map(|asked| Exchange { asked, replid, verdict });
        }
        if self.replies.len() > HANDSHAKE_MAX_BYTES {
            self.finish();
        }
        None
    }

    fn finish(&mut self) {
        *self = Self { state: State::Done, ..Self::default() };
    }
}

/// What the first `PSYNC` among these requests names, once it is whole.
fn psync(requests: &[u8]) -> Option<Option<(String, u64)>> {
    let text = String::from_utf8_lossy(requests);
    let (_, rest) = text.split_once("$5\r\nPSYNC\r\n")?;
    // $40 replid $N offset
    let mut lines = rest.split("\r\n");
    let (_, replid, _, offset) = (lines.next()?, lines.next()?, lines.next()?, lines.next()?);
    // The end of the last line has come as well.
    lines.next()?;
    let offset = offset.parse().ok();
    Some(offset.filter(|_| replid != "?").map(|offset| (replid.to_owned(), offset)))
}

/// The first answer to a `PSYNC` among these replies, once its line is whole.
fn answer(replies: &[u8]) -> Option<(Verdict, String)> {
    let end = replies.iter().rposition(|byte| *byte == b'\n')?;
    let text = String::from_utf8_lossy(&replies[..=end]);
    text.lines().find_map(|line| {
        let mut words = line.split(' ');
        let verdict = match words.next()? {
            "+CONTINUE" => Verdict::Continue,
            "+FULLRESYNC" => Verdict::Full,
            _ => return None,
        };
        Some((verdict, words.next().unwrap_or_default().to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef01234567";

    /// Reads both directions in pieces of `size` bytes.
    fn read(size: usize, requests: &str, replies: &str) -> Option<Exchange> {
        let mut reader = Reader::default();
        requests.as_bytes().chunks(size).for_each(|piece| reader.on_request(piece));
        let found: Vec<_> =
            replies.as_bytes().chunks(size).filter_map(|piece| reader.on_reply(piece)).collect();
        assert!(found.len() < 2, "one connection has one exchange: {found:?}");
        found.into_iter().next()
    }

    fn request(words: &[&str]) -> String {
        let words = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len()));
        let words: Vec<String> = words.collect();
        format!("*{}\r\n{}", words.len(), words.concat())
    }

    #[test]
    fn an_exchange_is_read_from_pieces_of_any_size() {
        let requests = request(&["PING"])
            + &request(&["REPLCONF", "listening-port", "6380"])
            + &request(&["PSYNC", ID, "4711"])
            + &request(&["REPLCONF", "ACK", "4710"]);
        let replies = format!("+PONG\r\n+OK\r\n\n\n+CONTINUE {ID}\r\n{}", request(&["PING"]));
        for size in 1..requests.len() {
            let found = read(size, &requests, &replies).expect("there is one");
            assert_eq!(found.asked, Some((ID.to_owned(), 4711)));
            assert_eq!((found.verdict, found.replid.as_str()), (Verdict::Continue, ID));
        }
    }

    #[test]
    fn a_replica_without_a_history_names_none() {
        let found = read(7, &request(&["PSYNC", "?", "-1"]), &format!("+FULLRESYNC {ID} 0\r\n"));
        let expected = Exchange { asked: None, replid: ID.to_owned(), verdict: Verdict::Full };
        assert_eq!(found, Some(expected));
    }

    #[test]
    fn a_client_that_says_such_words_is_no_replica() {
        let replies = format!("+CONTINUE {ID}\r\n");
        assert_eq!(read(9, &request(&["GET", "PSYNC"]), &replies), None);
    }
}
