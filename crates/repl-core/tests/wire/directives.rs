//! Directives of replication that have no theme of their own: what changes when one is set.

use std::time::Duration;

use repl_core::base::config::{Config, DisklessLoad, PropagationError};

use crate::{
    net::{Net, Peer, command, config},
    script::{MODERN, OTHER_ID, attach, feed, psync, read_fullresync, text},
};

/// A replica of the scripted `x`, and the connection to that.
fn fed(config: &Config) -> (Net, Peer) {
    let mut net = Net::with(&["b"], config);
    net.script("x");
    net.run("b", "REPLICAOF x 1");
    let master = feed(&mut net, "x", 100, &[("k", "word")]);
    (net, master)
}

#[test]
fn a_command_that_fails_on_a_replica_ends_it_if_it_is_told_to() {
    let stream = [command("SET a 1"), command("INCR k"), command("SET a 2")].concat();
    let unit = [command("MULTI"), stream.clone(), command("EXEC"), command("SET a 3")].concat();
    for behaviour in [PropagationError::Panic, PropagationError::PanicOnReplicas] {
        let strict = Config { propagation_error_behavior: behaviour, ..config() };
        for stream in [&stream, &unit] {
            let (mut net, master) = fed(&strict);
            net.send(master, stream);
            assert_eq!(net.exit("b"), Some(1));
            let log = net.log("b");
            assert!(
                log.ends_with(
                    "This replica panicked sending an error to its master after processing the \
                     command 'incr'"
                ),
                "{log}"
            );
            assert_eq!(log.matches("panicked").count(), 1);
            net.send(master, &command("SET a 4"));
            assert!(net.view("b").offset < 100 + stream.len() as u64, "nothing more is applied");
        }
        let writable = Config { replica_read_only: false, ..strict };
        let (mut net, master) = fed(&writable);
        net.send(master, &stream);
        assert_eq!((net.exit("b"), net.ask("b", "GET a")), (None, "$1\r\n2\r\n".into()));
    }
    let (mut net, master) = fed(&config());
    net.send(master, &stream);
    assert_eq!((net.exit("b"), net.ask("b", "GET a")), (None, "$1\r\n2\r\n".into()));
}

#[test]
fn what_came_before_an_error_is_logged() {
    let (mut net, master) = fed(&config());
    net.send(master, &command(&format!("SET a {}", "x".repeat(1000))));
    net.send(master, &command("INCR k"));
    let log = net.log("b");
    let line = log.lines().last().expect("an error is logged");
    let shown = line.strip_prefix("Latest backlog is: '\"").expect("these are Redis' words");
    assert_eq!(shown, format!("{}\\r\\n\"'", "x".repeat(254)));
}

#[test]
fn a_full_sync_asks_nothing_of_either_disk() {
    for (rdb_del_sync_files, diskless) in [("yes", true), ("no", true), ("no", false)] {
        let config = Config { repl_diskless_sync: diskless, ..config() };
        let mut net = Net::with(&["a", "b"], &config);
        for name in ["a", "b"] {
            net.run(name, &format!("CONFIG SET rdb-del-sync-files {rdb_del_sync_files}"));
        }
        net.run("a", "SET k 1");
        net.follow("b", "a");
        net.assert_same(&["a", "b"]);
        assert_eq!((net.request("a"), net.request("b")), (None, None));
    }
}

#[test]
fn the_old_data_is_served_until_the_new_is_there_however_it_is_loaded() {
    for repl_diskless_load in
        [DisklessLoad::Disabled, DisklessLoad::OnEmptyDb, DisklessLoad::Swapdb]
    {
        for lazily in ["yes", "no"] {
            let loading = Config { repl_diskless_load, rdbcompression: false, ..config() };
            let mut net = Net::with(&["a", "b"], &loading);
            net.run("b", &format!("CONFIG SET replica-lazy-flush {lazily}"));
            net.run("b", "SET own 1");
            net.run("a", &format!("SET k {}", "x".repeat(5000)));
            net.slow("a", "b", 500);
            net.follow("b", "a");
            assert_eq!((net.view("b").link, net.ask("b", "DBSIZE")), ("sync", ":1\r\n".into()));
            assert_eq!(net.ask("b", "GET own"), "$1\r\n1\r\n");
            net.heal();
            net.pass_secs(1);
            net.assert_same(&["a", "b"]);
        }
    }
}

#[test]
fn enough_replicas_end_the_wait_for_more() {
    let patient = Config {
        repl_diskless_sync_delay: Duration::from_secs(30),
        repl_diskless_sync_max_replicas: 2,
        ..config()
    };
    let mut net = Net::with(&["a", "b", "c"], &patient);
    net.run("b", "REPLICAOF a 1");
    net.pass_secs(5);
    assert_eq!(net.view("b").link, "handshake", "one is not enough");
    net.run("c", "REPLICAOF a 1");
    net.settle();
    net.assert_same(&["a", "b", "c"]);
    assert_eq!(net.log("a").matches("Background RDB transfer started").count(), 1);
}

#[test]
fn without_diskless_sync_nobody_waits_for_company() {
    let repl_diskless_sync_delay = Duration::from_secs(30);
    for (repl_diskless_sync, link) in [(true, "handshake"), (false, "connected")] {
        let config = Config { repl_diskless_sync, repl_diskless_sync_delay, ..config() };
        let mut net = Net::with(&["a", "b"], &config);
        net.follow("b", "a");
        assert_eq!(net.view("b").link, link);
    }
}

