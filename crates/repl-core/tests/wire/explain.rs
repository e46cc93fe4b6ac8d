//! Why a synchronisation was full: every reason is forced once, and what a node says of it is
//! compared with a snapshot (`INSTA_UPDATE=always` writes it anew).

use std::{fmt::Write as _, fs, path::Path, time::Duration};

use repl_core::{
    base::{
        config::{Access, Config, OutputLimit},
        ids::Endpoint,
    },
    io::Reason,
};

use crate::{
    net::{Net, Peer, command, config},
    script::{MODERN, OTHER_ID, attach_as, feed, fullresync, greet, psync, snapshot, with_length},
};

/// A replica that comes back is known by the port it listens on.
const NAMED: &str = "listening-port 7 capa eof capa psync2";

/// Forces a reason and says what is told of it.
type Case = fn() -> String;

/// One way into each reason: what the node says in the end, as [`newest`] shows it.
const CASES: &[(Reason, Case)] = &[
    (Reason::NoHistoryNamed, no_history_named),
    (Reason::SyncCommand, sync_command),
    (Reason::BrokenOffByLimit, broken_off_by_limit),
    (Reason::BrokenOffByTimeout, broken_off_by_timeout),
    (Reason::BrokenOff, broken_off),
    (Reason::UnknownHistory, unknown_history),
    (Reason::BacklogFreed, backlog_freed),
    (Reason::TwoPromotions, two_promotions),
    (Reason::GranterResynced, granter_resynced),
    (Reason::DebugCommand, debug_command),
    (Reason::NeverCounted, never_counted),
    (Reason::BeyondPromotion, beyond_promotion),
    (Reason::NoBacklog, no_backlog),
    (Reason::BeforeBacklogBegan, before_backlog_began),
    (Reason::BacklogTooSmall, backlog_too_small),
    (Reason::DroppedByLimit, dropped_by_limit),
    (Reason::DroppedByTimeout, dropped_by_timeout),
    (Reason::BeyondEnd, beyond_end),
    (Reason::NoFile, no_file),
    (Reason::FileWithoutHistory, file_without_history),
    (Reason::WritesNotCounted, writes_not_counted),
    (Reason::NamelessHistory, nameless_history),
    (Reason::StreamDamaged, stream_damaged),
    (Reason::DatasetReloaded, dataset_reloaded),
    (Reason::FullSyncBrokenOff, full_sync_broken_off),
    (Reason::MasterTellsAnother, master_tells_another),
    (Reason::MasterKeepsTooLittle, master_keeps_too_little),
    (Reason::MasterIsBehind, master_is_behind),
    (Reason::MasterWithoutPsync, master_without_psync),
];

#[test]
fn every_reason_is_told_in_words_and_with_the_directive_that_would_have_helped() {
    let forced: Vec<Reason> = CASES.iter().map(|(reason, _)| *reason).collect();
    assert_eq!(forced, Reason::ALL, "each reason is forced once, in their order");
    let mut text = String::new();
    for (reason, case) in CASES {
        let told = case();
        let word = reason.word();
        assert!(told.starts_with(word), "{word} was forced, and is told as {told}");
        write!(text, "{told}\n\n").expect("a string takes any text");
    }
    insta::assert_snapshot!(text);
}

/// The newest decision of a node: reason and directive, explanation, advice.
fn newest(net: &mut Net, name: &str) -> String {
    let reply = net.ask(name, "REPL EXPLAIN");
    let field = |wanted| value(&reply, wanted);
    let line = format!(
        "{} [{}]\n  {}\n  {}",
        field("reason"),
        field("directive"),
        field("explanation"),
        field("advice")
    );
    let info = net.ask(name, "INFO replication");
    let last = format!("repl_last_full_sync_reason:{}\r\n", value(&reply, "reason"));
    assert!(info.contains(&last), "{info}");
    let logged = format!(" full ({}) ", value(&reply, "reason"));
    assert!(net.log(name).contains(&logged), "{}", net.log(name));
    line.trim_end().to_owned()
}

