//! The histories read as commands: each command of each history once, from where the history
//! begins, and in its order.
//!
//! What does not parse as a sequence of commands breaks the property `well-formed-history`.

use std::collections::BTreeMap;

use repl_core::base::ids::ReplId;

use super::{Broken, ledger::Ledger};

const WELL_FORMED: &str = "well-formed-history";

/// A command of a history.
#[derive(Clone, Copy, Debug)]
pub(super) struct Command<'a> {
    /// The history whose own it is.
    pub(super) owner: ReplId,
    /// The numbers of its first and its last byte.
    pub(super) at: u64,
    pub(super) end: u64,
    pub(super) words: &'a [&'a [u8]],
}

impl Command<'_> {
    /// Whether it has this name, given in small letters.
    pub(super) fn is(&self, name: &str) -> bool {
        self.words.first().is_some_and(|word| word.eq_ignore_ascii_case(name.as_bytes()))
    }
}

#[derive(Debug, Default)]
pub(super) struct Stream {
    /// How far each run is parsed, by owner and first byte; `None` for a run that begins anywhere.
    parsed: BTreeMap<(ReplId, u64), Option<usize>>,
}

impl Stream {
    /// Reads what is new of a history's own bytes. `boundary` is a byte at which a command begins:
    /// the one after those that the teller had before.
    pub(super) fn read(
        &mut self,
        ledger: &Ledger,
        owner: ReplId,
        boundary: u64,
        mut on_command: impl FnMut(Command<'_>) -> Result<(), Broken>,
    ) -> Result<(), Broken> {
        for (first, bytes) in ledger.runs(owner) {
            // A run that begins elsewhere exists because the bytes before it were dropped unseen:
            // it may begin inside a command.
            let start = (first == boundary).then_some(0);
            let parsed = self.parsed.entry((owner, first)).or_insert(start);
            let Some(parsed) = parsed else { continue };
            loop {
                let at = first + *parsed as u64;
                match next_command(&bytes[*parsed..]) {
                    Ok(Some((words, len))) => {
                        let end = at + len as u64 - 1;
                        on_command(Command { owner, at, end, words: &words })?;
                        *parsed += len;
                    }
                    Ok(None) => break,
                    Err(Malformed) => {
                        let end = bytes.len().min(*parsed + 60);
                        return Err(Broken {
                            property: WELL_FORMED,
                            expected: format!("a command at byte {at} of {owner:?}"),
                            actual: bytes[*parsed..end].escape_ascii().to_string(),
                        });
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether every known command of this history's own was read.
    pub(super) fn reads_all_of(&self, owner: ReplId) -> bool {
        self.parsed.range((owner, 0)..=(owner, u64::MAX)).all(|(_, parsed)| parsed.is_some())
    }
}

struct Malformed;

/// The words of a command.
type Words<'a> = Vec<&'a [u8]>;

/// The first command and its length, or `None` while it is incomplete.
fn next_command(bytes: &[u8]) -> Result<Option<(Words<'_>, usize)>, Malformed> {
    let Some((count, mut at)) = header(bytes, b'*')? else { return Ok(None) };
    let mut words = Vec::new();
    for _ in 0..count {
        let Some((len, header_len)) = header(&bytes[at..], b'$')? else { return Ok(None) };
        let start = at + header_len;
        let Some(word) = bytes.get(start..start + len) else { return Ok(None) };
        let Some(end) = bytes.get(start + len..start + len + 2) else { return Ok(None) };
        if end != b"\r\n" {
            return Err(Malformed);
        }
        words.push(word);
        at = start + len + 2;
    }
    Ok(Some((words, at)))
}

/// The number after `mark`, and the length of the line.
fn header(bytes: &[u8], mark: u8) -> Result<Option<(usize, usize)>, Malformed> {
    let Some(&first) = bytes.first() else { return Ok(None) };
    if first != mark {
        return Err(Malformed);
    }
    let Some(end) = bytes.windows(2).take(24).position(|pair| pair == b"\r\n") else {
        return if bytes.len() > 24 { Err(Malformed) } else { Ok(None) };
    };
    let number = std::str::from_utf8(&bytes[1..end]).map_err(|_| Malformed)?;
    let number: u32 = number.parse().map_err(|_| Malformed)?;
    Ok(Some((number as usize, end + 2)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariants::samples::request;

    /// The names of the commands of a history that is told byte by byte: what is incomplete waits.
    fn names(history: &[u8]) -> Result<Vec<String>, &'static str> {
        let mut ledger = Ledger::default();
        let mut stream = Stream::default();
        let mut names = Vec::new();
        for (at, byte) in history.iter().enumerate() {
            ledger.record(ReplId::NONE, 1 + at as u64, &[*byte]).expect("all new");
            let read = stream.read(&ledger, ReplId::NONE, 1, |command| {
                assert_eq!(command.end, 1 + at as u64);
                names.push(String::from_utf8_lossy(command.words[0]).into_owned());
                Ok(())
            });
            read.map_err(|broken| broken.property)?;
        }
        assert!(stream.reads_all_of(ReplId::NONE));
        Ok(names)
    }

    #[test]
    fn each_command_is_read_once_when_it_is_whole() {
        let mut history = request(&["SET", "k", "v"]);
        history.extend(request(&["PING"]));
        assert_eq!(names(&history), Ok(vec!["SET".to_owned(), "PING".to_owned()]));
    }

    #[test]
    fn a_history_that_is_no_sequence_of_commands_is_found() {
        let mut history = request(&["SET", "k", "v"]);
        history.extend(b"+OK\r\n");
        assert_eq!(names(&history), Err(WELL_FORMED));
    }

    #[test]
    fn a_run_that_may_begin_inside_a_command_is_not_read() {
        let mut ledger = Ledger::default();
        ledger.record(ReplId::NONE, 40, b"SET\r\n").expect("new");
        let mut stream = Stream::default();
        let read = stream.read(&ledger, ReplId::NONE, 1, |_| unreachable!("it is not read"));
        assert_eq!(read, Ok(()));
        assert!(!stream.reads_all_of(ReplId::NONE));
    }
}
