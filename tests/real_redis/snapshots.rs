//! Snapshot files: what one server writes the other loads, and a restart costs no full sync.

use std::fs;

use libtest_mimic::Trial;
use repl_testbed::processes::field;

use crate::{
    fixture::{
        client::Reply,
        dataset,
        server::{
            Kind::{self, Ours, Redis},
            Server, Stop,
        },
        wait_for,
    },
    trial,
};

const FILE: &str = "dump.rdb";

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for kinds in [[Ours, Redis], [Redis, Ours], [Ours, Ours]] {
        let [first, second] = kinds;
        let mut add = |title: &str, body: fn(Kind, Kind)| {
            let title = format!("{} and {}: {title}", first.name(), second.name());
            trials.push(trial(title, kinds.to_vec(), move || body(first, second)));
        };
        add("a file of the first is loaded by the second", is_loaded);
        add("a restarted replica goes on from its file", replica_goes_on);
        add("a restarted master is followed from its file on", master_is_followed);
    }
    for kind in [Ours, Redis] {
        let title = format!("{}: SIGTERM saves if there are save points", kind.name());
        trials.push(trial(title, vec![kind], move || sigterm_saves(kind)));
        let title = format!("{}: answers about saving", kind.name());
        trials.push(trial(title, vec![kind], move || answers(kind)));
        let title = format!("{}: CONFIG SET dir moves the file", kind.name());
        trials.push(trial(title, vec![kind], move || moves_the_file(kind)));
        let title = format!("{}: a file that loads slowly is told of", kind.name());
        trials.push(trial(title, vec![kind], move || loads_slowly(kind)));
    }
    trials
}

fn digest(server: &Server) -> String {
    server.client().ask("DEBUG DIGEST").text()
}

fn is_loaded(writer: Kind, reader: Kind) {
    let writer = Server::start(writer, &[]);
    let mut reader = Server::start(reader, &[]);
    dataset::load(&writer);
    writer.client().ok("SAVE");
    reader.stop(Stop::Kill);
    fs::copy(writer.folder().join(FILE), reader.folder().join(FILE)).expect("both are there");
    reader.start_again(&[]);
    wait_for("the end of loading", || match reader.info("loading").as_str() {
        "0" => Ok(()),
        other => Err(other.to_owned()),
    });
    assert_eq!(digest(&reader), digest(&writer));
    dataset::assert_equal(&[&writer, &reader]);
}

/// A master and a replica in sync, with a key whose time is over soon.
fn pair(master: Kind, replica: Kind) -> [Server; 2] {
    let [master, replica] = [master, replica].map(|kind| Server::start(kind, &[QUIET]));
    replica.follow(master.port());
    dataset::write(&mut master.client(), 1);
    master.client().ok("SET brief v PX 1500");
    settle(&master, &replica);
    [master, replica]
}

/// Nothing comes behind a save.
const QUIET: (&str, &str) = ("repl-ping-replica-period", "3600");

fn settle(master: &Server, replica: &Server) {
    wait_for("a replica in sync", || {
        let (produced, link) =
            (master.info("master_repl_offset"), replica.info("master_link_status"));
        let applied = replica.info("slave_repl_offset");
        let equal = link == "up" && applied == produced;
        if equal { Ok(()) } else { Err(format!("{link}: {applied} of {produced}")) }
    });
}

fn syncs(master: &Server) -> [i64; 2] {
    ["sync_full", "sync_partial_ok"].map(|name| master.count(name))
}

fn replica_goes_on(master: Kind, replica: Kind) {
    let [master, mut replica] = pair(master, replica);
    assert_eq!(syncs(&master), [1, 0]);
    replica.stop(Stop::Save);
    dataset::write(&mut master.client(), 2);
    replica.start_again(&[("replicaof", &format!("127.0.0.1 {}", master.port()))]);
    settle(&master, &replica);
    assert_eq!(syncs(&master), [1, 1]);
    dataset::write(&mut master.client(), 3);
    settle(&master, &replica);
    dataset::assert_equal(&[&master, &replica]);
}

fn master_is_followed(master: Kind, replica: Kind) {
    let [mut master, replica] = pair(master, replica);
    let (id, offset) = (master.info("master_replid"), master.count("master_repl_offset"));
    master.stop(Stop::Save);
    // Its deadline passes while nobody could tell.
    std::thread::sleep(std::time::Duration::from_millis(1_600));
    master.start_again(&[]);
    assert_eq!(master.info("master_replid2"), id);
    assert!(master.count("second_repl_offset") > offset);
    settle(&master, &replica);
    assert_eq!(syncs(&master), [0, 1]);
    dataset::write(&mut master.client(), 2);
    settle(&master, &replica);
    dataset::assert_equal(&[&master, &replica]);
    assert_eq!(digest(&master), digest(&replica), "what has expired is gone from both");
}