/// The value of the first field called `wanted` in a flat reply.
fn value(reply: &str, wanted: &str) -> String {
    let mut lines = reply.split("\r\n").skip_while(|line| *line != wanted).skip(1);
    let head = lines.next().unwrap_or_else(|| panic!("there is no {wanted} in {reply}"));
    head.strip_prefix(':').or_else(|| lines.next()).unwrap_or_default().to_owned()
}

fn limited() -> Config {
    let output_limit_replica =
        OutputLimit { hard_bytes: 100_000, soft_bytes: 0, soft_after: Duration::ZERO };
    Config {
        output_limit_replica,
        repl_backlog_size: 20_000,
        repl_sync_slows_writes: false,
        ..config()
    }
}

fn one(config: &Config) -> Net {
    Net::with(&["a"], config)
}

/// `a`, with a replica that has a history.
fn with_replica(config: &Config) -> (Net, Peer, String, u64) {
    let mut net = one(config);
    let (replica, id, offset) = attach_as(&mut net, "a", NAMED);
    (net, replica, id, offset)
}

/// `b`, which follows a scripted master and stands at byte 100 of its history.
fn with_master() -> (Net, Peer) {
    let mut net = Net::with(&["b"], &debugging());
    net.script("x");
    net.run("b", "REPLICAOF x 1");
    let master = feed(&mut net, "x", 100, &[]);
    (net, master)
}

fn debugging() -> Config {
    Config { enable_debug_command: Access::Yes, ..config() }
}

fn write(net: &mut Net, name: &str, bytes: usize) {
    for i in 0..bytes / 1000 {
        net.run(name, &format!("SET key:{i} {}", "x".repeat(1000)));
    }
}

fn ask(net: &mut Net, name: &str, id: &str, next: u64) -> String {
    psync(net, name, NAMED, &format!("PSYNC {id} {next}"));
    newest(net, name)
}

fn no_history_named() -> String {
    let mut net = one(&config());
    psync(&mut net, "a", MODERN, "PSYNC ? -1");
    newest(&mut net, "a")
}

fn sync_command() -> String {
    let mut net = one(&config());
    psync(&mut net, "a", "", "SYNC");
    newest(&mut net, "a")
}

/// A replica to which a snapshot is on its way, which it does not read.
fn unread(config: &Config) -> (Net, Peer) {
    let mut net = one(config);
    let replica = psync(&mut net, "a", NAMED, "PING");
    net.hold(replica);
    net.send(replica, &command("PSYNC ? -1"));
    (net, replica)
}

fn broken_off_by_limit() -> String {
    let (mut net, _) = unread(&limited());
    write(&mut net, "a", 130_000);
    ask(&mut net, "a", "?", 0)
}

fn broken_off_by_timeout() -> String {
    let (mut net, _) = unread(&config());
    net.pass_secs(70);
    ask(&mut net, "a", "?", 0)
}

fn broken_off() -> String {
    let (mut net, replica) = unread(&config());
    net.close(replica);
    net.pass_secs(2);
    ask(&mut net, "a", "?", 0)
}

fn unknown_history() -> String {
    ask(&mut one(&config()), "a", OTHER_ID, 1)
}

fn backlog_freed() -> String {
    let ttl = Config { repl_backlog_ttl: Duration::from_secs(30), ..config() };
    let (mut net, replica, id, offset) = with_replica(&ttl);
    net.close(replica);
    net.pass_secs(40);
    ask(&mut net, "a", &id, offset + 1)
}

fn two_promotions() -> String {
    let mut net = Net::with(&["a", "b"], &config());
    net.follow("b", "a");
    let (id, end) = (net.view("a").replid, net.view("a").offset);
    net.run("b", "REPLICAOF NO ONE");
    net.follow("a", "b");
    net.run("a", "REPLICAOF NO ONE");
    ask(&mut net, "a", id.as_str(), end + 1)
}

