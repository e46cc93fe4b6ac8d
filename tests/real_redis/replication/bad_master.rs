//! A replica whose master misbehaves in the handshake or in the payload: it tries again, goes on
//! serving, and follows a good master as if nothing had happened.
//!
//! A payload with a wrong checksum is not among the cases, for redis-server ends its process at
//! one.

use std::{
    io,
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use crate::fixture::{
    client::{Client, Reply},
    server::{Kind, Server},
    wait_for,
};

/// What the master does wrong. Every reply before that is the right one; afterwards it hangs up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Misdeed {
    /// Accepts, and closes without a word.
    ClosesAtOnce,
    /// Answers PING with this line.
    Pong(&'static str),
    /// Answers PSYNC with these bytes.
    Psync(&'static str),
    /// Grants a full sync and sends these bytes instead of a whole payload.
    Payload(&'static str),
}

use Misdeed::{ClosesAtOnce, Payload, Pong, Psync};

const MISDEEDS: [(&str, Misdeed); 11] = [
    ("closes at once", ClosesAtOnce),
    ("greets with nonsense", Pong("hello\r\n")),
    ("greets with an error", Pong("-ERR not now\r\n")),
    ("is itself not connected", Psync("-NOMASTERLINK Can't SYNC while not connected\r\n")),
    ("names no history", Psync("+FULLRESYNC\r\n")),
    ("names half a history", Psync("+FULLRESYNC 0123456789 1\r\n")),
    ("answers PSYNC with nonsense", Psync("\0\0\0\r\n")),
    ("aborts the full sync", Payload("-ERR no memory\r\n")),
    ("announces no payload", Payload("hello\r\n")),
    ("ends within the payload", Payload("$1000\r\nREDIS0010")),
    ("ends within the end mark", Payload("$EOF:0123456789\r\n")),
];

/// A test of a replica of one kind.
pub(super) fn cases() -> impl Iterator<Item = (&'static str, impl FnOnce(Kind) + Send + 'static)> {
    MISDEEDS.into_iter().map(|(name, misdeed)| (name, move |kind| check(kind, misdeed)))
}

fn check(kind: Kind, misdeed: Misdeed) {
    let replica = Server::start(kind, &[]);
    let bad = BadMaster::start(misdeed);
    replica.follow(bad.port);
    wait_for("a second attempt", || match bad.attempts.load(Ordering::Relaxed) {
        attempts @ 0..2 => Err(attempts),
        _ => Ok(()),
    });
    assert_eq!(replica.client().ask("PING"), Reply::Simple("PONG".to_owned()));
    assert_eq!(replica.info("role"), "slave");
    assert_eq!(replica.info("master_link_status"), "down");

    let good = Server::start(kind, &[]);
    good.client().ok("SET key value");
    replica.follow(good.port());
    super::settle(&[&good, &replica]);
    assert_eq!(replica.client().ask("GET key").text(), "value");
}

/// A listener that plays a master with one misdeed, until it is dropped.
struct BadMaster {
    port: u16,
    attempts: Arc<AtomicUsize>,
    ended: Arc<AtomicBool>,
}

impl BadMaster {
    fn start(misdeed: Misdeed) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has free ports");
        let port = listener.local_addr().expect("a bound listener has an address").port();
        let attempts = Arc::new(AtomicUsize::new(0));
        let ended = Arc::new(AtomicBool::new(false));
        let (count, end) = (Arc::clone(&attempts), Arc::clone(&ended));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if end.load(Ordering::Relaxed) {
                    break;
                }
                count.fetch_add(1, Ordering::Relaxed);
                // The replica may hang up first: that is what is waited for elsewhere.
                let _ = misbehave(stream, misdeed);
            }
        });
        Self { port, attempts, ended }
    }
}

impl Drop for BadMaster {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts, so that it sees the end.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// Plays a master up to its misdeed.
fn misbehave(stream: TcpStream, misdeed: Misdeed) -> io::Result<()> {
    if misdeed == ClosesAtOnce {
        return Ok(());
    }
    let mut replica = Client::over(stream)?;
    loop {
        // A request looks like a reply that is an array.
        let Reply::Array(words) = replica.reply()? else {
            return Ok(());
        };
        let name = words.into_iter().next().map_or_else(String::new, Reply::text);
        let (answer, last) = match (name.to_uppercase().as_str(), misdeed) {
            ("PING", Pong(line)) => (line.to_owned(), true),
            ("PING", _) => ("+PONG\r\n".to_owned(), false),
            ("PSYNC", Psync(line)) => (line.to_owned(), true),
            ("PSYNC", Payload(bytes)) => {
                (format!("+FULLRESYNC {} 1\r\n{bytes}", "a".repeat(40)), true)
            }
            _ => ("+OK\r\n".to_owned(), false),
        };
        replica.send(answer.as_bytes())?;
        if last {
            return Ok(());
        }
    }
}
