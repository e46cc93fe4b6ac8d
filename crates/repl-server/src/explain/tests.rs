//! Logs that redis-server 7.0.15 wrote while each thing was done to it, cut down to what matters,
//! and what is made of them.

use super::*;

fn explained(log: &str) -> String {
    let mut out = Vec::new();
    explain_lines(&mut log.as_bytes(), &mut out).expect("it is text");
    String::from_utf8(out).expect("what is printed is text")
}

/// What was found: the reason of each full one, and `partial`.
fn found(log: &str) -> Vec<String> {
    let text = explained(log);
    let heads = text.lines().filter_map(|line| line.split_once("  resync ")?.1.split_once(": "));
    heads.map(|(_, result)| result.to_owned()).collect()
}

const MASTER: &str = "\
16755:C 30 Nov 2026 15:46:00.303 # Redis version=7.0.15, bits=64, commit=00000000, modified=0, \
pid=16755, just started
16755:M 30 Nov 2026 15:46:00.404 * Replica 127.0.0.1:48399 asks for synchronization
16755:M 30 Nov 2026 15:46:00.404 * Partial resynchronization not accepted: Replication ID mismatch \
(Replica asked for '13bd2c3f17d2f4784c256338ca48d4af38e873f1', my replication IDs are \
'99571a9e4fb32a65beef499881518a423fb8ce3f' and '0000000000000000000000000000000000000000')
16755:M 30 Nov 2026 15:46:00.404 * Replication backlog created, my new replication IDs are \
'8be8041bc1a84769931ddce3a5d6d94373a47405' and '0000000000000000000000000000000000000000'
16755:M 30 Nov 2026 15:46:00.408 * Synchronization with replica 127.0.0.1:48399 succeeded
16755:M 30 Nov 2026 15:46:00.663 * Replica 127.0.0.1:7 asks for synchronization
16755:M 30 Nov 2026 15:46:00.663 * Partial resynchronization request from 127.0.0.1:7 accepted. \
Sending 0 bytes of backlog starting from offset 1.
16755:M 30 Nov 2026 15:46:01.371 * Replica 127.0.0.1:7 asks for synchronization
16755:M 30 Nov 2026 15:46:01.372 * Unable to partial resync with replica 127.0.0.1:7 for lack of \
backlog (Replica request was: 1).
16755:M 30 Nov 2026 15:46:01.779 * Replica 127.0.0.1:7 asks for synchronization
16755:M 30 Nov 2026 15:46:01.779 * Unable to partial resync with replica 127.0.0.1:7 for lack of \
backlog (Replica request was: 99999999).
16755:M 30 Nov 2026 15:46:01.779 # Warning: replica 127.0.0.1:7 tried to PSYNC with an offset that \
is greater than the master replication offset.
";

#[test]
fn the_log_of_a_master_is_told_as_a_whole() {
    let expect = "\
30 Nov 2026 15:46:00.404  resync of replica 127.0.0.1:48399: full (unknown-history)
    The replica named the history 13bd2c3f17d2f4784c256338ca48d4af38e873f1, which is none of this \
server's. A new replica of Redis 7.0 or later looks like this, too.
    If it was this server's before its start, a snapshot file (save points, or SHUTDOWN SAVE) \
would have kept it.
30 Nov 2026 15:46:00.663  resync of replica 127.0.0.1:7: partial
    It goes on at byte 1 and is sent 0 bytes.
30 Nov 2026 15:46:01.372  resync of replica 127.0.0.1:7: full (backlog-too-small)
    The replica wanted byte 1, which the backlog does not hold.
    A repl-backlog-size above what is written while a replica is away.
30 Nov 2026 15:46:01.779  resync of replica 127.0.0.1:7: full (beyond-end)
    The replica wanted byte 99999999, which the backlog does not hold. It does not exist yet: the \
master is behind its replica.
    Follow a server that has at least as much.

3 full and 1 partial in 12 lines
     1  unknown-history             save
     1  backlog-too-small           repl-backlog-size
     1  beyond-end
";
    assert_eq!(explained(MASTER), expect);
}