fn granter_resynced() -> String {
    let mut net = Net::with(&["a", "b", "x"], &config());
    net.follow("b", "a");
    let (id, end) = (net.view("a").replid, net.view("a").offset);
    net.follow("b", "x");
    net.pass_secs(2);
    ask(&mut net, "b", id.as_str(), end + 1)
}

fn debug_command() -> String {
    let (mut net, _, id, offset) = with_replica(&debugging());
    net.run("a", "DEBUG CHANGE-REPL-ID");
    ask(&mut net, "a", &id, offset + 1)
}

fn never_counted() -> String {
    let mut net = one(&config());
    let id = net.view("a").replid;
    attach_as(&mut net, "a", MODERN);
    ask(&mut net, "a", id.as_str(), 1)
}

fn beyond_promotion() -> String {
    let (mut net, _) = with_master();
    net.run("b", "REPLICAOF NO ONE");
    ask(&mut net, "b", OTHER_ID, 150)
}

fn no_backlog() -> String {
    let mut net = one(&config());
    let id = net.view("a").replid;
    ask(&mut net, "a", id.as_str(), 1)
}

fn before_backlog_began() -> String {
    let (mut net, _) = with_master();
    ask(&mut net, "b", OTHER_ID, 50)
}

fn backlog_too_small() -> String {
    let (mut net, replica, id, offset) = with_replica(&limited());
    net.close(replica);
    write(&mut net, "a", 60_000);
    net.pass_secs(3);
    ask(&mut net, "a", &id, offset + 1)
}

fn dropped_by_limit() -> String {
    let (mut net, replica, id, offset) = with_replica(&limited());
    net.hold(replica);
    write(&mut net, "a", 130_000);
    ask(&mut net, "a", &id, offset + 1)
}

fn dropped_by_timeout() -> String {
    let (mut net, _, id, offset) = with_replica(&limited());
    net.pass_secs(70);
    write(&mut net, "a", 60_000);
    ask(&mut net, "a", &id, offset + 1)
}

fn beyond_end() -> String {
    let (mut net, _, id, offset) = with_replica(&config());
    ask(&mut net, "a", &id, offset + 20)
}

/// As `b`'s master: answers what it asks next, and tells what `b` says of that.
fn answer(net: &mut Net, answer: &[u8]) -> String {
    net.pass_secs(2);
    let (master, _) = greet(net, "x");
    net.send(master, answer);
    newest(net, "b")
}

fn born_replica() -> Config {
    Config { replicaof: Some(Endpoint { host: "x".into(), port: 1 }), ..config() }
}

fn no_file() -> String {
    let mut net = Net::chopped(1000);
    net.script("x");
    net.add("b", born_replica());
    answer(&mut net, &fullresync(100))
}

fn file_without_history() -> String {
    let mut net = Net::with(&["b"], &config());
    net.script("x");
    net.put_file("b", snapshot(0, &[("k", "v")]));
    net.restart("b", born_replica());
    answer(&mut net, &fullresync(100))
}

fn writes_not_counted() -> String {
    let mut net = Net::with(&["b"], &config());
    net.script("x");
    net.run("b", "SET only:here 1");
    net.run("b", "REPLICAOF x 1");
    answer(&mut net, &fullresync(100))
}

fn nameless_history() -> String {
    let mut net = Net::with(&["b"], &config());
    net.script("x");
    net.run("b", "REPLICAOF x 1");
    let (master, _) = greet(&mut net, "x");
    net.send(master, b"-ERR unknown command\r\n");
    net.send(master, &with_length(&snapshot(0, &[])));
    net.close(master);
    answer(&mut net, &fullresync(100))
}

fn stream_damaged() -> String {
    let (mut net, master) = with_master();
    net.send(master, b"PING\r\n");
    answer(&mut net, &fullresync(200))
}

fn dataset_reloaded() -> String {
    let (mut net, _) = with_master();
    net.put_file("b", snapshot(0, &[("k", "v")]));
    let client = net.connect("b");
    net.command(client, "DEBUG RELOAD NOSAVE");
    net.load("b");
    answer(&mut net, &fullresync(100))
}

