//! Full synchronisation: both framings, in pieces, damaged, interrupted, and while the master is
//! written to.

use repl_core::base::config::Config;

use crate::{
    net::{Net, command, config},
    script::{
        MODERN, OTHER_ID, attach, feed, fullresync, greet, psync, read_fullresync, snapshot, text,
        with_length, with_mark,
    },
};

/// A master with some keys in two databases.
fn loaded(net: &mut Net, name: &str) {
    for i in 0..50 {
        net.run(name, &format!("SET key:{i} value:{i}"));
    }
    net.run(name, "SELECT 3");
    net.run(name, "SET there x PX 100000000");
    net.run(name, "SELECT 0");
}

#[test]
fn a_replica_becomes_like_its_master_with_either_framing() {
    for repl_diskless_sync in [true, false] {
        let config = Config { repl_diskless_sync, ..config() };
        let mut net = Net::with(&["a", "b"], &config);
        loaded(&mut net, "a");
        net.follow("b", "a");
        net.run("a", "SET after 1");
        net.assert_same(&["a", "b"]);
        assert_eq!(net.view("b").link, "connected");
        assert_eq!(net.view("a").online_replicas, 1);
        assert_eq!(net.node("a").stats().sync_full, 1);
    }
}

#[test]
fn a_full_sync_and_the_stream_survive_pieces_of_any_size() {
    for piece_max in [1, 2, 3, 7, 50, 1000] {
        for repl_diskless_sync in [true, false] {
            let config = Config { repl_diskless_sync, ..config() };
            let mut net = Net::chopped(piece_max);
            net.add("a", config.clone());
            net.add("b", config.clone());
            net.add("c", config);
            loaded(&mut net, "a");
            net.follow("b", "a");
            net.follow("c", "b");
            net.run("a", "MULTI");
            net.run("a", "SET x 1");
            net.run("a", "INCR x");
            net.run("a", "EXEC");
            net.run("a", "APPEND key:1 more");
            net.assert_same(&["a", "b", "c"]);
        }
    }
}

#[test]
fn a_payload_and_the_stream_behind_it_may_be_split_at_every_byte() {
    let snapshot = snapshot(2, &[("k", "v"), ("long", &"ab".repeat(50))]);
    let stream = [command("SET in:two 1"), command("PING")].concat();
    let length = [fullresync(100), b"\n".to_vec(), with_length(&snapshot), stream.clone()].concat();
    let mark = [fullresync(100), b"\n\n".to_vec(), with_mark(&snapshot), stream.clone()].concat();
    for whole in [length, mark] {
        for at in 0..=whole.len() {
            let mut net = Net::with(&["b"], &config());
            net.script("x");
            net.run("b", "REPLICAOF x 1");
            let (master, psync) = greet(&mut net, "x");
            assert_eq!(psync, "PSYNC ? -1");
            net.send(master, &whole[..at]);
            net.send(master, &whole[at..]);
            assert_eq!(net.view("b").offset, 100 + stream.len() as u64, "split at {at}");
            assert_eq!(net.ask("b", "GET k"), "$1\r\nv\r\n");
            net.run("b", "SELECT 2");
            assert_eq!(net.ask("b", "GET in:two"), "$1\r\n1\r\n", "split at {at}");
        }
    }
}

#[test]
fn the_first_command_after_a_full_sync_is_preceded_by_select() {
    let mut net = Net::with(&["a"], &config());
    net.run("a", "SELECT 5");
    let (first, ..) = attach(&mut net, "a");
    net.run("a", "SET k 1");
    assert_eq!(net.read_text(first), text("SELECT 5") + &text("SET k 1"));
    net.run("a", "SET k 2");
    assert_eq!(net.read_text(first), text("SET k 2"));
    let (second, ..) = attach(&mut net, "a");
    net.run("a", "SET k 3");
    for replica in [first, second] {
        assert_eq!(net.read_text(replica), text("SELECT 5") + &text("SET k 3"));
    }
}

#[test]
fn a_chained_replica_is_told_which_database_the_stream_has_selected() {
    let mut net = Net::with(&["a", "b", "c"], &config());
    net.follow("b", "a");
    net.run("a", "SELECT 7");
    net.run("a", "SET k 1");
    net.follow("c", "b");
    net.run("a", "SET k 2");
    net.assert_same(&["a", "b", "c"]);
    net.run("c", "SELECT 7");
    assert_eq!(net.ask("c", "GET k"), "$1\r\n2\r\n");
}

