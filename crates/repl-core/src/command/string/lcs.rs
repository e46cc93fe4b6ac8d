//! The longest common subsequence of two strings: `LCS`.

use alloc::vec::Vec;

use super::super::{CommandError, Data, DataError, Flags, Handler, Keys, Outcome, Spec, is_word};
use crate::{base::number::parse_i64, resp::Args};

pub(in crate::command) const SPECS: &[Spec] = &[Spec {
    name: "lcs",
    since: "7.0.0",
    arity: -3,
    flags: Flags::READONLY,
    keys: Keys::range(1, 2, 1, &["RO", "access"]),
    group: "string",
    categories: &["@string"],
    summary: "Finds the longest common subsequence of two strings.",
    handler: Handler::Data(lcs),
    ..Spec::PLAIN
}];

/// What is wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Text,
    Length,
    Indexes,
}

/// Whether each pair of ranges comes with its length.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lengths {
    Left,
    Listed,
}

struct Options {
    answer: Answer,
    lengths: Lengths,
    /// Shorter ranges are left out.
    range_min: i64,
}

impl Options {
    // redis: t_string.c, lcsCommand
    fn parse(args: Args<'_>) -> Result<Self, CommandError<'_>> {
        let (mut length, mut indexes) = (false, false);
        let (mut lengths, mut range_min) = (Lengths::Left, 0);
        let mut options = args.iter().skip(3);
        while let Some(option) = options.next() {
            if is_word(option, "IDX") {
                indexes = true;
            } else if is_word(option, "LEN") {
                length = true;
            } else if is_word(option, "WITHMATCHLEN") {
                lengths = Lengths::Listed;
            } else if is_word(option, "MINMATCHLEN") {
                let number = options.next().ok_or(CommandError::Syntax)?;
                range_min = parse_i64(number).ok_or(CommandError::NotInteger)?;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        let answer = match (length, indexes) {
            (true, true) => return Err(DataError::LcsLenAndIndexes.into()),
            (true, false) => Answer::Length,
            (false, true) => Answer::Indexes,
            (false, false) => Answer::Text,
        };
        Ok(Self { answer, lengths, range_min })
    }
}

/// For every beginning of `a` and of `b`, how long a subsequence they have in common.
struct Lcs<'a> {
    a: &'a [u8],
    b: &'a [u8],
    lengths: Vec<u32>,
}

/// A run of equal bytes, as positions of its first byte in both strings and its length.
#[derive(Clone, Copy)]
struct Run {
    a: usize,
    b: usize,
    length: usize,
}

impl<'a> Lcs<'a> {
    fn new(a: &'a [u8], b: &'a [u8], bytes_max: u64) -> Result<Self, CommandError<'static>> {
        let cells = (a.len() as u64 + 1).saturating_mul(b.len() as u64 + 1);
        if cells.saturating_mul(size_of::<u32>() as u64) > bytes_max {
            return Err(DataError::LcsTableTooLarge.into());
        }
        let mut lengths = Vec::new();
        let cells = usize::try_from(cells).map_err(|_| DataError::LcsWithoutMemory)?;
        lengths.try_reserve_exact(cells).map_err(|_| DataError::LcsWithoutMemory)?;
        lengths.resize(cells, 0);
        let width = b.len() + 1;
        for (row, x) in (1..).zip(a) {
            let (above, below) = lengths.split_at_mut(row * width);
            let (above, below) = (&above[(row - 1) * width..], &mut below[..width]);
            for (column, y) in (1..).zip(b) {
                below[column] = if x == y {
                    above[column - 1] + 1
                } else {
                    above[column].max(below[column - 1])
                };
            }
        }
        Ok(Self { a, b, lengths })
    }

    /// The length for the first `i` bytes of one and the first `j` of the other.
    fn at(&self, i: usize, j: usize) -> u32 {
        self.lengths[i * (self.b.len() + 1) + j]
    }

    /// The length for all of both.
    fn length(&self) -> u32 {
        self.at(self.a.len(), self.b.len())
    }

    /// The runs that one such subsequence is made of, from the last to the first: the one Redis
    /// chooses.
    fn runs(&self, mut visit: impl FnMut(Run)) {
        let (mut i, mut j) = (self.a.len(), self.b.len());
        while i > 0 && j > 0 {
            let mut length = 0;
            while i > 0 && j > 0 && self.a[i - 1] == self.b[j - 1] {
                (i, j, length) = (i - 1, j - 1, length + 1);
            }
            if length > 0 {
                visit(Run { a: i, b: j, length });
            } else if self.at(i - 1, j) > self.at(i, j - 1) {
                i -= 1;
            } else {
                j -= 1;
            }
        }
    }

    fn text(&self) -> Vec<u8> {
        let mut text = Vec::with_capacity(self.length() as usize);
        self.runs(|run| text.extend(self.a[run.a..run.a + run.length].iter().rev()));
        text.reverse();
        text
    }
}

fn lcs<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let [a, b] = [args.get(1), args.get(2)].map(|key| match data.lookup(key).1 {
        Some(entry) => entry.string().map(<[u8]>::to_vec),
        None => Ok(Vec::new()),
    });
    let (Ok(a), Ok(b)) = (a, b) else { return Err(DataError::LcsNeedsStrings.into()) };
    let options = Options::parse(args)?;
    let lcs = Lcs::new(&a, &b, data.value_bytes_max)?;
    match options.answer {
        Answer::Text => data.reply.bulk(&lcs.text()),
        Answer::Length => data.reply.int(lcs.length().into()),
        Answer::Indexes => reply_indexes(data, &lcs, &options),
    }
    Ok(Outcome::Unchanged)
}