fn full_sync_broken_off() -> String {
    let mut net = Net::with(&["b"], &config());
    net.script("x");
    net.run("b", "REPLICAOF x 1");
    let (master, _) = greet(&mut net, "x");
    net.send(master, &fullresync(100));
    net.close(master);
    answer(&mut net, &fullresync(100))
}

#[test]
fn how_a_full_sync_was_broken_off_is_told() {
    let mut net = Net::with(&["b"], &config());
    net.script("x");
    net.run("b", "REPLICAOF x 1");
    let (master, _) = greet(&mut net, "x");
    net.send(master, &fullresync(100));
    net.send(master, &with_length(b"no snapshot at all"));
    let told = answer(&mut net, &fullresync(100));
    assert!(told.contains("was broken off because what came was no snapshot"), "{told}");
}

fn master_tells_another() -> String {
    let (mut net, master) = with_master();
    net.close(master);
    answer(&mut net, format!("+FULLRESYNC {} 100\r\n", "b".repeat(40)).as_bytes())
}

fn master_keeps_too_little() -> String {
    let (mut net, master) = with_master();
    net.close(master);
    answer(&mut net, &fullresync(5_000))
}

fn master_is_behind() -> String {
    let (mut net, master) = with_master();
    net.close(master);
    answer(&mut net, &fullresync(50))
}

fn master_without_psync() -> String {
    let (mut net, master) = with_master();
    net.close(master);
    answer(&mut net, b"-ERR unknown command\r\n")
}

#[test]
fn every_reason_has_its_row_in_the_documents_and_no_row_is_left_over() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/RESYNC.md");
    let text = fs::read_to_string(path).expect("the document is there");
    let reasons = text.split("## More").next().expect("a text has a beginning");
    let rows: Vec<&str> = reasons.lines().filter_map(|line| line.strip_prefix("| `")).collect();
    let words: Vec<&str> = rows.iter().filter_map(|row| row.split('`').next()).collect();
    let all: Vec<&str> = Reason::ALL.iter().map(|reason| reason.word()).collect();
    assert_eq!(words, all, "one row for each, in their order");
}

#[test]
fn explanations_are_found_by_address_and_by_client_and_can_be_forgotten() {
    let mut net = Net::with(&["a", "b"], &config());
    net.follow("b", "a");
    psync(&mut net, "a", "listening-port 7 capa psync2", "PSYNC ? -1");
    let count = |net: &mut Net, words: &str| {
        net.ask("a", words).lines().next().expect("there is a reply").to_owned()
    };
    assert_eq!(count(&mut net, "REPL EXPLAIN"), "*2");
    assert_eq!(count(&mut net, "REPL EXPLAIN 127.0.0.1:7"), "*1");
    assert_eq!(count(&mut net, "repl explain 127.0.0.1"), "*1");
    let reply = net.ask("a", "REPL EXPLAIN");
    assert_eq!(value(&reply, "peer"), "127.0.0.1:7", "the newest comes first");
    let number = value(&reply, "client-id");
    assert_eq!(count(&mut net, &format!("REPL EXPLAIN {number}")), "*1");
    assert_eq!(count(&mut net, "REPL EXPLAIN nobody"), "*0");
    let refusal = count(&mut net, "REPL EXPLAIN a b");
    assert!(refusal.ends_with("arguments for 'EXPLAIN'. Try REPL HELP."), "{refusal}");
    assert_eq!(count(&mut net, "REPL EXPLAIN RESET"), "+OK");
    assert_eq!(count(&mut net, "REPL EXPLAIN"), "*0");
    assert!(net.ask("a", "INFO replication").contains("repl_last_full_sync_reason:\r\n"));
    assert_eq!(count(&mut net, "REPL HELP"), "*5");
}

