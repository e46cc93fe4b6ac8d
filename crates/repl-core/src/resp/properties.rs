//! What must hold of requests for all bytes, as checks that take a source of choices: the tests of
//! this room feed them from a seed, the fuzz targets from a fuzzer.
//!
//! Each check panics when its property is broken. Must not be part of a server.

use alloc::{vec, vec::Vec};

use arbitrary::{Result, Unstructured};

use super::{Argv, Authenticated, Form, Limits, Parsed, Parser, ProtocolError, encode_command};

/// Limits so small that generated requests come to both sides of them.
pub const LIMITS: Limits = Limits { auth: Authenticated::Yes, proto_max_bulk_len: 1000 };

/// What a parser said, in a form that outlives its buffers.
#[derive(Debug, PartialEq, Eq)]
enum Event {
    Request { end: usize, form: Form, args: Vec<Vec<u8>> },
    Empty { end: usize },
    Refused(ProtocolError),
}

/// Whatever pieces the bytes of a connection arrive in, the same requests are read from them.
///
/// # Errors
/// When the choices run out.
pub fn pieces_do_not_matter(choices: &mut Unstructured<'_>) -> Result<()> {
    let limits = Limits {
        auth: if choices.ratio(1, 4)? { Authenticated::No } else { Authenticated::Yes },
        ..LIMITS
    };
    let bytes = connection(choices)?;
    any_bytes_in_any_pieces(&bytes, &limits);
    let mut ends = vec![];
    let mut end = 0;
    while end < bytes.len() {
        end += choices.int_in_range(1..=bytes.len() - end)?;
        ends.push(end);
    }
    assert_eq!(
        read(&bytes, &limits, ends),
        read(&bytes, &limits, [bytes.len()]),
        "{}",
        bytes.escape_ascii()
    );
    Ok(())
}

/// Bytes that arrive one by one, or in two pieces, are the same requests as when they come at once.
pub fn any_bytes_in_any_pieces(bytes: &[u8], limits: &Limits) {
    let whole = read(bytes, limits, [bytes.len()]);
    assert_eq!(read(bytes, limits, 0..=bytes.len()), whole, "{}", bytes.escape_ascii());
    // All cuts of a long input would cost more than they tell.
    for cut in 0..bytes.len().min(64) {
        let halves = read(bytes, limits, [cut, bytes.len()]);
        assert_eq!(halves, whole, "cut at {cut}: {}", bytes.escape_ascii());
    }
}

/// What is encoded is read back, and a request called canonical is exactly what encoding gives.
///
/// # Errors
/// When the choices run out.
pub fn encoding_is_read_back(choices: &mut Unstructured<'_>) -> Result<()> {
    let args = arguments(choices)?;
    let mut bytes = Vec::new();
    encode_command(&mut bytes, args.iter().map(Vec::as_slice));
    let expect = Event::Request { end: bytes.len(), form: Form::Canonical, args };
    assert_eq!(read(&bytes, &LIMITS, [bytes.len()]), [expect]);
    Ok(())
}

/// Every request that is called canonical may be copied verbatim, whatever was sent around it.
///
/// # Errors
/// When the choices run out.
pub fn canonical_is_what_encoding_gives(choices: &mut Unstructured<'_>) -> Result<()> {
    let bytes = connection(choices)?;
    let mut start = 0;
    for event in read(&bytes, &LIMITS, [bytes.len()]) {
        match event {
            Event::Request { end, form, args } => {
                let mut encoded = Vec::new();
                encode_command(&mut encoded, args.iter().map(Vec::as_slice));
                let is_verbatim = bytes.get(start..end) == Some(&encoded[..]);
                assert_eq!(is_verbatim, form == Form::Canonical, "{}", bytes.escape_ascii());
                start = end;
            }
            Event::Empty { end } => start = end,
            Event::Refused(_) => {}
        }
    }
    Ok(())
}

/// Reads all of `bytes` the way a node does, when they have arrived up to each of `ends` in turn.
///
/// The buffer is cut at every request, so that a request's place in it changes between two pieces.
fn read(bytes: &[u8], limits: &Limits, ends: impl IntoIterator<Item = usize>) -> Vec<Event> {
    let (mut parser, mut argv) = (Parser::new(), Argv::new());
    // Another connection's requests use the same scratch between two pieces.
    let (mut other_parser, other_bytes) = (Parser::new(), b"*2\r\n$1\r\na\r\n$1\r\nb\r\n");
    let mut events = Vec::new();
    let mut start = 0;
    for end in ends {
        let buf = bytes.get(start..end).unwrap_or_default();
        let base = start;
        loop {
            match parser.next(buf, start - base, limits, &mut argv) {
                Ok(Parsed::Request { end, form }) => {
                    start = base + end;
                    let args = argv.view(buf).iter().map(<[u8]>::to_vec).collect();
                    events.push(Event::Request { end: start, form, args });
                }
                Ok(Parsed::Empty { end }) => {
                    start = base + end;
                    events.push(Event::Empty { end: start });
                }
                Ok(Parsed::Incomplete) => break,
                Err(error) => {
                    events.push(Event::Refused(error));
                    return events;
                }
            }
        }
        let other = other_parser.next(other_bytes, 0, &LIMITS, &mut argv);
        assert!(matches!(other, Ok(Parsed::Request { form: Form::Canonical, .. })));
        assert_eq!(argv.view(other_bytes).iter().map(<[u8]>::len).sum::<usize>(), 2);
    }
    events
}

