//! The bytes of one direction of a replication link become messages. Knows the protocol as a reader
//! of packets knows it: nothing of who is right.

use super::Kind;
use crate::lab::{Malformed, Reply, parse_reply};

/// What a message says, before anybody knows when it arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) kind: Kind,
    pub(super) text: String,
    /// Bytes up to here, counted from the beginning of the direction, are what it takes.
    pub(super) end: u64,
    pub(super) bytes: u64,
    pub(super) offsets: Option<(u64, u64)>,
}

/// Which way the bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// From the replica that dialled.
    Up,
    /// From the master.
    Down,
}

/// Where a direction is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Expect {
    /// Requests of a replica.
    Requests,
    /// Lines: answers to the handshake.
    Lines,
    /// The line that says how long the snapshot is, or how it ends.
    Length,
    /// So many more bytes of the snapshot.
    Counted(u64),
    /// The snapshot ends with this mark.
    Marked(Vec<u8>),
    /// Commands.
    Stream,
}

/// See this file's header.
#[derive(Clone, Debug)]
pub(super) struct Parser {
    expect: Expect,
    /// What is not a whole message yet.
    held: Vec<u8>,
    /// The place of the first byte of `held` in the direction.
    at: u64,
    /// Bytes of the snapshot so far.
    snapshot: u64,
    /// The number of the stream's next byte.
    pub(super) offset: Option<u64>,
}

/// More than the longest command of a run; what is longer is no message of ours.
const HELD_MAX: usize = 16 << 20;

impl Parser {
    pub(super) fn new(way: Way) -> Self {
        let expect = match way {
            Way::Up => Expect::Requests,
            Way::Down => Expect::Lines,
        };
        Self { expect, held: Vec::new(), at: 0, snapshot: 0, offset: None }
    }

    /// The snapshot that has begun, if it has not ended.
    pub(super) fn open_snapshot(&self) -> Option<u64> {
        match self.expect {
            Expect::Counted(_) | Expect::Marked(_) => Some(self.snapshot),
            Expect::Requests | Expect::Lines | Expect::Length | Expect::Stream => None,
        }
    }

