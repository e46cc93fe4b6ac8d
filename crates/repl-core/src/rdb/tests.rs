//! The room as a whole: what is written can be read, by whatever pieces it arrives in, and what is
//! damaged is refused.

use alloc::{format, string::String, vec, vec::Vec};

use arbitrary::{Arbitrary as _, Unstructured};

use super::{
    Checksum, Compression, Decoder, Encoder, Fed, Limits, Options, RdbError, RdbErrorKind, Sink,
    crc64,
    sample::{Event, Recorder, Sample},
};
use crate::base::{
    rng::{Rng, Seed},
    time::UnixMillis,
};
use crate::value::Value;

/// Snapshots saved by redis-server 7.0.15.
mod fixture {
    /// Every encoding of a short string, two databases, an expiry.
    pub(super) const STRINGS: &[u8] = include_bytes!("fixtures/strings.rdb7");
    /// A library of functions, idle times, `rdbchecksum no`.
    pub(super) const FUNCTIONS_LRU: &[u8] = include_bytes!("fixtures/functions_lru.rdb7");
    /// Compressed values of 4 and 70 kB, a compressed key, frequencies.
    pub(super) const LFU_LARGE: &[u8] = include_bytes!("fixtures/lfu_large.rdb7");
}

/// What becomes of a stream that comes in the given pieces: what the sink heard, and the end.
fn outcome<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Event>, Result<Fed, RdbError>) {
    let mut decoder = Decoder::new(Limits::default());
    let mut sink = Recorder::default();
    let mut before = 0;
    for piece in pieces {
        match decoder.feed(piece, &mut sink) {
            Ok(Fed::More) => before += piece.len(),
            Ok(Fed::Done { consumed }) => {
                // Counted from the start of the stream, so that it can be compared.
                return (sink.events, Ok(Fed::Done { consumed: before + consumed }));
            }
            Err(error) => return (sink.events, Err(error)),
        }
    }
    (sink.events, Ok(Fed::More))
}

fn whole(bytes: &[u8]) -> (Vec<Event>, Result<Fed, RdbError>) {
    outcome([bytes])
}

/// What the stream is refused for. Asks in one piece and byte by byte.
fn refusal(bytes: &[u8]) -> RdbError {
    let (events, end) = whole(bytes);
    assert_eq!(outcome(bytes.chunks(1)), (events, end));
    end.expect_err("the stream should be refused")
}

/// The first `count` samples of a seed.
fn samples(purpose: &str, count: usize) -> impl Iterator<Item = Sample> {
    let mut rng = Rng::new(Seed::from_u64(1), purpose);
    (0..count).map(move |_| {
        let bytes: Vec<u8> =
            (0..1 << rng.below(9)).flat_map(|_| rng.bits().to_le_bytes()).collect();
        Sample::arbitrary(&mut Unstructured::new(&bytes))
            .expect("arbitrary makes do with any bytes")
    })
}