fn reply_indexes(data: &mut Data<'_>, lcs: &Lcs<'_>, options: &Options) {
    let reply = &mut data.reply;
    reply.map_len(2);
    reply.bulk(b"matches");
    let place = reply.deferred();
    let mut count = 0;
    lcs.runs(|run| {
        if (run.length as i64) < options.range_min {
            return;
        }
        count += 1;
        reply.array_len(match options.lengths {
            Lengths::Left => 2,
            Lengths::Listed => 3,
        });
        for start in [run.a, run.b] {
            reply.array_len(2);
            reply.int(start as i64);
            reply.int((start + run.length - 1) as i64);
        }
        if options.lengths == Lengths::Listed {
            reply.int(run.length as i64);
        }
    });
    reply.set_deferred(place, count);
    reply.bulk(b"len");
    reply.int(lcs.length().into());
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Bench;

    #[test]
    fn the_documented_example_comes_out() {
        let mut bench = Bench::new();
        bench.run("MSET key1 ohmytext key2 mynewtext");
        bench.check("LCS key1 key2", "$6 mytext", "");
        bench.check("LCS key1 key2 LEN", ":6", "");
        bench.check(
            "LCS key1 key2 IDX",
            "*4 $7 matches *2 *2 *2 :4 :7 *2 :5 :8 *2 *2 :2 :3 *2 :0 :1 $3 len :6",
            "",
        );
        bench.check(
            "LCS key1 key2 IDX MINMATCHLEN 4 WITHMATCHLEN",
            "*4 $7 matches *1 *3 *2 :4 :7 *2 :5 :8 :4 $3 len :6",
            "",
        );
        bench.check("LCS key1 none", "$0", "");
        bench.check("LCS none none IDX", "*4 $7 matches *0 $3 len :0", "");
    }

    #[test]
    fn wrong_options_and_huge_tables_are_refused() {
        let mut bench = Bench::new();
        let both = "-ERR If you want both the length and indexes, please just use IDX.";
        bench.check("LCS a b LEN IDX", both, "");
        bench.check("LCS a b MINMATCHLEN", "-ERR syntax error", "");
        bench.check("LCS a b MINMATCHLEN x", "-ERR value is not an integer or out of range", "");
        bench.check("LCS a b foo", "-ERR syntax error", "");
        bench.run(&alloc::format!("SET a {}", "x".repeat(1_000)));
        bench.run(&alloc::format!("SET b {}", "x".repeat(1_000)));
        let error = "-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len";
        bench.check("LCS a b", error, "");
    }
}