#[test]
fn the_stream_waits_for_the_first_acknowledgement_behind_a_mark_only() {
    let mut net = Net::with(&["a"], &config());
    let modern = psync(&mut net, "a", MODERN, "PSYNC ? -1");
    let old = psync(&mut net, "a", "capa psync2", "PSYNC ? -1");
    net.pass_secs(1);
    net.read(modern);
    net.read(old);
    net.run("a", "SET k 1");
    assert_eq!(net.read_text(modern), "");
    assert_eq!(net.read_text(old), text("SELECT 0") + &text("SET k 1"));
    net.send(modern, &command("REPLCONF ACK 0"));
    assert_eq!(net.read_text(modern), text("SELECT 0") + &text("SET k 1"));
}

#[test]
fn a_payload_cut_short_at_any_byte_leaves_the_old_dataset_and_is_tried_again() {
    let snapshot = snapshot(0, &[("new", "1")]);
    for payload in [with_length(&snapshot), with_mark(&snapshot)] {
        for at in 0..payload.len() {
            let mut net = Net::with(&["b"], &config());
            net.script("x");
            net.run("b", "SET old 1");
            net.run("b", "REPLICAOF x 1");
            let (master, _) = greet(&mut net, "x");
            net.send(master, &fullresync(5));
            net.send(master, &payload[..at]);
            net.close(master);
            assert_eq!(net.ask("b", "GET old"), "$1\r\n1\r\n", "cut at {at}");
            assert!(!net.is_dialled("x"), "the next attempt comes later");
            net.until_dialled("x");
            feed(&mut net, "x", 9, &[("new", "2")]);
            assert_eq!(net.ask("b", "GET old"), "$-1\r\n");
            assert_eq!(net.ask("b", "GET new"), "$1\r\n2\r\n");
            assert_eq!(net.view("b").offset, 9);
        }
    }
}

/// The node refuses `payload`, says `reason`, keeps what it has and tries again after a second.
fn refuses(payload: &[u8], reason: &str) {
    let mut net = Net::with(&["b"], &config());
    net.script("x");
    net.run("b", "SET old 1");
    net.run("b", "REPLICAOF x 1");
    let (master, _) = greet(&mut net, "x");
    net.send(master, &fullresync(5));
    net.send(master, payload);
    assert!(!net.is_open(master), "{reason}");
    assert!(net.log("b").contains(reason), "{reason} is not in:\n{}", net.log("b"));
    assert_eq!(net.ask("b", "GET old"), "$1\r\n1\r\n");
    assert!(!net.is_dialled("x"));
    net.until_dialled("x");
    let (_, psync) = greet(&mut net, "x");
    assert_eq!(psync, "PSYNC ? -1");
}

#[test]
fn a_damaged_payload_is_refused_and_the_old_dataset_stays() {
    let snapshot = snapshot(0, &[("new", "1")]);
    let mut crc = snapshot.clone();
    *crc.last_mut().expect("it is not empty") ^= 1;
    refuses(&with_length(&crc), "Failed trying to load the MASTER synchronization DB");
    refuses(&with_mark(&crc), "Failed trying to load the MASTER synchronization DB");
    let mut mark = with_mark(&snapshot);
    *mark.last_mut().expect("it is not empty") ^= 1;
    refuses(&mark, "EOF marker is broken");
    let long = [format!("${}\r\n", snapshot.len() + 5).as_bytes(), &snapshot, b"12345"].concat();
    refuses(&long, "does not have the length announced");
    refuses(b"-ERR I am out of memory\r\n", "MASTER aborted replication with an error");
    refuses(b"hello\r\n", "Bad protocol from MASTER");
    refuses(b"$EOF:short\r\n", "Bad protocol from MASTER");
    refuses(&[b'x'; 70_000], "line that does not end");
    refuses(&with_length(b"REDIS9999"), "Failed trying to load");
    refuses(&with_length(b"NOTREDIS!"), "Failed trying to load");
}

#[test]
fn a_payload_with_a_type_that_is_not_here_is_refused_by_name() {
    // redis: rdb.h: values of modules, streams of three versions, hashes whose fields expire
    for code in [7, 15, 19, 21, 22] {
        let snapshot = [b"REDIS0010\xfe\x00", &[code, 1, b'k', 0][..]].concat();
        let reason = format!("Unknown RDB encoding type {code}");
        refuses(&with_length(&snapshot), &reason);
        refuses(&with_mark(&snapshot), &reason);
    }
}

#[test]
fn a_wrong_fullresync_line_still_brings_the_payload_but_no_history() {
    let mut net = Net::with(&["b"], &config());
    net.script("x");
    net.run("b", "REPLICAOF x 1");
    let (master, _) = greet(&mut net, "x");
    net.send(master, b"+FULLRESYNC what\r\n");
    net.send(master, &with_length(&snapshot(0, &[("k", "1")])));
    net.send(master, &command("SET k 2"));
    assert_eq!(net.ask("b", "GET k"), "$1\r\n2\r\n");
    net.close(master);
    let (_, psync) = greet(&mut net, "x");
    assert_eq!(psync, "PSYNC ? -1", "nobody could know these bytes");
}

