//! Clients that wait for a key of the master: replicas hear of the pops that took place.

use super::Chain;
use crate::fixture::{
    client::{Client, Reply, encode},
    server::{Kind, Server},
    wait_for,
};

/// What waits, first of all for the keys `queue` and `scores`; `PUSHES` bring each of them what it
/// waits for.
const WAITERS: [&str; 11] = [
    "BLPOP queue other 0",
    "BRPOP other queue queue 0",
    "BLMOVE queue done left right 0",
    "BRPOPLPUSH queue done 0",
    "BLMPOP 0 2 none queue RIGHT COUNT 2",
    "BRPOPLPUSH queue queue 0",
    "BLPOP done 100",
    "BLMOVE queue string LEFT LEFT 0",
    "BZPOPMIN none scores 0",
    "BZPOPMAX scores queue 0",
    "BZMPOP 0 2 none scores MAX COUNT 2",
];

/// Ways to make `queue` or `scores` ready.
const PUSHES: [&str; 7] = [
    "RPUSH queue 1 2 3",
    "MULTI; LPUSH other 4; RPUSH queue 5 6; EXEC",
    "RPUSH made 7 8 9; RENAME made queue",
    "RPUSH made a b; COPY made queue; DEL made",
    "ZADD scores 1 a 2 b",
    "SADD made m n; ZUNIONSTORE scores 1 made WEIGHTS 2.5; DEL made",
    "MULTI; RPUSH queue x; DEL queue; LPUSH queue y; EXEC",
];

fn words(command: &str) -> Vec<u8> {
    encode(&command.split(' ').map(str::as_bytes).collect::<Vec<_>>())
}

/// Connects and sends a command to which there is no reply yet.
fn waiter(server: &Server, database: u32, command: &str, waiting: i64) -> Client {
    let mut client = server.client();
    client.ok(&format!("SELECT {database}"));
    client.send(&words(command)).expect("the server reads");
    wait_for("the client to wait", || match server.count("blocked_clients") {
        count if count == waiting => Ok(()),
        count => Err(format!("{count} wait, not {waiting}")),
    });
    client
}

pub(super) fn are_served(kinds: &[Kind]) {
    let chain = Chain::attached(kinds, &[]);
    let master = chain.master();
    let mut client = master.client();
    for round in 0..PUSHES.len() {
        let database = [0, 3, 9][round % 3];
        client.ok("FLUSHALL");
        client.ok(&format!("SELECT {database}"));
        client.ok("SET string value");
        let mut waiting = 0;
        let mut waiters: Vec<Client> = (0..WAITERS.len())
            .map(|number| {
                waiting += 1;
                waiter(master, database, WAITERS[(number + round) % WAITERS.len()], waiting)
            })
            .collect();
        let mut turn = round;
        wait_for("everybody to be served", || {
            for command in PUSHES[turn % PUSHES.len()].split("; ") {
                client.ask(command);
            }
            turn += 1;
            match master.count("blocked_clients") {
                0 => Ok(()),
                count => Err(format!("{count} still wait")),
            }
        });
        for waiter in &mut waiters {
            let reply = waiter.reply().expect("it was served");
            assert_ne!(reply, Reply::Null, "nobody was turned away");
        }
        chain.settle();
        chain.assert_equal();
    }
    for server in chain.all() {
        assert_eq!(server.count("unexpected_error_replies"), 0, "the stream was understood");
    }
}
