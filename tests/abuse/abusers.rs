//! The kinds of abuse, and what each must lead to. A crew is as many connections as it is told to
//! open; it hands back those that the server has no reason to close.

use std::{
    io::{self, Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use crate::fixture::client::{Client, Reply, encode};

/// How long a crew waits for what the server must do.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where the crews meet, and the limits that hold there.
#[derive(Debug)]
pub(crate) struct Arena {
    port: u16,
    password: &'static str,
    big_bytes: usize,
    output_limit: usize,
    query_limit: usize,
}

/// How many connections of a crew last at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Together {
    /// All of them.
    All,
    /// Each is over before the next begins.
    One,
}

/// One kind of abuse.
pub(crate) struct Abuse {
    /// What one connection of it may make the server hold, in bytes.
    pub(crate) held_bytes_max: usize,
    pub(crate) together: Together,
    /// Opens so many and does the worst.
    pub(crate) crew: fn(&Arena, usize) -> Vec<TcpStream>,
}

const LITTLE: usize = 8 << 10;

pub(crate) const ABUSES: [Abuse; 10] = [
    Abuse {
        held_bytes_max: crate::OUTPUT_LIMIT + crate::BIG_BYTES,
        together: Together::All,
        crew: greedy_readers,
    },
    Abuse { held_bytes_max: crate::OUTPUT_LIMIT, together: Together::All, crew: patient_readers },
    Abuse { held_bytes_max: crate::QUERY_LIMIT, together: Together::All, crew: half_requests },
    Abuse { held_bytes_max: 16 << 10, together: Together::All, crew: half_logins },
    Abuse { held_bytes_max: LITTLE, together: Together::One, crew: boasting_strangers },
    Abuse { held_bytes_max: LITTLE, together: Together::All, crew: boasting_clients },
    Abuse { held_bytes_max: 64 << 10, together: Together::One, crew: endless_lines },
    Abuse { held_bytes_max: LITTLE, together: Together::All, crew: drippers },
    Abuse { held_bytes_max: 64 << 10, together: Together::One, crew: babblers },
    Abuse { held_bytes_max: crate::QUERY_LIMIT, together: Together::One, crew: oversized_requests },
];

impl Arena {
    pub(crate) fn new(
        port: u16,
        password: &'static str,
        big_bytes: usize,
        output_limit: usize,
        query_limit: usize,
    ) -> Self {
        Self { port, password, big_bytes, output_limit, query_limit }
    }

    /// A connection that has not said the password.
    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the server accepts");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout may be set");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout may be set");
        stream
    }

    /// A client that has said the password.
    pub(crate) fn known_client(&self) -> Client {
        self.login(self.connect())
    }

    /// A connection whose client has said the password and then `command`, and has heard `answer`.
    pub(crate) fn used(&self, command: &str, answer: &Reply) -> TcpStream {
        let stream = self.connect();
        let twin = stream.try_clone().expect("a socket may have two handles");
        assert_eq!(&self.login(twin).ask(command), answer, "{command}");
        stream
    }

    fn known(&self) -> TcpStream {
        self.used("PING", &Reply::Simple("PONG".into()))
    }

    fn login(&self, stream: TcpStream) -> Client {
        let mut client = Client::over(stream).expect("a timeout may be set");
        let answer = client.ask_words(&[b"AUTH", self.password.as_bytes()]);
        assert_eq!(answer, Reply::Simple("OK".into()));
        client
    }
}

/// Ask for far more than they are allowed to leave unread, and read nothing.
fn greedy_readers(arena: &Arena, count: usize) -> Vec<TcpStream> {
    // The kernel's buffers take some megabytes before the server's own begin to fill.
    let kernel_bytes = 16 << 20;
    let requests = (arena.output_limit + kernel_bytes) / arena.big_bytes + 2;
    let pipeline = encode(&[b"GET", b"big"]).repeat(requests);
    let crew: Vec<_> = (0..count)
        .map(|_| {
            let mut stream = arena.known();
            send(&mut stream, &pipeline);
            stream
        })
        .collect();
    crew.into_iter().for_each(|mut stream| {
        let heard = heard_until_closed(&mut stream);
        assert!(heard.len() < requests * arena.big_bytes, "cut before everything was said");
    });
    Vec::new()
}

/// Leave less unread than the limit, for ever.
fn patient_readers(arena: &Arena, count: usize) -> Vec<TcpStream> {
    let requests = arena.output_limit / arena.big_bytes - 1;
    let pipeline = encode(&[b"GET", b"big"]).repeat(requests);
    let quiet = |_| {
        let mut stream = arena.known();
        send(&mut stream, &pipeline);
        stream
    };
    (0..count).map(quiet).collect()
}

/// Send most of a request, and never its end.
fn half_requests(arena: &Arena, count: usize) -> Vec<TcpStream> {
    let mut half = format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${}\r\n", arena.query_limit).into_bytes();
    half.resize(arena.query_limit / 2, b'v');
    let sender = |_| {
        let mut stream = arena.known();
        send(&mut stream, &half);
        stream
    };
    (0..count).map(sender).collect()
}

