//! Snapshot files: commands, save points, failures, and what a restart makes of them.

use std::time::Duration;

use repl_core::{
    base::config::{Access, Config},
    io::{DiskRequest, Reason, SaveStep},
};

use crate::net::{Net, command, config};

fn saving() -> Config {
    Config { save: vec![(10, 2)], ..config() }
}

fn debugging() -> Config {
    Config { enable_debug_command: Access::Yes, ..config() }
}

/// `b` and `c` follow `a`, which has a key with a deadline in another database.
fn three() -> Net {
    let mut net = Net::with(&["a", "b", "c"], &config());
    net.follow("b", "a");
    net.follow("c", "a");
    net.run("a", "SET k 1");
    net.run("a", "SELECT 3");
    net.run("a", "SET brief 1 PX 60000");
    net.run("a", "SELECT 0");
    net.pass_secs(2);
    net
}

fn last_verdict(net: &Net, name: &str) -> Option<Reason> {
    net.decisions(name).last().expect("somebody asked").verdict.full()
}

#[test]
fn save_is_answered_when_the_file_is_there_and_holds_what_was_there_when_it_was_asked() {
    let mut net = Net::with(&["a"], &config());
    net.run("a", "SET k 1");
    let (client, other) = (net.connect("a"), net.connect("a"));
    assert_eq!(net.command(client, "SAVE"), "");
    net.send(client, &command("GET k"));
    let DiskRequest::Save { target, temporary } = net.request("a").expect("it asks for a file")
    else {
        panic!("it wants to save");
    };
    assert_eq!((target.as_str(), temporary.as_str()), ("dump.rdb", "temp-0.rdb"));
    assert_eq!(net.command(other, "SET k 2"), "+OK\r\n", "others are served");
    assert_eq!(net.read_text(client), "", "what comes after it waits");
    net.save("a");
    assert_eq!(net.read_text(client), "+OK\r\n$1\r\n2\r\n");
    assert!(net.log("a").ends_with("DB saved on disk"));
    let info = net.ask("a", "INFO persistence");
    assert!(info.contains("\r\nrdb_changes_since_last_save:1\r\n"), "{info}");
    net.restart("a", config());
    assert_eq!(net.ask("a", "GET k"), "$1\r\n1\r\n");
}

#[test]
fn who_asks_for_save_meanwhile_gets_the_next_file() {
    let mut net = Net::with(&["a"], &config());
    let (one, two) = (net.connect("a"), net.connect("a"));
    net.command(one, "SAVE");
    net.run("a", "SET k 1");
    assert_eq!(net.command(two, "SAVE"), "");
    net.save("a");
    assert_eq!((net.read_text(one), net.read_text(two)), ("+OK\r\n".into(), String::new()));
    net.save("a");
    assert_eq!(net.read_text(two), "+OK\r\n");
    net.restart("a", config());
    assert_eq!(net.ask("a", "GET k"), "$1\r\n1\r\n");
}

#[test]
fn bgsave_answers_at_once_and_one_is_enough() {
    let mut net = Net::with(&["a"], &config());
    assert_eq!(net.ask("a", "BGSAVE what"), "-ERR syntax error\r\n");
    assert_eq!(net.ask("a", "BGSAVE"), "+Background saving started\r\n");
    for words in ["BGSAVE", "BGSAVE SCHEDULE", "SAVE"] {
        let refused = "-ERR Background save already in progress\r\n";
        assert_eq!(net.ask("a", words), refused, "{words}");
    }
    let info = net.ask("a", "INFO persistence");
    for line in ["rdb_bgsave_in_progress:1", "rdb_current_bgsave_time_sec:0", "rdb_saves:1"] {
        assert!(info.contains(&format!("\r\n{line}\r\n")), "{line}: {info}");
    }
    net.pass_secs(3);
    net.save("a");
    let info = net.ask("a", "INFO persistence");
    for line in ["rdb_bgsave_in_progress:0", "rdb_last_bgsave_time_sec:3"] {
        assert!(info.contains(&format!("\r\n{line}\r\n")), "{line}: {info}");
    }
    assert_eq!(net.ask("a", "LASTSAVE"), ":1700000003\r\n");
    let log = net.log("a");
    let lines = "Background saving started by pid 0\nDB saved on disk\nBackground saving \
                 terminated with success";
    assert!(log.ends_with(lines), "{log}");
}