#[test]
fn decisions_are_kept_up_to_a_number_and_partial_ones_are_told_too() {
    let (mut net, mut replica, id, offset) = with_replica(&config());
    for _ in 0..150 {
        net.close(replica);
        replica = psync(&mut net, "a", NAMED, &format!("PSYNC {id} {}", offset + 1));
    }
    let reply = net.ask("a", "REPL EXPLAIN");
    assert!(reply.starts_with("*128\r\n"), "{}", &reply[..10]);
    assert_eq!(value(&reply, "id"), "150", "they are counted on");
    let told = ["as", "result", "reason", "explanation", "directive", "advice", "asked-offset"];
    let next = (offset + 1).to_string();
    let explanation = format!("The replica goes on at byte {next} and lacks nothing.");
    let expect = ["master", "partial", "", &explanation, "", "", &next];
    assert_eq!(told.map(|field| value(&reply, field)), expect);
}

#[test]
fn in_resp3_each_decision_is_a_map() {
    let mut net = one(&config());
    psync(&mut net, "a", MODERN, "PSYNC ? -1");
    let client = net.connect("a");
    net.command(client, "HELLO 3");
    assert!(net.command(client, "REPL EXPLAIN").starts_with("*1\r\n%19\r\n$2\r\nid\r\n:0\r\n"));
}

#[test]
fn a_replica_and_its_master_tell_how_a_full_sync_goes_and_how_far_it_lags() {
    let mut net = Net::with(&["b"], &config());
    net.script("x");
    let field = |net: &mut Net, name: &str| {
        let text = net.ask("b", "INFO replication");
        let start = format!("{name}:");
        let found = text.lines().find_map(|line| line.strip_prefix(&start)).unwrap_or("none");
        found.to_owned()
    };
    net.run("b", "REPLICAOF x 1");
    assert_eq!(field(&mut net, "master_sync_phase"), "handshake");
    let (master, _) = greet(&mut net, "x");
    net.send(master, &fullresync(100));
    assert_eq!(field(&mut net, "master_sync_phase"), "waiting-for-snapshot");
    let payload = with_length(&snapshot(0, &[("k", "v"), ("l", "w")]));
    let (head, size) =
        (payload.len() - snapshot(0, &[("k", "v"), ("l", "w")]).len(), payload.len());
    net.pass_secs(2);
    net.send(master, &payload[..head + (size - head) / 2]);
    let half = (size - head) / 2;
    assert_eq!(field(&mut net, "master_sync_phase"), "receiving");
    assert_eq!(field(&mut net, "master_sync_elapsed_ms"), "2000");
    assert_eq!(field(&mut net, "master_sync_bytes_per_sec"), (half / 2).to_string());
    let eta = (size - head - half) * 2000 / half;
    assert_eq!(field(&mut net, "master_sync_eta_ms"), eta.to_string());
    net.send(master, &payload[head + half..]);
    assert_eq!(field(&mut net, "master_sync_phase"), "streaming");
    assert_eq!(field(&mut net, "master_sync_last_full_ms"), "2000");

    // Whatever the master says of the length, it is no more than a number.
    net.close(master);
    let (master, _) = greet(&mut net, "x");
    net.send(master, &fullresync(100));
    net.send(master, format!("${}\r\nREDIS0010", i64::MAX).as_bytes());
    net.pass_secs(20);
    assert_eq!(field(&mut net, "master_sync_eta_ms").len(), 23, "nearly for ever");
    net.close(master);
    net.until_dialled("x");
    let master = feed(&mut net, "x", 100, &[]);

    let replica = psync(&mut net, "b", NAMED, &format!("PSYNC {OTHER_ID} 101"));
    let line = |net: &mut Net| field(net, "repl_replica0");
    let unknown = "ip=127.0.0.1,port=7,phase=streaming,lag_bytes=-1,lag_ms=-1,sync_sent_bytes=-1";
    assert_eq!(line(&mut net), unknown);
    net.send(replica, &command("REPLCONF ACK 100"));
    assert!(line(&mut net).contains("lag_bytes=0,lag_ms=0"), "{}", line(&mut net));
    net.send(master, &command("SET k 2"));
    net.pass(Duration::from_millis(700));
    let behind = command("SET k 2").len();
    let lag = format!("lag_bytes={behind},lag_ms=700");
    assert!(line(&mut net).contains(&lag), "{}", line(&mut net));
}
