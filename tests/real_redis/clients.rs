//! Unmodified clients: redis-rs, and the load generator that comes with Redis. Those in other
//! languages run by `cargo ci clients` (`tests/clients`).

use std::{
    collections::{BTreeMap, BTreeSet},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
};

use libtest_mimic::Trial;
use redis::{Client, Commands, Connection, ErrorKind, PushKind, RedisResult, Value};

use crate::{
    fixture::{
        PATIENCE,
        server::{
            Kind::{self, Ours, Redis},
            Server,
        },
        wait_for,
    },
    trial,
};

/// What one client checks: with a connection for itself, and a way to get more.
type Check = fn(&Client, &mut Connection);

const CHECKS: [(&str, Check); 10] = [
    ("connects", connects),
    ("values of all types", values_of_all_types),
    ("pipelines", pipelines),
    ("transactions", transactions),
    ("channels", channels),
    ("blocking pops", blocking_pops),
    ("iteration", iteration),
    ("errors", errors),
    ("big values", big_values),
    ("reconnects", reconnects),
];

/// The tests that CI wants of redis-benchmark.
const BENCHMARKS: &str = "ping,set,get,incr,lpush,rpush,lpop,rpop,sadd,hset,spop,lrange_100,mset";

/// Every test of this file.
pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for kind in [Ours, Redis] {
        for protocol in ["resp2", "resp3"] {
            let name = format!("redis-rs: all checks over {protocol} with {}", kind.name());
            trials.push(trial(name, vec![kind], move || redis_rs(kind, protocol)));
        }
    }
    for options in [&[][..], &["-P", "16"], &["-3"]] {
        let name = format!("redis-benchmark {options:?} runs without an error");
        trials.push(trial(name, vec![Ours, Redis], move || benchmark(options)));
    }
    trials
}

/// All of it on the requested scale: `REPL_TEST_BENCHMARK_REQUESTS=100000`.
fn benchmark(options: &[&str]) {
    let server = Server::start(Ours, &[]);
    let requests = std::env::var("REPL_TEST_BENCHMARK_REQUESTS");
    let requests = requests.unwrap_or_else(|_| "3000".to_owned());
    let mut command = Command::new("redis-benchmark");
    command.args(["-q", "-n", &requests, "-t", BENCHMARKS]);
    command.args(["-p", &server.port().to_string()]).args(options).stdin(Stdio::null());
    let output = command.output().expect("redis-benchmark comes with redis-server");
    let (text, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && errors.is_empty(), "{text}\n{errors}");
    assert!(!text.contains("rror"), "{text}");
    // PING twice (inline as well), and a preparation of LRANGE.
    let finished = text.matches("requests per second").count();
    assert_eq!(finished, BENCHMARKS.split(',').count() + 2, "{text}");
    assert_eq!(server.count("total_error_replies"), 0);
}

fn redis_rs(kind: Kind, protocol: &str) {
    let server = Server::start(kind, &[]);
    let address = format!("redis://127.0.0.1:{}/?protocol={protocol}", server.port());
    let client = Client::open(address).expect("the address is well-formed");
    for (name, check) in CHECKS {
        let mut connection = client.get_connection().expect("the server listens");
        redis::cmd("FLUSHALL").exec(&mut connection).expect("the server obeys");
        check(&client, &mut connection);
        eprintln!("redis-rs {protocol}: {name}");
    }
    if protocol == "resp3" {
        pushes(&client, &mut client.get_connection().expect("the server listens"));
    }
}

fn connects(client: &Client, connection: &mut Connection) {
    let pong: String = redis::cmd("PING").query(connection).expect("a reply");
    assert_eq!(pong, "PONG");
    let named = redis::cmd("CLIENT").arg("SETNAME").arg("smoke").exec(connection);
    assert_eq!(named, Ok(()));
    let list: String = redis::cmd("CLIENT").arg("LIST").query(connection).expect("a reply");
    assert!(list.contains(" name=smoke "), "{list}");
    // Servers before 7.2 know no SETINFO: the library must get along with either answer.
    let told: RedisResult<()> =
        redis::cmd("CLIENT").arg("SETINFO").arg("LIB-NAME").arg("smoke").exec(connection);
    assert!(told.is_ok() || format!("{told:?}").contains("nknown subcommand"), "{told:?}");
    let mut other = client.get_connection().expect("the server listens");
    redis::cmd("SELECT").arg(5).exec(&mut other).expect("there are sixteen databases");
    let _: () = other.set("elsewhere", 1).expect("a reply");
    assert_eq!(connection.get("elsewhere"), Ok(None::<String>));
}

