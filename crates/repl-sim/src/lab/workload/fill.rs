//! Requests from their patterns: `LPUSH @l @m ?NX|XX` becomes the words of a command.
//!
//! `@` and a letter is an operand, `A|B` is one of several words, and `?` before a word leaves it
//! out half the time.

use repl_core::base::time::UnixMillis;

use crate::draw::Draw;

/// How many databases are used.
pub(in crate::lab) const DATABASES: u64 = 3;

/// How many queues there are per database: lists of elements that exist once, from which only
/// waiting clients take.
pub(in crate::lab) const QUEUE_COUNT: u64 = 2;

/// How many queues there are that are sorted sets, and what their names begin with.
pub(in crate::lab) const HEAP_COUNT: u64 = 2;
pub(in crate::lab) const HEAP: &str = "queue:heap";

/// A value of this size does not fit one block of the shared history.
const BIG_BYTES: u64 = 20_000;

/// Names of keys and how many of each there are per database: few, so that commands meet.
const STRING: (&str, u64) = ("key", 60);
const COUNTER: (&str, u64) = ("counter", 10);
const FLOAT: (&str, u64) = ("float", 5);
const LIST: (&str, u64) = ("list", 8);
const SET: (&str, u64) = ("set", 8);
const ZSET: (&str, u64) = ("zset", 8);
const HASH: (&str, u64) = ("hash", 8);
const KINDS: [(&str, u64); 9] = [STRING, STRING, STRING, COUNTER, FLOAT, LIST, SET, ZSET, HASH];

/// The words of a request.
pub(super) type Words = Vec<Vec<u8>>;

/// The words of a request of this pattern. `wall` is the server's clock.
pub(super) fn fill(draw: &mut Draw, pattern: &str, wall: UnixMillis) -> Words {
    if pattern == "@SET" {
        return set(draw, wall);
    }
    let mut words = Vec::new();
    for word in pattern.split(' ') {
        let word = match word.strip_prefix('?') {
            Some(_) if draw.once_in(2) => continue,
            Some(optional) => optional,
            None => word,
        };
        let operand = word.strip_prefix('@').and_then(|rest| rest.bytes().next());
        words.push(match operand {
            Some(letter) => self::operand(draw, letter, wall),
            None if word.contains('|') => {
                let choices: Vec<&str> = word.split('|').collect();
                draw.pick(&choices).as_bytes().to_vec()
            }
            None => word.as_bytes().to_vec(),
        });
    }
    words
}

/// The operand that a letter stands for.
///
/// # Panics
/// When it stands for none.
fn operand(draw: &mut Draw, letter: u8, wall: UnixMillis) -> Vec<u8> {
    let text = match letter {
        b's' => key(draw, STRING),
        b'c' => key(draw, COUNTER),
        b'f' => key(draw, FLOAT),
        b'l' => key(draw, LIST),
        b't' => key(draw, SET),
        b'z' => key(draw, ZSET),
        b'h' => key(draw, HASH),
        b'k' => {
            let kind = *draw.pick(&KINDS);
            key(draw, kind)
        }
        b'v' => return value(draw),
        // Members are words or small numbers: sets of numbers are kept in another form.
        b'm' if draw.once_in(2) => format!("m{}", draw.between(0, 24)),
        b'm' => draw.between(0, 40).to_string(),
        b'q' => key(draw, ("queue", QUEUE_COUNT)),
        b'Q' => key(draw, (HEAP, HEAP_COUNT)),
        b'r' => score(draw),
        b'u' => format!("u{:016x}", draw.bits()),
        b'd' => format!("field{}", draw.between(0, 15)),
        b'g' => format!("number{}", draw.between(0, 3)),
        b'e' => format!("{:x}", draw.between(0, 0xffff)),
        b'i' => (signed_up_to(draw, 12) - 6).to_string(),
        b'n' => draw.between(1, 5).to_string(),
        b'N' if draw.once_in(60) => i64::MAX.to_string(),
        b'N' => (signed_up_to(draw, 200) - 100).to_string(),
        b'F' => (*draw.pick(&["0.1", "-1.25", "3.0e3", "1e-7", "2", "-0.3333333333"])).to_owned(),
        b'b' => draw.between(0, DATABASES - 1).to_string(),
        b'x' => draw.between(1, 20).to_string(),
        b'p' => draw.between(1, 20_000).to_string(),
        b'a' => deadline(draw, wall),
        b'A' => (wall.as_secs() + signed_up_to(draw, 30)).to_string(),
        other => unreachable!("no operand is called {other}"),
    };
    text.into_bytes()
}

/// A score: mostly one of a few, so that members share it.
fn score(draw: &mut Draw) -> String {
    match draw.between(0, 9) {
        0 => (*draw.pick(&["inf", "-inf", "1e300", "-0"])).to_owned(),
        1 | 2 => (*draw.pick(&["0.1", "-2.5", "3.0000001", "1e-5"])).to_owned(),
        _ => (signed_up_to(draw, 30) - 10).to_string(),
    }
}

/// `SET` with whatever options go together.
fn set(draw: &mut Draw, wall: UnixMillis) -> Words {
    let option: &[&str] = match draw.between(0, 11) {
        0 => &["EX", "@x"],
        1 => &["PX", "@p"],
        2 => &["EXAT", "@A"],
        3 => &["PXAT", "@a"],
        4 => &["KEEPTTL"],
        _ => &[],
    };
    let condition: &[&str] = match draw.between(0, 7) {
        0 => &["NX"],
        1 => &["XX"],
        2 => &["GET"],
        _ => &[],
    };
    let pattern = [&["SET", "@s", "@v"], option, condition].concat().join(" ");
    fill(draw, &pattern, wall)
}

fn key(draw: &mut Draw, (name, count): (&str, u64)) -> String {
    format!("{name}:{}", draw.between(0, count - 1))
}

/// A new value: mostly short, seldom larger than a block.
pub(super) fn value(draw: &mut Draw) -> Vec<u8> {
    let len = if draw.once_in(150) {
        draw.between(BIG_BYTES, 2 * BIG_BYTES)
    } else if draw.once_in(4) {
        draw.between(0, 300)
    } else {
        draw.between(0, 24)
    };
    // Repeats now and then, so that a snapshot has something to compress.
    let letter = b'a' + u8::try_from(draw.between(0, 25)).expect("a letter");
    let mut value = vec![letter; usize::try_from(len).expect("it is small")];
    if draw.once_in(2) {
        for byte in &mut value {
            *byte = b' ' + u8::try_from(draw.between(0, 94)).expect("a graphic byte");
        }
    }
    value
}

/// A deadline around `wall`, sometimes past.
fn deadline(draw: &mut Draw, wall: UnixMillis) -> String {
    (wall.0 - 500 + signed_up_to(draw, 20_000)).to_string()
}

fn signed_up_to(draw: &mut Draw, bound: u64) -> i64 {
    i64::try_from(draw.between(0, bound)).expect("bounds are small")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_becomes_words_with_choices_and_options() {
        let mut draw = Draw::new(1, "test");
        let mut lengths = [0, 0];
        for _ in 0..50 {
            let words = fill(&mut draw, "COPY @l list:x LEFT|RIGHT ?REPLACE", UnixMillis(0));
            assert!(words[1].starts_with(b"list:") && words[2] == b"list:x");
            assert!(words[3] == b"LEFT" || words[3] == b"RIGHT");
            lengths[words.len() - 4] += 1;
        }
        assert!(lengths.iter().all(|count| *count > 0), "{lengths:?}");
    }
}
