//! `CONFIG`: values that take effect at once, and the file that is written for the next start.

use repl_core::{
    base::config::{Access, Config, ConfigError, Reason},
    io::{HostFacts, Input},
};

use crate::net::{Net, Peer, config};

#[track_caller]
fn check(net: &mut Net, client: Peer, lines: &[(&str, &str)]) {
    for (words, expect) in lines {
        let reply = net.command(client, words);
        assert_eq!(reply.replace("\r\n", " ").trim_end(), *expect, "{words}");
    }
}

fn net_with_file() -> (Net, Peer) {
    let mut net = Net::with(&["a"], &config());
    let facts = HostFacts { config_file: "/etc/a.conf".into(), ..HostFacts::default() };
    net.input("a", Input::Host(facts));
    let client = net.connect("a");
    (net, client)
}

#[test]
fn limits_of_compact_forms_count_from_the_next_write_on() {
    let mut net = Net::with(&["a"], &config());
    let client = net.connect("a");
    check(
        &mut net,
        client,
        &[
            ("CONFIG SET hash-max-ziplist-entries 2 set-max-intset-entries 2", "+OK"),
            ("HSET h a 1 b 2", ":2"),
            ("SADD s 1 2", ":2"),
            ("OBJECT ENCODING h", "$8 listpack"),
            ("OBJECT ENCODING s", "$6 intset"),
            ("CONFIG SET hash-max-listpack-entries 1 set-max-intset-entries 1", "+OK"),
            ("OBJECT ENCODING h", "$8 listpack"),
            ("SADD s 2", ":0"),
            ("OBJECT ENCODING s", "$6 intset"),
            ("HSET h a 3", ":0"),
            ("SADD s 3", ":1"),
            ("OBJECT ENCODING h", "$9 hashtable"),
            ("OBJECT ENCODING s", "$9 hashtable"),
            ("CONFIG SET hash-max-listpack-value 3", "+OK"),
            ("HSET g a 123", ":1"),
            ("OBJECT ENCODING g", "$8 listpack"),
            ("HSET g a 1234", ":0"),
            ("OBJECT ENCODING g", "$9 hashtable"),
        ],
    );
}

#[test]
fn a_full_sync_gives_values_the_forms_of_the_replica() {
    let mut net = Net::with(&["a"], &config());
    net.add("b", Config { hash_max_listpack_entries: 1, set_max_intset_entries: 1, ..config() });
    net.run("a", "HSET h a 1 b 2");
    net.run("a", "SADD s 1 2");
    net.follow("b", "a");
    net.assert_same(&["a", "b"]);
    assert_eq!(net.ask("a", "OBJECT ENCODING h"), "$8\r\nlistpack\r\n");
    assert_eq!(net.ask("b", "OBJECT ENCODING h"), "$9\r\nhashtable\r\n");
    assert_eq!(net.ask("b", "OBJECT ENCODING s"), "$9\r\nhashtable\r\n");
    net.run("a", "HSET g a 1 b 2");
    net.run("b", "REPLICAOF NO ONE");
    assert_eq!(net.ask("b", "OBJECT ENCODING g"), "$9\r\nhashtable\r\n", "limits outlive a sync");
}

#[test]
fn config_rewrite_is_answered_when_the_file_is_written() {
    let (mut net, client) = net_with_file();
    check(&mut net, client, &[("CONFIG SET hz 33", "+OK"), ("CONFIG REWRITE", "")]);
    net.send(client, b"PING\r\n");
    net.settle();
    assert_eq!(net.read_text(client), "", "what comes after it waits");
    assert_eq!(net.rewrite_config("a", Ok(())).hz, 33);
    assert_eq!(net.read_text(client), "+OK\r\n+PONG\r\n");
    assert!(net.log("a").contains("CONFIG REWRITE executed with success."));

    check(&mut net, client, &[("CONFIG REWRITE", "")]);
    net.rewrite_config("a", Err("No space left on device".into()));
    let failed = "-ERR Rewriting config file: No space left on device\r\n";
    assert_eq!(net.read_text(client), failed);
}