fn values_of_all_types(_: &Client, connection: &mut Connection) {
    assert_eq!(connection.set_nx("s", "v"), Ok(true));
    assert_eq!(connection.set_nx("s", "w"), Ok(false));
    assert_eq!(connection.get("s"), Ok(Some("v".to_owned())));
    assert_eq!(connection.incr("n", 41), Ok(41));
    assert_eq!(connection.incr("n", 0.5), Ok(41.5));
    let _: () = connection.mset(&[("a", 1), ("b", 2)]).expect("a reply");
    assert_eq!(connection.mget(&["a", "b", "none"]), Ok((1, 2, None::<i32>)));
    assert_eq!(connection.rpush("l", &[0, 1, 2, 3]), Ok(4));
    assert_eq!(connection.lrange("l", 1, -1), Ok(vec![1, 2, 3]));
    assert_eq!(connection.sadd("set", &["x", "y"]), Ok(2));
    let members: BTreeSet<String> = connection.smembers("set").expect("a reply");
    assert_eq!(members, BTreeSet::from(["x".to_owned(), "y".to_owned()]));
    let _: () = connection.hset_multiple("h", &[("f", 1), ("g", 2)]).expect("a reply");
    let fields: BTreeMap<String, i32> = connection.hgetall("h").expect("a reply");
    assert_eq!(fields, BTreeMap::from([("f".to_owned(), 1), ("g".to_owned(), 2)]));
    assert_eq!(connection.expire("h", 100), Ok(true));
    let left: i64 = connection.ttl("h").expect("a reply");
    assert!((1..=100).contains(&left), "{left}");
    assert_eq!(connection.del(&["h", "none"]), Ok(1));
}

fn pipelines(_: &Client, connection: &mut Connection) {
    let mut pipe = redis::pipe();
    for number in 0..2000 {
        pipe.set(format!("p:{number}"), number).ignore().get(format!("p:{number}"));
    }
    let values: Vec<i64> = pipe.query(connection).expect("replies");
    assert_eq!(values, (0..2000).collect::<Vec<_>>());
}

fn transactions(client: &Client, connection: &mut Connection) {
    let (value,): (i64,) = redis::pipe()
        .atomic()
        .set("t", 1)
        .ignore()
        .incr("t", 1)
        .query(connection)
        .expect("a reply");
    assert_eq!(value, 2);
    let mut other = client.get_connection().expect("the server listens");
    let mut attempts = 0;
    let done = redis::transaction(connection, &["t"], |connection, pipe| {
        attempts += 1;
        let value: i64 = connection.get("t")?;
        if attempts < 3 {
            let _: i64 = other.incr("t", 1)?;
        }
        pipe.set("t", value + 1).ignore().get("t").query(connection)
    });
    assert_eq!((done, attempts), (Ok((5,)), 3));
}

fn channels(client: &Client, connection: &mut Connection) {
    let mut listener = client.get_connection().expect("the server listens");
    listener.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
    let mut listener = listener.as_pubsub();
    listener.subscribe(&["news", "weather"]).expect("a reply");
    listener.psubscribe("n*s").expect("a reply");
    assert_eq!(connection.publish("news", "hello"), Ok(2));
    let heard = [(); 2].map(|()| listener.get_message().expect("a message"));
    assert_eq!(heard[0].get_channel_name(), "news");
    assert_eq!(heard[0].get_payload(), Ok("hello".to_owned()));
    assert!(!heard[0].from_pattern() && heard[1].from_pattern());
    assert_eq!(heard[1].get_pattern(), Ok("n*s".to_owned()));
    listener.unsubscribe("news").expect("a reply");
    listener.punsubscribe("n*s").expect("a reply");
    assert_eq!(connection.publish("news", "nobody"), Ok(0));
    assert_eq!(connection.publish("weather", "rain"), Ok(1));
    let last = listener.get_message().expect("a message");
    assert_eq!(last.get_payload(), Ok("rain".to_owned()));
}