#[test]
fn in_a_transaction_bgsave_is_scheduled_and_save_is_refused() {
    let mut net = Net::with(&["a"], &config());
    net.run("a", "MULTI");
    let refused = "-ERR Command not allowed inside a transaction\r\n";
    assert_eq!(net.ask("a", "SAVE"), refused);
    net.run("a", "DISCARD");
    for words in ["MULTI", "BGSAVE", "SET k 1"] {
        net.run("a", words);
    }
    assert_eq!(net.ask("a", "EXEC"), "*2\r\n+Background saving scheduled\r\n+OK\r\n");
    assert_eq!(net.request("a"), None);
    net.pass_secs(1);
    net.save("a");
    net.restart("a", config());
    assert_eq!(net.ask("a", "GET k"), "$1\r\n1\r\n");
}

#[test]
fn a_save_point_counts_commands_and_seconds() {
    let mut net = Net::with(&["a"], &saving());
    net.run("a", "RPUSH k 1 2 3");
    net.pass_secs(20);
    assert_eq!(net.request("a"), None, "one command changed something");
    net.run("a", "SET k 1");
    net.pass_secs(1);
    assert!(net.request("a").is_some());
    assert!(net.log("a").contains("2 changes in 10 seconds. Saving...\n"), "{}", net.log("a"));
    net.save("a");
    net.run("a", "SET k 1");
    net.run("a", "SET k 1");
    net.pass_secs(9);
    assert_eq!(net.request("a"), None, "seconds count from the last save");
}

#[test]
fn writes_are_refused_after_a_failed_save_until_one_succeeds() {
    let mut net = Net::with(&["a"], &saving());
    net.run("a", "BGSAVE");
    net.fail_save("a", SaveStep::Open, "No such file or directory");
    let log = net.log("a");
    let lines = "Failed opening the temp RDB file temp-0.rdb (in server root dir ) for saving: No \
                 such file or directory\nBackground saving error";
    assert!(log.ends_with(lines), "{log}");
    for words in ["SET k 1", "PING"] {
        assert!(net.ask("a", words).starts_with("-MISCONF Redis is configured to save RDB"));
    }
    assert_eq!(net.ask("a", "GET k"), "$-1\r\n");
    assert!(net.ask("a", "INFO persistence").contains("rdb_last_bgsave_status:err\r\n"));
    net.run("a", "CONFIG SET stop-writes-on-bgsave-error no");
    net.run("a", "SET k 1");
    net.run("a", "CONFIG SET stop-writes-on-bgsave-error yes");
    let client = net.connect("a");
    net.command(client, "SAVE");
    net.fail_save("a", SaveStep::Write, "No space left on device");
    assert_eq!(net.read_text(client), "-ERR\r\n");
    assert!(net.log("a").ends_with("Write error saving DB on disk: No space left on device"));
    net.command(client, "SAVE");
    net.save("a");
    net.run("a", "SET k 2");
}

#[test]
fn a_replica_applies_what_its_master_sends_whatever_its_disk_does() {
    let mut net = Net::with(&["a"], &config());
    net.add("b", saving());
    net.follow("b", "a");
    net.run("b", "BGSAVE");
    net.fail_save("b", SaveStep::Write, "No space left on device");
    assert!(net.ask("b", "SET k 1").starts_with("-MISCONF"), "before READONLY");
    net.run("a", "SET k 1");
    net.run("a", "SET k 2");
    net.pass_secs(1);
    net.assert_same(&["a", "b"]);
    let info = net.ask("b", "INFO persistence");
    assert!(info.contains("rdb_changes_since_last_save:3\r\n"), "a full sync and two commands");
}

