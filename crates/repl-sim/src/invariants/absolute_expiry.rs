//! **Absolute propagation**: no command in any history says when a key expires relative to the time
//! it is applied: such a command means another deadline on every node and at every replay.
//!
//! The histories are parsed from the ledger, from where they begin. What does not parse as a
//! sequence of commands breaks the property `well-formed-history`.
//!
//! Source: property 28 of the simulation's list. Premise: commands parsed.

use std::collections::BTreeMap;

use repl_core::base::ids::ReplId;

use super::{Broken, ledger::Ledger};

pub(super) const NAME: &str = "absolute-expiry";
const WELL_FORMED: &str = "well-formed-history";

#[derive(Debug, Default)]
pub(super) struct AbsoluteExpiry {
    /// How far each run is parsed, by owner and first byte; `None` for a run that begins anywhere.
    parsed: BTreeMap<(ReplId, u64), Option<usize>>,
    pub(super) premise_count: u64,
}

impl AbsoluteExpiry {
    /// Parses what is new of a history's own bytes. `boundary` is a byte at which a command begins:
    /// the one after those that the teller had before.
    pub(super) fn check(
        &mut self,
        ledger: &Ledger,
        owner: ReplId,
        boundary: u64,
    ) -> Result<(), Broken> {
        for (first, bytes) in ledger.runs(owner) {
            // A run that begins elsewhere exists because the bytes before it were dropped unseen:
            // it may begin inside a command.
            let start = (first == boundary).then_some(0);
            let parsed = self.parsed.entry((owner, first)).or_insert(start);
            let Some(parsed) = parsed else { continue };
            loop {
                match next_command(&bytes[*parsed..]) {
                    Ok(Some((words, len))) => {
                        check_command(&words, owner, first + *parsed as u64)?;
                        *parsed += len;
                        self.premise_count += 1;
                    }
                    Ok(None) => break,
                    Err(Malformed) => {
                        let at = first + *parsed as u64;
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
}

fn check_command(words: &[&[u8]], owner: ReplId, at: u64) -> Result<(), Broken> {
    let is = |word: &[u8], name: &str| word.eq_ignore_ascii_case(name.as_bytes());
    let Some((name, arguments)) = words.split_first() else { return Ok(()) };
    let relative_name = ["expire", "pexpire", "setex", "psetex"].iter().any(|n| is(name, n));
    let options = arguments.get(2..).unwrap_or_default();
    let relative_option = (is(name, "set") || is(name, "getex"))
        && options.iter().any(|option| is(option, "ex") || is(option, "px"));
    if !relative_name && !relative_option {
        return Ok(());
    }
    let text: Vec<String> = words.iter().map(|word| word.escape_ascii().to_string()).collect();
    Err(Broken {
        property: NAME,
        expected: format!("an absolute expiry at byte {at} of {owner:?}"),
        actual: text.join(" "),
    })
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

    fn check(stream: &[u8]) -> Result<u64, &'static str> {
        let mut ledger = Ledger::default();
        let mut property = AbsoluteExpiry::default();
        // Byte by byte: what is incomplete waits.
        for (at, byte) in stream.iter().enumerate() {
            ledger.record(ReplId::NONE, 1 + at as u64, &[*byte]).expect("all new");
            property.check(&ledger, ReplId::NONE, 1).map_err(|broken| broken.property)?;
        }
        Ok(property.premise_count)
    }

    fn command(words: &[&str]) -> Vec<u8> {
        let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            bytes.extend(format!("${}\r\n{word}\r\n", word.len()).bytes());
        }
        bytes
    }

    #[test]
    fn absolute_commands_pass_and_are_counted() {
        let mut stream = command(&["SET", "k", "v", "PXAT", "1700000000000"]);
        stream.extend(command(&["SET", "k", "ex"]));
        stream.extend(command(&["PEXPIREAT", "k", "1700000000000"]));
        assert_eq!(check(&stream), Ok(3));
    }

    #[test]
    fn relative_commands_are_found_in_any_case() {
        assert_eq!(check(&command(&["set", "k", "v", "Px", "10"])), Err(NAME));
        assert_eq!(check(&command(&["Expire", "k", "10"])), Err(NAME));
    }

    #[test]
    fn a_history_that_is_no_sequence_of_commands_is_found() {
        let mut stream = command(&["SET", "k", "v"]);
        stream.extend(b"+OK\r\n");
        assert_eq!(check(&stream), Err(WELL_FORMED));
    }
}
