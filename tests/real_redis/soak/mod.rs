//! The soak: a chain of four of our nodes on real sockets, under a mixed load, to which everything
//! happens that can happen to it, for as long as is wanted.
//!
//! A round is an event or two of a script that follows from a seed, and a check: all datasets are
//! the same, nobody takes more memory than in the beginning, and every warning in every log is
//! explained by what has happened. Each round tells its line, and the run its table.
//!
//! `REPL_TEST_SOAK_MINUTES` says how long (a fraction will do), `REPL_TEST_SOAK_SEED` what happens.
//! What is written in between follows the clocks of the machine: a seed repeats the script and not
//! the run.

mod chain;
mod logs;
mod memory;
mod script;

use std::{
    env,
    time::{Duration, Instant},
};

use libtest_mimic::Trial;

use self::{
    chain::{Chain, NODES},
    logs::Logs,
    memory::{Memory, Reading},
    script::Script,
};
use crate::{
    fixture::{
        client::Reply,
        dataset,
        server::{Kind::Ours, Server},
    },
    replication::mixed,
    trial,
};

/// Without `REPL_TEST_SOAK_MINUTES`: enough for every part of it to be used.
const SHORT: Duration = Duration::from_secs(12);

/// The checks that are the measure of memory: until every event has happened, or, in a short run,
/// those that can be spared.
const WARM_UP: usize = script::EVENTS.len().div_ceil(EVENTS_A_ROUND);
const WARM_UP_OF_SHORT: usize = 3;

const EVENTS_A_ROUND: usize = 2;

/// Keys that make the dataset one that is worth a snapshot, and their values' size.
const KEYS: u64 = 400;
const VALUE_BYTES: usize = 2_500;

/// So many keys are written by one command.
const KEYS_AT_ONCE: usize = 50;

const MIB: f64 = 1024.0 * 1024.0;

pub(crate) fn trials() -> Vec<Trial> {
    let name = "soak: a chain of four stays equal, small and quiet, whatever happens to it";
    vec![
        trial(name.to_owned(), vec![Ours], soak),
        trial(
            "soak: a life that grows is told from one with outliers".to_owned(),
            Vec::new(),
            memory::growth_is_told_from_outliers,
        ),
    ]
}

/// A number from the environment.
#[track_caller]
fn wanted<T: std::str::FromStr>(variable: &str) -> Option<T> {
    let text = env::var(variable).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{variable} is {text:?}, which is no such number")))
}

fn soak() {
    let minutes: Option<f64> = wanted("REPL_TEST_SOAK_MINUTES");
    let length = minutes.map_or(SHORT, |minutes| Duration::from_secs_f64(minutes * 60.0));
    let seed = wanted("REPL_TEST_SOAK_SEED").unwrap_or(1);
    let known = Server::start(Ours, &[]).client().ask("CONFIG GET replica-refuse-empty-master");
    if known.array().is_empty() {
        assert!(env::var_os("REPL_TEST_SERVER").is_some(), "our own server is known");
        // Of another server neither the words of the log nor what it refuses are known.
        return eprintln!("soak: skipped: what REPL_TEST_SERVER names is not our server");
    }
    eprintln!("soak: REPL_TEST_SOAK_SEED={seed}, {length:?}");
    let warm_up = if length > 4 * SHORT { WARM_UP } else { WARM_UP_OF_SHORT };
    let mut soak = Soak::start(seed, warm_up);
    while soak.begin.elapsed() < length {
        soak.round();
    }
    soak.end();
}

/// A run.
struct Soak {
    begin: Instant,
    rounds: u64,
    chain: Chain,
    script: Script,
    memory: Memory,
    logs: Logs,
}

impl Soak {
    fn start(seed: u64, warm_up: usize) -> Self {
        let chain = Chain::start(seed);
        chain.settle();
        fill(chain.at(0));
        let logs = Logs::of(&chain.servers);
        Self {
            begin: Instant::now(),
            rounds: 0,
            chain,
            script: Script::of(seed),
            memory: Memory::of(NODES, warm_up),
            logs,
        }
    }

