//! Users: what they may do here is what they may do in Redis, in the same words.

use std::{collections::BTreeSet, fs};

use libtest_mimic::Trial;

use crate::{
    fixture::{
        client::{Client, Reply},
        server::{
            CONFIG_FILE,
            Kind::{self, Ours, Redis},
            Server, Stop,
        },
        wait_for,
    },
    replication::settle,
    trial,
};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        trial("users: both servers answer alike".to_owned(), vec![Ours, Redis], answer_alike),
        trial("users: rules allow the same commands".to_owned(), vec![Ours, Redis], allow_the_same),
    ];
    for kinds in [[Ours, Redis], [Redis, Ours], [Ours, Ours]] {
        let [master, replica] = kinds.map(Kind::name);
        let title = format!("users: {replica} follows {master} with no more rights than it needs");
        trials.push(trial(title, kinds.to_vec(), move || follow_with_little(kinds)));
    }
    for kind in [Ours, Redis] {
        let title = format!("users: {} remembers them and forgets their passwords", kind.name());
        trials.push(trial(title, vec![kind], move || are_remembered(kind)));
    }
    trials
}

/// What is said, and by which client. A blank that is part of a word is written `_`.
const SCRIPT: &[(usize, &str)] = &[
    (0, "ACL SETUSER lim on nopass ~k* %R~r* %W~w* &c* +get"),
    (0, "ACL GETUSER lim"),
    (0, "ACL LIST"),
    (0, "ACL GETUSER default"),
    (0, "ACL SETUSER b foo"),
    (0, "ACL SETUSER b +foo"),
    (0, "ACL SETUSER b +config|foo"),
    (0, "ACL SETUSER b +@foo"),
    (0, "ACL SETUSER b #abc"),
    (0, "ACL SETUSER b <zz"),
    (0, "ACL SETUSER x_y on"),
    (0, "ACL SETUSER b allkeys ~a"),
    (0, "ACL SETUSER b allchannels &a"),
    (0, "ACL SETUSER b %X~a"),
    (0, "ACL SETUSER b ~a_b"),
    (0, "ACL SETUSER b -select|0"),
    (0, "ACL SETUSER b +client|kill|x"),
    (0, "ACL SETUSER b +get|x|y"),
    (0, "ACL USERS"),
    (0, "ACL SETUSER b %RW~a %W~b %RW~c %R~b >one >two <one &x &y skip-sanitize-payload"),
    (0, "ACL GETUSER b"),
    (0, "ACL SETUSER b resetpass resetkeys resetchannels allcommands"),
    (0, "ACL GETUSER b"),
    (0, "ACL SETUSER b reset"),
    (0, "ACL LIST"),
    (0, "ACL CAT"),
    (0, "ACL CAT foo"),
    (0, "ACL CAT a b"),
    (0, "ACL DELUSER default"),
    (0, "ACL DELUSER nope b"),
    (0, "ACL GENPASS 0"),
    (0, "ACL GENPASS 4097"),
    (0, "ACL GENPASS x"),
    (0, "ACL GENPASS 1 2"),
    (0, "ACL WHOAMI"),
    (0, "ACL SAVE"),
    (0, "ACL LOAD"),
    (0, "ACL GETUSER nope"),
    (0, "ACL foo"),
    (0, "SCRIPT KILL"),
    (0, "SET r 0"),
    (0, "ACL SETUSER lim +set +config|get +subscribe +publish +multi +exec +sort +mget +copy"),
    (0, "ACL SETUSER lim +lmove +append +strlen +psubscribe"),
    (0, "ACL DRYRUN lim GET foo"),
    (0, "ACL DRYRUN lim KEYS *"),
    (0, "ACL DRYRUN lim MGET k1 zz"),
    (0, "ACL DRYRUN lim GET"),
    (0, "ACL DRYRUN lim PUBLISH d x"),
    (0, "ACL DRYRUN lim GET k"),
    (0, "ACL DRYRUN lim foo"),
    (0, "ACL DRYRUN nope GET k"),
    (1, "AUTH lim x"),
    (1, "ACL WHOAMI"),
    (1, "GET k"),
    (1, "GET x"),
    (1, "GET r"),
    (1, "SET r 1"),
    (1, "SET w 1"),
    (1, "SET w 1 GET"),
    (1, "APPEND w x"),
    (1, "STRLEN w"),
    (1, "COPY r w"),
    (1, "COPY w r"),
    (1, "LMOVE r w LEFT LEFT"),
    (1, "DEL k"),
    (1, "CONFIG SET hz 10"),
    (1, "CONFIG GET hz"),
    (1, "CONFIG FOO"),
    (1, "CLIENT SETNAME x"),
    (1, "PUBLISH d x"),
    (1, "PUBLISH c x"),
    (1, "SUBSCRIBE d"),
    (1, "PSUBSCRIBE cc*"),
    (1, "SORT k BY nosort"),
    (1, "SORT k BY a*"),
    (1, "SORT k GET #"),
    (1, "MGET k x"),
    (1, "MULTI"),
    (1, "DEL k"),
    (1, "EXEC"),
    (1, "AUTH lim"),
    (1, "MULTI"),
    (1, "SET k 1"),
    (1, "GET k"),
    (1, "PUBLISH c x"),
    (0, "ACL SETUSER lim -set resetkeys resetchannels"),
    (1, "EXEC"),
    (0, "ACL SETUSER q >a1 on allkeys +@all -client"),
    (1, "AUTH q a2"),
    (1, "AUTH q a1"),
    (1, "CLIENT ID"),
    (0, "ACL SETUSER q off >a3"),
    (1, "GET k"),
    (1, "AUTH q a3"),
    (1, "GET k"),
    (1, "RESET"),
    (1, "ACL WHOAMI"),
    (0, "CLIENT KILL USER nope"),
    (0, "CLIENT KILL USER q"),
    (0, "CONFIG SET requirepass s"),
    (0, "ACL GETUSER default"),
    (1, "AUTH s"),
    (0, "CONFIG SET requirepass _"),
    (0, "ACL SETUSER default -get"),
    (1, "GET k"),
    (1, "SET k 1"),
    (0, "ACL DELUSER lim q"),
];