#[test]
fn a_backlog_without_a_time_limit_stays_and_so_does_that_of_a_replica() {
    let forever = Config { repl_backlog_ttl: Duration::ZERO, ..config() };
    let mut net = Net::with(&["a"], &forever);
    let (replica, ..) = attach(&mut net, "a");
    net.close(replica);
    net.pass_secs(100_000);
    assert!(net.view("a").backlog.is_some());

    let short = Config { repl_backlog_ttl: Duration::from_secs(1), ..config() };
    let (mut net, master) = fed(&short);
    for _ in 0..30 {
        net.send(master, &command("PING"));
        net.pass_secs(1);
    }
    assert!(net.view("b").backlog.is_some(), "it may become the master");
    assert_eq!(net.view("b").replid.to_string(), OTHER_ID);
}

#[test]
fn writes_of_a_writable_replica_need_no_replicas() {
    let lonely = Config { replica_read_only: false, min_replicas_to_write: 3, ..config() };
    let (mut net, master) = fed(&lonely);
    net.run("b", "SET own 1");
    net.send(master, &command("SET k 2"));
    assert_eq!(net.ask("b", "MGET own k"), "*2\r\n$1\r\n1\r\n$1\r\n2\r\n");
    net.run("b", "REPLICAOF NO ONE");
    assert!(net.ask("b", "SET own 2").starts_with("-NOREPLICAS"));
    // A lag of nothing is no lag that anybody could keep to.
    net.run("b", "CONFIG SET min-replicas-max-lag 0");
    net.run("b", "SET own 2");
}

#[test]
fn a_limit_below_the_size_of_the_backlog_counts_as_that() {
    for repl_backlog_size in [20_000, 200_000] {
        let mut small = Config { repl_backlog_size, ..config() };
        small.output_limit_replica.hard_bytes = 30_000;
        small.output_limit_replica.soft_bytes = 0;
        let mut net = Net::with(&["a"], &small);
        let (slow, ..) = attach(&mut net, "a");
        net.hold(slow);
        for number in 0..100 {
            net.run("a", &format!("SET key:{number} {}", "x".repeat(1000)));
        }
        let stays = usize::from(repl_backlog_size > 100_000);
        assert_eq!(net.view("a").online_replicas, stays, "{repl_backlog_size}");
    }
}

#[test]
fn pings_come_as_often_as_they_are_told_to() {
    let often = Config { repl_ping_replica_period: Duration::from_secs(2), ..config() };
    let mut net = Net::with(&["a"], &often);
    let (replica, _, offset) = attach(&mut net, "a");
    let mut heard = String::new();
    for _ in 0..20 {
        net.pass_secs(1);
        net.send(replica, &command(&format!("REPLCONF ACK {offset}")));
        heard += &net.read_text(replica);
    }
    let count = heard.matches(&text("PING")).count();
    assert!((9..=11).contains(&count) && heard == text("PING").repeat(count), "{heard:?}");
}

/// The snapshot that a master sends, its framing taken off.
fn snapshot_of(config: &Config) -> Vec<u8> {
    let mut net = Net::with(&["a"], config);
    net.run("a", &format!("SET k {}", "x".repeat(1000)));
    let replica = psync(&mut net, "a", MODERN, "PSYNC ? -1");
    let (.., payload) = read_fullresync(&net.read(replica));
    payload[47..payload.len() - 40].to_vec()
}

#[test]
fn snapshots_are_compressed_and_summed_up_as_they_are_told_to() {
    let plain = Config { rdbcompression: false, rdbchecksum: false, ..config() };
    let [small, large] = [snapshot_of(&config()), snapshot_of(&plain)];
    assert!(small.len() < 400 && large.len() > 1000, "{} and {}", small.len(), large.len());
    assert_eq!(large[large.len() - 8..], [0; 8], "nobody checks that");
    assert_ne!(small[small.len() - 8..], [0; 8]);
}

#[test]
fn the_periodic_work_runs_as_often_as_hz_says() {
    for (hz, keys_left) in [(1, ":1\r\n"), (100, ":0\r\n")] {
        let mut net = Net::with(&["a"], &Config { hz, ..config() });
        net.pass_secs(3);
        net.run("a", "SET k 1 PX 100");
        net.pass(Duration::from_millis(500));
        assert_eq!(net.ask("a", "DBSIZE"), keys_left, "hz {hz}");
    }
}

#[test]
fn what_the_backlog_and_replicas_take_is_told() {
    let mut net = Net::with(&["a"], &config());
    let memory = |net: &mut Net| {
        let text = net.ask("a", "INFO memory");
        let names = ["mem_replication_backlog", "mem_total_replication_buffers"];
        names.map(|name| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.and_then(|number| number.parse::<u64>().ok()).expect("it is told")
        })
    };
    assert_eq!(memory(&mut net), [0, 0]);
    attach(&mut net, "a");
    for number in 0..100 {
        net.run("a", &format!("SET key:{number} {}", "x".repeat(1000)));
    }
    let [backlog, all] = memory(&mut net);
    assert!(backlog > 100_000 && all >= backlog, "{backlog}, {all}");
}

#[test]
fn what_newer_servers_have_of_their_own_is_unknown() {
    let mut net = Net::with(&["a"], &config());
    for name in ["repl-rdb-channel", "dual-channel-replication-enabled", "rdb-version-check"] {
        let refused =
            format!("-ERR Unknown option or number of arguments for CONFIG SET - '{name}'\r\n");
        assert_eq!(net.ask("a", &format!("CONFIG SET {name} yes")), refused);
        assert_eq!(net.ask("a", &format!("CONFIG GET {name}")), "*0\r\n");
    }
    let refused = net.ask("a", "CLIENT CAPA redirect");
    assert!(refused.starts_with("-ERR unknown subcommand"), "{refused}");
}
