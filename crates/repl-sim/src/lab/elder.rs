//! A master that was there before the run: it has told a history up to some offset, hands a node an
//! empty dataset from there, and is gone.
//!
//! So a node begins at an offset as nodes do, by a full sync, and no part of it knows that it is in
//! a simulation. What it tells afterwards is a history of its own, promoted from the elder's.

use std::{future::poll_fn, io, time::Duration};

use repl_core::base::{ids::ReplId, rng::Rng, rng::Seed};
use repl_server::platform::Stream as _;

use super::{Peer, stranger::EMPTY_SNAPSHOT};
use crate::{
    draw::Draw,
    net::stream::{SimListener, SimStream},
};

const NAME: &str = "elder";
const PORT: u16 = 6379;

/// How long a node may take to learn where it begins.
const PATIENCE: Duration = Duration::from_secs(300);

impl Peer {
    /// The node's history begins at this offset.
    ///
    /// # Panics
    /// When it has not come so far within five minutes.
    pub(crate) async fn begin_at(&self, offset: u64) {
        self.lab.act(format_args!("{} begins at {offset}", self.name()));
        let world = self.lab.world();
        let host = world.net.with(|network, _| {
            let known = network.resolve(NAME);
            known.unwrap_or_else(|| network.add_host(NAME, "10.0.254.1"))
        });
        let listener = world.net.listen(host, PORT).expect("one node at a time has an elder");
        let seed = Seed::from_u64(Draw::new(world.seed, NAME).bits());
        let id = ReplId::random(&mut Rng::new(seed, NAME));
        let elder = world.spawn(tell(listener, id, offset));
        self.command(&["REPLICAOF", NAME, &PORT.to_string()]).await;
        let until = self.lab.elapsed() + PATIENCE;
        while self.offset() != offset {
            assert!(self.lab.elapsed() < until, "{} does not begin", self.name());
            self.lab.pass(Duration::from_millis(20)).await;
        }
        self.command(&["REPLICAOF", "NO", "ONE"]).await;
        elder.abort();
        // Its listener goes with it.
        self.lab.pass(Duration::from_millis(1)).await;
    }
}

/// Answers whoever asks, again and again.
async fn tell(mut listener: SimListener, id: ReplId, offset: u64) {
    while let Ok(mut stream) = listener.accept().await {
        // A node that is lost comes back.
        let _: io::Result<()> = hand_over(&mut stream, id, offset).await;
    }
}

/// One handshake, the snapshot, and silence until the node leaves.
async fn hand_over(stream: &mut SimStream, id: ReplId, offset: u64) -> io::Result<()> {
    let mut inbox = Vec::new();
    let mut buffer = [0; 1024];
    loop {
        let count = poll_fn(|cx| stream.poll_read(cx, &mut buffer)).await?;
        if count == 0 {
            return Ok(());
        }
        inbox.extend_from_slice(&buffer[..count]);
        while let Some(len) = request_len(&inbox) {
            let request: Vec<u8> = inbox.drain(..len).collect();
            let has = |word: &[u8]| request.windows(word.len()).any(|part| part == word);
            if has(b"PSYNC") {
                let mut answer = format!("+FULLRESYNC {id} {offset}\r\n").into_bytes();
                answer.extend_from_slice(format!("${}\r\n", EMPTY_SNAPSHOT.len()).as_bytes());
                answer.extend_from_slice(EMPTY_SNAPSHOT);
                stream.write_all(&answer).await?;
            } else if has(b"ACK") {
                // Nobody waits for it.
            } else {
                let answer: &[u8] = if has(b"PING") { b"+PONG\r\n" } else { b"+OK\r\n" };
                stream.write_all(answer).await?;
            }
        }
    }
}

/// How long the first request is, if all of it is there: an array of as many lines as it says.
fn request_len(bytes: &[u8]) -> Option<usize> {
    let ends = |count: usize| {
        let mut ends = bytes.windows(2).enumerate().filter(|(_, pair)| *pair == b"\r\n");
        ends.nth(count).map(|(at, _)| at + 2)
    };
    let first = bytes.get(1..ends(0)?.checked_sub(2)?)?;
    let count: usize = std::str::from_utf8(first).ok()?.parse().ok()?;
    ends(2 * count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_as_long_as_its_array() {
        let ping = b"*1\r\n$4\r\nPING\r\n";
        assert_eq!(request_len(ping), Some(ping.len()));
        assert_eq!(request_len(&ping[..ping.len() - 1]), None);
        let two = b"*2\r\n$4\r\nPING\r\n$1\r\nx\r\n*1\r\n";
        assert_eq!(request_len(two), Some(two.len() - 4));
    }
}
