//! What newer masters say in commands that Redis 7.0 does not have, in words that it has.
//!
//! The conditions of such commands have been met where they were executed, so they say nothing
//! here. What needs fields with a time to live has no words: there are none.
//!
//! | said by | command | means |
//! |---|---|---|
//! | Redis 8.0.6, for `HINCRBYFLOAT` | `HSETEX key KEEPTTL FIELDS n field value ..` | `HSET` |
//! | Valkey 9 | `HGETDEL key FIELDS n field ..` | `HDEL` |
//! | Redis 8, Valkey 9 | `HPERSIST key FIELDS n field ..` | nothing |
//! | Valkey 8.1, Redis 8.4 | `SET key value .. IFEQ other` | `SET` without that |
//! | Valkey 9, Redis 8.4 | `MSETEX n key value .. PXAT time` | `SET key value PXAT time`, several |

use alloc::vec::Vec;

use crate::{
    base::number::parse_i64,
    resp::{Args, encode_command},
};

/// Commands as the stream carries them, or `None` if the command means what it says or nothing that
/// is known here.
pub fn in_older_words(args: Args<'_>) -> Option<Vec<u8>> {
    let is = |name: &str| args.name().eq_ignore_ascii_case(name.as_bytes());
    // A plain `SET` with an expiry is every master's daily bread: nothing is copied for it.
    if is("SET") && !args.iter().skip(3).any(|word| is_word(word, "IFEQ")) {
        return None;
    }
    let words: Vec<&[u8]> = args.iter().collect();
    if is("SET") {
        set(&words)
    } else if is("HSETEX") {
        hsetex(&words)
    } else if is("HGETDEL") {
        let [_, key, fields, count, names @ ..] = &words[..] else { return None };
        counted(fields, count, names.len(), 1)?;
        Some(command(&[&[b"HDEL".as_slice(), key], names].concat()))
    } else if is("HPERSIST") {
        let [_, _, fields, count, names @ ..] = &words[..] else { return None };
        counted(fields, count, names.len(), 1)?;
        Some(Vec::new())
    } else if is("MSETEX") {
        msetex(&words)
    } else {
        None
    }
}

fn command(words: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_command(&mut out, words.iter().copied());
    out
}

fn is_word(word: &[u8], name: &str) -> bool {
    word.eq_ignore_ascii_case(name.as_bytes())
}

/// Whether `FIELDS count` stands before that many things of so many words.
fn counted(fields: &[u8], count: &[u8], found: usize, each: usize) -> Option<()> {
    let count = usize::try_from(parse_i64(count)?).ok()?;
    (is_word(fields, "FIELDS") && count > 0 && count.checked_mul(each)? == found).then_some(())
}

fn set(words: &[&[u8]]) -> Option<Vec<u8>> {
    let at = words.iter().skip(3).position(|word| is_word(word, "IFEQ"))? + 3;
    let (before, after) = (words.get(..at)?, words.get(at + 2..)?);
    Some(command(&[before, after].concat()))
}

fn hsetex(words: &[&[u8]]) -> Option<Vec<u8>> {
    let at = words.iter().position(|word| is_word(word, "FIELDS"))?;
    let (options, pairs) = (words.get(2..at)?, words.get(at + 2..)?);
    let keeps = |word: &&[u8]| ["KEEPTTL", "FNX", "FXX"].iter().any(|name| is_word(word, name));
    if !options.iter().all(keeps) {
        return None;
    }
    counted(words.get(at)?, words.get(at + 1)?, pairs.len(), 2)?;
    Some(command(&[&[b"HSET".as_slice(), words.get(1)?], pairs].concat()))
}

fn msetex(words: &[&[u8]]) -> Option<Vec<u8>> {
    let count = usize::try_from(parse_i64(words.get(1)?)?).ok()?;
    let end = count.checked_mul(2)?.checked_add(2)?;
    let (pairs, options) = (words.get(2..end)?, words.get(end..)?);
    let told = |word: &&&[u8]| !["NX", "XX"].iter().any(|name| is_word(word, name));
    let options: Vec<&[u8]> = options.iter().filter(told).copied().collect();
    let mut out = Vec::new();
    for pair in pairs.chunks_exact(2) {
        out.extend(command(&[&[b"SET".as_slice()], pair, &options].concat()));
    }
    (count > 0).then_some(out)
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::*;
    use crate::resp::{Argv, Limits, Parsed, Parser};

    fn told(line: &str) -> Option<String> {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let bytes = command(&words);
        let mut argv = Argv::new();
        let parsed = Parser::new().next(&bytes, 0, &Limits::MASTER_LINK, &mut argv);
        assert!(matches!(parsed, Ok(Parsed::Request { .. })));
        let words = in_older_words(argv.view(&bytes))?;
        let text = String::from_utf8(words).expect("it was text");
        let told = text.split("\r\n").filter(|part| !part.starts_with('$') && !part.is_empty());
        Some(told.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn commands_of_newer_masters_are_told_in_older_words() {
        for (newer, older) in [
            ("HSETEX h KEEPTTL FIELDS 1 f 1.5", "*4 HSET h f 1.5"),
            ("hsetex h fxx fields 2 a 1 b 2", "*6 HSET h a 1 b 2"),
            ("hgetdel h FIELDS 2 a b", "*4 HDEL h a b"),
            ("HPERSIST h FIELDS 1 a", ""),
            ("set k v IFEQ old", "*3 set k v"),
            ("SET k v PXAT 9 IFEQ old", "*5 SET k v PXAT 9"),
            ("msetex 2 a 1 b 2 PXAT 9", "*5 SET a 1 PXAT 9 *5 SET b 2 PXAT 9"),
            ("MSETEX 1 a 1 NX KEEPTTL", "*4 SET a 1 KEEPTTL"),
        ] {
            assert_eq!(told(newer).as_deref(), Some(older), "{newer}");
        }
    }

    #[test]
    fn what_means_what_it_says_or_cannot_be_said_stays() {
        for line in [
            "SET k IFEQ",
            "SET IFEQ v",
            "SET k v PX 5",
            "HSETEX h PXAT 9 FIELDS 1 f v",
            "HSETEX h FIELDS 2 f v",
            "HSETEX h FIELDS",
            "HGETDEL h FIELDS 0",
            "HGETDEL h",
            "MSETEX 2 a 1",
            "MSETEX 9223372036854775807 a 1",
            "MSETEX -1",
            "HPEXPIREAT h 9 FIELDS 1 f",
            "XADD s * a b",
        ] {
            assert_eq!(told(line), None, "{line}");
        }
    }
}
