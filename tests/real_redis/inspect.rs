//! `repl-server tail` and `repl-server diff` on servers of both kinds.

use std::process::{Command, Output};

use libtest_mimic::Trial;

use crate::{
    fixture::{
        server::{
            Kind::{self, Ours, Redis},
            Server,
        },
        wait_for,
    },
    trial,
};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for kind in [Ours, Redis] {
        let title = |what: &str| format!("{what}: {}", kind.name());
        let tailed = title("tail prints what a replica is told");
        trials.push(trial(tailed, vec![Ours, kind], move || prints_the_stream(kind)));
        let compared = title("diff names the keys that differ from those of ours");
        trials.push(trial(compared, vec![Ours, kind], move || names_what_differs(kind)));
        let busy = title("diff compares at one offset while a master of this kind is written to");
        trials.push(trial(busy, vec![Ours, kind], move || compares_under_load(kind)));
    }
    trials.push(trial(
        "diff and tail say what is wrong".to_owned(),
        vec![Ours],
        says_what_is_wrong,
    ));
    trials
}

/// Runs a command of this build, whoever stands in for our server otherwise.
pub(crate) fn run(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_repl-server"));
    command.args(words).output().expect("it can be started")
}

fn at(server: &Server) -> String {
    format!("127.0.0.1:{}", server.port())
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn prints_the_stream(kind: Kind) {
    let server = Server::start(kind, &[("repl-diskless-sync-delay", "0")]);
    let mut client = server.client();
    client.ok("SET before 1");
    let place = at(&server);
    let tail = std::thread::spawn(move || run(&["tail", &place, "--count", "4"]));
    wait_for("the command to follow", || match server.info("slave0") {
        state if state.contains("state=online") => Ok(()),
        state => Err(state),
    });
    client.ok("SET key value");
    client.ok("SELECT 3");
    client.ask("RPUSH list a\u{a0}b");
    let waited = client.ask("WAIT 1 100").integer();
    let output = tail.join().expect("it ends");
    assert!(output.status.success(), "{output:?}");
    let shown = text(&output);
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[0].starts_with(&format!("# {} tells ", at(&server))), "{shown}");
    let words = |line: &str| line.split_once(' ').expect("an offset").1.to_owned();
    let told: Vec<String> = lines[1..].iter().map(|line| words(line)).collect();
    assert_eq!(told[..2], ["[0] \"SELECT\" \"0\"", "[0] \"SET\" \"key\" \"value\""], "{shown}");
    assert_eq!(told[2], "[3] \"SELECT\" \"3\"");
    assert!(told[3].starts_with("[3] \"RPUSH\" \"list\""), "{shown}");
    assert_eq!(waited, 0, "who reads along has not got a copy");
}

fn names_what_differs(kind: Kind) {
    let directives = [("repl-diskless-sync-delay", "0"), ("replica-read-only", "no")];
    let master = Server::start(kind, &directives);
    let replica = Server::start(Ours, &directives);
    let mut client = master.client();
    for command in
        ["SET s 1", "RPUSH l a b", "SADD e 1 2", "HSET h f v", "ZADD z 1 m", "SET t 1 EX 900"]
    {
        client.ask(command);
    }
    replica.follow(master.port());
    wait_for("the replica to have all", || match replica.client().ask("DBSIZE").integer() {
        6 => Ok(()),
        count => Err(count),
    });
    let equal = run(&["diff", &at(&master), &at(&replica)]);
    assert_eq!(equal.status.code(), Some(0), "{equal:?}");
    assert!(text(&equal).ends_with("# 6 keys, 0 differ\n"), "{equal:?}");
    let mut own = replica.client();
    for command in ["SET s 2", "DEL l", "SET e 1", "PERSIST t", "SELECT 1", "SET x 1"] {
        own.ask(command);
    }
    let output = run(&["diff", &at(&master), &at(&replica)]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let shown = text(&output);
    let (one, other) = (at(&master), at(&replica));
    for line in [
        format!("[0] \"e\": a set on {one}, a string on {other}"),
        format!("[0] \"l\": only on {one}"),
        "[0] \"s\": another string on each".to_owned(),
        format!(" on {one}, never on {other}"),
        format!("[1] \"x\": only on {other}"),
        "# 7 keys, 5 differ".to_owned(),
    ] {
        assert!(shown.contains(&line), "no {line}:\n{shown}");
    }
}

fn compares_under_load(kind: Kind) {
    let directives = [("repl-diskless-sync-delay", "0")];
    let master = Server::start(kind, &directives);
    let replica = Server::start(Ours, &directives);
    replica.follow(master.port());
    let load = crate::fixture::load::Load::on(&master, 7);
    load.flow(1000);
    for _ in 0..3 {
        let output = run(&["diff", &at(&master), &at(&replica)]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        assert!(text(&output).starts_with("# both at offset "), "{output:?}");
    }
    load.stop();
}

fn says_what_is_wrong() {
    let server = Server::start(Ours, &[]);
    server.client().ok("CONFIG SET requirepass secret");
    let place = at(&server);
    for (words, status, what) in [
        (&["tail", &place][..], 1, "NOAUTH"),
        (&["tail", &place, "--pass", "wrong"], 1, "WRONGPASS"),
        (&["diff", &place, &place, "--pass", "wrong"], 2, "WRONGPASS"),
        (&["tail", "127.0.0.1:1"], 1, "refused"),
        (&["tail"], 2, "tail takes one server"),
        (&["diff", &place], 2, "diff takes two servers"),
        (&["diff", &place, &place, "--count", "3"], 2, "diff takes two servers"),
    ] {
        let output = run(words);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(status), "{words:?}: {output:?}");
        assert!(said.contains(what), "{words:?}: {said}");
        assert!(!said.contains("secret"));
    }
    let equal = run(&["diff", &place, &place, "--pass", "secret"]);
    assert_eq!(equal.status.code(), Some(0), "{equal:?}");
}
