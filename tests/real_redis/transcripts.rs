//! Replies byte by byte: `tests/transcripts/*.resp` against our server, and against redis-server,
//! whose replies they record.
//!
//! A transcript is a list of sections. Each begins with `=== name`, on a fresh connection and an
//! empty dataset. Lines of a section:
//!
//! * `> SET key "a b\x00"`: a command, sent as an array of bulk strings. Words are split at spaces;
//!   in quotes `\r \n \t \\ \"` and `\xNN` are known.
//! * `& EXPIRE key 100`: a command that is sent together with the next line, so that no time passes
//!   between the two. Both replies follow the next line.
//! * `~ "PING\r\n"`: bytes, sent as they are.
//! * `< +OK`: a line of the reply to what was sent last, without `\r\n`, everything odd escaped.
//! * `! closed`: the server closes the connection.
//! * `2> RPUSH key a`, `2< :1`: the same on another connection, which the digit names.
//! * `? 1`: waits until so many clients are blocked.
//! * `# ...`: a comment.
//!
//! With `REPL_TEST_BLESS=1` the replies are not compared but written, from what redis-server says.

use std::{collections::BTreeMap, env, fs, mem, path::PathBuf, time::Duration};

use libtest_mimic::Trial;

use crate::{
    fixture::{
        client::{Client, Ending, encode},
        server::{Kind, Server},
        wait_for,
    },
    trial,
};

/// A server that has not said more by now has said it all. Only for writing transcripts: reading
/// one, it is known how much must come.
const QUIET: Duration = Duration::from_millis(200);
const CLOSED: &str = "! closed";
/// The connection of lines that name none.
const FIRST: char = '1';

/// One test for every transcript and kind of server.
pub(crate) fn trials() -> Vec<Trial> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/transcripts");
    let entries = fs::read_dir(&folder).expect("the folder of the transcripts can be listed");
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.expect("an entry can be read").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "resp"));
    paths.sort();
    assert!(!paths.is_empty(), "there are transcripts");
    let bless = env::var_os("REPL_TEST_BLESS").is_some();
    let mut trials = Vec::new();
    for path in paths {
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let name = name.expect("a file has a name");
        if bless {
            let title = format!("transcript {name}: written from redis");
            trials.push(trial(title, vec![Kind::Redis], move || {
                let text = fs::read_to_string(&path).expect("the transcript can be read");
                let written = play(&text, Kind::Redis, Replies::Write);
                fs::write(&path, written).expect("the transcript can be written");
            }));
            continue;
        }
        for kind in [Kind::Ours, Kind::Redis] {
            let path = path.clone();
            let title = format!("transcript {name}: {}", kind.name());
            trials.push(trial(title, vec![kind], move || {
                let text = fs::read_to_string(&path).expect("the transcript can be read");
                play(&text, kind, Replies::Compare);
            }));
        }
    }
    trials
}

/// What is done with the replies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Replies {
    Compare,
    Write,
}

/// Plays a transcript against a fresh server and returns it with the replies as they came.
fn play(text: &str, kind: Kind, replies: Replies) -> String {
    let server = Server::start(kind, &[]);
    let mut player = Player::new(&server, replies);
    let mut written = String::new();
    let mut held = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        written += line;
        written.push('\n');
        let command = |rest| {
            let words = words(rest);
            encode(&words.iter().map(Vec::as_slice).collect::<Vec<_>>())
        };
        let (connection, said) = connection_of(line);
        match said.split_once(' ') {
            Some(("===", name)) => {
                player.finish_section();
                server.client().ok("FLUSHALL");
                player = Player::new(&server, replies);
                name.clone_into(&mut player.section);
                continue;
            }
            Some(("?", count)) => {
                player.wait_for_blocked(count);
                continue;
            }
            Some(("&", rest)) => {
                held.extend(command(rest));
                continue;
            }
            Some((">", rest)) => held.extend(command(rest)),
            Some(("~", rest)) => held.extend(words(rest).concat()),
            _ if line.is_empty() || line.starts_with('#') => continue,
            _ => panic!("{}: `{line}` is no line of a transcript", player.section),
        }
        let mut expected = Vec::new();
        while let Some(reply) = lines.next_if(|line| {
            let (_, said) = connection_of(line);
            said.starts_with('<') || said == CLOSED
        }) {
            expected.push(reply);
        }
        player.send(connection, line, &mem::take(&mut held));
        for reply in player.replies(line, &expected) {
            written += &reply;
            written.push('\n');
        }
    }
    player.finish_section();
    written
}

/// The connection of a line, and the line without its name.
fn connection_of(line: &str) -> (char, &str) {
    let first = line.chars().next().filter(char::is_ascii_digit);
    first.map_or((FIRST, line), |name| (name, &line[1..]))
}

/// What a line of a connection begins with.
fn prefix(connection: char) -> String {
    if connection == FIRST { String::new() } else { connection.to_string() }
}

/// A section that is being played.
struct Player<'a> {
    server: &'a Server,
    clients: BTreeMap<char, Client>,
    section: String,
    replies: Replies,
}

impl<'a> Player<'a> {
    fn new(server: &'a Server, replies: Replies) -> Self {
        let clients = BTreeMap::from([(FIRST, server.client())]);
        Self { server, clients, section: String::new(), replies }
    }

