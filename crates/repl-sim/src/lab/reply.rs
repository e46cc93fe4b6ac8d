//! RESP as a client needs it: writing requests, reading replies. What RESP3 adds is read as what
//! RESP2 has for it: a map and a push are arrays.

/// One reply of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// `+text`
    Simple(String),
    /// `-text`
    Error(String),
    /// `:number`
    Integer(i64),
    /// `$bytes`, or nil.
    Bulk(Option<Vec<u8>>),
    /// `*replies`, or nil.
    Array(Option<Vec<Self>>),
}

/// Bytes that are no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Appends a request made of these words.
pub(crate) fn push_request(into: &mut Vec<u8>, words: &[&[u8]]) {
    into.extend(format!("*{}\r\n", words.len()).bytes());
    for word in words {
        into.extend(format!("${}\r\n", word.len()).bytes());
        into.extend_from_slice(word);
        into.extend(b"\r\n");
    }
}

/// The first reply in `bytes` and its length, or `None` while it is incomplete.
pub(crate) fn parse(bytes: &[u8]) -> Result<Option<(Reply, usize)>, Malformed> {
    let Some(end) = bytes.windows(2).position(|pair| pair == b"\r\n") else { return Ok(None) };
    let (&mark, line) = bytes[..end].split_first().ok_or(Malformed)?;
    let after = end + 2;
    let text = || String::from_utf8_lossy(line).into_owned();
    let number = || {
        let digits = std::str::from_utf8(line).map_err(|_| Malformed)?;
        digits.parse::<i64>().map_err(|_| Malformed)
    };
    Ok(match mark {
        b'+' => Some((Reply::Simple(text()), after)),
        b'-' => Some((Reply::Error(text()), after)),
        b':' => Some((Reply::Integer(number()?), after)),
        b'$' => match usize::try_from(number()?) {
            Err(_) => Some((Reply::Bulk(None), after)),
            Ok(len) => {
                let Some(payload) = bytes.get(after..after + len + 2) else { return Ok(None) };
                let (payload, end) = payload.split_at(len);
                if end != b"\r\n" {
                    return Err(Malformed);
                }
                Some((Reply::Bulk(Some(payload.to_vec())), after + len + 2))
            }
        },
        b'_' => Some((Reply::Bulk(None), after)),
        b'*' | b'>' | b'~' | b'%' => match usize::try_from(number()?) {
            Err(_) => Some((Reply::Array(None), after)),
            Ok(count) => {
                let count = if mark == b'%' { count * 2 } else { count };
                let mut at = after;
                let mut items = Vec::new();
                for _ in 0..count {
                    let Some((item, len)) = parse(&bytes[at..])? else { return Ok(None) };
                    items.push(item);
                    at += len;
                }
                Some((Reply::Array(Some(items)), at))
            }
        },
        _ => return Err(Malformed),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_read_when_it_is_whole() {
        let bytes = b"*3\r\n$2\r\nab\r\n:-7\r\n$-1\r\n+next\r\n";
        for end in 0..bytes.len() - 7 {
            assert_eq!(parse(&bytes[..end]), Ok(None), "{end} bytes");
        }
        let items = vec![Reply::Bulk(Some(b"ab".into())), Reply::Integer(-7), Reply::Bulk(None)];
        assert_eq!(parse(bytes), Ok(Some((Reply::Array(Some(items)), bytes.len() - 7))));
        assert_eq!(parse(b"?\r\n"), Err(Malformed));
    }

    #[test]
    fn a_map_and_a_push_are_arrays() {
        let items = vec![Reply::Integer(1), Reply::Bulk(None)];
        let array = Ok(Some((Reply::Array(Some(items)), 11)));
        assert_eq!(parse(b"%1\r\n:1\r\n_\r\n"), array);
        assert_eq!(parse(b">2\r\n:1\r\n_\r\n"), array);
    }
}
