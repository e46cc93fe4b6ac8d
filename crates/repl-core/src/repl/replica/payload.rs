//! The payload of a full sync: keepalives, the header line, the snapshot, the mark.
//!
//! The snapshot is decoded as it arrives, into databases beside the ones in use: what we have stays
//! untouched and readable until the last byte has come and is proved right, and if it never does,
//! nothing was lost. The end of an `$EOF:` payload is not searched for: the decoder knows where the
//! snapshot ends, and there the mark must stand.

use alloc::{boxed::Box, string::String, vec::Vec};

use super::{at_most, error::LinkError};
use crate::{
    base::{ids::ReplId, number::parse_u64},
    keyspace::{DbIndex, Keyspace},
    rdb::Fed,
    repl::{About, Loader},
    resp::LineReader,
};

/// Where the payload ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Length(u64),
    Mark([u8; 40]),
}

#[derive(Debug)]
enum State {
    /// Keepalives, then the header.
    ExpectHeader { tail: Vec<u8>, reader: LineReader },
    /// The snapshot.
    Loading(End),
    /// The snapshot is complete; so many bytes of the mark have come.
    ExpectMark { mark: [u8; 40], matched: usize },
}

/// A payload that is arriving.
#[derive(Debug)]
pub struct Payload {
    origin: Option<(ReplId, u64)>,
    state: State,
    loader: Loader,
    received: u64,
    announced: Option<u64>,
}

/// A payload that arrived.
#[derive(Debug)]
pub struct Loaded {
    /// The dataset.
    pub keyspace: Keyspace,
    /// The history it belongs to and the last byte it contains, if the master said so.
    pub origin: Option<(ReplId, u64)>,
    /// The database the stream has selected at that byte.
    pub stream_db: DbIndex,
    /// The length that was announced. Without one it ended with a mark, and the stream waits for an
    /// acknowledgement.
    pub announced: Option<u64>,
}

impl Loaded {
    /// Whether it ended with a mark.
    pub fn has_mark(&self) -> bool {
        self.announced.is_none()
    }
}

/// What became of some bytes.
#[derive(Debug)]
pub enum PayloadFed {
    /// All of them belong to the payload, which goes on.
    More(Box<Payload>),
    /// The payload is complete; `consumed` bytes of these were its last.
    Done {
        /// Bytes of this input.
        consumed: usize,
        /// The result.
        loaded: Box<Loaded>,
    },
}

impl Payload {
    /// A payload of `origin`, loaded into `keyspace`, which is empty.
    pub fn new(origin: Option<(ReplId, u64)>, keyspace: Keyspace) -> Self {
        Self {
            origin,
            state: State::ExpectHeader { tail: Vec::new(), reader: LineReader::new() },
            loader: Loader::new(keyspace),
            received: 0,
            announced: None,
        }
    }

    /// The history it belongs to, if the master said so.
    pub fn replid(&self) -> Option<ReplId> {
        self.origin.map(|(replid, _)| replid)
    }

    /// Whether the snapshot has begun: the header has come.
    pub fn has_begun(&self) -> bool {
        !matches!(self.state, State::ExpectHeader { .. })
    }

    /// The length that its header announced, if it did.
    pub fn announced(&self) -> Option<u64> {
        self.announced
    }

    /// Bytes of the snapshot so far.
    pub fn received_bytes(&self) -> u64 {
        self.received
    }

    /// Keys that are loaded so far.
    pub fn key_count(&self) -> u64 {
        self.loader.key_count()
    }

    /// What the snapshot says about itself, so far.
    pub fn about(&self) -> &About {
        self.loader.about()
    }

    /// `master_sync_total_bytes`: none before the header, and an unknown number before a mark.
    pub fn total_bytes(&self) -> i64 {
        match (&self.state, self.announced) {
            (State::ExpectHeader { .. }, _) => -1,
            (State::Loading(_) | State::ExpectMark { .. }, None) => 0,
            (State::Loading(_) | State::ExpectMark { .. }, Some(total)) => total as i64,
        }
    }