fn ask(client: &mut Client, line: &str) -> Reply {
    let words: Vec<String> = line.split(' ').map(|word| word.replace('_', " ")).collect();
    let words: Vec<&[u8]> =
        words.iter().map(|word| if word == " " { b"" } else { word.as_bytes() }).collect();
    client.ask_words(&words)
}

fn shown(reply: Reply) -> String {
    match reply {
        Reply::Array(parts) => parts.into_iter().map(shown).collect::<Vec<_>>().join(" / "),
        Reply::Bulk(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        other @ (Reply::Simple(_) | Reply::Error(_) | Reply::Integer(_) | Reply::Null) => {
            format!("{other:?}")
        }
    }
}

fn answer_alike() {
    let servers = [Ours, Redis].map(|kind| Server::start(kind, &[]));
    let mut clients = servers.each_ref().map(|server| [server.client(), server.client()]);
    let mut different = Vec::new();
    for (client, line) in SCRIPT {
        let [ours, redis] = clients.each_mut().map(|clients| ask(&mut clients[*client], line));
        if ours != redis {
            different.push(format!("{line}\n  ours {}\n  redis {}", shown(ours), shown(redis)));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

/// Rules, in the order they are given. After each list, every command that both servers have is
/// allowed by both or by none.
const RULES: [&str; 9] = [
    "+@all",
    "+@all -@dangerous",
    "-@all +psync +replconf +ping",
    "allchannels +multi +slaveof +ping +exec +subscribe +config|rewrite +role +publish +info \
     +client|setname +client|kill +script|kill",
    "+@read +@connection -get +@scripting",
    "+client -client|kill +client|list -@pubsub",
    "+config|get +CONFIG -config|SET",
    "allcommands -@write +@string -append nocommands +@fast",
    "+@sortedset +@set -@read",
];

fn allow_the_same() {
    let servers = [Ours, Redis].map(|kind| Server::start(kind, &[]));
    let mut clients = servers.each_ref().map(Server::client);
    let named = clients.each_mut().map(|client| {
        let listed = client.ask("COMMAND LIST").array().into_iter().map(Reply::text);
        listed.collect::<BTreeSet<String>>()
    });
    let common: Vec<&String> = named[0].intersection(&named[1]).collect();
    assert!(common.len() > 160, "{} commands", common.len());
    for rules in RULES {
        let [ours, redis] = clients.each_mut().map(|client| {
            client.ok("ACL SETUSER u reset allkeys allchannels");
            client.ok(&format!("ACL SETUSER u {rules}"));
            let arities = common.iter().map(|name| allowed(client, name));
            arities.collect::<Vec<_>>()
        });
        for ((name, ours), redis) in common.iter().zip(ours).zip(redis) {
            assert_eq!(ours, redis, "{rules}: {name}");
        }
    }
}

/// What `ACL DRYRUN` says of a command with as many arguments as it needs.
fn allowed(client: &mut Client, name: &str) -> Reply {
    let info = client.ask(&format!("COMMAND INFO {name}")).array().remove(0).array();
    let arity = info[1].clone().integer().unsigned_abs();
    let words = name.split('|').count();
    let mut asked = vec!["ACL", "DRYRUN", "u"];
    asked.extend(name.split('|'));
    asked.extend(vec!["1"; usize::try_from(arity).expect("it is small").saturating_sub(words)]);
    client.ask(&asked.join(" "))
}

/// The least that a replica's user needs.
// redis: redis.conf, masteruser
const REPLICA_RULES: &str = "on >secret +psync +replconf +ping";

fn follow_with_little(kinds: [Kind; 2]) {
    let [master, replica] = kinds.map(|kind| Server::start(kind, &[]));
    master.client().ok(&format!("ACL SETUSER follower {REPLICA_RULES}"));
    master.client().ok("SET k 1");
    let mut client = replica.client();
    client.ok("CONFIG SET masteruser follower masterauth secret");
    replica.follow(master.port());
    settle(&[&master, &replica]);
    assert_eq!(client.ask("GET k").text(), "1");
    // Without one of the three there is no link, and with all of them one again.
    master.client().ok("ACL SETUSER follower -psync");
    master.client().ask("CLIENT KILL TYPE replica");
    wait_for("a link that is refused", || match replica.info("master_link_status") {
        status if status == "down" => Ok(()),
        status => Err(status),
    });
    wait_for("no replica", || match master.info("connected_slaves") {
        count if count == "0" => Ok(()),
        count => Err(count),
    });
    master.client().ok("ACL SETUSER follower +psync");
    settle(&[&master, &replica]);

    // Who has become a replica may still do no more than before.
    let mut stranger = master.client();
    stranger.ok("AUTH follower secret");
    let mut bytes = b"PSYNC ? -1\r\nCONFIG SET maxclients 77\r\nACL SETUSER evil on\r\n".to_vec();
    bytes.extend_from_slice(b"REPLICAOF NO ONE\r\n");
    stranger.send(&bytes).expect("the connection is there");
    wait_for("a replica that is sent away", || {
        if stranger.is_closed() { Ok(()) } else { stranger.line_bytes().map_or(Ok(()), Err) }
    });
    assert_eq!(master.client().ask("ACL GETUSER evil"), Reply::Null);
    assert_eq!(
        master.client().ask("CONFIG GET maxclients").array()[1],
        Reply::Bulk(b"10000".into())
    );
}

/// Users are written into the file and read again, as digests.
fn are_remembered(kind: Kind) {
    let mut server = Server::start_with_file(kind, Some("# Users follow.\n"), &[]);
    let path = server.folder().join(CONFIG_FILE);
    server.stop(Stop::Kill);
    let file = "user one on >pass1 ~a* +@all -config\nuser default on nopass ~* &* +@all -append\n";
    fs::write(&path, file).expect("the folder can be written");
    let are_known = |server: &Server| {
        let mut client = server.client();
        let refused = |command: &str| {
            let words = "this user has no permissions to run the";
            Reply::Error(format!("NOPERM {words} '{command}' command"))
        };
        assert_eq!(client.ask("APPEND a b"), refused("append"));
        client.ok("AUTH one pass1");
        assert_eq!(client.ask("GET a1"), Reply::Null);
        assert_eq!(client.ask("CONFIG GET hz"), refused("config|get"));
    };
    server.start_again(&[]);
    are_known(&server);
    let mut client = server.client();
    client.ok("ACL SETUSER two on >pass2 +get ~x");
    client.ok("CONFIG REWRITE");
    let text = fs::read_to_string(&path).expect("the file is there");
    for secret in ["pass1", "pass2"] {
        assert!(!text.contains(secret), "{text}");
    }
    assert_eq!(text.lines().filter(|line| line.starts_with("user ")).count(), 3, "{text}");
    let listed = client.ask("ACL LIST");
    server.stop(Stop::Kill);
    server.start_again(&[]);
    are_known(&server);
    let mut client = server.client();
    assert_eq!(client.ask("ACL LIST"), listed);
    client.ok("AUTH two pass2");
}