    /// The messages that these bytes complete.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Vec<Said> {
        self.held.extend_from_slice(bytes);
        let mut said: Vec<Said> = Vec::new();
        while !self.held.is_empty() && self.held.len() < HELD_MAX {
            let Some((one, len)) = self.next() else { break };
            self.held.drain(..len);
            self.at += len as u64;
            let Some((kind, text, offsets)) = one else { continue };
            let bytes = if kind == Kind::Snapshot { self.snapshot } else { len as u64 };
            let (end, offsets) = (self.at, offsets.map(|first| (first, first + bytes - 1)));
            match said.last_mut() {
                // What is written together is one message.
                Some(last) if last.kind == kind && kind == Kind::Stream => last.join(&text, end),
                Some(_) | None => said.push(Said { kind, text, end, bytes, offsets }),
            }
        }
        said
    }

    /// The next message in `held` and how long it is; no message for bytes that only belong to a
    /// longer one.
    fn next(&mut self) -> Option<(Option<Piece>, usize)> {
        match &self.expect {
            Expect::Requests => self.request(),
            Expect::Stream => self.command(),
            Expect::Lines => self.line(),
            Expect::Length => self.length(),
            Expect::Counted(left) => {
                let count = (*left).min(self.held.len() as u64);
                let left = left - count;
                self.snapshot += count;
                let len = usize::try_from(count).expect("it is held");
                self.expect = if left == 0 { Expect::Stream } else { Expect::Counted(left) };
                Some(((left == 0).then(|| self.whole_snapshot()), len))
            }
            Expect::Marked(mark) => {
                let found = self.held.windows(mark.len()).position(|window| window == mark);
                let len = match found {
                    Some(at) => at + mark.len(),
                    // The mark may have begun.
                    None => self.held.len().saturating_sub(mark.len() - 1),
                };
                self.snapshot += len as u64;
                if found.is_some() {
                    self.expect = Expect::Stream;
                    return Some((Some(self.whole_snapshot()), len));
                }
                (len > 0).then_some((None, len))
            }
        }
    }

    fn whole_snapshot(&self) -> Piece {
        (Kind::Snapshot, format!("snapshot, {} bytes", self.snapshot), None)
    }

    fn request(&mut self) -> Option<(Option<Piece>, usize)> {
        let (words, len) = request(&self.held)?;
        let kind = match words[0].to_ascii_uppercase().as_str() {
            "PSYNC" | "SYNC" => Kind::Psync,
            "REPLCONF" if words.get(1).is_some_and(|word| word.eq_ignore_ascii_case("ack")) => {
                Kind::Ack
            }
            _ => Kind::Handshake,
        };
        if kind == Kind::Psync {
            self.offset = words.get(2).and_then(|word| word.parse().ok());
        }
        let text = words.iter().map(|word| short(word)).collect::<Vec<_>>().join(" ");
        Some((Some((kind, text, None)), len))
    }

    fn line(&mut self) -> Option<(Option<Piece>, usize)> {
        let len = 1 + self.held.iter().position(|&byte| byte == b'\n')?;
        let text = String::from_utf8_lossy(&self.held[..len]).trim_end().to_owned();
        let kind = match text.as_str() {
            "" => Kind::Keepalive,
            text if text.starts_with("+FULLRESYNC") => {
                let offset = text.rsplit(' ').next().and_then(|word| word.parse::<u64>().ok());
                self.offset = offset.map(|offset| offset + 1);
                self.expect = Expect::Length;
                Kind::FullResync
            }
            text if text.starts_with("+CONTINUE") => {
                self.expect = Expect::Stream;
                Kind::Continue
            }
            // The answer to a plain SYNC begins with the snapshot.
            text if text.starts_with('$') => {
                self.expect = Expect::Length;
                return Some((None, 0));
            }
            text if text.starts_with('-') => Kind::Error,
            _ => Kind::Handshake,
        };
        let shown = text.split(' ').map(short).collect::<Vec<_>>().join(" ");
        let shown = if kind == Kind::Keepalive { "newline".to_owned() } else { shown };
        Some((Some((kind, shown, None)), len))
    }

    fn length(&mut self) -> Option<(Option<Piece>, usize)> {
        let len = 1 + self.held.iter().position(|&byte| byte == b'\n')?;
        let text = String::from_utf8_lossy(&self.held[..len]).trim_end().to_owned();
        if text.is_empty() {
            return Some((Some((Kind::Keepalive, "newline".to_owned(), None)), len));
        }
        self.snapshot = 0;
        self.expect = match text.strip_prefix("$EOF:") {
            Some(mark) => Expect::Marked(mark.as_bytes().to_vec()),
            None => Expect::Counted(text.trim_start_matches('$').parse().unwrap_or(0)),
        };
        Some((None, len))
    }

    fn command(&mut self) -> Option<(Option<Piece>, usize)> {
        let (words, len) = request(&self.held)?;
        let first = self.offset;
        self.offset = first.map(|first| first + len as u64);
        let name = words[0].to_ascii_uppercase();
        let text = match words.get(1) {
            Some(key) if name != "MULTI" && name != "EXEC" => format!("{name} {}", short(key)),
            Some(_) | None => name.clone(),
        };
        let kind = match name.as_str() {
            "PING" => Kind::Keepalive,
            "REPLCONF" => Kind::Ack,
            _ => Kind::Stream,
        };
        Some((Some((kind, text, first)), len))
    }
}

/// Kind, words, and the number of the first byte.
type Piece = (Kind, String, Option<u64>);

impl Said {
    /// Takes in what follows at once.
    fn join(&mut self, text: &str, end: u64) {
        self.bytes += end - self.end;
        self.offsets = self.offsets.map(|(first, _)| (first, first + self.bytes - 1));
        self.end = end;
        let more = self.text.rsplit_once(", +").and_then(|(_, count)| count.parse::<u64>().ok());
        match more {
            Some(count) => {
                let cut = self.text.rfind(", +").expect("found above");
                self.text.truncate(cut);
                self.text += &format!(", +{}", count + 1);
            }
            None if self.text.len() > 48 => self.text += ", +1",
            None => self.text += &format!(", {text}"),
        }
    }
}

/// The words of the first request in `bytes`, and its length; a single newline or anything else
/// inline is a request of its words.
fn request(bytes: &[u8]) -> Option<(Vec<String>, usize)> {
    let text = |word: &[u8]| word.escape_ascii().to_string();
    if bytes.first() != Some(&b'*') {
        let len = 1 + bytes.iter().position(|&byte| byte == b'\n')?;
        let mut words: Vec<String> =
            bytes[..len].split(u8::is_ascii_whitespace).map(text).collect();
        words.retain(|word| !word.is_empty());
        if words.is_empty() {
            words.push("newline".to_owned());
        }
        return Some((words, len));
    }
    match words(bytes) {
        Ok(Some((words, len))) if !words.is_empty() => {
            Some((words.iter().map(|word| text(word)).collect(), len))
        }
        // Not a request: taken as a whole, so that nothing is waited for.
        Ok(Some(_)) | Err(Malformed) => Some((vec!["malformed".to_owned()], bytes.len())),
        Ok(None) => None,
    }
}