    /// Takes bytes from the master.
    ///
    /// # Errors
    /// The payload is worthless. What was loaded of it goes with it.
    pub fn feed(mut self: Box<Self>, input: &[u8]) -> Result<PayloadFed, LinkError> {
        let mut at = 0;
        while at < input.len() {
            let rest = input.get(at..).unwrap_or_default();
            at += match self.state {
                State::ExpectHeader { .. } => self.on_header(rest)?,
                State::Loading(end) => {
                    let (consumed, complete) = self.on_snapshot(rest, end)?;
                    if complete {
                        return Ok(self.done(at + consumed));
                    }
                    consumed
                }
                State::ExpectMark { mark, matched } => {
                    let wanted = mark.get(matched..).unwrap_or_default();
                    let count = rest.len().min(wanted.len());
                    if at_most(rest, count) != at_most(wanted, count) {
                        return Err(LinkError::PayloadMark);
                    }
                    if matched + count == mark.len() {
                        return Ok(self.done(at + count));
                    }
                    self.state = State::ExpectMark { mark, matched: matched + count };
                    count
                }
            };
        }
        Ok(PayloadFed::More(self))
    }

    fn done(self: Box<Self>, consumed: usize) -> PayloadFed {
        let announced = self.announced;
        let (keyspace, about) = self.loader.into_parts();
        let stream_db = about.stream_db.unwrap_or(DbIndex(0));
        let loaded = Loaded { keyspace, origin: self.origin, stream_db, announced };
        PayloadFed::Done { consumed, loaded: Box::new(loaded) }
    }

    /// Reads keepalives and the header. Returns how many bytes were taken.
    fn on_header(&mut self, input: &[u8]) -> Result<usize, LinkError> {
        let State::ExpectHeader { tail, reader } = &mut self.state else {
            unreachable!("the caller looked at the state")
        };
        let before = tail.len();
        // A header is short: no more than it can need is kept.
        tail.extend_from_slice(at_most(input, LineReader::MAX));
        match reader.next(tail) {
            Err(_) => Err(LinkError::LineTooLong),
            Ok(None) => Ok(tail.len() - before),
            Ok(Some((line, consumed))) => {
                let taken = consumed - before;
                let next = match line {
                    [] => None,
                    [b'-', rest @ ..] => {
                        return Err(LinkError::PayloadRefused(text(rest)));
                    }
                    _ => Some(parse_header(line)?),
                };
                match next {
                    None => *tail = Vec::new(),
                    Some(end) => {
                        if let End::Length(length) = end {
                            self.announced = Some(length);
                        }
                        self.state = State::Loading(end);
                    }
                }
                if matches!(self.state, State::ExpectHeader { .. }) {
                    self.state =
                        State::ExpectHeader { tail: Vec::new(), reader: LineReader::new() };
                }
                Ok(taken)
            }
        }
    }

    /// Decodes. Returns how many bytes were taken and whether the payload is complete.
    fn on_snapshot(&mut self, input: &[u8], end: End) -> Result<(usize, bool), LinkError> {
        let input = match end {
            End::Length(length) => {
                let left = usize::try_from(length - self.received).unwrap_or(usize::MAX);
                at_most(input, left)
            }
            End::Mark(_) => input,
        };
        match self.loader.feed(input).map_err(LinkError::Payload)? {
            Fed::More => {
                self.received += input.len() as u64;
                match end {
                    End::Length(length) if self.received == length => Err(LinkError::PayloadLength),
                    End::Length(_) | End::Mark(_) => Ok((input.len(), false)),
                }
            }
            Fed::Done { consumed } => {
                self.received += consumed as u64;
                match end {
                    End::Length(length) if self.received == length => Ok((consumed, true)),
                    End::Length(_) => Err(LinkError::PayloadLength),
                    End::Mark(mark) => {
                        self.state = State::ExpectMark { mark, matched: 0 };
                        Ok((consumed, false))
                    }
                }
            }
        }
    }
}

fn parse_header(line: &[u8]) -> Result<End, LinkError> {
    let bad = || LinkError::PayloadHeader(text(line));
    if let Some(mark) = line.strip_prefix(b"$EOF:") {
        return Ok(End::Mark(mark.try_into().map_err(|_| bad())?));
    }
    let length = line.strip_prefix(b"$").and_then(parse_u64).filter(|length| *length > 0);
    length.map(End::Length).ok_or_else(bad)
}

fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(at_most(line, 128)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::time::UnixMillis,
        keyspace::KeyHasher,
        rdb::{Checksum, Compression, Encoder, Options},
    };

    const MARK: [u8; 40] = [b'm'; 40];

    fn snapshot() -> Vec<u8> {
        let mut out = Vec::new();
        let options = Options { compression: Compression::On, checksum: Checksum::On };
        let mut encoder = Encoder::new(options);
        encoder.header(&mut out);
        encoder.aux(&mut out, b"repl-stream-db", b"1");
        encoder.select_db(&mut out, 1);
        encoder.string(&mut out, b"key", b"value", Some(UnixMillis(5)));
        encoder.end(&mut out);
        out
    }

    fn with_mark() -> Vec<u8> {
        [b"\n\n$EOF:".as_slice(), &MARK, b"\r\n", &snapshot(), &MARK].concat()
    }

    fn with_length() -> Vec<u8> {
        let snapshot = snapshot();
        [alloc::format!("\n${}\r\n", snapshot.len()).as_bytes(), &snapshot].concat()
    }

    fn payload() -> Box<Payload> {
        Box::new(Payload::new(None, Keyspace::new(KeyHasher::new(1), 2)))
    }

    /// Feeds in pieces; how many bytes were taken and what was loaded.
    fn load(pieces: &[&[u8]]) -> Result<Option<(usize, Loaded)>, LinkError> {
        let (mut payload, mut taken) = (payload(), 0);
        for piece in pieces {
            match payload.feed(piece)? {
                PayloadFed::More(more) => payload = more,
                PayloadFed::Done { consumed, loaded } => {
                    return Ok(Some((taken + consumed, *loaded)));
                }
            }
            taken += piece.len();
        }
        Ok(None)
    }

    fn check_loaded(result: Result<Option<(usize, Loaded)>, LinkError>, length: usize) {
        let (taken, loaded) = result.expect("it is right").expect("it is complete");
        assert_eq!(taken, length);
        assert_eq!(loaded.stream_db, DbIndex(1));
        let hash = loaded.keyspace.hash(b"key");
        let entry = loaded.keyspace.find(DbIndex(1), hash, b"key").expect("it was in the snapshot");
        assert_eq!((entry.string(), entry.expires_at()), (Ok(&b"value"[..]), Some(UnixMillis(5))));
    }

    #[test]
    fn either_framing_loads_split_at_every_byte_and_leaves_the_stream_behind_it() {
        for whole in [with_mark(), with_length()] {
            for at in 0..=whole.len() {
                let tail = [&whole[at..], b"*1\r\n$4\r\nPING\r\n"].concat();
                check_loaded(load(&[&whole[..at], &tail]), whole.len());
            }
            let bytes: Vec<&[u8]> = whole.chunks(1).collect();
            check_loaded(load(&bytes), whole.len());
        }
    }

    #[test]
    fn a_payload_that_ends_early_is_never_complete() {
        for whole in [with_mark(), with_length()] {
            for at in 0..whole.len() {
                assert!(matches!(load(&[&whole[..at]]), Ok(None)), "cut at {at}");
            }
        }
    }

    #[test]
    fn a_wrong_checksum_mark_length_or_header_is_an_error() {
        let mut flipped = with_length();
        let last = flipped.len() - 1;
        flipped[last] ^= 1;
        assert!(matches!(load(&[&flipped]), Err(LinkError::Payload(_))));

        let mut flipped = with_mark();
        let last = flipped.len() - 1;
        flipped[last] ^= 1;
        assert!(matches!(load(&[&flipped]), Err(LinkError::PayloadMark)));

        let snapshot = snapshot();
        for wrong in [snapshot.len() - 1, snapshot.len() + 1] {
            let whole = [alloc::format!("${wrong}\r\n").as_bytes(), &snapshot, b"x"].concat();
            assert!(matches!(load(&[&whole]), Err(LinkError::PayloadLength)), "{wrong}");
        }
        assert!(matches!(load(&[b"-ERR no\r\n"]), Err(LinkError::PayloadRefused(_))));
        for header in ["hello\r\n", "$\r\n", "$-1\r\n", "$0\r\n", "$EOF:short\r\n", "$1x\r\n"] {
            assert!(matches!(load(&[header.as_bytes()]), Err(LinkError::PayloadHeader(_))));
        }
        assert!(matches!(load(&[&[b'a'; 70_000]]), Err(LinkError::LineTooLong)));
    }

    #[test]
    fn no_flipped_byte_makes_it_panic() {
        for whole in [with_mark(), with_length()] {
            for at in 0..whole.len() {
                for bit in 0..8 {
                    let mut flipped = whole.clone();
                    flipped[at] ^= 1 << bit;
                    drop(load(&[&flipped]));
                }
            }
        }
    }
}
