//! What words are drawn from. The same number gives the same words for ever.

/// Steele and Vigna's splitmix64.
pub(super) struct Draw(u64);

impl Draw {
    pub(super) fn of(sequence: u64) -> Self {
        Self(sequence.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.bits() % bound
    }

    pub(super) fn one_of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len() as u64) as usize]
    }
}

const KEYS: &[&str] = &["a", "b", "c", "d", "key", "k\0y", ""];
const VALUES: &[&str] = &[
    "",
    "0",
    "1",
    "-1",
    "9999",
    "10000",
    "01",
    "1.5",
    "-0.1",
    "3e2",
    " 1",
    "x",
    "hello world",
    "ohmytext",
    "mynewtext",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "12345678901234567890123456789012345678901234",
    "123456789012345678901234567890123456789012345",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];
/// Elements, members and fields.
const ELEMENTS: &[&str] = &[
    "a",
    "b",
    "c",
    "d",
    "1",
    "2",
    "3",
    "-7",
    "10",
    "32768",
    "-2147483649",
    "9223372036854775807",
    "007",
    "1.5",
    "2.5e1",
    "",
    "x\0y",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];
/// All beyond the time that a run takes, or long over.
const TTLS: &[&str] = &[
    "0",
    "-1",
    "100000",
    "100000000",
    "33177117420",
    "33177117420000",
    "9223372036854775",
    "9223372036854775807",
    "-9223372036854775808",
    "x",
    "1.5",
    "",
];
const FLOATS: &[&str] = &[
    "0.1",
    "-0.1",
    "0.2",
    "1",
    "1e2",
    "1.5e-5",
    "3.0000000001",
    "-1e300",
    "1e4930",
    "inf",
    "-inf",
    "nan",
    "0x10",
    "x",
    "",
    "1e-20",
    "123456789.987654321",
    "0.333333333333333333333",
    "5.",
    ".5",
];
const INTEGERS: &[&str] = &[
    "0",
    "1",
    "2",
    "-1",
    "-2",
    "5",
    "-5",
    "40",
    "-100",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "x",
    "",
    "1048576000000",
    "007",
];
/// Scores of members. No zero below zero: `SORT` turns small sorted sets of Redis, which do not
/// keep it, into others, which do. No number out of range: the `SORT` after it fails for that in
/// Redis.
const SCORES: &[&str] = &[
    "0",
    "1",
    "1",
    "2",
    "-1",
    "3",
    "10",
    "1.5",
    "-0.1",
    "0.1",
    "1e3",
    "-70000",
    "3000000000",
    "1e17",
    "123456789.987654321",
    "inf",
    "-inf",
    "+Infinity",
    "0x10",
    "1.7e308",
    "nan",
    "x",
    "",
    " 1",
];
/// Ends of a range of scores.
const BOUNDS: &[&str] = &[
    "-inf", "+inf", "-inf", "inf", "0", "1", "(1", "2", "(2", "-1", "(-1", "1.5", "(0.1", "1000",
    "(-inf", "(inf", "1e99", "(", "", " 1", "nan", "x", "((1",
];
/// Ends of a range of members.
const LEX_EDGES: &[&str] = &[
    "-",
    "+",
    "-",
    "+",
    "[a",
    "(a",
    "[b",
    "(c",
    "[d",
    "(element:30",
    "[element:70",
    "[1",
    "(32768",
    "[",
    "(",
    "",
    "x",
    "--",
    "[x\0y",
];
/// Counts of elements, none of which asks for much.
const COUNTS: &[&str] = &["0", "1", "2", "3", "10", "-1", "-3", "x", "", "1.0"];
const DATABASES: &[&str] =
    &["0", "1", "2", "0", "1", "2", "0", "1", "2", "99", "-1", "x", "2147483648"];
/// What `DUMP` gives for 10, for hello, and a damaged one.
const PAYLOADS: &[&[u8]] = &[
    b"\x00\xc0\n\n\x00n\x9fWE\x0e\xaec\xbb",
    b"\x00\x05hello\n\x00cr\xdfve4 \n",
    b"\x00\x05hellO\n\x00cr\xdfve4 \n",
    b"short",
];

