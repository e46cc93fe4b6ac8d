//! What clients feel of a full sync: four writers at full speed on a master of a million keys while
//! a replica takes them all, with our server and with `redis-server` from `PATH` in turn.
//!
//! ```sh
//! cargo bench -p repl-server --bench full_sync                     # three rounds
//! cargo bench -p repl-server --bench full_sync -- --rounds 5 --keys 1000000
//! ```
//!
//! Where that is allowed, masters and writers go before everything else on the machine, and the
//! replicas, which live elsewhere in life, after everything else. What the scheduler does to two
//! cores' worth of writers and servers is still in the figures: the half before the sync tells how
//! much that is, and how long the machine itself stands still.

use std::{
    env,
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    process::{self, Command, Stdio},
    sync::atomic::{AtomicU8, Ordering},
    thread,
    time::{Duration, Instant},
};

use repl_testbed::{
    Program,
    processes::{Process, field},
};

const WRITERS: u64 = 4;
/// How long the writers write before the replica comes.
const ALONE: Duration = Duration::from_secs(2);
const VALUE_BYTES: usize = 100;
const HALVES: [&str; 2] = ["alone", "during the sync"];

fn main() {
    let (mut rounds, mut keys) = (3_u64, 1_000_000_u64);
    let mut words = env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number = || words.next().and_then(|text| text.parse().ok()).expect("a number");
        match word.as_str() {
            "--rounds" => rounds = number(),
            "--keys" => keys = number(),
            // What cargo itself adds.
            _ => {}
        }
    }
    let ours = Program::at("ours", env!("CARGO_BIN_EXE_repl-server"));
    let mut programs = vec![ours];
    match Program::in_path("redis-server") {
        Ok(redis) => programs.push(redis),
        Err(reason) => println!("{reason}: ours alone"),
    }
    let is_first = schedule(&process::id().to_string(), Class::First);
    let class = if is_first { "before all others" } else { "as all others" };
    println!("{keys} keys of {VALUE_BYTES} bytes, {WRITERS} writers, {class}");
    println!(
        "| server | writes | p50 us | p99 us | p99.9 us | max us | over 3 ms | a second | sync s | \
         MB more |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for _ in 0..rounds {
        for program in &programs {
            measure(program, keys);
        }
    }
}

/// One full sync.
fn measure(program: &Program, keys: u64) {
    let [master, replica] = [(); 2].map(|()| Process::start(program, None, &[]));
    let mut client = Client::to(&master);
    client.ask(&["DEBUG", "POPULATE", &keys.to_string(), "key", &VALUE_BYTES.to_string()]);
    schedule(&client.info("process_id"), Class::First);
    schedule(&Client::to(&replica).info("process_id"), Class::Last);
    let before = memory(&mut client);
    let half = AtomicU8::new(0);
    let (writes, spans, most) = thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|seed| {
                let (half, master) = (&half, &master);
                scope.spawn(move || write(&mut Client::to(master), half, seed + 1, keys))
            })
            .collect();
        thread::sleep(ALONE);
        half.store(1, Ordering::Relaxed);
        let began = Instant::now();
        let port = master.port().to_string();
        Client::to(&replica).ask(&["REPLICAOF", "127.0.0.1", &port]);
        let mut most = before;
        while !client.text(&["INFO", "replication"]).contains("state=online") {
            most = most.max(memory(&mut client));
            thread::sleep(Duration::from_millis(20));
        }
        let span = began.elapsed();
        half.store(2, Ordering::Relaxed);
        let mut writes = [Vec::new(), Vec::new()];
        for writer in writers {
            let seen = writer.join().expect("a writer ends in order");
            writes.iter_mut().zip(seen).for_each(|(all, some)| all.extend(some));
        }
        (writes, [ALONE, span], most)
    });
    let more = (most.saturating_sub(before)) as f64 / 1e6;
    for ((mut micros, span), title) in writes.into_iter().zip(spans).zip(HALVES) {
        micros.sort_unstable();
        let at = |part: f64| micros[((micros.len() - 1) as f64 * part) as usize];
        println!(
            "| {}, {title} | {} | {} | {} | {} | {} | {} | {:.0} | {:.2} | {more:.0} |",
            program.name(),
            micros.len(),
            at(0.5),
            at(0.99),
            at(0.999),
            at(1.0),
            micros.len() - micros.partition_point(|span| *span <= 3000),
            micros.len() as f64 / span.as_secs_f64(),
            span.as_secs_f64(),
        );
    }
}