#[test]
fn a_failed_save_point_is_tried_again_after_five_seconds() {
    let mut net = Net::with(&["a"], &saving());
    net.run("a", "SET k 1");
    net.run("a", "SET k 2");
    net.pass_secs(11);
    net.fail_save("a", SaveStep::Write, "Input/output error");
    net.pass_secs(3);
    assert_eq!(net.request("a"), None);
    net.pass_secs(3);
    net.save("a");
    net.run("a", "SET k 3");
}

#[test]
fn what_is_written_during_a_save_is_not_in_the_file() {
    let mut net = Net::with(&["a"], &config());
    for number in 0..3_000 {
        net.run("a", &format!("SET key:{number} {number:060}"));
    }
    net.run("a", "BGSAVE");
    let digest = net.node("a").dataset_hash();
    let mut written = Vec::new();
    let mut number = 0;
    while net.write_piece("a", &mut written) {
        for _ in 0..500 {
            number = (number + 1) % 3_000;
            net.run("a", &format!("APPEND key:{number} x"));
        }
        net.run("a", &format!("DEL key:{number}"));
    }
    net.finish_save("a", written);
    assert_ne!(net.node("a").dataset_hash(), digest);
    net.restart("a", config());
    assert_eq!(net.node("a").dataset_hash(), digest);
}

#[test]
fn flushall_with_save_points_leaves_an_empty_file() {
    let mut net = Net::with(&["a"], &saving());
    net.run("a", "SET k 1");
    net.run("a", "BGSAVE");
    net.run("a", "FLUSHALL");
    net.save("a");
    assert_eq!(net.file("a"), None, "what was being saved is given up");
    net.save("a");
    net.restart("a", config());
    assert_eq!(net.ask("a", "DBSIZE"), ":0\r\n");
    assert!(net.log("a").contains("Done loading RDB, keys loaded: 0, keys expired: 0."));
}

#[test]
fn commands_wait_for_the_dataset_and_a_missing_file_is_an_empty_one() {
    let mut net = Net::with(&["a"], &config());
    net.reboot("a", config());
    for words in ["GET k", "SET k 1", "PING", "SAVE", "PSYNC ? -1", "DEBUG RELOAD"] {
        let reply = net.ask("a", words);
        let loading = reply == "-LOADING Redis is loading the dataset in memory\r\n";
        assert!(loading || words.starts_with("DEBUG"), "{words}: {reply}");
    }
    assert!(net.ask("a", "INFO persistence").starts_with("$"));
    assert!(net.ask("a", "INFO persistence").contains("\r\nloading:1\r\n"));
    net.pass_secs(3);
    net.load("a");
    assert_eq!(net.ask("a", "DBSIZE"), ":0\r\n");
    assert_eq!(net.log("a"), "Ready to accept connections");
    net.terminate("a");
    assert_eq!(net.exit("a"), Some(0));
}

#[test]
fn a_damaged_file_ends_the_process_with_the_place_and_the_reason() {
    let mut net = Net::with(&["a"], &config());
    net.run("a", "SET key value");
    net.run("a", "BGSAVE");
    net.save("a");
    let whole = net.file("a").expect("it was saved");
    let mut flipped = whole.clone();
    let last = flipped.len() - 1;
    flipped[last] ^= 1;
    let cut = whole[..whole.len() - 3].to_vec();
    let longer = [whole.clone(), b"x".to_vec()].concat();
    for (file, line, reason) in [
        (b"hello world".to_vec(), "Wrong signature", "offset 0 -> Wrong signature"),
        (flipped, "Wrong RDB checksum", "-> Wrong RDB checksum"),
        (cut, "Short read or OOM loading DB.", "-> Unexpected EOF reading RDB file"),
        (longer, "There are bytes behind", &format!("offset {} -> There", whole.len())),
        (Vec::new(), "Short read or OOM loading DB.", "offset 0 -> Unexpected EOF"),
    ] {
        net.put_file("a", file);
        net.restart("a", config());
        assert_eq!(net.exit("a"), Some(1), "{reason}");
        let log = net.log("a");
        assert!(log.contains(line) && log.contains(reason), "{log}");
        assert!(log.ends_with("Fatal error loading the DB, check server logs. Exiting."));
        assert!(net.ask("a", "GET key").starts_with("-LOADING"), "it never serves");
    }
}

