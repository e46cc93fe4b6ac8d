//! A dataset and a clock for the tests of command groups: no node, no connection.

use alloc::{string::String, vec::Vec};

use super::{Data, Expiry, Handler, Misses, Outcome, Table};
use crate::{
    base::{
        rng::{Rng, Seed},
        time::UnixMillis,
    },
    keyspace::{DbIndex, KeyHasher, Keyspace},
    marks::Marks,
    repl::Effects,
    resp::{Argv, Proto, Reply},
};

/// Runs commands one by one.
pub(crate) struct Bench {
    pub(crate) keyspace: Keyspace,
    pub(crate) now: UnixMillis,
    pub(crate) expiry: Expiry,
    pub(crate) rng: Rng,
    table: Table,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self {
            keyspace: Keyspace::new(KeyHasher::new(1), 4),
            now: UnixMillis(1_000_000),
            expiry: Expiry::Delete,
            rng: Rng::new(Seed::from_u64(1), "bench"),
            table: Table::new(),
        }
    }

    /// The reply and what replicas hear, both with spaces for line ends. Words are separated by
    /// spaces.
    pub(crate) fn run(&mut self, line: &str) -> (String, String) {
        self.run_words(&line.split(' ').map(str::as_bytes).collect::<Vec<_>>())
    }

    /// The same for words of any bytes.
    pub(crate) fn run_words(&mut self, args: &[&[u8]]) -> (String, String) {
        let spec = self.table.find(args[0]).expect("the test names a command");
        let mut argv = Argv::new();
        argv.fill(args.iter().copied());
        let spec = spec.of_request(argv.view(&[])).expect("the test names a subcommand");
        assert!(spec.takes(args.len()), "the test gives {} its arguments", spec.name);
        let Handler::Data(handler) = spec.handler else { panic!("{} is for the node", spec.name) };
        let (mut effects, mut out, mut expired_count) = (Effects::default(), Vec::new(), 0);
        let mut marks = Marks::default();
        let mut data = Data {
            keyspace: &mut self.keyspace,
            effects: &mut effects,
            reply: Reply::new(&mut out, Proto::Resp2),
            db: DbIndex(0),
            now: self.now,
            expiry: self.expiry,
            value_bytes_max: 1 << 20,
            misses: Misses::Untold,
            rng: &mut self.rng,
            expired_count: &mut expired_count,
            marks: &mut marks,
        };
        match handler(&mut data, argv.view(&[])) {
            Ok(Outcome::Propagate) => effects.push(DbIndex(0), args.iter().copied()),
            Ok(Outcome::Unchanged | Outcome::Rewritten) => {}
            Ok(Outcome::Block(block)) => {
                let keys: Vec<_> =
                    block.keys.iter().map(|key| String::from_utf8_lossy(key)).collect();
                data.reply.simple(&alloc::format!("waits for {}", keys.join(" ")));
            }
            Err(error) => data.reply.error(&alloc::format!("{error}")),
        }
        let told: Vec<String> = effects
            .iter()
            .map(|(_, command)| {
                let text = String::from_utf8_lossy(command).into_owned();
                let words: Vec<&str> = text.split("\r\n").skip(2).step_by(2).collect();
                words.join(" ")
            })
            .collect();
        let reply = String::from_utf8_lossy(&out).trim_end().replace("\r\n", " ");
        (reply, told.join("; "))
    }

    /// Checks reply and stream.
    pub(crate) fn check(&mut self, line: &str, reply: &str, told: &str) {
        assert_eq!(self.run(line), (reply.into(), told.into()), "{line}");
    }
}