/// The words of the kind that `kind` names.
///
/// # Panics
/// When there is no such kind.
pub(super) fn words(draw: &mut Draw, kind: &str) -> Vec<Vec<u8>> {
    let texts = match kind {
        "key" => KEYS,
        "value" => VALUES,
        "element" => ELEMENTS,
        "ttl" => TTLS,
        "float" => FLOATS,
        "int" => INTEGERS,
        "count" => COUNTS,
        "db" => DATABASES,
        "numkeys" => &["1", "2", "2", "2", "3", "0", "-1", "x"],
        "end" => &["LEFT", "RIGHT", "left", "right", "LEFT", "RIGHT", "middle"],
        "side" => &["BEFORE", "AFTER", "before", "beside"],
        "setopt" => &["NX", "XX", "GET", "KEEPTTL", "nx", "xx", "get", "EX", "PERSIST", "foo"],
        "ttlopt" => &["EX", "PX", "EXAT", "PXAT", "ex", "pxat"],
        "expireopt" => &["NX", "XX", "GT", "LT", "gt", "foo"],
        "lcsopt" => &["LEN", "IDX", "WITHMATCHLEN", "MINMATCHLEN", "foo"],
        "restoreopt" => &["REPLACE", "ABSTTL", "IDLETIME", "FREQ", "foo"],
        "lposopt" => &["RANK", "COUNT", "MAXLEN", "rank", "count", "foo"],
        "sortopt" => &["ASC", "DESC", "ALPHA", "desc", "alpha", "foo"],
        "sortpattern" => &["*", "w_*", "h_*->f", "h_*->", "nothing_*", "#", "nosort", "->*"],
        "pattern" => &["*", "a*", "?", "[a-b]", "k?y", "", "**", "[^a]*"],
        "type" => &["string", "STRING", "list", "set", "zset", "hash", "foo"],
        "score" => SCORES,
        "bound" => BOUNDS,
        "lex" => LEX_EDGES,
        "zaddopt" => &["NX", "XX", "GT", "LT", "CH", "INCR", "nx", "xx", "ch", "foo"],
        "rangeopt" => &["WITHSCORES", "REV", "BYSCORE", "withscores", "rev", "LIMIT", "foo"],
        "algebraopt" => &["WITHSCORES", "WEIGHTS", "AGGREGATE", "withscores", "LIMIT", "foo"],
        "aggregate" => &["SUM", "MIN", "MAX", "sum", "min", "max", "avg"],
        "minmax" => &["MIN", "MAX", "min", "max", "MIN", "MAX", "LEFT"],
        // Which of two is later must not hang on the millisecond in which a server gets to them.
        "apart" => return vec![(100_000 + draw.below(10_000) * 7_919).to_string().into_bytes()],
        "payload" => return vec![draw.one_of(PAYLOADS).to_vec()],
        "elements" => return several(draw, 5),
        "pairs" => {
            let count = 1 + draw.below(4);
            return (0..count * 2).map(|_| draw.one_of(ELEMENTS).as_bytes().to_vec()).collect();
        }
        "scored" => {
            let count = 1 + draw.below(4);
            let mut pair = || [draw.one_of(SCORES), draw.one_of(ELEMENTS)];
            let words = (0..count).flat_map(|_| pair().map(|word| word.as_bytes().to_vec()));
            return words.collect();
        }
        "level" => {
            return several(draw, 9).into_iter().flat_map(|word| [b"7".to_vec(), word]).collect();
        }
        "manylevel" => {
            let members = many(draw, 1).into_iter();
            return members.flat_map(|member| [b"7".to_vec(), member]).collect();
        }
        "manyscored" => {
            let (members, of) = (many(draw, 1), 1 + draw.below(300));
            let scored = |(number, member): (usize, Vec<u8>)| {
                [(number as u64 * 7 % of).to_string().into_bytes(), member]
            };
            return members.into_iter().enumerate().flat_map(scored).collect();
        }
        "many" => return many(draw, 1),
        "manypairs" => return many(draw, 2),
        other => panic!("no words of the kind {other} are drawn"),
    };
    vec![draw.one_of(texts).as_bytes().to_vec()]
}

fn several(draw: &mut Draw, most: u64) -> Vec<Vec<u8>> {
    let count = 1 + draw.below(most);
    (0..count).map(|_| draw.one_of(ELEMENTS).as_bytes().to_vec()).collect()
}

/// Enough to leave the compact encodings, in each of the ways that there are.
fn many(draw: &mut Draw, per_element: u64) -> Vec<Vec<u8>> {
    let count = *draw.one_of(&[20, 127, 128, 129, 511, 512, 513, 600]);
    let first = draw.below(1_000);
    let texts = draw.below(2) == 0;
    let word = |number: u64| {
        if texts { format!("element:{number}") } else { number.to_string() }.into_bytes()
    };
    (0..count * per_element).map(|number| word(first + number)).collect()
}
