//! Collections as other servers send them: dumped by redis-server 7.0.15, or made by hand after
//! the formats of earlier and later ones.

use alloc::{format, string::String, vec::Vec};

use crate::{
    rdb::{DumpError, Restored, crc64, restore},
    value::{Shape, Value, View},
};

/// A payload of the given type and body, with version and checksum.
fn sealed(body: &[u8]) -> Vec<u8> {
    let mut payload = [body, &[10, 0]].concat();
    payload.extend_from_slice(&crc64::update(0, &payload).to_le_bytes());
    payload
}

/// The elements, separated by blanks.
fn show(value: &Value) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let parts: Vec<String> = match View::from(value) {
        View::String(_) => unreachable!("a value is no string"),
        View::List(list) => list.iter().map(text).collect(),
        View::Set(set) => set.iter().map(|item| text(item.text(&mut [0; 20]))).collect(),
        View::SortedSet(set) => {
            set.iter().map(|(member, score)| format!("{}={score}", text(member))).collect()
        }
        View::Hash(hash) => {
            hash.iter().map(|(field, value)| format!("{}={}", text(field), text(value))).collect()
        }
    };
    parts.join(" ")
}

fn read(payload: &[u8]) -> Result<String, DumpError> {
    match restore(payload, 1 << 20, Shape::default())? {
        Restored::Value(value) => Ok(show(&value)),
        Restored::String(_) => Err(DumpError::Value),
    }
}

/// A ziplist of these encoded elements, each with the size of the one before it.
fn ziplist(elements: &[&[u8]]) -> Vec<u8> {
    let (mut body, mut before) = (Vec::new(), 0);
    for element in elements {
        body.push(before);
        body.extend_from_slice(element);
        before = element.len() as u8 + 1;
    }
    let bytes = 4 + 4 + 2 + body.len() + 1;
    let mut list = (bytes as u32).to_le_bytes().to_vec();
    list.extend_from_slice(&[0; 4]);
    list.extend_from_slice(&(elements.len() as u16).to_le_bytes());
    list.extend_from_slice(&body);
    list.push(0xff);
    list
}

/// `blob` as a string under 64 bytes.
fn short(blob: &[u8]) -> Vec<u8> {
    assert!(blob.len() < 64, "the length takes six bits");
    [&[blob.len() as u8], blob].concat()
}

#[rustfmt::skip]
const BY_REDIS: [(&[u8], &str); 8] = [
    (
        b"\x12\x01\x02\xc37@y\x1ay\x00\x00\x00\x09\x00\x81a\x02\x0c\x01\xdf\xfb\x02\xcf\
        \xa0\x02\xf2\x90\xee\xfe\x04\xf4\x00^\xd0\xb2 \x19\x02\x00\x09\xf4 \x04@\x00\x04\
        \x80\x09\xe0Fx\xe0<\x00\x06H\xf2\xff\xff\x7f\x04\xff\x0a\x00k_\xcd'\xac>\xe9\xd3",
        "a 12 -5 4000 -70000 3000000000 -922337203685477580\
        8 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx 8388607",
    ),
    (
        b"\x12\x02\x02\x10\x10\x00\x00\x00\x03\x00\x81a\x02\x81b\x02\x81c\x02\xff\x02\x0d\
        \x0d\x00\x00\x00\x02\x00\x81d\x02\x81e\x02\xff\x0a\x00D\x185\xab\xcb\xb6d\xa6",
        "a b c d e",
    ),
    (
        b"\x0b\x0e\x02\x00\x00\x00\x03\x00\x00\x00\xfe\xff\x01\x00,\x01\x0a\x00[\x0a\xa8b\
        \xf7\x94`\x0a",
        "-2 1 300",
    ),
    (
        b"\x0b\x10\x04\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00p\x11\x01\x00\x0a\x00'5C\
        n\xfdfV\xc4",
        "1 70000",
    ),
    (
        b"\x0b\x18\x08\x00\x00\x00\x02\x00\x00\x00\x01\x18\x89\xb7\xe8\xff\xff\xff\x01\x00\
        \x00\x00\x00\x00\x00\x00\x0a\x00k;\xd6\xd14\x8bn\x81",
        "-99999999999 1",
    ),
    (
        b"\x10\x15\x15\x00\x00\x00\x04\x00\x81f\x02\x01\x01\x81g\x02\x84text\x05\xff\x0a\
        \x00\xa5\xf2\x1an\x9b\xea\x92;",
        "f=1 g=text",
    ),
    (
        b"\x1111\x00\x00\x00\n\x00\x81c\x02\x84-inf\x05\x81e\x02\xf2\x90\xee\xfe\x04\x81a\x02\x01\
        \x01\x0c\x01\x832.5\x04\x81d\x02\xf4\x00\x00\x8a]xEc\x01\t\xff\n\x00#\x1a^r0f\"\x10",
        "c=-inf e=-70000 a=1 12=2.5 d=100000000000000000",
    ),
    (
        b"\x05\x04\xc0\x0c\x00\x00\x00\x00\x00\x00\x04@\x01a\x00\x00\x00\x00\x00\x00\xf0?\x01x\x00\
        \x00\x00\x00\x00\x00\x00\x80\x01c\x00\x00\x00\x00\x00\x00\xf0\xff\n\
        \x00\x0c\xc4\x86/\x9e=\xf2\xa7",
        "c=-inf x=0 a=1 12=2.5",
    ),
];