/// A request.
type Words = Vec<Vec<u8>>;

/// The words of the first request in `bytes`, and its length.
fn words(bytes: &[u8]) -> Result<Option<(Words, usize)>, Malformed> {
    let Some((Reply::Array(Some(items)), len)) = parse_reply(bytes)? else { return Ok(None) };
    let words = items.into_iter().map(|item| match item {
        Reply::Bulk(Some(word)) => Ok(word),
        Reply::Simple(_)
        | Reply::Error(_)
        | Reply::Integer(_)
        | Reply::Bulk(None)
        | Reply::Array(_) => Err(Malformed),
    });
    Ok(Some((words.collect::<Result<_, _>>()?, len)))
}

/// The words of every request in `bytes`.
pub(super) fn requests(mut bytes: &[u8]) -> Vec<Words> {
    let mut requests = Vec::new();
    while !bytes.is_empty()
        && let Ok(Some((words, len))) = words(bytes)
    {
        requests.push(words);
        bytes = &bytes[len..];
    }
    requests
}

/// A word that may be long: an id is told by its first eight digits, everything else by its
/// beginning.
fn short(word: &str) -> String {
    let is_id = word.len() == 40 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let wanted = if is_id { 8 } else { 24 };
    match word.char_indices().nth(wanted) {
        Some((at, _)) if is_id => word[..at].to_owned(),
        Some((at, _)) => format!("{}..", &word[..at]),
        None => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef01234567";

    fn fed(way: Way, pieces: &[&[u8]]) -> Vec<Said> {
        let mut parser = Parser::new(way);
        let said: Vec<Said> = pieces.iter().flat_map(|piece| parser.feed(piece)).collect();
        assert!(parser.held.is_empty());
        said
    }

    fn kinds(said: &[Said]) -> Vec<Kind> {
        said.iter().map(|said| said.kind).collect()
    }

    #[test]
    fn a_full_sync_is_told_apart_at_every_cut() {
        let bytes = format!(
            "+PONG\r\n+OK\r\n\n+FULLRESYNC {ID} 99\r\n\n$EOF:{ID}\r\nsnap-0123-shot{ID}\
             *2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*1\r\n$4\r\nPING\r\n"
        );
        let whole = fed(Way::Down, &[bytes.as_bytes()]);
        let head = [Kind::Handshake, Kind::Handshake, Kind::Keepalive, Kind::FullResync];
        let tail = [Kind::Keepalive, Kind::Snapshot, Kind::Stream, Kind::Keepalive];
        assert_eq!(kinds(&whole), [head, tail].concat());
        assert_eq!(whole[5].text, "snapshot, 54 bytes");
        assert_eq!(whole[6].offsets, Some((100, 122)));
        for cut in 1..bytes.len() {
            let (a, b) = bytes.as_bytes().split_at(cut);
            assert_eq!(fed(Way::Down, &[a, b]), whole, "cut at {cut}");
        }
    }

    #[test]
    fn a_counted_snapshot_ends_with_its_last_byte() {
        let bytes = format!("+FULLRESYNC {ID} 0\r\n$5\r\nsnaps*1\r\n$4\r\nPING\r\n");
        let said = fed(Way::Down, &[bytes.as_bytes()]);
        assert_eq!(kinds(&said), [Kind::FullResync, Kind::Snapshot, Kind::Keepalive]);
    }

    #[test]
    fn what_a_replica_says_is_named() {
        let bytes = format!(
            "*1\r\n$4\r\nPING\r\n*3\r\n$5\r\nPSYNC\r\n$40\r\n{ID}\r\n$2\r\n77\r\n\
             *3\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n$2\r\n90\r\n"
        );
        let said = fed(Way::Up, &[bytes.as_bytes()]);
        assert_eq!(kinds(&said), [Kind::Handshake, Kind::Psync, Kind::Ack]);
        assert_eq!(said[1].text, "PSYNC 01234567 77");
        assert_eq!(said[2].text, "REPLCONF ACK 90");
    }
}
