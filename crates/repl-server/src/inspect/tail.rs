//! `repl-server tail HOST:PORT`: what a replica of that server would be told, command by command.
//!
//! Attaches as a replica, asks to go on from where the server is, and prints the offset of the last
//! byte of each command, its database and its words. Never acknowledges anything: `WAIT` does not
//! count it. A server without a backlog sends a snapshot instead, which is read past; servers from
//! 7.0 on are asked for one without keys.

use std::{
    collections::VecDeque,
    io::{Read as _, Write},
    net::TcpStream,
    time::Instant,
};

use repl_core::resp::{Argv, Limits, Parsed, Parser, encode_command};

use super::{InspectError, PATIENCE, Target, is_pause, quoted};

/// How often the server hears that somebody is there, in seconds: as often as from a replica.
const SIGN_EVERY_SECS: u64 = 1;

/// What is printed before the command ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// It ends when it is interrupted, or the server goes away.
    Interrupted,
    /// So many commands.
    Count(u64),
}

/// Prints the stream of `target` on `out`.
///
/// # Errors
/// The server cannot be reached, refuses, goes away, or `out` does not take the text.
pub fn tail(target: &Target, until: Until, out: &mut impl Write) -> Result<(), InspectError> {
    let mut wire = Wire::connect(target)?;
    let mut offset = wire.attach(out)?;
    let (mut parser, mut argv) = (Parser::new(), Argv::new());
    let (mut buffer, mut db) = (Vec::new(), String::from("?"));
    let mut printed = 0;
    loop {
        wire.sign_of_life()?;
        let mut at = 0;
        loop {
            let end = match parser.next(&buffer, at, &Limits::MASTER_LINK, &mut argv) {
                Ok(Parsed::Request { end, .. }) => {
                    let words = argv.view(&buffer);
                    offset += (end - at) as u64;
                    if words.name().eq_ignore_ascii_case(b"SELECT") {
                        let number = words.try_get(1).unwrap_or_default();
                        db = String::from_utf8_lossy(number).into_owned();
                    }
                    let shown: Vec<String> = words.iter().map(quoted).collect();
                    writeln!(out, "{offset} [{db}] {}", shown.join(" "))
                        .map_err(InspectError::Print)?;
                    printed += 1;
                    if until == Until::Count(printed) {
                        return out.flush().map_err(InspectError::Print);
                    }
                    end
                }
                Ok(Parsed::Empty { end }) => {
                    offset += (end - at) as u64;
                    end
                }
                Ok(Parsed::Incomplete) => break,
                Err(error) => return Err(wire.refused(format!("is no stream: {error}"))),
            };
            at = end;
        }
        buffer.drain(..at);
        out.flush().map_err(InspectError::Print)?;
        wire.read_more()?;
        buffer.extend(wire.unread.drain(..));
    }
}

/// A connection, and what has come over it.
struct Wire<'a> {
    target: &'a Target,
    stream: TcpStream,
    unread: VecDeque<u8>,
    signed_at: Option<Instant>,
}

impl<'a> Wire<'a> {
    fn connect(target: &'a Target) -> Result<Self, InspectError> {
        let stream = target.connect()?;
        Ok(Self { target, stream, unread: VecDeque::new(), signed_at: None })
    }

    fn refused(&self, answer: String) -> InspectError {
        InspectError::Refused(self.target.at.clone(), answer)
    }

    fn say(&mut self, words: &[&[u8]]) -> Result<(), InspectError> {
        let mut bytes = Vec::new();
        encode_command(&mut bytes, words.iter().copied());
        let sent = self.stream.write_all(&bytes);
        sent.map_err(|error| InspectError::Network(self.target.at.clone(), error))
    }

    /// Waits a moment for more bytes; there may be none.
    fn read_more(&mut self) -> Result<(), InspectError> {
        let mut room = [0; 16 * 1024];
        match self.stream.read(&mut room) {
            Ok(0) => Err(InspectError::Closed(self.target.at.clone())),
            Ok(count) => {
                self.unread.extend(room.iter().take(count));
                Ok(())
            }
            Err(error) if is_pause(&error) => Ok(()),
            Err(error) => Err(InspectError::Network(self.target.at.clone(), error)),
        }
    }

    fn byte(&mut self) -> Result<u8, InspectError> {
        let begun = Instant::now();
        loop {
            if let Some(byte) = self.unread.pop_front() {
                return Ok(byte);
            }
            if begun.elapsed() > PATIENCE {
                return Err(InspectError::Silent(self.target.at.clone()));
            }
            self.read_more()?;
        }
    }