    fn client(&mut self, connection: char) -> &mut Client {
        self.clients.entry(connection).or_insert_with(|| self.server.client())
    }

    fn wait_for_blocked(&self, count: &str) {
        wait_for("clients to be blocked", || match self.server.info("blocked_clients") {
            blocked if blocked == count => Ok(()),
            blocked => Err(blocked),
        });
    }

    /// Sends the bytes of `line`.
    fn send(&mut self, connection: char, line: &str, bytes: &[u8]) {
        if let Err(error) = self.client(connection).send(bytes) {
            panic!("{}: `{line}`: {error}", self.section);
        }
    }

    /// The lines that come in reply to `line`.
    ///
    /// # Panics
    /// When they are compared, and differ from `expected`.
    fn replies(&mut self, line: &str, expected: &[&str]) -> Vec<String> {
        match self.replies {
            Replies::Write => self.all_that_comes(),
            Replies::Compare => {
                let came = self.as_much_as(expected);
                assert_eq!(came, expected, "{}: `{line}`", self.section);
                came
            }
        }
    }

    /// Everything until the server is quiet, as lines of a transcript.
    fn all_that_comes(&mut self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for (&connection, client) in &mut self.clients {
            let (bytes, ending) = client.until_quiet(QUIET).expect("the reply can be read");
            let prefix = prefix(connection);
            if !bytes.is_empty() {
                let text = bytes.strip_suffix(b"\r\n").unwrap_or(&bytes);
                let text = text.split(|&byte| byte == b'\n');
                let text = text.map(|line| shown(line.strip_suffix(b"\r").unwrap_or(line)));
                lines.extend(text.map(|line| format!("{prefix}{line}")));
            }
            if ending == Ending::Closed {
                lines.push(format!("{prefix}{CLOSED}"));
            }
        }
        lines
    }

    /// As many lines as are expected; whatever more the server says shows up in the next reply.
    fn as_much_as(&mut self, expected: &[&str]) -> Vec<String> {
        let mut lines = Vec::new();
        for &line in expected {
            let (connection, said) = connection_of(line);
            let (client, prefix) = (self.client(connection), prefix(connection));
            if said == CLOSED {
                let seen = if client.is_closed() { CLOSED } else { "! open" };
                lines.push(format!("{prefix}{seen}"));
                continue;
            }
            match client.line_bytes() {
                Ok(line) => lines.push(format!("{prefix}{}", shown(&line))),
                Err(error) => {
                    lines.push(format!("! nothing more came: {error}"));
                    break;
                }
            }
        }
        lines
    }

    /// Nothing may be left over when a section ends: the next reply is the one to a last ECHO.
    fn finish_section(&mut self) {
        for client in self.clients.values_mut() {
            // A closed connection says nothing more. Neither is there anything to compare while
            // writing. A listener may not ask.
            let open = client.send(&encode(&[b"ECHO", b"end"])).is_ok();
            if let (true, Replies::Compare, Ok(line)) = (open, self.replies, client.line()) {
                let is_refused = line.starts_with("-ERR Can't execute 'echo'");
                let is_last = is_refused || ["$3", "+QUEUED"].contains(&&*line);
                assert!(is_last, "{}: {line:?} too much", self.section);
            }
        }
    }
}

/// A line of a reply as a transcript shows it. A space at its end is escaped, for editors cut it
/// off.
fn shown(line: &[u8]) -> String {
    let mut shown = String::from("<");
    for (number, &byte) in line.iter().enumerate() {
        if number == 0 {
            shown.push(' ');
        }
        match byte {
            b' ' if number + 1 == line.len() => shown += "\\x20",
            b'\\' => shown += "\\\\",
            b' '..=b'~' => shown.push(char::from(byte)),
            _ => shown += &byte.escape_ascii().to_string(),
        }
    }
    shown
}

/// Splits at spaces; a word in quotes may contain spaces and escapes.
fn words(text: &str) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut rest = text.trim_start_matches(' ').chars().peekable();
    while let Some(&first) = rest.peek() {
        let quoted = rest.next_if_eq(&'"').is_some();
        let mut word = Vec::new();
        loop {
            let c = rest.next();
            match c {
                Some('\\') if quoted => word.push(escape(&mut rest)),
                Some('"') if quoted => break,
                Some(' ') if !quoted => break,
                Some(c) => word.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
                None => {
                    assert!(!quoted, "`{text}` ends within quotes");
                    break;
                }
            }
        }
        assert!(quoted || first != ' ', "`{text}` has two spaces in a row");
        words.push(word);
        while rest.next_if_eq(&' ').is_some() {}
    }
    words
}

/// The byte behind a backslash.
fn escape(rest: &mut impl Iterator<Item = char>) -> u8 {
    match rest.next() {
        Some('r') => b'\r',
        Some('n') => b'\n',
        Some('t') => b'\t',
        Some('x') => {
            let digits: String = rest.take(2).collect();
            u8::from_str_radix(&digits, 16).unwrap_or_else(|_| panic!("\\x{digits} is no byte"))
        }
        Some(c @ ('\\' | '"')) => c as u8,
        other => panic!("a backslash before {other:?}"),
    }
}