/// What a client might send: requests of every form, some of them damaged.
///
/// # Errors
/// When the choices run out.
pub fn connection(choices: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for _ in 0..choices.int_in_range(0..=6)? {
        match choices.int_in_range(0..=7)? {
            0..=2 => encode_command(&mut bytes, arguments(choices)?.iter().map(Vec::as_slice)),
            3 => inline(choices, &mut bytes)?,
            4 => sloppy(choices, &mut bytes)?,
            5 => bytes.extend_from_slice(choices.choose(&ODDITIES)?),
            _ => bytes.extend(text(choices, 12)?),
        }
    }
    if !bytes.is_empty() && choices.ratio(1, 4)? {
        let at = choices.choose_index(bytes.len())?;
        bytes[at] = symbol(choices)?;
    }
    Ok(bytes)
}

/// The arguments of one request, at least one.
///
/// # Errors
/// When the choices run out.
pub fn arguments(choices: &mut Unstructured<'_>) -> Result<Vec<Vec<u8>>> {
    let count = choices.int_in_range(1..=14)?;
    (0..count)
        .map(|_| match choices.int_in_range(0..=9)? {
            0 => Ok(vec![b'x'; choices.int_in_range(90..=1000)?]),
            _ => text(choices, 20),
        })
        .collect()
}

/// Beginnings of requests that are on the edge, or over it.
const ODDITIES: [&[u8]; 16] = [
    b"*0\r\n",
    b"*-1\r\n",
    b"*-9223372036854775808\r\n",
    b"*2147483647\r\n",
    b"*2147483648\r\n",
    b"*11\r\n",
    b"*+1\r\n",
    b"*01\r\n$4\r\nPING\r\n",
    b"*1\r\n$04\r\nPING\r\n",
    b"*1\r\n$0\r\n\r\n",
    b"*1\r\n$1001\r\n",
    b"*1\r\n$99999999999999999999\r\n",
    b"*2\r\n$1\r\na\r\n:1\r\n",
    b"\r\n",
    b" \t\r\n",
    b"\n",
];

/// A request with counts and lengths, but with other bytes where line ends should be.
fn sloppy(choices: &mut Unstructured<'_>, bytes: &mut Vec<u8>) -> Result<()> {
    let args = arguments(choices)?;
    let mut header = |bytes: &mut Vec<u8>, mark, count: usize| -> Result<()> {
        bytes.push(mark);
        bytes.extend_from_slice(alloc::format!("{count}\r").as_bytes());
        bytes.push(if choices.ratio(1, 3)? { symbol(choices)? } else { b'\n' });
        Ok(())
    };
    header(bytes, b'*', args.len())?;
    for arg in &args {
        header(bytes, b'$', arg.len())?;
        bytes.extend_from_slice(arg);
        bytes.extend_from_slice(b"\r\n");
    }
    Ok(())
}

/// A line of words, quoted or not.
fn inline(choices: &mut Unstructured<'_>, bytes: &mut Vec<u8>) -> Result<()> {
    for _ in 0..choices.int_in_range(0..=4)? {
        let quote: &[u8] = choices.choose(&[&b""[..], b"\"", b"'"])?;
        bytes.extend_from_slice(quote);
        bytes.extend((0..choices.int_in_range(0..=6)?).map(|_| b'w'));
        bytes.extend_from_slice(choices.choose(&[&b""[..], b"\\x4a", b"\\n", b"\\'", b"\\\""])?);
        bytes.extend_from_slice(quote);
        bytes.push(b' ');
    }
    bytes.extend_from_slice(choices.choose(&[&b"\r\n"[..], b"\n"])?);
    Ok(())
}

/// Up to `len_max` bytes, most of which mean something to the protocol.
fn text(choices: &mut Unstructured<'_>, len_max: usize) -> Result<Vec<u8>> {
    (0..choices.int_in_range(0..=len_max)?).map(|_| symbol(choices)).collect()
}

fn symbol(choices: &mut Unstructured<'_>) -> Result<u8> {
    Ok(match choices.int_in_range(0..=3)? {
        0 => choices.arbitrary()?,
        _ => *choices.choose(b"*$0123456789-\r\n\0 '\"\\xab")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::{Rng, Seed};

    /// Runs `property` on the choices of many seeds.
    fn check(purpose: &str, property: fn(&mut Unstructured<'_>) -> Result<()>) {
        let seeds = 4000;
        let mut whole = 0;
        for seed in 0..seeds {
            let mut rng = Rng::new(Seed::from_u64(seed), purpose);
            let bytes: Vec<u8> = (0..1024).flat_map(|_| rng.bits().to_le_bytes()).collect();
            whole += u64::from(property(&mut Unstructured::new(&bytes)).is_ok());
        }
        assert!(whole > seeds / 10 * 9, "the choices ran out in all but {whole} cases");
    }

    #[test]
    fn requests_do_not_depend_on_the_pieces_they_arrive_in() {
        check("pieces", pieces_do_not_matter);
    }

    #[test]
    fn what_is_encoded_is_read_back() {
        check("encoding", encoding_is_read_back);
    }

    #[test]
    fn only_what_encoding_gives_is_called_canonical() {
        check("canonical", canonical_is_what_encoding_gives);
    }
}