    fn round(&mut self) {
        let Self { chain, script, .. } = self;
        chain.begin_load();
        let events = [(); EVENTS_A_ROUND].map(|()| {
            let event = script.next(chain);
            chain.links_are_up();
            event
        });
        chain.end_load();
        chain.restore();
        chain.settle();
        // What expires now is deleted by the master, and everybody hears of it.
        mixed::let_expire(chain.at(0));
        chain.settle();
        dataset::assert_equal(&chain.all());
        let keys = keys(chain.at(0));
        for server in &chain.servers {
            assert_eq!(server.count("unexpected_error_replies"), 0, "the stream was understood");
        }
        self.rounds += 1;
        let readings = self.check_memory();
        self.logs.check(&self.script.happened);
        self.script.happened.clear();
        self.tell(&format!("{events:?}"), keys, &readings);
    }

    /// With everything flushed. Afterwards the dataset is as in the beginning.
    fn check_memory(&mut self) -> Vec<Reading> {
        for node in self.script.ended.drain(..) {
            self.memory.end_life(node);
        }
        self.chain.at(0).client().ok("FLUSHALL");
        self.chain.settle();
        let readings = self.memory.check(&self.chain.servers);
        fill(self.chain.at(0));
        self.chain.settle();
        readings
    }

    /// The line of a round.
    fn tell(&self, events: &str, keys: i64, readings: &[Reading]) {
        let seconds = self.begin.elapsed().as_secs_f64();
        let shown = |value: fn(&Reading) -> u64| {
            let all = readings.iter().map(|it| format!("{:.1}", value(it) as f64 / MIB));
            all.collect::<Vec<_>>().join(" ")
        };
        let order: String = self.chain.order.iter().map(|node| node.to_string()).collect();
        eprintln!(
            "soak {seconds:7.1}s #{:<4} {events:<34} chain {order} offset {} keys {keys} used {} \
             rss {} MiB",
            self.rounds,
            self.chain.at(0).count("master_repl_offset"),
            shown(|it| it.used),
            shown(|it| it.rss),
        );
    }

    /// The last checks, and the table.
    fn end(mut self) {
        for node in 0..NODES {
            self.memory.end_life(node);
        }
        let syncs = self.chain.count_syncs();
        let most = self.memory.most();
        eprintln!("\nsoak: {:?}", self.begin.elapsed());
        let row = |name: &str, value: String| eprintln!("  {name:<52} {value:>12}");
        row("rounds, each with a check", self.rounds.to_string());
        row("commands", self.chain.commands().to_string());
        row("full syncs", syncs.full.to_string());
        row("partial syncs", syncs.partial.to_string());
        row("used memory at rest, at most (MiB)", format!("{:.1}", most.used as f64 / MIB));
        row("resident memory at rest, at most (MiB)", format!("{:.1}", most.rss as f64 / MIB));
        for (event, count) in &self.script.counts {
            row(&format!("event {event:?}"), count.to_string());
        }
        for (pattern, count) in &self.logs.counts {
            row(&format!("log {pattern:?}"), count.to_string());
        }
    }
}

/// The keys of all databases.
fn keys(server: &Server) -> i64 {
    let mut client = server.client();
    let sizes = dataset::DATABASES.map(|database| {
        client.ok(&format!("SELECT {database}"));
        client.ask("DBSIZE").integer()
    });
    sizes.iter().sum()
}

/// Writes what the load leaves alone.
fn fill(master: &Server) {
    let mut client = master.client();
    let pairs: Vec<Vec<u8>> = (0..KEYS)
        .flat_map(|number| {
            [format!("fill:{number}").into_bytes(), dataset::noise(number, VALUE_BYTES)]
        })
        .collect();
    for some in pairs.chunks(2 * KEYS_AT_ONCE) {
        let words: Vec<&[u8]> =
            [b"MSET".as_slice()].into_iter().chain(some.iter().map(Vec::as_slice)).collect();
        assert_eq!(client.ask_words(&words), Reply::Simple("OK".to_owned()), "the filling");
    }
}