/// Writes random keys until the second half is over: how many microseconds each write of each half
/// took.
fn write(client: &mut Client, half: &AtomicU8, seed: u64, keys: u64) -> [Vec<u32>; 2] {
    let mut writes = [Vec::new(), Vec::new()];
    let value = "v".repeat(VALUE_BYTES);
    let mut dice = seed;
    loop {
        // Knuth's generator: the keys must differ, no more.
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let key = format!("key:{}", (dice >> 33) % keys);
        let Some(into) = writes.get_mut(usize::from(half.load(Ordering::Relaxed))) else {
            return writes;
        };
        let began = Instant::now();
        client.ask(&["SET", &key, &value]);
        into.push(u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX));
    }
}

/// Bytes that the master has of the machine, with what a forked child has copied.
fn memory(client: &mut Client) -> u64 {
    let info = client.text(&["INFO"]);
    let number = |name: &str| field(&info, name).and_then(|text| text.parse().ok()).unwrap_or(0);
    number("used_memory_rss") + number("current_cow_size")
}

/// What one asks the scheduler for.
#[derive(Clone, Copy)]
enum Class {
    /// Before others, in shares. Not in the real-time class: of that the system takes 50
    /// milliseconds a second away.
    First,
    /// When nobody else wants to run.
    Last,
}

/// Puts a process into a class, if that is allowed.
fn schedule(process: &str, class: Class) -> bool {
    let (tool, words): (&str, &[&str]) = match class {
        Class::First => ("renice", &["-n", "-15", "-p", process]),
        Class::Last => ("chrt", &["-a", "-i", "-p", "0", process]),
    };
    let mut command = Command::new(tool);
    command.args(words).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// A connection that asks and waits.
struct Client {
    stream: TcpStream,
    request: Vec<u8>,
    reply: Vec<u8>,
}

impl Client {
    fn to(server: &Process) -> Self {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, server.port())).expect("it listens");
        stream.set_nodelay(true).expect("sockets can do that");
        Self { stream, request: Vec::new(), reply: Vec::new() }
    }

    fn ask(&mut self, words: &[&str]) -> &[u8] {
        self.try_ask(words).expect("the server answers");
        assert_ne!(self.reply.first(), Some(&b'-'), "{}", String::from_utf8_lossy(&self.reply));
        &self.reply
    }

    fn text(&mut self, words: &[&str]) -> String {
        String::from_utf8_lossy(self.ask(words)).into_owned()
    }

    fn info(&mut self, name: &str) -> String {
        let text = self.text(&["INFO"]);
        field(&text, name).expect("every server has it").to_owned()
    }

    /// Reads one reply: a line, or a bulk string.
    fn try_ask(&mut self, words: &[&str]) -> io::Result<()> {
        self.request.clear();
        write!(self.request, "*{}\r\n", words.len())?;
        for word in words {
            write!(self.request, "${}\r\n{word}\r\n", word.len())?;
        }
        self.stream.write_all(&self.request)?;
        self.reply.clear();
        let mut wanted = None;
        loop {
            let mut part = [0; 16 * 1024];
            let count = self.stream.read(&mut part)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.reply.extend_from_slice(&part[..count]);
            if wanted.is_none()
                && let Some(end) = self.reply.windows(2).position(|pair| pair == b"\r\n")
            {
                let line = String::from_utf8_lossy(&self.reply[..end]);
                let length = line.strip_prefix('$').and_then(|digits| digits.parse().ok());
                wanted = Some(length.map_or(end + 2, |length: usize| end + 4 + length));
            }
            if wanted.is_some_and(|wanted| self.reply.len() >= wanted) {
                return Ok(());
            }
        }
    }
}