#[test]
fn a_restarted_replica_goes_on_from_its_file() {
    let mut net = three();
    net.run("b", "BGSAVE");
    net.save("b");
    net.run("a", "SET later 1");
    // Its deadline passes while the replica is down: the master says so, nobody else.
    net.cut("a", "b");
    net.pass_secs(70);
    net.heal();
    let following = net.node("b").config().clone();
    net.restart("b", following);
    net.pass_secs(2);
    assert_eq!(last_verdict(&net, "a"), None);
    net.assert_same(&["a", "b", "c"]);
    assert_eq!(net.node("b").stats().sync_full, 0);
}

#[test]
fn a_restarted_master_is_followed_by_whoever_came_no_further_than_its_file() {
    let mut net = three();
    net.run("a", "BGSAVE");
    net.save("a");
    let (before, id) = (net.view("a"), net.view("a").replid);
    net.restart("a", config());
    let after = net.view("a");
    assert_eq!((after.replid2, after.second_offset), (id, Some(before.offset + 1)));
    assert_ne!(after.replid, id, "what it told after the file may be known elsewhere");
    net.pass_secs(3);
    assert_eq!(last_verdict(&net, "a"), None);
    net.run("a", "SET more 1");
    net.pass_secs(2);
    net.assert_same(&["a", "b", "c"]);
    assert_eq!(net.node("a").stats().sync_full, 0);
}

#[test]
fn a_replica_that_came_further_than_the_file_of_its_master_needs_everything() {
    let mut net = three();
    net.run("a", "BGSAVE");
    net.save("a");
    net.run("a", "SET lost 1");
    net.pass_secs(1);
    net.restart("a", config());
    net.pass_secs(5);
    let full = Some(Reason::BeyondPromotion);
    assert!(net.decisions("a").iter().any(|decision| decision.verdict.full() == full));
    net.assert_same(&["a", "b", "c"]);
}

#[test]
fn what_expired_while_a_master_was_down_is_deleted_everywhere() {
    let mut net = three();
    net.run("a", "BGSAVE");
    net.save("a");
    net.cut("a", "b");
    net.cut("a", "c");
    net.pass_secs(70);
    net.heal();
    net.restart("a", config());
    assert!(net.log("a").contains("Done loading RDB, keys loaded: 1, keys expired: 1."));
    net.pass_secs(3);
    assert_eq!(net.node("a").stats().sync_full, 0);
    net.assert_same(&["a", "b", "c"]);
    net.run("b", "SELECT 3");
    assert_eq!(net.ask("b", "DBSIZE"), ":0\r\n");
}

#[test]
fn nobody_goes_on_from_a_file_of_which_too_much_has_expired() {
    let small = Config { repl_backlog_size: 1024, ..config() };
    let mut net = Net::with(&["a", "b"], &small);
    net.follow("b", "a");
    for number in 0..200 {
        net.run("a", &format!("SET brief-{number} 1 PX 60000"));
    }
    net.run("a", "BGSAVE");
    net.save("a");
    net.cut("a", "b");
    net.pass_secs(70);
    net.restart("a", small);
    let (first, end) = net.view("a").backlog.expect("the file names a history");
    assert!(end - first < 2 * 1024, "{} bytes are kept", end - first);
    net.heal();
    net.pass_secs(3);
    assert_eq!(last_verdict(&net, "a"), Some(Reason::BacklogTooSmall));
    net.assert_same(&["a", "b"]);
}

#[test]
fn a_restarted_master_that_had_told_nothing_is_still_known_by_its_replicas() {
    let mut net = Net::with(&["a", "b"], &config());
    net.follow("b", "a");
    net.run("a", "BGSAVE");
    net.save("a");
    assert_eq!(net.view("a").offset, 0, "it is about a history of no bytes");
    net.restart("a", config());
    net.pass_secs(3);
    assert_eq!(net.node("a").stats().sync_full, 0);
    net.assert_same(&["a", "b"]);
}

