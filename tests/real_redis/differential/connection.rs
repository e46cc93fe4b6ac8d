//! A connection that keeps replies as they are on the wire, RESP2 and RESP3 alike: two nulls of
//! different kinds are different replies.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use crate::fixture::client::encode;

/// How long a reply may take.
const REPLY_WITHIN: Duration = Duration::from_secs(20);

/// One reply: the byte it begins with, and what follows.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Value {
    pub(super) mark: u8,
    pub(super) body: Body,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Body {
    /// A line, or the bytes of a bulk string.
    Text(Vec<u8>),
    /// The elements, those of a map one by one.
    Items(Vec<Value>),
    /// A null.
    Nothing,
}

impl Value {
    pub(super) fn is(&self, mark: u8, text: &[u8]) -> bool {
        self.mark == mark && self.body == Body::Text(text.to_vec())
    }

    /// The bytes of a bulk string.
    pub(super) fn bulk(&self) -> Option<&[u8]> {
        match &self.body {
            Body::Text(text) if self.mark == b'$' => Some(text),
            Body::Text(_) | Body::Items(_) | Body::Nothing => None,
        }
    }

    pub(super) fn items(&self) -> &[Self] {
        match &self.body {
            Body::Items(items) => items,
            Body::Text(_) | Body::Nothing => &[],
        }
    }

    pub(super) fn integer(&self) -> Option<i64> {
        match &self.body {
            Body::Text(text) if self.mark == b':' => std::str::from_utf8(text).ok()?.parse().ok(),
            Body::Text(_) | Body::Items(_) | Body::Nothing => None,
        }
    }
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mark = char::from(self.mark);
        match &self.body {
            Body::Text(text) => write!(f, "{mark}{}", text.escape_ascii()),
            Body::Items(items) => {
                write!(f, "{mark}")?;
                f.debug_list().entries(items).finish()
            }
            Body::Nothing => write!(f, "{mark}null"),
        }
    }
}

pub(super) struct Connection(BufReader<TcpStream>);

impl Connection {
    pub(super) fn to(port: u16) -> Self {
        let open = || -> io::Result<_> {
            let stream = TcpStream::connect(("127.0.0.1", port))?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(REPLY_WITHIN))?;
            stream.set_write_timeout(Some(REPLY_WITHIN))?;
            Ok(stream)
        };
        Self(BufReader::new(open().expect("the server accepts connections")))
    }

    pub(super) fn send(&mut self, commands: &[&[Vec<u8>]]) {
        let encoded = commands
            .iter()
            .flat_map(|words| encode(&words.iter().map(Vec::as_slice).collect::<Vec<_>>()));
        let bytes: Vec<u8> = encoded.collect();
        self.0.get_mut().write_all(&bytes).expect("the server takes commands");
    }

    /// Sends commands at once and reads a reply to each.
    pub(super) fn ask_all(&mut self, commands: &[&[Vec<u8>]]) -> Vec<Value> {
        self.send(commands);
        commands.iter().map(|_| self.reply()).collect()
    }

    pub(super) fn ask(&mut self, line: &str) -> Value {
        let words: Vec<Vec<u8>> = line.split(' ').map(|word| word.into()).collect();
        self.ask_all(&[&words]).pop().expect("one command has one reply")
    }

    /// The next reply or message.
    pub(super) fn reply(&mut self) -> Value {
        self.read().expect("the server replies to each command")
    }

    fn read(&mut self) -> io::Result<Value> {
        let mut line = Vec::new();
        self.0.read_until(b'\n', &mut line)?;
        let Some((&mark, rest)) = line.strip_suffix(b"\r\n").and_then(<[u8]>::split_first) else {
            return Err(io::Error::other(format!("no line of RESP: {line:?}")));
        };
        let count = || -> io::Result<i64> {
            let text = std::str::from_utf8(rest).map_err(io::Error::other)?;
            text.parse().map_err(io::Error::other)
        };
        let body = match mark {
            b'$' | b'=' => match usize::try_from(count()?) {
                Ok(length) => {
                    let mut text = vec![0; length + 2];
                    self.0.read_exact(&mut text)?;
                    text.truncate(length);
                    Body::Text(text)
                }
                Err(_) => Body::Nothing,
            },
            b'*' | b'~' | b'>' | b'%' => match usize::try_from(count()?) {
                Ok(length) => {
                    let length = if mark == b'%' { length * 2 } else { length };
                    Body::Items((0..length).map(|_| self.read()).collect::<io::Result<_>>()?)
                }
                Err(_) => Body::Nothing,
            },
            b'_' => Body::Nothing,
            _ => Body::Text(rest.to_vec()),
        };
        Ok(Value { mark, body })
    }
}