/// Send most of a password, as long as a stranger's may be, and never its end.
fn half_logins(arena: &Arena, count: usize) -> Vec<TcpStream> {
    let mut half = b"*2\r\n$4\r\nAUTH\r\n$16384\r\n".to_vec();
    half.resize(16_000, b'p');
    let sender = |_| {
        let mut stream = arena.connect();
        send(&mut stream, &half);
        stream
    };
    (0..count).map(sender).collect()
}

/// Announce huge requests without having said the password.
fn boasting_strangers(arena: &Arena, count: usize) -> Vec<TcpStream> {
    let boasts = [
        ("*1000000\r\n", "unauthenticated multibulk length"),
        ("*11\r\n", "unauthenticated multibulk length"),
        ("*1\r\n$536870912\r\n", "unauthenticated bulk length"),
        ("*1\r\n$16385\r\n", "unauthenticated bulk length"),
    ];
    for number in 0..count {
        let (boast, verdict) = boasts[number % boasts.len()];
        is_sent_away(arena.connect(), boast.as_bytes(), verdict);
    }
    Vec::new()
}

/// Announce huge requests: those that are allowed cost nothing before they come.
fn boasting_clients(arena: &Arena, count: usize) -> Vec<TcpStream> {
    let allowed = ["*1000000\r\n", "*2147483647\r\n", "*2\r\n$3\r\nGET\r\n$536870912\r\n"];
    let refused = [
        ("*2147483648\r\n", "invalid multibulk length"),
        ("*2\r\n$3\r\nGET\r\n$536870913\r\n", "invalid bulk length"),
        ("*2\r\n$3\r\nGET\r\n$-1\r\n", "invalid bulk length"),
    ];
    let mut held = Vec::new();
    for number in 0..count {
        if number % 2 == 0 {
            let (boast, verdict) = refused[number / 2 % refused.len()];
            is_sent_away(arena.known(), boast.as_bytes(), verdict);
        } else {
            let mut stream = arena.known();
            send(&mut stream, allowed[number / 2 % allowed.len()].as_bytes());
            held.push(stream);
        }
    }
    held
}

/// Send a line that never ends.
fn endless_lines(arena: &Arena, count: usize) -> Vec<TcpStream> {
    let line = vec![b'a'; 80 << 10];
    for number in 0..count {
        let stream = if number % 2 == 0 { arena.connect() } else { arena.known() };
        is_sent_away(stream, &line, "too big inline request");
    }
    Vec::new()
}

/// Send one byte at a time, and are answered all the same.
fn drippers(arena: &Arena, count: usize) -> Vec<TcpStream> {
    let mut crew: Vec<TcpStream> = (0..count).map(|_| arena.known()).collect();
    for byte in encode(&[b"ECHO", b"drop by drop"]) {
        for stream in &mut crew {
            send(stream, &[byte]);
        }
    }
    for stream in &mut crew {
        let mut answer = [0; 19];
        stream.read_exact(&mut answer).expect("slowness is no offence");
        assert_eq!(&answer, b"$12\r\ndrop by drop\r\n");
    }
    crew
}

/// Send what nobody can understand.
fn babblers(arena: &Arena, count: usize) -> Vec<TcpStream> {
    for number in 0..count {
        let mut stream = if number % 2 == 0 { arena.connect() } else { arena.known() };
        let mut babble = noise(number as u64 + 1, 32 << 10);
        // The last words end in an error for certain, should all before have been lines.
        babble.extend_from_slice(b"\r\n*0\r\n*1\r\n#\r\n");
        send(&mut stream, &babble);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        heard_until_closed(&mut stream);
    }
    Vec::new()
}

/// Send requests that are longer than a client may leave unfinished.
fn oversized_requests(arena: &Arena, count: usize) -> Vec<TcpStream> {
    let mut request = b"*2\r\n$4\r\nECHO\r\n$100000000\r\n".to_vec();
    request.resize(2 * arena.query_limit, b'v');
    for _ in 0..count {
        let mut stream = arena.known();
        send(&mut stream, &request);
        assert_eq!(heard_until_closed(&mut stream), b"", "nothing is said to them");
    }
    Vec::new()
}

/// Sends bytes. The server may close the connection before it has read all of them.
fn send(stream: &mut TcpStream, bytes: &[u8]) {
    if let Err(error) = stream.write_all(bytes) {
        assert!(is_closing(&error), "{error}");
    }
}

fn is_closing(error: &io::Error) -> bool {
    [io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe].contains(&error.kind())
}

/// Says something for which it is told off and sent away.
#[track_caller]
fn is_sent_away(mut stream: TcpStream, words: &[u8], verdict: &str) {
    send(&mut stream, words);
    let heard = heard_until_closed(&mut stream);
    let expected = format!("-ERR Protocol error: {verdict}\r\n");
    // A reset, which is what unread bytes lead to, may swallow the words.
    if !heard.is_empty() || words.len() < 100 {
        assert_eq!(String::from_utf8_lossy(&heard), expected);
    }
}

/// All that is heard until the server closes the connection.
#[track_caller]
fn heard_until_closed(stream: &mut TcpStream) -> Vec<u8> {
    let mut heard = Vec::new();
    match stream.read_to_end(&mut heard) {
        Ok(_) => {}
        Err(error) => assert!(is_closing(&error), "the server does not close it: {error}"),
    }
    heard
}

/// The same bytes for the same seed.
fn noise(seed: u64, count: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..count).map(|_| next()).collect()
}
