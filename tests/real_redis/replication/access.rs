//! What a role forbids and allows: stale data, passwords, writes that need replicas, writes on a
//! replica, transactions that a role change overtakes.

use super::{Chain, settle};
use crate::fixture::{
    client::{Client, Reply},
    dataset,
    server::{Kind, Server},
    wait_for,
};

/// These end the connection or the server, or change what is compared; a save refuses another for
/// as long as it takes; and `REPL` is only ours.
const NOT_COMPARED: [&str; 12] = [
    "bgsave",
    "debug",
    "failover",
    "monitor",
    "psync",
    "quit",
    "repl",
    "replicaof",
    "save",
    "shutdown",
    "slaveof",
    "sync",
];

fn ok() -> Reply {
    Reply::Simple("OK".to_owned())
}

/// How a reply begins: all that tells one access rule from another.
fn class(reply: Reply) -> String {
    match reply {
        Reply::Error(text) => text,
        Reply::Simple(_) => "a simple string".to_owned(),
        Reply::Integer(_) => "an integer".to_owned(),
        Reply::Bulk(_) | Reply::Null | Reply::Array(_) => "something else".to_owned(),
    }
}

/// Every command of `server` with arguments that fit, for containers with those of a subcommand.
fn commands(server: &Server) -> Vec<String> {
    let mut commands = Vec::new();
    for entry in server.client().ask("COMMAND").array() {
        let mut fields = entry.array().into_iter();
        let name = fields.next().expect("a name").text();
        let arity = fields.next().expect("an arity").integer();
        if NOT_COMPARED.contains(&name.as_str()) {
            continue;
        }
        let arguments: &[&str] = match name.as_str() {
            "client" => &["id", "list", "getname", "help", "pause 0", "no-evict on"],
            "command" => &["count", "info get"],
            "config" => &["get port", "set hz 10", "resetstat"],
            "latency" => &["latest"],
            "memory" => &["usage k", "help"],
            "object" => &["encoding k", "refcount k", "help"],
            "pubsub" => &["channels", "numpat"],
            "slowlog" => &["len"],
            "hello" => &["2"],
            _ => &[],
        };
        if arguments.is_empty() {
            let count = usize::try_from(arity.unsigned_abs()).expect("it is small") - 1;
            commands.push([vec![name.as_str()], vec!["1"; count]].concat().join(" "));
        }
        commands.extend(arguments.iter().map(|arguments| format!("{name} {arguments}")));
    }
    commands
}