#[test]
fn a_file_without_a_history_names_none() {
    let mut net = Net::with(&["a", "b"], &config());
    net.run("a", "SET k 1");
    net.run("a", "BGSAVE");
    net.save("a");
    let file = net.file("a").expect("it was saved");
    assert!(!file.windows(7).any(|window| window == b"repl-id"));
    net.restart("a", config());
    assert_eq!(net.view("a").backlog, None);
    net.follow("b", "a");
    net.assert_same(&["a", "b"]);
}

#[test]
fn a_shutdown_saves_if_there_are_save_points_or_it_is_told_to() {
    for (config, words, saves) in [
        (saving(), "SHUTDOWN", true),
        (saving(), "SHUTDOWN NOSAVE", false),
        (config(), "SHUTDOWN", false),
        (config(), "SHUTDOWN SAVE", true),
    ] {
        let mut net = Net::with(&["a"], &config);
        net.run("a", "SET k 1");
        let client = net.connect("a");
        net.send(client, &command(words));
        assert_eq!(net.exit("a").is_none(), saves, "{words}");
        if saves {
            net.send(client, &command("SET k 2"));
            net.save("a");
            assert!(net.log("a").contains("Saving the final RDB snapshot before exiting."));
        }
        assert_eq!(net.exit("a"), Some(0), "{words}");
        assert_eq!(net.read_text(client), "", "nothing is executed any more");
        assert_eq!(net.file("a").is_some(), saves, "{words}");
    }
}

#[test]
fn a_shutdown_that_cannot_save_does_not_take_place_unless_forced() {
    let mut net = Net::with(&["a"], &saving());
    let (client, writer) = (net.connect("a"), net.connect("a"));
    net.command(client, "SHUTDOWN");
    assert_eq!(net.command(writer, "SET k 1"), "", "it is held back");
    net.fail_save("a", SaveStep::Write, "Input/output error");
    assert_eq!(net.read_text(client), "-ERR Errors trying to SHUTDOWN. Check logs.\r\n");
    assert_eq!(net.read_text(writer), "+OK\r\n");
    let log = net.log("a");
    let lines = "Error trying to save the DB, can't exit.\nErrors trying to shut down the server. \
                 Check the logs for more information.";
    assert!(log.ends_with(lines), "{log}");
    net.run("a", "BGSAVE");
    net.command(client, "SHUTDOWN SAVE FORCE");
    net.save("a");
    assert!(net.log("a").contains("There is a child saving an .rdb. Killing it!"));
    net.fail_save("a", SaveStep::Write, "Input/output error");
    assert!(net.log("a").contains("Error trying to save the DB. Exit anyway."));
    assert_eq!(net.exit("a"), Some(0));
}

#[test]
fn a_process_that_ends_has_its_disk_forget_what_is_being_saved() {
    let mut net = Net::with(&["a"], &config());
    net.run("a", "SET k 1");
    net.run("a", "BGSAVE");
    let client = net.connect("a");
    net.command(client, "SHUTDOWN NOSAVE");
    assert_eq!(net.exit("a"), None, "there would be half a file for ever");
    net.save("a");
    assert_eq!((net.exit("a"), net.file("a")), (Some(0), None));
    assert!(net.log("a").ends_with("Redis is now ready to exit, bye bye..."));
}

#[test]
fn nothing_comes_behind_the_cut_of_a_shutdown() {
    let mut net = Net::with(&["a", "b"], &saving());
    net.follow("b", "a");
    net.run("a", "SET k 1");
    net.pass_secs(2);
    net.terminate("a");
    let offset = net.view("a").offset;
    net.pass_secs(25);
    assert_eq!(net.view("a").offset, offset, "not even a ping");
    net.save("a");
    assert_eq!(net.exit("a"), Some(0));
    net.restart("a", saving());
    net.pass_secs(3);
    assert_eq!(last_verdict(&net, "a"), None);
    net.assert_same(&["a", "b"]);
}