/// A snapshot of the given body, with its checksum.
fn sealed(signature: &[u8], body: &[u8]) -> Vec<u8> {
    let mut bytes = [signature, body, b"\xff"].concat();
    let crc = crc64::update(0, &bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes
}

fn string(key: &str, value: &str, expires_at: Option<i64>) -> Event {
    Event::String(key.into(), value.into(), expires_at.map(UnixMillis))
}

fn hexdump(bytes: &[u8]) -> String {
    let line = |chunk: &[u8]| {
        let hex: Vec<String> = chunk.iter().map(|byte| format!("{byte:02x}")).collect();
        let text: String = chunk
            .iter()
            .map(|byte| if byte.is_ascii_graphic() { char::from(*byte) } else { '.' })
            .collect();
        format!("{:47}  {text}", hex.join(" "))
    };
    bytes.chunks(16).map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_is_written_is_read_back() {
    for sample in samples("round trip", 2000) {
        let bytes = sample.encode();
        let end = Ok(Fed::Done { consumed: bytes.len() });
        assert_eq!(whole(&bytes), (sample.events, end));
    }
}

#[test]
fn pieces_of_any_size_say_the_same() {
    let bytes = samples("pieces", 60).map(|sample| sample.encode());
    let fixtures = [fixture::STRINGS, fixture::FUNCTIONS_LRU, fixture::LFU_LARGE];
    for bytes in bytes.chain(fixtures.map(<[u8]>::to_vec)) {
        let expected = whole(&bytes);
        for size in [1, 2, 3, 7, 16, 100, 4096] {
            assert_eq!(outcome(bytes.chunks(size)), expected, "in pieces of {size}");
        }
        for at in 0..=bytes.len() {
            let (head, tail) = bytes.split_at(at);
            assert_eq!(outcome([head, tail]), expected, "split at {at}");
        }
    }
}

#[test]
fn what_follows_the_snapshot_is_left_alone() {
    let mut bytes = fixture::STRINGS.to_vec();
    let end = bytes.len();
    bytes.extend_from_slice(b"*1\r\n$4\r\nPING\r\n");
    assert_eq!(whole(&bytes).1, Ok(Fed::Done { consumed: end }));
    assert_eq!(outcome(bytes.chunks(5)).1, Ok(Fed::Done { consumed: end }));
}

#[test]
fn after_the_end_nothing_is_taken_and_after_an_error_it_is_repeated() {
    let mut sink = Recorder::default();
    let mut decoder = Decoder::new(Limits::default());
    assert_eq!(decoder.feed(&fixture::STRINGS[..5], &mut sink), Ok(Fed::More));
    let unexpected = RdbError { at: 5, kind: RdbErrorKind::UnexpectedEnd };
    assert_eq!(decoder.finish(), Err(unexpected));
    let consumed = fixture::STRINGS.len() - 5;
    assert_eq!(decoder.feed(&fixture::STRINGS[5..], &mut sink), Ok(Fed::Done { consumed }));
    assert_eq!(decoder.kept_bytes(), 0);
    assert_eq!(decoder.feed(b"more", &mut sink), Ok(Fed::Done { consumed: 0 }));
    assert_eq!(decoder.finish(), Ok(()));

    let mut decoder = Decoder::new(Limits::default());
    let error = RdbError { at: 0, kind: RdbErrorKind::WrongSignature };
    assert_eq!(decoder.feed(b"<!DOCTYPE html>", &mut sink), Err(error));
    assert_eq!(decoder.feed(fixture::STRINGS, &mut sink), Err(error));
    assert_eq!(decoder.finish(), Err(error));
}

#[test]
fn a_truncated_snapshot_asks_for_more() {
    for bytes in samples("truncated", 100).map(|sample| sample.encode()) {
        for end in 0..bytes.len() {
            assert_eq!(whole(&bytes[..end]).1, Ok(Fed::More), "cut at {end}");
        }
    }
}

/// The checksum cannot see a flip that makes the snapshot seem to end early and be followed by
/// eight zeros, or that makes its version one without checksum. Both leave input over, and that
/// is why [`Fed::Done`] says to compare the length.
#[test]
fn a_flipped_byte_never_passes_for_a_snapshot_of_the_same_length() {
    for mut sample in samples("flipped", 40) {
        sample.options.checksum = Checksum::On;
        let mut bytes = sample.encode();
        for at in 0..bytes.len() {
            for flip in [0x01, 0x80, 0xff, bytes[at]] {
                if flip == 0 {
                    continue;
                }
                bytes[at] ^= flip;
                let (_, end) = whole(&bytes);
                assert_ne!(end, Ok(Fed::Done { consumed: bytes.len() }), "byte {at} ^ {flip:#x}");
                bytes[at] ^= flip;
            }
        }
    }
}

#[test]
fn noise_is_refused_or_read_but_never_panics() {
    let mut rng = Rng::new(Seed::from_u64(1), "noise");
    for _ in 0..20_000 {
        let mut bytes = b"REDIS0010".to_vec();
        // Opcodes and small numbers, which lead further than evenly spread bytes do.
        bytes.extend((0..rng.below(60)).map(|_| match rng.below(3) {
            0 => 243 + rng.below(13) as u8,
            1 => rng.below(6) as u8,
            _ => rng.bits() as u8,
        }));
        assert_eq!(outcome(bytes.chunks(1)), whole(&bytes));
    }
}

#[test]
fn snapshots_saved_by_redis_are_read() {
    let (events, end) = whole(fixture::STRINGS);
    assert_eq!(end, Ok(Fed::Done { consumed: fixture::STRINGS.len() }));
    let first = events.iter().position(|event| *event == Event::SelectDb(0)).expect("database 0");
    let version = Event::Aux(b"redis-ver".to_vec(), b"7.0.15".to_vec());
    let bits = Event::Aux(b"redis-bits".to_vec(), b"64".to_vec());
    assert!(events.starts_with(&[version, bits]));
    assert_eq!(
        events[first..],
        [
            Event::SelectDb(0),
            Event::ResizeDb(11, 1),
            string("k", "v", None),
            string("aaa", &"a".repeat(100), None),
            string("txt", "hello hello hello hello hello hello world", None),
            string("n", "12345", None),
            string("i8", "-128", None),
            string("notint", "007", None),
            string("rnd", "0123456789abcdefghijklmnopq", None),
            string("big", "2147483648", None),
            string("e", "", None),
            string("m", "-2147483648", None),
            string("exp", "1", Some(4_102_444_800_123)),
            Event::SelectDb(3),
            Event::ResizeDb(1, 0),
            string("other", "db", None),
        ]
    );
}

#[test]
fn functions_idle_times_and_frequencies_of_redis_are_read() {
    let (events, end) = whole(fixture::FUNCTIONS_LRU);
    assert_eq!(end, Ok(Fed::Done { consumed: fixture::FUNCTIONS_LRU.len() }));
    let code = events.iter().find_map(|event| match event {
        Event::Function(code) => Some(code.as_slice()),
        Event::Aux(..)
        | Event::SelectDb(_)
        | Event::ResizeDb(..)
        | Event::String(..)
        | Event::Value(..) => None,
    });
    let code = code.expect("the fixture holds a library");
    assert!(code.starts_with(b"#!lua name=lab\nredis.register_function('hello'"));
    let session = "user=1;user=2;user=3;user=4;user=5;user=6";
    assert!(events.ends_with(&[
        Event::SelectDb(0),
        Event::ResizeDb(2, 1),
        string("lfu", "v", None),
        string("session", session, Some(4_102_444_800_000)),
        Event::SelectDb(15),
        Event::ResizeDb(1, 0),
        string("lru", "1", None),
    ]));

    let (events, end) = whole(fixture::LFU_LARGE);
    assert_eq!(end, Ok(Fed::Done { consumed: fixture::LFU_LARGE.len() }));
    let strings: Vec<&Event> =
        events.iter().filter(|event| matches!(event, Event::String(..))).collect();
    assert_eq!(strings.len(), 3);
    assert!(strings.contains(&&string("run", &"x".repeat(70_000), None)));
    assert!(strings.contains(&&string(&"k".repeat(100), "key is compressed as well", None)));
}

/// The same keys as in the fixture, in the same order, give the same bytes from the first key on,
/// except for the compressed strings, where other choices are as good.
#[test]
fn without_compression_we_write_what_redis_wrote() {
    let mut encoder =
        Encoder::new(Options { compression: Compression::Off, checksum: Checksum::On });
    let mut ours = Vec::new();
    encoder.header(&mut ours);
    encoder.aux(&mut ours, b"redis-ver", b"7.0.15");
    encoder.aux(&mut ours, b"redis-bits", b"64");
    let head = ours.len();
    assert_eq!(ours, fixture::STRINGS[..head]);
    encoder.select_db(&mut ours, 3);
    encoder.resize_db(&mut ours, 1, 0);
    encoder.string(&mut ours, b"exp", b"1", Some(UnixMillis(4_102_444_800_123)));
    encoder.string(&mut ours, b"m", b"-2147483648", None);
    encoder.end(&mut ours);
    insta::assert_snapshot!(hexdump(&ours), @r"
    52 45 44 49 53 30 30 31 30 fa 09 72 65 64 69 73  REDIS0010..redis
    2d 76 65 72 06 37 2e 30 2e 31 35 fa 0a 72 65 64  -ver.7.0.15..red
    69 73 2d 62 69 74 73 c0 40 fe 03 fb 01 00 fc 7b  is-bits.@......{
    d8 c3 2c bb 03 00 00 00 03 65 78 70 c0 01 00 01  ..,......exp....
    6d c2 00 00 00 80 ff 41 ed 09 7e e9 68 42 9b     m......A..~.hB.
    ");
}

#[test]
fn draining_between_items_changes_nothing() {
    for sample in samples("drained", 50) {
        let mut encoder = Encoder::new(sample.options);
        let (mut all, mut out) = (Vec::new(), Vec::new());
        encoder.header(&mut out);
        for event in &sample.events {
            all.append(&mut out);
            event.write(&mut encoder, &mut out);
        }
        all.append(&mut out);
        encoder.end(&mut out);
        all.append(&mut out);
        assert_eq!(all, sample.encode());
    }
}

#[test]
fn a_wrong_checksum_is_refused_and_zero_is_not_checked() {
    let mut bytes = fixture::STRINGS.to_vec();
    let checksum_at = bytes.len() - 8;
    bytes[checksum_at] ^= 1;
    let error = refusal(&bytes);
    assert_eq!(error.at, checksum_at as u64);
    // The two numbers stand as in the log of Redis.
    insta::assert_snapshot!(
        error.kind,
        @"Wrong RDB checksum expected: (7142de5208bcda82) but got (7142de5208bcda83)."
    );
    bytes[checksum_at..].fill(0);
    assert_eq!(whole(&bytes).1, Ok(Fed::Done { consumed: bytes.len() }));
}

#[test]
fn versions_are_those_of_the_peers() {
    let end = |signature: &[u8]| whole(&sealed(signature, b"")).1;
    let refused =
        |version| Err(RdbError { at: 0, kind: RdbErrorKind::UnsupportedVersion(version) });
    for signature in [b"REDIS0005", b"REDIS0009", b"REDIS0010", b"REDIS0014", b"VALKEY080"] {
        assert_eq!(end(signature), Ok(Fed::Done { consumed: 18 }));
    }
    // Before version 5 there was no checksum.
    assert_eq!(end(b"REDIS0004"), Ok(Fed::Done { consumed: 10 }));
    assert_eq!(end(b"REDIS0000"), refused(0));
    assert_eq!(end(b"REDIS0015"), refused(15));
    assert_eq!(end(b"REDIS0080"), refused(80));
    assert_eq!(end(b"VALKEY011"), refused(11));
    assert_eq!(end(b"VALKEY081"), refused(81));
    // As in Redis, what is no number counts as zero.
    assert_eq!(end(b"REDIS+010"), refused(0));
    assert_eq!(end(b"VALKEYx80"), refused(0));
    for signature in [b"redis0010", b"REDIX0010", b"VALKEX080"] {
        assert_eq!(end(signature), Err(RdbError { at: 0, kind: RdbErrorKind::WrongSignature }));
    }
    assert_eq!(format!("{}", refusal(b"REDIS0015").kind), "Can't handle RDB format version 15");
}

/// The body is passed over up to the key `k` that follows it.
fn check_skipped(signature: &[u8], body: &[u8]) {
    let bytes = sealed(signature, &[body, b"\x00\x01k\x01v"].concat());
    let expected = (vec![string("k", "v", None)], Ok(Fed::Done { consumed: bytes.len() }));
    assert_eq!(whole(&bytes), expected);
    assert_eq!(outcome(bytes.chunks(1)), expected);
}

#[test]
fn what_means_nothing_to_us_is_passed_over() {
    check_skipped(b"REDIS0012", b"\xf4\x01\x02\x03");
    // A module's value: 1 int, 2 uint, 3 f32, 4 f64, 5 string, 0 end.
    let value = b"\x01\x05\x02\x40\xff\x03abcd\x04abcdefgh\x05\x03xyz\x05\xc0\x07\x00";
    let aux = [b"\xf7\x81abcdefgh\x02\x01", &value[..]].concat();
    check_skipped(b"REDIS0010", &aux);
    check_skipped(b"REDIS0010", &[&aux[..], &aux[..]].concat());
    let meta = [b"\xf3\x02clsA", &value[..], b"clsB", &value[..]].concat();
    check_skipped(b"REDIS0013", &meta);
    check_skipped(b"REDIS0013", b"\xf3\x00");
    check_skipped(b"VALKEY080", b"\xf3\x03job\x02\x00\x05\x40\x64\x40\xc8");
    check_skipped(b"VALKEY080", b"\xf3\x03job\x00");
    check_skipped(b"REDIS0010", b"\xf8\x40\xff\xf9\x07");
}

#[test]
fn both_units_of_expiry_are_read_for_the_next_key_only() {
    let body = b"\xfd\x02\x00\x00\x00\x00\x01a\x00\
        \x00\x01b\x00\
        \xfc\x03\x00\x00\x00\x00\x00\x00\x00\xfe\x01\xf9\x00\x00\x01c\x00\
        \xfc\xff\xff\xff\xff\xff\xff\xff\xff\x00\x01d\x00";
    let (events, _) = whole(&sealed(b"REDIS0010", body));
    assert_eq!(
        events,
        [
            string("a", "", Some(2000)),
            string("b", "", None),
            Event::SelectDb(1),
            string("c", "", Some(3)),
            string("d", "", None),
        ]
    );
}

fn check_refused(body: &[u8], at: u64, kind: RdbErrorKind) {
    let bytes = [b"REDIS0010", body].concat();
    assert_eq!(refusal(&bytes), RdbError { at: 9 + at, kind });
}

#[test]
fn what_cannot_be_read_is_named_with_its_place() {
    check_refused(b"\x06\x01k", 0, RdbErrorKind::UnsupportedType(6));
    check_refused(b"\x03\x01k\x01\x01m\xfd", 4, RdbErrorKind::NotANumber);
    check_refused(b"\x03\x01k\x02\x01m\x011\x01n\x01x", 8, RdbErrorKind::MalformedScore);
    check_refused(b"\xfe\x00\xf2", 2, RdbErrorKind::UnsupportedType(242));
    check_refused(b"\xf6", 0, RdbErrorKind::PreReleaseFunctions);
    check_refused(b"\xfe\x82", 1, RdbErrorKind::UnknownLength(0x82));
    check_refused(b"\xfb\x00\xc0", 2, RdbErrorKind::UnknownLength(0xc0));
    check_refused(b"\x00\x01k\xc4", 3, RdbErrorKind::UnknownStringEncoding(4));
    check_refused(b"\xf7\x00\x02\x01\x06", 4, RdbErrorKind::UnknownModulePart(6));
    check_refused(b"\x00\x01k\xc3\x02\x05\x09a", 0, RdbErrorKind::MalformedLzf);
}

#[test]
fn announced_lengths_are_checked_before_they_are_believed() {
    let too_long = RdbErrorKind::StringTooLong;
    check_refused(b"\x00\x80\x20\x00\x00\x01", 1, too_long((512 << 20) + 1));
    check_refused(b"\x00\x81\xff\xff\xff\xff\xff\xff\xff\xff", 1, too_long(u64::MAX));
    check_refused(b"\x00\xc3\x01\x80\x20\x00\x00\x01", 1, too_long((512 << 20) + 1));
    check_refused(b"\x00\xc3\x80\x20\x00\x00\x01\x01", 1, too_long((512 << 20) + 1));
    // Three compressed bytes make at most 264.
    check_refused(b"\x00\xc3\x03\x41\x09", 1, RdbErrorKind::MalformedLzf);

    // The longest string that is allowed is waited for, not reserved.
    let mut decoder = Decoder::new(Limits::default());
    let mut sink = Recorder::default();
    let fed = decoder.feed(b"REDIS0010\x00\x80\x20\x00\x00\x00abc", &mut sink);
    assert_eq!(fed, Ok(Fed::More));
    assert!(decoder.kept_bytes() < 100);
}

#[test]
fn a_large_buffer_is_given_back() {
    let mut encoder =
        Encoder::new(Options { compression: Compression::On, checksum: Checksum::On });
    let mut bytes = Vec::new();
    let noise: Vec<u8> = (0..1_000_000_u32).map(|i| (i.wrapping_mul(i) >> 7) as u8).collect();
    encoder.header(&mut bytes);
    encoder.string(&mut bytes, b"noise", &noise, None);
    encoder.string(&mut bytes, b"run", &[b'x'; 1_000_000], None);
    encoder.aux(&mut bytes, b"a", b"b");
    let mut decoder = Decoder::new(Limits::default());
    for piece in bytes.chunks(1000) {
        assert_eq!(decoder.feed(piece, &mut Recorder::default()), Ok(Fed::More));
    }
    assert!(decoder.kept_bytes() <= 4 * 64 * 1024, "{}", decoder.kept_bytes());
}

/// Refuses the second database and the second key.
#[derive(Default)]
struct Strict {
    keys: u32,
}

impl Sink for Strict {
    fn aux(&mut self, _name: &[u8], _value: &[u8]) {}

    fn select_db(&mut self, db: u64) -> Result<(), RdbErrorKind> {
        if db == 0 { Ok(()) } else { Err(RdbErrorKind::TooManyDatabases(1)) }
    }

    fn resize_db(&mut self, _keys: u64, _expires: u64) {}

    fn string(
        &mut self,
        _key: &[u8],
        _value: &[u8],
        _expires_at: Option<UnixMillis>,
    ) -> Result<(), RdbErrorKind> {
        self.keys += 1;
        if self.keys < 2 { Ok(()) } else { Err(RdbErrorKind::DuplicateKey) }
    }

    fn value(
        &mut self,
        key: &[u8],
        _value: Value,
        expires_at: Option<UnixMillis>,
    ) -> Result<(), RdbErrorKind> {
        self.string(key, b"", expires_at)
    }

    fn function(&mut self, _code: &[u8]) -> Result<(), RdbErrorKind> {
        Err(RdbErrorKind::UnusableFunctions)
    }
}

#[test]
fn what_the_sink_refuses_ends_the_load_at_that_item() {
    let check = |body: &[u8], at: u64, kind| {
        let bytes = [b"REDIS0010", body].concat();
        let end = Decoder::new(Limits::default()).feed(&bytes, &mut Strict::default());
        assert_eq!(end, Err(RdbError { at: 9 + at, kind }));
    };
    check(b"\xfe\x00\xfe\x01\xff", 2, RdbErrorKind::TooManyDatabases(1));
    check(b"\x00\x01k\x01v\x00\x01k\x01w\xff", 5, RdbErrorKind::DuplicateKey);
    check(b"\xf5\x01x\xff", 0, RdbErrorKind::UnusableFunctions);
}