#[test]
fn a_master_tells_by_what_a_replica_was_lost() {
    let log = "\
16774:M 30 Nov 2026 15:46:06.583 * Replica 127.0.0.1:7 asks for synchronization
16774:M 30 Nov 2026 15:46:06.583 * Full resync requested by replica 127.0.0.1:7
16774:M 30 Nov 2026 15:46:06.583 * Replication backlog created, my new replication IDs are \
'648271f12b30c603fcc80cb1493532629361b468' and '0000000000000000000000000000000000000000'
16774:M 30 Nov 2026 15:46:09.135 # Disconnecting timedout replica (full sync): 127.0.0.1:7
16774:M 30 Nov 2026 15:46:09.136 # Connection with replica 127.0.0.1:7 lost.
16774:M 30 Nov 2026 15:46:10.331 * Replica 127.0.0.1:7 asks for synchronization
16774:M 30 Nov 2026 15:46:10.331 * Full resync requested by replica 127.0.0.1:7
16774:M 30 Nov 2026 15:46:11.400 # Client id=105 addr=127.0.0.1:59656 laddr=127.0.0.1:48301 fd=7 \
name= age=1 idle=0 flags=S db=0 obl=0 oll=20 omem=1085920 tot-mem=1108192 events=r cmd=psync \
scheduled to be closed ASAP for overcoming of output buffer limits.
16774:M 30 Nov 2026 15:46:11.400 # Connection with replica 127.0.0.1:7 lost.
16774:M 30 Nov 2026 15:46:12.331 * Replica 127.0.0.1:7 asks for synchronization
16774:M 30 Nov 2026 15:46:12.331 * Full resync requested by replica 127.0.0.1:7
16774:M 30 Nov 2026 15:46:12.683 * Synchronization with replica 127.0.0.1:7 succeeded
16774:M 30 Nov 2026 15:46:12.717 # Client id=147 addr=127.0.0.1:60006 laddr=127.0.0.1:48301 fd=7 \
name= age=0 idle=0 flags=S db=0 obl=0 oll=20 omem=1085920 tot-mem=1108192 events=r cmd=replconf \
scheduled to be closed ASAP for overcoming of output buffer limits.
16774:M 30 Nov 2026 15:46:12.717 # Connection with replica 127.0.0.1:7 lost.
16774:M 30 Nov 2026 15:46:17.735 * Replica 127.0.0.1:7 asks for synchronization
16774:M 30 Nov 2026 15:46:17.735 * Unable to partial resync with replica 127.0.0.1:7 for lack of \
backlog (Replica request was: 4001306).
16774:M 30 Nov 2026 15:46:17.826 * Synchronization with replica 127.0.0.1:7 succeeded
16774:M 30 Nov 2026 15:46:22.397 # Disconnecting timedout replica (streaming sync): 127.0.0.1:7
16774:M 30 Nov 2026 15:46:22.397 # Connection with replica 127.0.0.1:7 lost.
16774:M 30 Nov 2026 15:46:23.735 * Replica 127.0.0.1:7 asks for synchronization
16774:M 30 Nov 2026 15:46:23.735 * Unable to partial resync with replica 127.0.0.1:7 for lack of \
backlog (Replica request was: 5001306).
";
    assert_eq!(
        found(log),
        [
            "full (no-history-named)",
            "full (broken-off-by-timeout)",
            "full (broken-off-by-output-limit)",
            "full (dropped-by-output-limit)",
            "full (dropped-by-timeout)",
        ]
    );
    let text = explained(log);
    assert!(text.contains("A client-output-buffer-limit replica above 1085920 bytes"), "{text}");
    assert!(text.contains("     1  dropped-by-timeout          repl-timeout\n"), "{text}");
}