/// On a replica whose link is down, every command is refused or not, alone and in a transaction,
/// as the other kind of server refuses it.
pub(super) fn without_a_master(kinds: &[Kind]) {
    let servers: Vec<Server> = kinds.iter().map(|&kind| Server::start(kind, &[])).collect();
    let commands = commands(&servers[0]);
    assert!(commands.len() > 130, "{} commands", commands.len());
    for server in &servers {
        // Nobody listens there.
        server.follow(1);
    }
    let mut different = Vec::new();
    for (stale, read_only) in [("no", "yes"), ("no", "no"), ("yes", "yes")] {
        for server in &servers {
            let mut client = server.client();
            client.ok(&format!("CONFIG SET replica-serve-stale-data {stale}"));
            client.ok(&format!("CONFIG SET replica-read-only {read_only}"));
        }
        for command in &commands {
            for before in [None, Some("MULTI")] {
                let replies = servers.iter().map(|server| {
                    let mut client = server.client();
                    if let Some(before) = before {
                        client.ok(before);
                    }
                    class(client.ask(command))
                });
                let replies: Vec<String> = replies.collect();
                if replies.windows(2).any(|pair| pair[0] != pair[1]) {
                    different.push(format!(
                        "stale {stale}, read-only {read_only}, {before:?}, {command}: {replies:?}"
                    ));
                }
            }
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

/// A field of `INFO replication` over a connection that has the password.
fn field(client: &mut Client, name: &str) -> String {
    let text = client.ask("INFO replication").text();
    let mut values = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    values.next().unwrap_or_default().to_owned()
}

/// Both sides have a password, and the replica gives it with and without the user's name.
pub(super) fn passwords(kinds: &[Kind]) {
    let chain = Chain::start(kinds, &[]);
    let mut clients: Vec<Client> = chain.servers.iter().map(Server::client).collect();
    for client in &mut clients {
        client.ok("CONFIG SET requirepass secret");
    }
    let [master, replica] = &mut clients[..] else {
        panic!("two servers are arranged");
    };
    let refused = chain.master().client().ask("GET k");
    assert_eq!(refused, Reply::Error("NOAUTH Authentication required.".to_owned()));
    master.ok("SET k 1");
    let link = |replica: &mut Client, wanted: &str| {
        wait_for("the link", || match field(replica, "master_link_status") {
            status if status == wanted => Ok(()),
            status => Err(status),
        });
    };
    for (user, password, expected) in [
        ("", "", "down"),
        ("", "wrong", "down"),
        ("", "secret", "up"),
        ("default", "secret", "up"),
        ("nobody", "secret", "down"),
    ] {
        replica.ok("REPLICAOF NO ONE");
        for (name, value) in [("masteruser", user), ("masterauth", password)] {
            let set = replica.ask_words(&[b"CONFIG", b"SET", name.as_bytes(), value.as_bytes()]);
            assert_eq!(set, ok());
        }
        let connections = |master: &mut Client| {
            let info = master.ask("INFO stats").text();
            let line =
                info.lines().find_map(|line| line.strip_prefix("total_connections_received:"));
            line.and_then(|count| count.parse::<i64>().ok()).expect("it is counted")
        };
        let before = connections(master);
        replica.ok(&format!("REPLICAOF 127.0.0.1 {}", chain.links[0].port()));
        wait_for("two attempts, or one that succeeds", || {
            let up = field(replica, "master_link_status") == "up";
            if up || connections(master) >= before + 2 { Ok(()) } else { Err(before) }
        });
        link(replica, expected);
        if expected == "up" {
            assert_eq!(replica.ask("GET k").text(), "1");
        }
    }
}

/// `min-replicas-to-write`: a master whose replica falls silent takes no writes.
pub(super) fn enough_replicas(kinds: &[Kind]) {
    let master = [("min-replicas-to-write", "1"), ("min-replicas-max-lag", "1")];
    let chain = Chain::start(kinds, &master);
    let mut client = chain.master().client();
    let refusal = Reply::Error("NOREPLICAS Not enough good replicas to write.".to_owned());
    assert_eq!(client.ask("SET k 1"), refusal);
    chain.attach();
    let accepted = |client: &mut Client| {
        wait_for("a write that is taken", || match client.ask("SET k 1") {
            reply if reply == ok() => Ok(()),
            other => Err(other),
        });
    };
    accepted(&mut client);
    assert_eq!(chain.master().info("min_slaves_good_slaves"), "1");
    chain.links[0].stall();
    wait_for("a write that is refused", || match client.ask("SET k 2") {
        reply if reply == refusal => Ok(()),
        other => Err(other),
    });
    client.ok("MULTI");
    assert_eq!(client.ask("SET k 3"), refusal);
    let aborted = client.ask("EXEC");
    let expected = "EXECABORT Transaction discarded because of previous errors.";
    assert_eq!(aborted, Reply::Error(expected.to_owned()));
    assert_eq!(client.ask("GET none"), Reply::Null);
    chain.links[0].heal();
    accepted(&mut client);
    chain.settle();
    chain.assert_equal();
}

/// Writes of a replica's own clients stay with it: its replica and the stream know nothing of
/// them.
pub(super) fn writable_replica(kinds: &[Kind]) {
    let chain = Chain::attached(kinds, &[("replica-read-only", "no")]);
    let [master, middle, tail] = &chain.servers[..] else {
        panic!("three servers are arranged");
    };
    let mut client = middle.client();
    client.ok("SET own 1");
    client.ok("MULTI");
    client.ask("RPUSH own-list a");
    client.ask("SPOP own-set");
    client.ask("EXEC");
    client.ok("SET own-short 1 PX 10");
    wait_for("a key of its own to expire", || {
        let reply = client.ask("GET own-short");
        if reply == Reply::Null { Ok(()) } else { Err(reply) }
    });
    dataset::write(&mut master.client(), 1);
    chain.settle();
    assert_eq!(client.ask("EXISTS own own-list").integer(), 2);
    assert_eq!(tail.client().ask("EXISTS own own-list own-short").integer(), 0);
    dataset::assert_equal(&[master, tail]);
    // The stream writes over them.
    master.client().ok("SET own of-the-master");
    chain.settle();
    assert_eq!(client.ask("GET own").text(), "of-the-master");
}

/// A writable replica deletes the keys to which its own clients gave an expiry, and no others.
pub(super) fn own_expiries(kinds: &[Kind]) {
    let chain = Chain::attached(kinds, &[("replica-read-only", "no")]);
    let [master, replica] = &chain.servers[..] else {
        panic!("two servers are arranged");
    };
    // The stream flows: after a snapshot it may wait for an acknowledgement, up to a second.
    master.client().ask("PUBLISH channel message");
    chain.settle();
    // A master that forgets to delete: nobody may do it in its place.
    master.client().ok("DEBUG SET-ACTIVE-EXPIRE 0");
    master.client().ok("SET theirs 1 PX 50");
    chain.settle();
    let mut client = replica.client();
    client.ok("SET own 1 PX 50");
    client.ok("SET kept 1 EX 1000");
    client.ask("APPEND theirs x");
    client.ask("RPUSH list a");
    client.ask("RENAME list renamed");
    client.ask("PEXPIRE renamed 60");
    client.ask("COPY kept copied");
    assert_eq!(replica.info("slave_expires_tracked_keys"), "4");
    wait_for("the expired keys to go", || {
        let counts = (client.ask("DBSIZE").integer(), replica.info("slave_expires_tracked_keys"));
        if counts == (3, "2".to_owned()) { Ok(()) } else { Err(counts) }
    });
    assert_eq!(client.ask("EXISTS theirs kept copied").integer(), 2, "the third is hidden");
    assert_eq!(replica.count("expired_keys"), 2);
    chain.settle();
    let other = Server::start(kinds[0], &[]);
    replica.follow(other.port());
    settle(&[&other, replica]);
    assert_eq!(replica.info("slave_expires_tracked_keys"), "0", "their dataset is gone");
}

/// A transaction that was queued in one role is executed in another.
pub(super) fn transactions_over_role_changes(kinds: &[Kind]) {
    let servers: Vec<Server> = kinds.iter().map(|&kind| Server::start(kind, &[])).collect();
    let [server, other] = &servers[..] else {
        panic!("two servers are arranged");
    };
    let queue = |client: &mut Client, command: &str| {
        client.ok("MULTI");
        assert_eq!(client.ask(command), Reply::Simple("QUEUED".to_owned()));
    };
    let [mut writer, mut reader] = [server.client(), server.client()];
    queue(&mut writer, "SET k 1");
    queue(&mut reader, "GET k");
    server.follow(other.port());
    settle(&[other, server]);
    let expected = "EXECABORT Transaction discarded because of: READONLY You can't write against a \
                    read only replica.";
    assert_eq!(writer.ask("EXEC"), Reply::Error(expected.to_owned()));
    assert_eq!(reader.ask("EXEC"), Reply::Array(vec![Reply::Null]));

    // What may not be queued on a replica stays refused after its promotion.
    writer.ok("MULTI");
    assert!(matches!(writer.ask("SET k 1"), Reply::Error(_)));
    queue(&mut reader, "GET k");
    server.promote();
    let expected = "EXECABORT Transaction discarded because of previous errors.";
    assert_eq!(writer.ask("EXEC"), Reply::Error(expected.to_owned()));
    assert_eq!(reader.ask("EXEC"), Reply::Array(vec![Reply::Null]));
    writer.ok("MULTI");
    for command in ["SET k 1", "REPLICAOF NO ONE", "SET l 2"] {
        assert_eq!(writer.ask(command), Reply::Simple("QUEUED".to_owned()));
    }
    assert_eq!(writer.ask("EXEC"), Reply::Array(vec![ok(), ok(), ok()]));
}