#[test]
fn config_rewrite_in_a_transaction_waits_for_nothing() {
    let (mut net, client) = net_with_file();
    check(
        &mut net,
        client,
        &[("MULTI", "+OK"), ("CONFIG REWRITE", "+QUEUED"), ("EXEC", "*1 +OK"), ("PING", "+PONG")],
    );
    net.rewrite_config("a", Err("Permission denied".into()));
    assert_eq!(net.read_text(client), "");
    assert!(net.log("a").contains("CONFIG REWRITE failed: Permission denied"));
}

#[test]
fn who_has_left_is_not_answered_and_who_stays_is() {
    let (mut net, client) = net_with_file();
    let other = net.connect("a");
    check(&mut net, client, &[("CONFIG REWRITE", "")]);
    check(&mut net, other, &[("CONFIG REWRITE", "")]);
    net.close(client);
    net.settle();
    net.rewrite_config("a", Ok(()));
    assert_eq!(net.read_text(other), "");
    net.rewrite_config("a", Ok(()));
    assert_eq!(net.read_text(other), "+OK\r\n");
}

#[test]
fn the_file_names_the_master_that_is_followed_now() {
    let (mut net, client) = net_with_file();
    check(
        &mut net,
        client,
        &[
            ("REPLICAOF nowhere 7", "+OK"),
            ("CONFIG GET replicaof", "*2 $9 replicaof $9 nowhere 7"),
            ("CONFIG REWRITE", ""),
        ],
    );
    let to = net.rewrite_config("a", Ok(())).replicaof.expect("it follows");
    assert_eq!((to.host.as_str(), to.port), ("nowhere", 7));
    assert_eq!(net.read_text(client), "+OK\r\n");
    check(
        &mut net,
        client,
        &[
            ("REPLICAOF NO ONE", "+OK"),
            ("CONFIG GET slaveof", "*2 $7 slaveof $0"),
            ("CONFIG REWRITE", ""),
        ],
    );
    assert_eq!(net.rewrite_config("a", Ok(())).replicaof, None);
}

#[test]
fn without_a_file_there_is_nothing_to_rewrite() {
    let mut net = Net::with(&["a"], &config());
    let client = net.connect("a");
    let refused = "-ERR The server is running without a config file";
    check(&mut net, client, &[("CONFIG REWRITE", refused)]);
}

fn net_with_folders() -> (Net, Peer) {
    let mut net = Net::with(&[], &config());
    net.add("a", Config { enable_protected_configs: Access::Yes, ..config() });
    let client = net.connect("a");
    (net, client)
}

#[test]
fn a_folder_is_in_force_when_the_host_has_entered_it() {
    let (mut net, client) = net_with_folders();
    check(&mut net, client, &[("CONFIG SET hz 33 dir there", "")]);
    net.send(client, b"PING\r\n");
    net.settle();
    assert_eq!(net.read_text(client), "", "what comes after it waits");
    assert_eq!(net.node("a").config().hz, 10, "nothing is in force before that");
    net.run("a", "CONFIG SET maxclients 77");
    net.apply_config("a", |config| {
        assert_eq!((config.dir.as_str(), config.hz), ("there", 33));
        config.dir = "/all/the/way/there".into();
        Ok(())
    });
    assert_eq!(net.read_text(client), "+OK\r\n+PONG\r\n");
    let now = net.node("a").config();
    assert_eq!((now.dir.as_str(), now.hz, now.maxclients), ("/all/the/way/there", 33, 77));
}

#[test]
fn a_folder_that_the_host_refuses_leaves_everything_as_it_was() {
    let (mut net, client) = net_with_folders();
    check(&mut net, client, &[("CONFIG SET hz 33 dir nowhere", "")]);
    net.apply_config("a", |_| {
        let reason = Reason::Refused("No such file or directory".into());
        Err(ConfigError { name: "dir".into(), reason })
    });
    let refused = "-ERR CONFIG SET failed (possibly related to argument 'dir') - No such file or \
                   directory\r\n";
    assert_eq!(net.read_text(client), refused);
    assert_eq!((net.node("a").config().hz, net.node("a").config().dir.as_str()), (10, ""));
}

#[test]
fn a_transaction_does_not_wait_for_the_host() {
    let (mut net, client) = net_with_folders();
    let refused = "*1 -ERR CONFIG SET failed (possibly related to argument 'dir') - it cannot be \
                   set within a transaction";
    check(
        &mut net,
        client,
        &[("MULTI", "+OK"), ("CONFIG SET dir there", "+QUEUED"), ("EXEC", refused)],
    );
}