fn sigterm_saves(kind: Kind) {
    for (points, saved) in [("3600 1", true), ("", false)] {
        let mut server = Server::start(kind, &[("save", points)]);
        server.client().ok("SET key value");
        server.stop(Stop::Terminate);
        assert_eq!(server.folder().join(FILE).exists(), saved, "save {points:?}");
        server.start_again(&[]);
        let found = server.client().ask("GET key");
        assert_eq!(found != Reply::Null, saved, "{found:?}");
    }
}

/// Both servers give these answers.
fn answers(kind: Kind) {
    let server = Server::start(kind, &[("save", "3600 1")]);
    let mut client = server.client();
    client.ok("SET key value");
    client.ok("SAVE");
    assert_eq!(server.count("rdb_changes_since_last_save"), 0);
    let started = client.ask("BGSAVE");
    assert_eq!(started, Reply::Simple("Background saving started".to_owned()));
    wait_for("the end of it", || match server.info("rdb_bgsave_in_progress").as_str() {
        "0" => Ok(()),
        other => Err(other.to_owned()),
    });
    assert_eq!(server.info("rdb_last_bgsave_status"), "ok");
    assert_eq!(server.count("rdb_saves"), 2);
    let last = client.ask("LASTSAVE").integer();
    assert!((last - dataset::now_millis() / 1000).abs() < 60, "{last}");
    let before = digest(&server);
    client.ok("DEBUG RELOAD");
    assert_eq!(digest(&server), before);
    // A folder that is gone cannot be written to.
    fs::remove_dir_all(server.folder()).expect("it is ours");
    let failed = client.ask("SAVE");
    assert!(matches!(&failed, Reply::Error(text) if text == "ERR"), "{failed:?}");
    client.ask("BGSAVE");
    wait_for("a failure", || match server.info("rdb_last_bgsave_status").as_str() {
        "err" => Ok(()),
        other => Err(other.to_owned()),
    });
    let refused = client.ask("SET key other");
    let text = "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to \
                persist to disk. Commands that may modify the data set are disabled, because this \
                instance is configured to report errors during writes if RDB snapshotting fails \
                (stop-writes-on-bgsave-error option). Please check the Redis logs for details \
                about the RDB error.";
    assert_eq!(refused, Reply::Error(text.to_owned()));
}

fn moves_the_file(kind: Kind) {
    let server = Server::start(kind, &[("enable-protected-configs", "yes")]);
    let mut client = server.client();
    let there = server.folder().join("there");
    fs::create_dir(&there).expect("a folder of ours");
    for (folder, why) in
        [("nowhere", "No such file or directory"), ("", "No such file or directory")]
    {
        let words = ["CONFIG", "SET", "maxclients", "77", "dir", folder].map(str::as_bytes);
        let text = format!("ERR CONFIG SET failed (possibly related to argument 'dir') - {why}");
        assert_eq!(client.ask_words(&words), Reply::Error(text), "{folder:?}");
    }
    assert_ne!(client.ask("CONFIG GET maxclients").array()[1].clone().text(), "77");
    client.ok("CONFIG SET dir there");
    let shown = client.ask("CONFIG GET dir").array()[1].clone().text();
    let whole = fs::canonicalize(&there).expect("it is there");
    assert_eq!(shown, whole.to_string_lossy());
    client.ok("SET key value");
    client.ok("SAVE");
    assert!(there.join(FILE).exists());
    assert!(!server.folder().join(FILE).exists());
}

fn loads_slowly(kind: Kind) {
    let mut server = Server::start(kind, &[("rdbcompression", "no")]);
    server.client().ok("DEBUG POPULATE 2000 key 100");
    server.client().ok("SAVE");
    server.stop(Stop::Kill);
    let slow = [("key-load-delay", "500"), ("loading-process-events-interval-bytes", "1024")];
    server.start_again(&slow);
    let mut client = server.client();
    let text = "LOADING Redis is loading the dataset in memory";
    assert_eq!(client.ask("GET key"), Reply::Error(text.to_owned()));
    assert_eq!(server.info("loading"), "1");
    let seen = client.ask("INFO persistence").text();
    let number = |name: &str| -> f64 {
        let text = field(&seen, name).unwrap_or_else(|| panic!("no {name} in {seen}"));
        text.parse().expect("a number")
    };
    let size = fs::metadata(server.folder().join(FILE)).expect("it is there").len();
    let (total, loaded) = (number("loading_total_bytes"), number("loading_loaded_bytes"));
    assert_eq!(total, size as f64);
    assert!(0.0 < loaded && loaded < total, "{seen}");
    assert!((number("loading_loaded_perc") - loaded / total * 100.0).abs() < 0.01, "{seen}");
    assert!(number("loading_rdb_used_mem") > 0.0, "{seen}");
    assert!(number("loading_eta_seconds") > 0.0, "{seen}");
    wait_for("the end of loading", || match server.info("loading").as_str() {
        "0" => Ok(()),
        other => Err(other.to_owned()),
    });
    assert_eq!(client.ask("DBSIZE").integer(), 2000);
}