#[test]
fn a_master_that_knows_no_psync_is_asked_the_old_way() {
    let mut net = Net::with(&["b"], &config());
    net.script("x");
    net.run("b", "REPLICAOF x 1");
    let (master, _) = greet(&mut net, "x");
    net.send(master, b"-ERR unknown command 'PSYNC'\r\n");
    assert_eq!(net.read_text(master), "SYNC\r\n");
    net.send(master, &with_length(&snapshot(0, &[("k", "1")])));
    net.send(master, &command("INCR k"));
    assert_eq!(net.ask("b", "GET k"), "$1\r\n2\r\n");
    assert_eq!(net.read_text(master), "", "it would answer in the middle of its stream");
    net.pass_secs(3);
    assert_eq!(net.read_text(master), "", "such a master wants no acknowledgements");
    net.close(master);
    let (master, asked) = greet(&mut net, "x");
    assert_eq!(asked, "PSYNC ? -1", "its history has no name");
    net.send(master, b"-ERR not now\r\n");
    assert_eq!(net.read_text(master), "SYNC\r\n");
    net.send(master, &with_mark(&snapshot(0, &[("k", "1")])));
    assert_eq!(net.read_text(master), text("REPLCONF ACK 0"), "what follows a mark waits for it");
}

#[test]
fn an_old_sync_gets_a_payload_without_a_line_and_then_the_stream() {
    let mut net = Net::with(&["a"], &config());
    let replica = net.connect("a");
    net.send(replica, b"SYNC\r\n");
    let payload = net.read(replica);
    assert!(payload.starts_with(b"$") && !payload.starts_with(b"$EOF"));
    net.run("a", "SET k 1");
    assert_eq!(net.read_text(replica), text("SELECT 0") + &text("SET k 1"));
    net.pass_secs(200);
    assert!(net.is_open(replica), "it cannot acknowledge, so its silence means nothing");
}

#[test]
fn an_rdb_only_replica_gets_a_payload_and_is_closed() {
    let mut net = Net::with(&["a"], &config());
    net.run("a", "SET k 1");
    let replica = psync(&mut net, "a", "capa eof rdb-only 1", "SYNC");
    let payload = net.read(replica);
    assert_eq!(&payload[payload.len() - 40..], &payload[5..45]);
    assert!(!net.is_open(replica));
    let empty = psync(&mut net, "a", "capa eof rdb-filter-only functions", "SYNC");
    let nothing = net.read(empty);
    assert!(nothing.starts_with(b"$EOF:") && nothing.len() < payload.len());
    let both = psync(&mut net, "a", "capa eof rdb-only 1 rdb-filter-only functions", "SYNC");
    assert!(net.read(both).starts_with(b"$EOF:") && !net.is_open(both));
}

/// A master whose snapshot takes a while over a slow link.
fn large(net: &mut Net, name: &str) {
    for i in 0..20_000 {
        net.run(name, &format!("SET key:{i} {i}"));
    }
}

#[test]
fn writes_during_a_snapshot_are_in_the_stream_and_not_in_the_payload() {
    for repl_diskless_sync in [true, false] {
        let config = Config { repl_diskless_sync, ..config() };
        let mut net = Net::with(&["a", "b"], &config);
        large(&mut net, "a");
        net.slow("a", "b", 100_000);
        net.follow("b", "a");
        assert_eq!(net.view("b").link, "sync");
        for i in (0..20_000).step_by(7) {
            net.run("a", &format!("APPEND key:{i} y"));
            net.run("a", &format!("DEL key:{}", i + 1));
            net.run("a", &format!("SET new:{i} z"));
        }
        assert_eq!(net.view("b").link, "sync");
        net.heal();
        net.pass_secs(2);
        net.assert_same(&["a", "b"]);
    }
}

#[test]
fn a_flush_during_a_snapshot_does_not_reach_into_it() {
    for late in ["SET k 1", "PING"] {
        let mut net = Net::with(&["a", "b"], &config());
        large(&mut net, "a");
        net.slow("a", "b", 50_000);
        net.follow("b", "a");
        net.run("a", "FLUSHALL");
        net.run("a", late);
        net.pass_secs(1);
        assert_eq!(net.view("b").link, "sync");
        net.heal();
        net.pass_secs(2);
        net.assert_same(&["a", "b"]);
    }
}

