//! Peers that are none of ours: masters that are old, broken or no masters at all, replicas that
//! ask for what nobody offers, and passwords.

use std::time::Duration;

use repl_sim::{
    Lab,
    lab::{Client, Config, EMPTY_SNAPSHOT, Lost, Peer, Reply, Stranger, Takes, Wire},
    scenarios,
};

use crate::secs;

const MARK: &str = "0123456789abcdef0123456789abcdef01234567";
const HISTORY: &str = "aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd";

/// What a stranger does next on a connection that a node has opened.
#[derive(Clone, Copy)]
enum Move {
    /// It waits for this word.
    Hear(&'static str),
    /// It sends this.
    Say(&'static str),
    /// It sends a snapshot without keys, and what comes behind it.
    Snapshot(&'static str),
    /// It sends so many bytes that are no line.
    Babble(usize),
    /// It waits until the node has had enough, which the node knows at once.
    HearEnd,
    /// It waits until the node has waited long enough.
    HearTimeout,
}

use Move::{Babble, Hear, HearEnd, HearTimeout, Say, Snapshot};

/// How long a node that has had enough may take, with the way of its answer.
const AT_ONCE: Duration = secs(30);

/// How long it waits for what does not come.
const REPL_TIMEOUT: Duration = secs(60);

/// To the port, the address and the capabilities.
const OK: &str = "+OK\r\n+OK\r\n+OK\r\n";

/// As a master behaves until it is asked for the history.
const POLITE: [Move; 5] =
    [Hear("PING"), Say("+PONG\r\n"), Hear("psync2\r\n"), Say(OK), Hear("PSYNC")];

/// What such a master then answers, and what the node must make of it: to end the connection.
const ANSWERS: &[&[Move]] = &[
    &[Say("-LOADING loading the dataset in memory\r\n"), HearEnd],
    &[Say("-NOMASTERLINK no link\r\n"), HearEnd],
    // It was asked for everything.
    &[Say("+CONTINUE\r\n"), HearEnd],
    &[Babble(200_000), HearEnd],
    &[Say("?\r\n"), Hear("SYNC"), Say("-ERR not now\r\n"), HearEnd],
    &[Say("+FULLRESYNC to where\r\n"), Say("hello\r\n"), HearEnd],
    // It falls silent in the middle.
    &[Say("+FULLRESYNC aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd 7\r\n$18\r\nREDIS00"), HearTimeout],
    &[Say("+FULLRESYNC aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd 7\r\n$9\r\nREDISwhat"), HearEnd],
    &[
        Say("+FULLRESYNC aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd 7\r\n$20\r\n"),
        Snapshot("xx"),
        HearEnd,
    ],
    &[
        Say("+FULLRESYNC aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd 7\r\n"),
        Say("$EOF:0123456789abcdef0123456789abcdef01234567\r\n"),
        Snapshot("0123456789abcdef0123456789abcdef0123456x"),
        HearEnd,
    ],
];

/// Masters with which a handshake does not come so far, or to another end.
const GREETINGS: &[&[Move]] = &[
    &[Hear("PING"), Say("-ERR go away\r\n"), HearEnd],
    &[Hear("PING"), Babble(200_000), HearEnd],
    &[
        Hear("PING"),
        Say("+PONG\r\n"),
        Hear("psync2\r\n"),
        Say("-ERR what port\r\n-ERR what address\r\n-ERR what capa\r\n"),
        Hear("PSYNC"),
        Say("-ERR unknown command\r\n"),
        Hear("SYNC"),
        Say("$18\r\n"),
        Snapshot("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n"),
        // As newer masters tell of `HINCRBYFLOAT`.
        Say("*7\r\n$6\r\nHSETEX\r\n$1\r\nh\r\n$7\r\nKEEPTTL\r\n$6\r\nFIELDS\r\n"),
        Say("$1\r\n1\r\n$1\r\nf\r\n$3\r\n1.5\r\n"),
        Say("PING\r\n"),
        HearEnd,
    ],
];

/// The connection ended too soon: the test is about something else then.
type Outcome = Result<(), Lost>;

async fn act(lab: &Lab, wire: &mut Wire, moves: &[Move]) -> Outcome {
    for step in moves {
        match step {
            Hear(word) => {
                wire.hear(word).await?;
            }
            Say(text) => wire.say(text).await?,
            Snapshot(end) => {
                wire.say(EMPTY_SNAPSHOT).await?;
                wire.say(end).await?;
            }
            // The node may have had enough before its end.
            Babble(count) => {
                let _ = wire.say("x".repeat(*count)).await;
            }
            HearEnd => {
                let began = lab.elapsed();
                wire.hear_end().await;
                assert!(lab.elapsed() - began < AT_ONCE, "only its patience has ended it");
            }
            HearTimeout => {
                let began = lab.elapsed();
                wire.hear_end().await;
                assert!(lab.elapsed() - began > REPL_TIMEOUT / 2, "it gave up too soon");
            }
        }
    }
    Ok(())
}

/// A replica that gives a stranger its time, and tells it everything.
fn patient(config: &mut Config) {
    config.repl_timeout = REPL_TIMEOUT;
    config.replica_announce_ip = "10.0.0.1".to_owned();
}

/// Plays a master on the next connection of `node`.
async fn play(lab: &Lab, stranger: &mut Stranger, moves: &[&[Move]]) {
    let mut wire = stranger.accept().await;
    for part in moves {
        act(lab, &mut wire, part).await.expect("the node goes on as far as it is led");
    }
}

/// The payload with a few bytes that were not there, or without its end.
fn damaged(lab: &Lab, mut payload: Vec<u8>) -> Vec<u8> {
    let length = payload.len() as u64;
    let below = |end: u64| usize::try_from(lab.draw_number(0, end - 1)).expect("an index");
    for _ in 0..lab.draw_number(1, 3) {
        let at = 9 + below(length - 9);
        payload[at] = match lab.draw_number(0, 3) {
            0 => 0x81,
            1 => 0x80,
            2 => 0xff,
            _ => payload[at] ^ (1 << lab.draw_number(0, 7)),
        };
    }
    if lab.draw_number(0, 3) == 0 {
        payload.truncate(below(length));
    }
    payload
}

/// The value of a field of `INFO replication`.
async fn info(client: &mut Client, field: &str) -> String {
    let Ok(Reply::Bulk(Some(text))) = client.call(&["INFO", "replication"]).await else {
        panic!("INFO answers with a text");
    };
    let text = String::from_utf8(text).expect("INFO is ASCII");
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {field} in {text}")).to_owned()
}

/// A connection of a stranger's that has said this and heard that.
async fn dialled(stranger: &Stranger, node: &Peer, said: &str, heard: &str) -> (Wire, String) {
    let mut wire = stranger.dial(node).await.expect("nothing is broken");
    wire.say(said).await.expect("nothing is broken");
    let heard = wire.hear(heard).await;
    let heard = heard.unwrap_or_else(|Lost| panic!("an answer to {said:?}"));
    (wire, heard)
}

async fn set(client: &mut Client, directive: &str, value: &str) {
    let reply = client.call(&["CONFIG", "SET", directive, value]).await;
    assert_eq!(reply, Ok(Reply::Simple("OK".to_owned())), "{directive}");
}

scenarios! {
    /// A replica of masters that are loading, old, broken or no masters at all ends each link,
    /// tries again, and is a good replica of the first good master.
    async fn masters_that_are_none(lab: Lab) seeds = 20 {
        lab.configure(patient);
        let [node, master] = lab.peers().await;
        let mut stranger = lab.stranger();
        node.follow_stranger(&stranger).await;
        for answer in ANSWERS {
            play(&lab, &mut stranger, &[&POLITE, answer]).await;
        }
        for greeting in GREETINGS {
            play(&lab, &mut stranger, &[greeting]).await;
        }
        master.client().work(100, secs(2)).await;
        node.follow(&master).await;
        lab.settle().await;
        assert_eq!(node.dataset(), master.dataset());
    }

    /// A payload that is damaged, cut off or made up is worth nothing and costs nothing: the old
    /// dataset stays, and a good master is followed as before.
    async fn rubbish_for_a_payload(lab: Lab) seeds = 50 {
        lab.configure(patient);
        let [master, replica] = lab.peers().await;
        replica.follow(&master).await;
        master.client().work(400, secs(10)).await;
        lab.settle().await;
        let mut stranger = lab.stranger();
        let good = stranger.dial(&master).await.expect("it is up").synchronise(Takes::Length).await;
        let good = good.expect("a payload").bytes;
        replica.follow_stranger(&stranger).await;
        let kept = replica.dataset();
        for number in 1..=30 {
            let bad = damaged(&lab, good.clone());
            let mut wire = stranger.accept().await;
            act(&lab, &mut wire, &POLITE).await.expect("a polite master");
            let origin = format!("+FULLRESYNC {number:040x} {}\r\n", number * 1_000);
            wire.say(format!("{origin}${}\r\n", bad.len())).await.expect("the node listens");
            // It may have seen enough before the end; if it has not, nothing more comes.
            let _ = wire.say(bad).await;
            wire.hear_for(secs(2)).await;
        }
        if lab.config().rdbchecksum {
            assert_eq!(replica.dataset(), kept, "what was damaged is not taken");
        }
        replica.follow(&master).await;
        master.client().work(100, secs(5)).await;
        lab.settle().await;
        assert_eq!(replica.dataset(), master.dataset());
    }

    /// A node that is promoted, or loses its master, in the middle of a transaction has applied
    /// nothing of it; bytes that are no command cost a full sync.
    async fn streams_that_break_off(lab: Lab) seeds = 20 {
        lab.configure(patient);
        let [node, other] = lab.peers().await;
        let mut stranger = lab.stranger();
        let full = format!("+FULLRESYNC {HISTORY} 7\r\n$EOF:{MARK}\r\n");
        node.follow_stranger(&stranger).await;

        let mut wire = stranger.accept().await;
        act(&lab, &mut wire, &POLITE).await.expect("a polite master");
        wire.say(&full).await.expect("the node listens");
        act(&lab, &mut wire, &[Snapshot(MARK), Hear("ACK")]).await.expect("a snapshot");
        wire.say("*1\r\n$4\r\nPING\r\n").await.expect("the node listens");
        wire.hear("\r\n").await.expect("the end of the acknowledgement");
        lab.pass(secs(3)).await;
        drop(wire);

        let mut wire = stranger.accept().await;
        act(&lab, &mut wire, &POLITE).await.expect("a polite master");
        wire.hear(HISTORY).await.expect("the node names its history");
        wire.say("+CONTINUE\r\n").await.expect("the node listens");
        wire.say("*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n").await.expect("the node listens");
        lab.pass(secs(3)).await;
        drop(wire);

        let mut wire = stranger.accept().await;
        act(&lab, &mut wire, &POLITE).await.expect("a polite master");
        wire.hear(HISTORY).await.expect("the node names its history");
        wire.say("+CONTINUE\r\n*one\r\n").await.expect("the node listens");
        wire.hear_end().await;

        let mut wire = stranger.accept().await;
        act(&lab, &mut wire, &POLITE).await.expect("a polite master");
        wire.hear("-1").await.expect("the node asks for everything");
        drop(wire);

        let mut wire = stranger.accept().await;
        act(&lab, &mut wire, &POLITE).await.expect("a polite master");
        let another = full.replace(HISTORY, &HISTORY.replace('a', "e"));
        wire.say(another).await.expect("the node listens");
        act(&lab, &mut wire, &[Snapshot(MARK), Hear("ACK")]).await.expect("a snapshot");
        wire.say("*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n").await.expect("the node listens");
        lab.pass(secs(3)).await;
        node.promote().await;
        other.follow(&node).await;
        lab.settle().await;
        assert_eq!(node.client().call(&["DBSIZE"]).await, Ok(Reply::Integer(0)));
    }

    /// Replicas that ask for what nobody offers are refused or served, and nobody else notices.
    async fn replicas_that_are_none(lab: Lab) seeds = 20 {
        lab.configure(|config| config.repl_diskless_sync_delay = secs(1));
        let [master, replica] = lab.peers().await;
        let (stranger, mut client) = (lab.stranger(), master.client());
        // Nobody has asked for it yet: what was written was not counted.
        let id = info(&mut client, "master_replid").await;
        let asks = format!("PSYNC {id} 1\r\n");
        let (mut old, _) = dialled(&stranger, &master, &asks, "+FULLRESYNC ").await;
        let id = old.hear(" ").await.expect("an id").trim().to_owned();
        old.hear("$").await.expect("the length of the payload");
        master.client().work(200, secs(2)).await;

        // No capabilities: the payload has a length, and the stream follows at once.
        old.say("PSYNC ? -1\r\nREPLCONF ACK 99999999\r\n").await.expect("a replica is heard");
        lab.pass(secs(1)).await;
        drop(old);
        let (mut monitor, _) = dialled(&stranger, &master, "MONITOR\r\n", "+OK\r\n").await;
        monitor.say("PSYNC ? -1\r\nGET key:0\r\n").await.expect("a client is heard");
        monitor.hear("-ERR Replica can't").await.expect("a refusal");

        let (sync, _) = dialled(&stranger, &master, "SYNC\r\n", "$").await;
        drop(sync);
        let ahead = format!("PSYNC {id} 99999999\r\n");
        dialled(&stranger, &master, &ahead, "+FULLRESYNC").await;
        let first = info(&mut client, "repl_backlog_first_byte_offset").await;
        let asks = format!("PSYNC {id} {first}\r\n");
        dialled(&stranger, &master, &asks, "+CONTINUE\r\n").await;
        dialled(&stranger, &master, &format!("PSYNC {id} next\r\n"), "not an integer").await;
        dialled(&stranger, &master, &format!("PSYNC {id} 1 FAILOVER\r\n"), "-ERR").await;
        dialled(&stranger, &master, "REPLCONF sound loud\r\n", "-ERR").await;
        let filter = "REPLCONF rdb-filter-only functions\r\n";
        let (mut wire, _) = dialled(&stranger, &master, filter, "+OK\r\n").await;
        wire.say("PSYNC ? -1\r\n").await.expect("a client is heard");
        wire.hear("-ERR").await.expect("a refusal");
        let only = "REPLCONF rdb-only 1 capa eof rdb-filter-only functions\r\n";
        let (mut wire, _) = dialled(&stranger, &master, only, "+OK\r\n").await;
        wire.say("PSYNC ? -1\r\n").await.expect("a client is heard");
        wire.hear("$EOF:").await.expect("an empty payload");
        wire.hear_end().await;
        // Refused if both come at once, and granted if they do not.
        let (wire, _) = dialled(&stranger, &master, "PING\r\nPSYNC ? -1\r\n", "+PONG\r\n").await;
        drop(wire);

        for words in [&["MULTI"][..], &["WAIT", "9", "100"], &["EXEC"]] {
            client.call(words).await.expect("nothing is broken");
        }
        replica.follow(&master).await;
        master.client().work(100, secs(2)).await;
        lab.settle().await;
        assert_eq!(replica.dataset(), master.dataset());
    }

    /// Bytes of the old history that came after a change of ids are not continued, by a replica no
    /// more than by its master; nor is what a replica cannot have.
    async fn a_replica_answers_as_its_master_would(lab: Lab) seeds = 20 {
        lab.configure(|config| {
            config.repl_backlog_size = 1024 * 1024;
            // Nothing is told of itself once the lab has settled.
            config.repl_ping_replica_period = secs(3_600);
            config.repl_timeout = secs(7_200);
            config.replica_announce_ip = "10.0.0.9".to_owned();
        });
        let [master, heir, sibling] = lab.peers().await;
        heir.follow(&master).await;
        sibling.follow(&master).await;
        master.client().write_keys(100).await;
        lab.settle().await;
        heir.promote().await;
        sibling.follow(&heir).await;
        heir.client().write_keys(100).await;
        lab.settle().await;

        let (stranger, mut client) = (lab.stranger(), sibling.client());
        let old = info(&mut client, "master_replid2").await;
        let switch: u64 = info(&mut client, "second_repl_offset").await.parse().expect("a number");
        let beyond = format!("PSYNC {old} {}\r\n", switch + 1);
        dialled(&stranger, &sibling, &beyond, "+FULLRESYNC").await;
        let until = format!("PSYNC {old} {switch}\r\n");
        dialled(&stranger, &sibling, &until, "+CONTINUE").await;
        let now = info(&mut client, "master_replid").await;
        dialled(&stranger, &sibling, &format!("PSYNC {now} 99999999\r\n"), "+FULLRESYNC").await;
        lab.settle().await;
    }

    /// A master that begins to want a password: its replica is refused until it knows the right
    /// one, and goes on from where it was.
    async fn a_password_in_between(lab: Lab) seeds = 20 {
        lab.configure(|config| config.repl_backlog_size = 1024 * 1024);
        let [master, replica] = lab.peers().await;
        replica.follow(&master).await;
        master.client().work(100, secs(2)).await;
        lab.settle().await;
        let (mut here, mut there) = (master.client(), replica.client());
        set(&mut here, "requirepass", "secret").await;
        let stranger = lab.stranger();
        dialled(&stranger, &master, "GET key:0\r\n", "-NOAUTH").await;
        // No password, a wrong one, and the right one.
        lab.reset(&master, &replica);
        lab.pass(secs(5)).await;
        set(&mut there, "masterauth", "guess").await;
        lab.pass(secs(5)).await;
        set(&mut there, "masteruser", "default").await;
        set(&mut there, "masterauth", "secret").await;
        lab.settle().await;
        assert_eq!(replica.dataset(), master.dataset());
        set(&mut here, "requirepass", "").await;
    }

    /// A host that does not exist is dialled in vain, and a real master is followed after that.
    async fn a_name_that_nobody_has(lab: Lab) seeds = 5 {
        let [node, master] = lab.peers().await;
        node.follow_host("nobody", 6379).await;
        lab.pass(secs(5)).await;
        node.follow(&master).await;
        master.client().work(100, secs(2)).await;
        lab.settle().await;
        assert_eq!(node.dataset(), master.dataset());
    }
}
