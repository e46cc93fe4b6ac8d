//! `repl-server explain` on logs that servers have just written.

use std::{env, path::Path, process::Output};

use libtest_mimic::Trial;

use crate::{
    fixture::{
        client::Client,
        server::{
            Kind::{self, Ours, Redis},
            Server,
        },
        wait_for,
    },
    inspect::run,
    trial,
};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![trial("explain: a log that is none".to_owned(), vec![Ours], || {
        refuses_what_is_no_log();
    })];
    for kind in [Ours, Redis] {
        let title = format!("explain: the log of a server tells why: {}", kind.name());
        trials.push(trial(title, vec![Ours, kind], move || tells_why(kind)));
    }
    trials
}

fn explain(words: &[&str]) -> Output {
    run(&[&["explain"], words].concat())
}

fn explained(log: &Path) -> String {
    let output = explain(&[&log.to_string_lossy()]);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A master with a small backlog that is asked for its first byte, twice.
fn tells_why(kind: Kind) {
    let directives = [("repl-backlog-size", "16384"), ("repl-diskless-sync-delay", "0")];
    let [master, replica] = [(); 2].map(|()| Server::start(kind, &directives));
    replica.follow(master.port());
    wait_for("the link", || match replica.info("master_link_status") {
        status if status == "up" => Ok(()),
        status => Err(status),
    });
    let id = master.info("master_replid");
    let mut client = master.client();
    for key in 0..200 {
        client.ok(&format!("SET {key} {}", "x".repeat(1000)));
    }
    // A replica that is still being sent the snapshot has the backlog outgrow its size.
    wait_for("the backlog to be trimmed", || {
        match master.count("repl_backlog_first_byte_offset") {
            1 => Err("its first byte is there"),
            _ => Ok(()),
        }
    });
    psync(&master, 7, &format!("PSYNC {id} 1"));
    psync(&master, 8, &format!("PSYNC {id} 99999999"));
    psync(&master, 9, "PSYNC ? -1");
    let text = explained(&master.folder().join("log"));
    for word in ["backlog-too-small", "beyond-end", "no-history-named"] {
        assert!(text.contains(&format!(" full ({word})\n")), "no {word}:\n{text}");
    }
    assert!(text.contains("repl-backlog-size"), "{text}");
    assert!(text.contains("4 full and 0 partial"), "{text}");
    let text = explained(&replica.folder().join("log"));
    assert!(text.contains(" full (writes-not-counted)\n"), "{text}");
    assert!(text.contains("1 full and 0 partial"), "{text}");
}

/// Asks as a replica of that name, and goes away once the answer is in the log.
fn psync(master: &Server, port: u16, words: &str) {
    let mut replica: Client = master.client();
    replica.ok(&format!("REPLCONF listening-port {port}"));
    let count = master.count("sync_full");
    let words: Vec<&[u8]> = words.split(' ').map(str::as_bytes).collect();
    replica.send(&crate::fixture::client::encode(&words)).expect("the master listens");
    wait_for("the answer", || match master.count("sync_full") {
        more if more > count => Ok(()),
        same => Err(same),
    });
}

fn refuses_what_is_no_log() {
    for (words, status) in [
        (&["no such file"][..], 1),
        (&[&*env::current_exe().expect("this program has a path").to_string_lossy()], 1),
        (&[], 2),
        (&["one", "two"], 2),
    ] {
        let output = explain(words);
        assert_eq!(output.status.code(), Some(status), "{words:?}: {output:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{words:?}: {output:?}");
    }
}