#[test]
fn a_master_tells_what_became_of_a_history() {
    let log = "\
16774:M 30 Nov 2026 15:46:11.191 * Replication backlog created, my new replication IDs are \
'2b06183ac1df2f3b6f248dac0c3e630dadcc01b7' and '0000000000000000000000000000000000000000'
16774:M 30 Nov 2026 15:46:14.223 * Replication backlog freed after 1 seconds without connected \
replicas.
16774:M 30 Nov 2026 15:46:17.735 * Replica 127.0.0.1:46795 asks for synchronization
16774:M 30 Nov 2026 15:46:17.735 * Partial resynchronization not accepted: Replication ID mismatch \
(Replica asked for '2b06183ac1df2f3b6f248dac0c3e630dadcc01b7', my replication IDs are \
'9d083012379b943f14277eac7bc5fbe399f47854' and '0000000000000000000000000000000000000000')
16774:M 30 Nov 2026 15:46:17.736 * Replication backlog created, my new replication IDs are \
'b58bf19bbf60f8d21c95fccd768faf139493af31' and '0000000000000000000000000000000000000000'
17042:C 30 Nov 2026 15:46:37.331 # Redis version=7.0.15, bits=64, commit=00000000, modified=0, \
pid=17042, just started
17042:M 30 Nov 2026 15:46:37.735 * Replica 127.0.0.1:46795 asks for synchronization
17042:M 30 Nov 2026 15:46:37.735 * Partial resynchronization not accepted: Replication ID mismatch \
(Replica asked for 'b58bf19bbf60f8d21c95fccd768faf139493af31', my replication IDs are \
'bbf172d7ef9bc0829cdedc639cd6adf334231c1d' and '0000000000000000000000000000000000000000')
";
    assert_eq!(found(log), ["full (backlog-freed)", "full (unknown-history)"]);
    let text = explained(log);
    assert!(text.contains("no replica was connected for 1 s"), "{text}");
    assert!(text.contains("from before a restart"), "{text}");
    let log = "\
16760:M 30 Nov 2026 15:46:05.461 # Setting secondary replication ID to \
4c50217763653823065a598b15419f3646df0c7e, valid up to offset: 500179. New replication ID is \
28b8a09989e0d2533647785de60ff88b38a27656
16760:M 30 Nov 2026 15:46:05.762 * Replica 127.0.0.1:8 asks for synchronization
16760:M 30 Nov 2026 15:46:05.762 * Partial resynchronization not accepted: Requested offset for \
second ID was 99999999, but I can reply up to 500179
";
    assert_eq!(found(log), ["full (beyond-promotion)"]);
}

const REPLICA: &str = "\
16800:S 30 Nov 2026 15:46:12.594 * Before turning into a replica, using my own master parameters \
to synthesize a cached master: I may be able to synchronize with the new master with just a \
partial transfer.
16800:S 30 Nov 2026 15:46:12.595 * Trying a partial resynchronization (request \
8c1c50c5d7beeaec4c367ac70e2604075c64deba:1).
16800:S 30 Nov 2026 15:46:12.596 * Full resync from master: \
2b06183ac1df2f3b6f248dac0c3e630dadcc01b7:4001305
16800:S 30 Nov 2026 15:46:12.682 * MASTER <-> REPLICA sync: Finished with success
16800:S 30 Nov 2026 15:46:17.732 # Connection with master lost.
16800:S 30 Nov 2026 15:46:17.735 * Trying a partial resynchronization (request \
2b06183ac1df2f3b6f248dac0c3e630dadcc01b7:7802507).
16800:S 30 Nov 2026 15:46:17.737 * Full resync from master: \
b58bf19bbf60f8d21c95fccd768faf139493af31:12003808
16800:S 30 Nov 2026 15:46:17.826 * MASTER <-> REPLICA sync: Finished with success
16800:S 30 Nov 2026 15:46:29.343 # MASTER timeout: no data nor PING received...
16800:S 30 Nov 2026 15:46:29.343 # Connection with master lost.
16800:S 30 Nov 2026 15:46:31.753 * Trying a partial resynchronization (request \
b58bf19bbf60f8d21c95fccd768faf139493af31:12003907).
16800:S 30 Nov 2026 15:46:31.753 * Successful partial resynchronization with master.
16800:S 30 Nov 2026 15:46:34.757 # Connection with master lost.
16800:S 30 Nov 2026 15:46:35.753 * Trying a partial resynchronization (request \
b58bf19bbf60f8d21c95fccd768faf139493af31:12003907).
16800:S 30 Nov 2026 15:46:35.753 * Full resync from master: \
b58bf19bbf60f8d21c95fccd768faf139493af31:13003907
";

#[test]
fn a_replica_tells_what_it_asked_for_and_what_it_was_given() {
    assert_eq!(
        found(REPLICA),
        [
            "full (writes-not-counted)",
            "full (master-tells-another)",
            "partial",
            "full (master-keeps-too-little)",
        ]
    );
    let text = explained(REPLICA);
    assert!(text.contains("A repl-backlog-size of 1000001 bytes on the master"), "{text}");
    assert!(text.contains("The link had been lost at 30 Nov 2026 15:46:34.757."), "{text}");
}