#[test]
fn what_redis_dumps_is_read() {
    for (payload, expect) in BY_REDIS {
        assert_eq!(read(payload).as_deref(), Ok(expect));
    }
}

#[test]
fn ziplists_of_earlier_servers_are_read() {
    let numbers: [&[u8]; 7] = [
        b"\xf1",
        b"\xfd",
        b"\xfe\x80",
        b"\xc0\x2c\x01",
        b"\xf0\xff\xff\xff",
        b"\xd0\x00\x00\x00\x80",
        b"\xe0\xff\xff\xff\xff\xff\xff\xff\x7f",
    ];
    let texts: [&[u8]; 4] = [b"\x01a", b"\x40\x02bc", b"\x80\x00\x00\x00\x01d", b"\xf3"];
    let list = [&[10][..], &short(&ziplist(&numbers))].concat();
    let shown = "0 12 -128 300 -1 -2147483648 9223372036854775807";
    assert_eq!(read(&sealed(&list)).as_deref(), Ok(shown));
    let hash = [&[13][..], &short(&ziplist(&texts))].concat();
    assert_eq!(read(&sealed(&hash)).as_deref(), Ok("a=bc d=2"));
    let quick = [&[14, 2][..], &short(&ziplist(&texts)), &short(&ziplist(&texts[..1]))].concat();
    assert_eq!(read(&sealed(&quick)).as_deref(), Ok("a bc d 2 a"));
}

#[test]
fn sorted_sets_of_earlier_servers_are_read() {
    let list = ziplist(&[b"\x01b", b"\xf3", b"\x01a", b"\x032.5", b"\xf1", b"\x04-inf"]);
    let compact = [&[12][..], &short(&list)].concat();
    assert_eq!(read(&sealed(&compact)).as_deref(), Ok("0=-inf b=2 a=2.5"));
    let texts = b"\x03\x04\x01c\xfe\x01b\x033e2\x01a\xff\x01d\x0b0.100000001";
    assert_eq!(read(&sealed(texts)).as_deref(), Ok("a=-inf d=0.100000001 b=300 c=inf"));
    let bad: [&[u8]; 6] = [
        b"\x03\x01\x01a\xfd",
        b"\x03\x01\x01a\x00",
        b"\x03\x01\x01a\x03nan",
        b"\x03\x01\x01a\x031x2",
        b"\x03\x02\x01a\x011\x01a\x012",
        b"\x05\x01\x01a\x00\x00\x00\x00\x00\x00\xf8\x7f",
    ];
    for body in bad {
        assert_eq!(read(&sealed(body)), Err(DumpError::Value), "{}", body.escape_ascii());
    }
    for items in [&[&b"\x01a"[..]][..], &[b"\x01a", b"\x03nan"], &[b"\x01a", b"\x01x"]] {
        let compact = [&[12][..], &short(&ziplist(items))].concat();
        assert_eq!(read(&sealed(&compact)), Err(DumpError::Value));
    }
}

#[test]
fn sets_of_later_servers_and_nodes_of_one_element_are_read() {
    let set = b"\x14\x0d\x0d\x00\x00\x00\x02\x00\x81a\x02\xc1\x00\x02\xff";
    assert_eq!(read(&sealed(set)).as_deref(), Ok("a 256"));
    let twice = b"\x14\x0d\x0d\x00\x00\x00\x02\x00\x81a\x02\x81a\x02\xff";
    assert_eq!(read(&sealed(twice)), Err(DumpError::Value));
    let plain = b"\x12\x02\x01\x03abc\x01\x01d";
    assert_eq!(read(&sealed(plain)).as_deref(), Ok("abc d"));
    let unknown = b"\x12\x01\x03\x01d";
    assert_eq!(read(&sealed(unknown)), Err(DumpError::Value));
}

#[test]
fn a_value_without_elements_is_none() {
    for empty in [
        &b"\x01\x00"[..],
        b"\x02\x00",
        b"\x03\x00",
        b"\x04\x00",
        b"\x05\x00",
        b"\x0a\x0b\x0b\0\0\0\0\0\0\0\0\0\xff",
    ] {
        assert_eq!(read(&sealed(empty)), Err(DumpError::Value));
    }
}

#[test]
fn no_flipped_cut_or_added_byte_makes_it_panic() {
    let handmade = [&[14, 1][..], &short(&ziplist(&[b"\x01a", b"\xc0\x2c\x01"]))].concat();
    let redis = BY_REDIS.map(|(payload, _)| &payload[..payload.len() - 10]);
    for body in redis.into_iter().chain([&handmade[..]]) {
        for at in 0..body.len() {
            for flip in 1..=255 {
                let mut damaged = body.to_vec();
                damaged[at] ^= flip;
                drop(read(&sealed(&damaged)));
            }
            assert!(read(&sealed(&body[..at])).is_err(), "cut at {at}");
        }
        assert!(read(&sealed(&[body, b"x"].concat())).is_err());
    }
}