#[test]
fn two_replicas_share_one_snapshot_at_their_own_pace() {
    let repl_diskless_sync_delay = std::time::Duration::from_secs(3);
    let config = Config { repl_diskless_sync_delay, ..config() };
    let mut net = Net::with(&["a", "b", "c"], &config);
    large(&mut net, "a");
    net.slow("a", "c", 20_000);
    net.follow("b", "a");
    net.run("c", "REPLICAOF a 1");
    net.pass_secs(4);
    net.run("a", "SET k 1");
    net.assert_same(&["a", "b"]);
    assert_eq!(net.view("c").link, "sync");
    net.heal();
    net.pass_secs(2);
    net.assert_same(&["a", "b", "c"]);
    let cuts = net.log("a").matches("Starting snapshot").count();
    assert_eq!((cuts, net.decisions("a").len()), (2, 2), "each asked once and got one");
}

#[test]
fn a_third_snapshot_waits_until_one_of_two_ends() {
    let mut net = Net::with(&["a"], &config());
    large(&mut net, "a");
    let held = [0; 3].map(|_| {
        let replica = net.connect("a");
        net.command(replica, "REPLCONF capa eof");
        net.hold(replica);
        net.send(replica, &command("PSYNC ? -1"));
        net.pass_secs(1);
        replica
    });
    net.release(held[2]);
    net.pass_secs(2);
    assert_eq!(net.read_text(held[2]), "\n".repeat(3), "signs of life while it waits");
    net.release(held[0]);
    let (_, _, payload) = read_fullresync(&net.read(held[2]));
    assert_eq!(&payload[payload.len() - 40..], &payload[5..45]);
    net.release(held[1]);
    let (_, _, payload) = read_fullresync(&net.read(held[1]));
    assert_eq!(&payload[payload.len() - 40..], &payload[5..45]);
}

#[test]
fn a_plain_continue_that_nobody_asked_for_is_refused() {
    for line in ["+CONTINUE\r\n".to_owned(), format!("+CONTINUE {OTHER_ID}\r\n")] {
        let mut net = Net::with(&["b"], &config());
        net.script("x");
        net.run("b", "REPLICAOF x 1");
        let (master, psync) = greet(&mut net, "x");
        assert_eq!(psync, "PSYNC ? -1");
        net.send(master, line.as_bytes());
        net.send(master, &command("SET k 1"));
        assert!(!net.is_open(master), "there is nothing to continue");
        assert_eq!(net.ask("b", "GET k"), "$-1\r\n");
        net.until_dialled("x");
        assert!(net.is_dialled("x"));
    }
}

#[test]
fn the_offset_of_a_full_sync_is_that_of_the_cut_and_not_of_the_question() {
    let repl_diskless_sync_delay = std::time::Duration::from_secs(3);
    let mut net = Net::with(&["a"], &Config { repl_diskless_sync_delay, ..config() });
    let first = psync(&mut net, "a", MODERN, "PSYNC ? -1");
    net.run("a", "SET k 1");
    net.pass_secs(4);
    let answer = |net: &mut Net, replica| {
        let heard = net.read_text(replica);
        let line = heard.trim_start_matches('\n');
        assert_eq!(heard.len() - line.len(), 2, "signs of life until then: {heard:?}");
        line.split_once("\r\n").map(|(line, _)| line.to_owned()).expect("there is a line")
    };
    let offset_of = |line: String| {
        line.rsplit(' ').next().and_then(|word| word.parse().ok()).unwrap_or(u64::MAX)
    };
    let asked_at = offset_of(answer(&mut net, first));
    let replica = psync(&mut net, "a", MODERN, "PSYNC ? -1");
    assert_eq!(net.read_text(replica), "", "there is no offset yet");
    net.run("a", "SET k 2");
    let cut_at = net.view("a").offset;
    net.pass_secs(4);
    let offset = offset_of(answer(&mut net, replica));
    assert_eq!(offset, cut_at);
    assert!(offset > asked_at);
    net.run("a", "SET k 3");
    net.send(replica, &command(&format!("REPLCONF ACK {offset}")));
    assert_eq!(net.read_text(replica), text("SELECT 0") + &text("SET k 3"));
}

#[test]
fn a_snapshot_that_nobody_reads_any_more_is_given_up() {
    let mut net = Net::with(&["a"], &config());
    large(&mut net, "a");
    let readers = [0; 2].map(|_| {
        let replica = net.connect("a");
        net.command(replica, "REPLCONF capa eof");
        net.hold(replica);
        net.send(replica, &command("PSYNC ? -1"));
        replica
    });
    let under_way = |net: &mut Net| {
        net.ask("a", "INFO persistence").contains("\r\nrdb_bgsave_in_progress:1\r\n")
    };
    assert!(under_way(&mut net));
    net.close(readers[0]);
    assert!(under_way(&mut net), "one is left");
    net.close(readers[1]);
    assert!(!under_way(&mut net));
    assert!(net.log("a").contains("last replica dropped, killing fork child"));
}