    /// The next line that is not empty: empty ones are signs of life.
    fn line(&mut self) -> Result<String, InspectError> {
        let mut line = Vec::new();
        loop {
            match self.byte()? {
                b'\n' if line.is_empty() => {}
                b'\n' => return Ok(String::from_utf8_lossy(&line).trim_end().to_owned()),
                b'\r' => {}
                _ if line.len() > 1024 => return Err(self.refused("sends no lines".into())),
                byte => line.push(byte),
            }
        }
    }

    /// As `line`, but an error is one.
    fn accepted(&mut self) -> Result<String, InspectError> {
        let line = self.line()?;
        match line.strip_prefix('-') {
            Some(error) => Err(self.refused(error.to_owned())),
            None => Ok(line),
        }
    }

    /// Becomes a replica. Returns the offset behind which the stream begins.
    fn attach(&mut self, out: &mut impl Write) -> Result<u64, InspectError> {
        let Target { user, password, .. } = self.target;
        if !password.is_empty() {
            let words: &[&[u8]] = match user.is_empty() {
                true => &[b"AUTH", password.as_bytes()],
                false => &[b"AUTH", user.as_bytes(), password.as_bytes()],
            };
            self.say(words)?;
            self.accepted()?;
        }
        self.say(&[b"INFO", b"replication"])?;
        let (replid, offset) = self.place()?;
        self.say(&[b"REPLCONF", b"capa", b"eof", b"capa", b"psync2"])?;
        self.accepted()?;
        // Servers before 7.0 know no filters, and send all of it.
        self.say(&[b"REPLCONF", b"rdb-filter-only", b""])?;
        self.line()?;
        self.say(&[b"PSYNC", replid.as_bytes(), (offset + 1).to_string().as_bytes()])?;
        let answer = self.accepted()?;
        let tell = |out: &mut dyn Write, replid: &str, offset: u64| {
            writeln!(out, "# {} tells {replid} from byte {} on", self.target.at, offset + 1)
                .map_err(InspectError::Print)
        };
        if answer.starts_with("+CONTINUE") {
            let replid = answer.split(' ').nth(1).unwrap_or(&replid);
            tell(out, replid, offset)?;
            return Ok(offset);
        }
        let mut words = answer.split(' ');
        let (kind, replid) = (words.next(), words.next().unwrap_or_default());
        let offset = words.next().and_then(|word| word.parse().ok());
        let (Some("+FULLRESYNC"), Some(offset)) = (kind, offset) else {
            return Err(self.refused(format!("answers PSYNC with {answer}")));
        };
        tell(out, replid, offset)?;
        self.skip_payload()?;
        Ok(offset)
    }

    /// `master_replid` and `master_repl_offset` of `INFO replication`.
    fn place(&mut self) -> Result<(String, u64), InspectError> {
        let header = self.accepted()?;
        let length = header.strip_prefix('$').and_then(|digits| digits.parse::<usize>().ok());
        let length = length.filter(|length| *length < 1024 * 1024);
        let length = length.ok_or_else(|| self.refused("does not answer INFO".into()))?;
        let mut text = Vec::with_capacity(length);
        for _ in 0..length {
            text.push(self.byte()?);
        }
        let text = String::from_utf8_lossy(&text).into_owned();
        let field = |name: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once(':'));
            lines.find(|(field, _)| *field == name).map(|(_, value)| value.trim().to_owned())
        };
        let offset = field("master_repl_offset").and_then(|digits| digits.parse().ok());
        match (field("master_replid"), offset) {
            (Some(replid), Some(offset)) => Ok((replid, offset)),
            _ => Err(self.refused("tells no replication id in INFO".into())),
        }
    }

    /// Reads past the payload of a full sync: to its announced length, or to its mark.
    fn skip_payload(&mut self) -> Result<(), InspectError> {
        let header = self.accepted()?;
        let what = header.strip_prefix('$').unwrap_or_default();
        if let Some(mark) = what.strip_prefix("EOF:") {
            let mut last = VecDeque::with_capacity(mark.len());
            while !last.iter().eq(mark.as_bytes()) {
                if last.len() == mark.len() {
                    last.pop_front();
                }
                last.push_back(self.byte()?);
            }
            return Ok(());
        }
        let length = what.parse::<u64>();
        let length = length.map_err(|_| self.refused(format!("sends {header} for a payload")))?;
        for _ in 0..length {
            self.byte()?;
        }
        Ok(())
    }

    /// An acknowledgement of nothing: who is silent is disconnected, and who acknowledges is
    /// counted by `WAIT`.
    fn sign_of_life(&mut self) -> Result<(), InspectError> {
        if self.signed_at.is_some_and(|at| at.elapsed().as_secs() < SIGN_EVERY_SECS) {
            return Ok(());
        }
        self.signed_at = Some(Instant::now());
        self.say(&[b"REPLCONF", b"ACK", b"0"])
    }
}