#[test]
fn a_replica_without_a_history_tells_where_it_has_gone() {
    let asked = "\
17060:S 30 Nov 2026 15:46:54.972 * Partial resynchronization not possible (no cached master)
17060:S 30 Nov 2026 15:46:54.973 * Full resync from master: \
aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:100
";
    let finished = "\
17060:S 30 Nov 2026 15:46:55.504 * MASTER <-> REPLICA sync: Finished with success
";
    let silent = "\
17060:S 30 Nov 2026 15:46:57.536 # Timeout receiving bulk data from MASTER... If the problem \
persists try to set the 'repl-timeout' parameter in redis.conf to a larger value.
";
    let damaged = "\
17060:S 30 Nov 2026 15:46:58.267 # WARNING: Receiving inline protocol from master, master stream \
corruption? Closing the master connection and discarding the cached master.
17060:S 30 Nov 2026 15:46:58.267 # Protocol error (Master using the inline protocol. Desync?) from \
client: id=6 addr=127.0.0.1:32909 fd=8 name= age=1 idle=0 flags=M db=0. Query buffer: '****'
17060:S 30 Nov 2026 15:46:58.599 # Connection with master lost.
";
    let refused = "\
17060:S 30 Nov 2026 15:46:59.507 # MASTER aborted replication with an error: ERR BGSAVE failed
";
    let old = "\
17060:S 30 Nov 2026 15:47:00.275 * Master does not support PSYNC or is in error state (reply: -ERR \
unknown command)
17060:S 30 Nov 2026 15:47:00.275 * Retrying with SYNC...
";
    let log = [asked, silent, asked, asked, refused, asked, finished, damaged, asked, old].concat();
    assert_eq!(
        found(&log),
        [
            "full (no-file)",
            "full (full-sync-broken-off)",
            "full (full-sync-broken-off)",
            "full (full-sync-broken-off)",
            "full (stream-damaged)",
            "full (master-without-psync)",
        ]
    );
    assert!(explained(&log).contains("A longer repl-timeout would have waited for it."));
}

#[test]
fn a_log_of_something_else_holds_nothing_and_one_of_bytes_is_none() {
    assert_eq!(explained(""), "No resynchronisation in 0 lines.\n");
    assert_eq!(explained("hello\nworld"), "No resynchronisation in 2 lines.\n");
    assert_eq!(explained("\u{fffd}\n"), "No resynchronisation in 1 lines.\n");
    let mut out = Vec::new();
    let error = explain_lines(&mut &b"a\nREDIS0010\0\xfa"[..], &mut out).expect_err("a null byte");
    assert_eq!(error.to_string(), "line 2 is not text: this is no log");
    let error = explain(std::path::Path::new("no such file"), &mut out).expect_err("no file");
    assert_eq!(error.to_string(), "No such file or directory");
}

#[test]
fn numbers_of_any_size_are_only_numbers() {
    let most = u64::MAX;
    for (asked, given) in [(0, most), (most, 0), (most, most), (1, most - 1)] {
        let log = format!(
            "Trying a partial resynchronization (request a:{asked}).\nFull resync from master: \
             a:{given}\nUnable to partial resync with replica b for lack of backlog (Replica \
             request was: {asked}).\nPartial resynchronization not accepted: Requested offset for \
             second ID was {asked}, but I can reply up to {given}\n"
        );
        assert!(explained(&log).contains("3 full and 0 partial"), "{log}");
    }
    assert_eq!(found("Full resync from master: a:99999999999999999999999"), [""; 0]);
}

#[test]
fn long_lines_are_cut_and_what_is_remembered_is_bounded() {
    let long = format!("{}\n", "x".repeat(10_000_000));
    let mut input = BufReader::new(long.as_bytes());
    let mut line = Vec::new();
    read_line(&mut input, &mut line).expect("it is there");
    assert_eq!(line.len(), LINE_BYTES_MAX);
    assert!(line.capacity() < 4 * LINE_BYTES_MAX);
    let (mut story, mut count) = (Story::default(), 0);
    for i in 0..10_000 {
        let text = format!("Full resync requested by replica 10.0.0.1:{i}");
        let event = line::event(&text).expect("it tells something");
        count += usize::from(story.on("", event).is_some());
    }
    assert_eq!(count, 10_000);
    assert!(story.remembered() <= 128, "{}", story.remembered());
}