#[test]
fn a_full_sync_takes_the_place_of_what_is_being_saved() {
    let mut net = Net::with(&["a", "b"], &config());
    net.run("a", "SET a 1");
    net.run("b", "SET b 1");
    let client = net.connect("b");
    net.command(client, "SAVE");
    net.follow("b", "a");
    net.run("a", "SET a 2");
    net.pass_secs(1);
    net.assert_same(&["a", "b"]);
    net.save("b");
    assert_eq!((net.file("b"), net.read_text(client)), (None, String::new()));
    net.save("b");
    assert_eq!(net.read_text(client), "+OK\r\n");
    let following = net.node("b").config().clone();
    net.restart("b", following);
    net.pass_secs(2);
    assert_eq!(last_verdict(&net, "a"), None);
}

#[test]
fn debug_reload_goes_through_the_file_and_holds_everything_back() {
    let mut net = Net::with(&["a", "b"], &debugging());
    net.follow("b", "a");
    net.run("a", "SET k 1");
    net.run("a", "SET brief 1 PX 5000");
    net.pass_secs(1);
    let (view, digest) = (net.view("a"), net.node("a").dataset_hash());
    let (client, other) = (net.connect("a"), net.connect("a"));
    assert_eq!(net.command(client, "DEBUG RELOAD"), "");
    assert_eq!(net.command(other, "INCR k"), "", "it is held back");
    net.save("a");
    assert_eq!(net.read_text(other), "");
    assert_eq!((net.view("a").replid, net.node("a").dataset_hash()), (view.replid, digest));
    net.load("a");
    assert_eq!((net.read_text(client), net.read_text(other)), ("+OK\r\n".into(), ":2\r\n".into()));
    assert!(net.log("a").contains("DB reloaded by DEBUG RELOAD"));
    net.pass_secs(2);
    net.assert_same(&["a", "b"]);
    assert_eq!(net.node("a").stats().sync_full, 1, "nobody needs another one");
    // A replica does not read its master meanwhile.
    let client = net.connect("b");
    net.command(client, "DEBUG RELOAD");
    net.run("a", "SET more 1");
    net.pass_secs(1);
    assert!(net.view("b").offset < net.view("a").offset);
    net.save("b");
    net.load("b");
    net.pass_secs(1);
    net.assert_same(&["a", "b"]);
}

#[test]
fn debug_reload_of_another_dataset_begins_another_history() {
    let mut net = Net::with(&["a", "b"], &debugging());
    net.follow("b", "a");
    net.run("a", "SET old 1");
    net.run("a", "BGSAVE");
    net.save("a");
    net.run("a", "SET old 2");
    net.run("a", "SET new 1");
    let client = net.connect("a");
    let error = "-ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.\r\n";
    assert_eq!(net.command(client, "DEBUG RELOAD WHAT"), error);
    for words in ["MULTI", "DEBUG RELOAD"] {
        net.run("b", words);
    }
    let refused = "*1\r\n-ERR DEBUG RELOAD isn't allowed for DENY BLOCKING client\r\n";
    assert_eq!(net.ask("b", "EXEC"), refused);
    net.command(client, "DEBUG RELOAD NOSAVE NOFLUSH");
    net.load("a");
    let error = "-ERR Error trying to load the RDB dump, check server logs.\r\n";
    assert_eq!(net.read_text(client), error, "the key is there already");
    let id = net.view("a").replid;
    net.command(client, "DEBUG RELOAD NOSAVE NOFLUSH MERGE");
    net.load("a");
    assert_eq!(net.read_text(client), "+OK\r\n");
    assert_eq!(net.ask("a", "MGET old new"), "*2\r\n$1\r\n1\r\n$1\r\n1\r\n");
    assert_ne!(net.view("a").replid, id);
    net.command(client, "DEBUG RELOAD NOSAVE");
    net.load("a");
    assert_eq!(net.ask("a", "DBSIZE"), ":1\r\n");
    net.pass(Duration::from_secs(5));
    net.assert_same(&["a", "b"]);
}
