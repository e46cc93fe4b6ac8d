//! Peers that speak less than PSYNC: `redis-cli --rdb` and `--replica`, and masters that know only
//! SYNC.

use std::{
    fs,
    io::{self, BufRead, BufReader},
    net::TcpListener,
    process::{Command, Stdio},
    thread,
};

use super::wire;
use crate::fixture::{
    client::{Client, Reply, encode},
    dataset,
    server::{
        Kind::{self, Redis},
        Server, Stop,
    },
    wait_for,
};

/// A test of a server of one kind.
type Case = fn(Kind);

/// Every case.
pub(super) const CASES: [(&str, Case); 3] = [
    ("redis-cli --rdb gets a snapshot that Redis reads", rdb_file),
    ("redis-cli --replica is shown the stream", stream_of_cli),
    ("a master that knows only SYNC is followed", master_without_psync),
];

fn redis_cli(server: &Server) -> Command {
    let mut command = Command::new("redis-cli");
    command.args(["-p", &server.port().to_string()]).stdin(Stdio::null());
    command
}

fn rdb_file(kind: Kind) {
    let master = Server::start(kind, &[]);
    dataset::load(&master);
    let mut reader = Server::start(Redis, &[]);
    reader.stop(Stop::Kill);
    let file = reader.folder().join("dump.rdb");
    let output = redis_cli(&master).arg("--rdb").arg(&file).output();
    let output = output.expect("redis-cli comes with redis-server");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    assert!(fs::metadata(&file).is_ok_and(|file| file.len() > 1_000_000), "{told}");
    reader.start_again(&[]);
    wait_for("the file to be loaded", || match reader.count("loading") {
        0 => Ok(()),
        loading => Err(loading),
    });
    dataset::assert_equal(&[&master, &reader]);
    wait_for("the master to forget it", || match master.count("connected_slaves") {
        0 => Ok(()),
        count => Err(count),
    });
}

fn stream_of_cli(kind: Kind) {
    let master = Server::start(kind, &[]);
    dataset::load(&master);
    let mut child = redis_cli(&master)
        .arg("--replica")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("redis-cli comes with redis-server");
    wait_for("it to follow", || match master.info("slave0") {
        // It listens on no port.
        line if line.contains(",port=0,state=online,") => Ok(()),
        line => Err(line),
    });
    let mut client = master.client();
    client.ok("SELECT 3");
    client.ok("SET told 1");
    client.ask("SADD told-set one");
    client.ask("SPOP told-set");
    let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    // It keeps SELECT to itself.
    let told: Vec<String> = lines
        .map(|line| line.expect("text").to_lowercase())
        .filter(|line| line.starts_with('"') && !line.starts_with("\"ping\""))
        .take(3)
        .collect();
    child.kill().expect("our own child can be killed");
    child.wait().expect("our own child can be waited for");
    let expected = [r#""set","told","1""#, r#""sadd","told-set","one""#];
    assert_eq!(told[..2], expected);
    // The last member: either command says it.
    let removal = [r#""del","told-set""#, r#""srem","told-set","one""#];
    assert!(removal.contains(&told[2].as_str()), "{told:?}");
}

/// Answers PSYNC with an error, SYNC with a payload, and goes on with a stream.
fn master_without_psync(kind: Kind) {
    let source = Server::start(Redis, &[super::NO_PINGS]);
    dataset::load(&source);
    let mut client = source.client();
    client.send(b"SYNC\r\n").expect("the master reads");
    let header = wire::line_after_newlines(&mut client);
    let snapshot = wire::payload(&mut client, &header);

    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has free ports");
    let port = listener.local_addr().expect("a bound listener has an address").port();
    let master = thread::spawn(move || play_old_master(&listener, &header, &snapshot));
    let replica = Server::start(kind, &[]);
    replica.follow(port);
    source.client().ok("SET of-the-stream 1");
    wait_for("the stream", || match replica.client().ask("GET of-the-stream") {
        reply if reply == Reply::Bulk(b"1".to_vec()) => Ok(()),
        other => Err(other),
    });
    dataset::assert_equal(&[&source, &replica]);
    assert_eq!(replica.info("master_link_status"), "up");
    // It is a master from here on, with a history that replicas of its own can follow.
    replica.promote();
    let own = Server::start(Redis, &[]);
    own.follow(replica.port());
    super::settle(&[&replica, &own]);
    dataset::assert_equal(&[&replica, &own]);
    drop(replica);
    drop(own);
    let asked = master.join().expect("it played its part");
    assert!(asked.is_ok(), "{asked:?}");
}

/// Returns when the replica has hung up.
fn play_old_master(listener: &TcpListener, header: &str, snapshot: &[u8]) -> io::Result<()> {
    let (stream, _) = listener.accept()?;
    let mut replica = Client::over(stream)?;
    loop {
        let line = replica.line()?;
        if line.eq_ignore_ascii_case("SYNC") {
            break;
        }
        // The request is an array of bulk strings.
        let count = line.strip_prefix('*').and_then(|count| count.parse().ok()).unwrap_or(0);
        let words = (0..count).map(|_| replica.reply()).collect::<Result<Vec<_>, _>>()?;
        let name = words.into_iter().next().map_or_else(String::new, Reply::text);
        replica.send(match name.to_uppercase().as_str() {
            "PING" => b"+PONG\r\n",
            "PSYNC" => b"-ERR unknown command 'PSYNC'\r\n",
            _ => b"-ERR unknown command\r\n",
        })?;
    }
    replica.send(b"\n\n")?;
    replica.send(format!("{header}\r\n").as_bytes())?;
    replica.send(snapshot)?;
    replica.send(&encode(&[b"SELECT", b"0"]))?;
    replica.send(&encode(&[b"SET", b"of-the-stream", b"1"]))?;
    while replica.line().is_ok() {}
    Ok(())
}