/// With RESP3 messages reach an ordinary connection, between its replies.
fn pushes(client: &Client, connection: &mut Connection) {
    let (sender, receiver) = mpsc::channel();
    connection.set_push_sender(sender);
    connection.subscribe_resp3("news").expect("a reply");
    let mut other = client.get_connection().expect("the server listens");
    assert_eq!(other.publish("news", "hello"), Ok(1));
    let message = wait_for("a push", || {
        let _: Option<String> = connection.get("text").expect("it is still an ordinary client");
        let found = receiver.try_iter().find(|push| push.kind == PushKind::Message);
        found.ok_or("no message")
    });
    let words = ["news", "hello"].map(|word| Value::BulkString(word.as_bytes().to_vec()));
    assert_eq!(message.data, words);
}

fn blocking_pops(client: &Client, connection: &mut Connection) {
    assert_eq!(connection.blpop("none", 0.05), Ok(None::<[String; 2]>));
    let mut other = client.get_connection().expect("the server listens");
    thread::scope(|scope| {
        let popped = scope.spawn(|| connection.blpop(&["none", "queue"], 20.0));
        wait_for("a blocked client", || {
            let info: String = redis::cmd("INFO").arg("clients").query(&mut other).expect("text");
            if info.contains("blocked_clients:1") { Ok(()) } else { Err(info) }
        });
        assert_eq!(other.rpush("queue", "a"), Ok(1));
        let popped = popped.join().expect("it does not panic");
        assert_eq!(popped, Ok(Some(["queue".to_owned(), "a".to_owned()])));
    });
    assert_eq!(other.exists("queue"), Ok(false));
}

fn iteration(_: &Client, connection: &mut Connection) {
    let pairs: Vec<(String, i32)> = (0..1000).map(|n| (format!("scan:{n}"), n)).collect();
    let _: () = connection.mset(&pairs).expect("a reply");
    let keys: BTreeSet<String> =
        connection.scan_match("scan:*").expect("a reply").map(|key| key.expect("a key")).collect();
    assert_eq!(keys.len(), 1000);
    let _: () = connection.hset_multiple("big", &pairs).expect("a reply");
    let fields = connection.hscan::<_, (String, i32)>("big").expect("a reply");
    let fields: BTreeMap<String, i32> = fields.map(|field| field.expect("a field")).collect();
    assert_eq!(fields.get("scan:999"), Some(&999));
}

fn errors(_: &Client, connection: &mut Connection) {
    let _: () = connection.set("text", "v").expect("a reply");
    for (words, expected) in [
        (&["LPUSH", "text", "1"][..], "Operation against a key holding the wrong kind of value"),
        (&["INCR", "text"], "value is not an integer or out of range"),
        (&["GET"], "wrong number of arguments for 'get' command"),
        (&["NO-SUCH", "x"], "unknown command 'NO-SUCH'"),
    ] {
        let mut command = redis::cmd(words[0]);
        let error = command.arg(&words[1..]).exec(connection).expect_err("it is refused");
        assert!(error.to_string().contains(expected), "{words:?}: {error}");
        assert!(matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension), "{error:?}");
    }
    assert_eq!(connection.get("text"), Ok("v".to_owned()));
}

fn big_values(_: &Client, connection: &mut Connection) {
    let value: Vec<u8> = (0..=255).cycle().take(16 << 20).collect();
    let _: () = connection.set("big", &value).expect("a reply");
    let found: Vec<u8> = connection.get("big").expect("a reply");
    assert!(found == value, "{} bytes came back", found.len());
}

/// A connection that is killed says so, and the client makes a new one.
fn reconnects(client: &Client, connection: &mut Connection) {
    let id: i64 = redis::cmd("CLIENT").arg("ID").query(connection).expect("a reply");
    let mut other = client.get_connection().expect("the server listens");
    let killed = redis::cmd("CLIENT").arg("KILL").arg("ID").arg(id).query(&mut other);
    assert_eq!(killed, Ok(1));
    let error = connection.get::<_, Option<String>>("text").expect_err("it is closed");
    assert!(error.is_connection_dropped() || error.is_io_error(), "{error}");
    let mut again = client.get_connection().expect("the server listens");
    assert_eq!(again.get("text"), Ok(None::<String>));
}
