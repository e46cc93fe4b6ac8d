//! Limits: the slow peer is dropped and not the server, and what peers hold back is bounded.

use std::time::Duration;

use repl_core::{
    base::config::{Config, OutputLimit},
    io::{HostFacts, Input},
};

use crate::{
    net::{Net, command, config},
    script::attach,
};

fn limited(hard_bytes: u64, soft_bytes: u64) -> Config {
    let soft_after = Duration::from_secs(10);
    let output_limit_replica = OutputLimit { hard_bytes, soft_bytes, soft_after };
    Config { output_limit_replica, repl_backlog_size: 20_000, ..config() }
}

/// Writes `bytes` bytes of values.
fn write(net: &mut Net, name: &str, bytes: usize) {
    for i in 0..bytes / 1000 {
        net.run(name, &format!("SET key:{i} {}", "x".repeat(1000)));
    }
}

#[test]
fn a_replica_behind_by_more_than_the_limit_is_dropped_and_its_bytes_are_freed() {
    let mut net = Net::with(&["a"], &limited(100_000, 0));
    let (slow, ..) = attach(&mut net, "a");
    let (fast, ..) = attach(&mut net, "a");
    net.hold(slow);
    write(&mut net, "a", 90_000);
    let (first, end) = net.view("a").backlog.expect("there are replicas");
    assert!(end - first > 90_000, "what it has yet to read is kept beyond the backlog's size");
    write(&mut net, "a", 30_000);
    assert_eq!(net.view("a").online_replicas, 1);
    net.release(slow);
    assert!(!net.is_open(slow) && net.is_open(fast));
    let (first, end) = net.view("a").backlog.expect("there is a replica");
    assert!(end - first < 40_000, "{}", end - first);
    assert!(net.log("a").contains("overcoming of output buffer limits"));
}

#[test]
fn a_replica_a_little_behind_is_dropped_after_a_while() {
    let mut net = Net::with(&["a"], &limited(0, 50_000));
    let (slow, _, offset) = attach(&mut net, "a");
    net.hold(slow);
    write(&mut net, "a", 60_000);
    for _ in 0..9 {
        net.pass_secs(1);
        net.send(slow, &command(&format!("REPLCONF ACK {offset}")));
    }
    assert_eq!(net.view("a").online_replicas, 1);
    net.pass_secs(4);
    assert_eq!(net.view("a").online_replicas, 0);
}

#[test]
fn a_replica_that_catches_up_in_time_is_forgiven() {
    let mut net = Net::with(&["a"], &limited(0, 50_000));
    let (slow, _, offset) = attach(&mut net, "a");
    for _ in 0..5 {
        net.hold(slow);
        write(&mut net, "a", 60_000);
        net.pass_secs(8);
        net.release(slow);
        net.pass_secs(1);
        net.send(slow, &command(&format!("REPLCONF ACK {offset}")));
    }
    assert_eq!(net.view("a").online_replicas, 1);
}

#[test]
fn old_images_kept_for_a_slow_snapshot_count_against_its_reader() {
    let limited = limited(300_000, 0);
    let config = Config { rdbcompression: false, repl_sync_slows_writes: false, ..limited };
    let mut net = Net::with(&["a", "b"], &config);
    for i in 0..2_000 {
        net.run("a", &format!("SET key:{i} {}", "x".repeat(500)));
    }
    net.slow("a", "b", 10_000);
    net.follow("b", "a");
    assert_eq!(net.view("b").link, "sync");
    for i in 0..2_000 {
        net.run("a", &format!("SET key:{i} 1"));
    }
    assert!(net.log("a").contains("overcoming of output buffer limits"));
    net.heal();
    net.pass_secs(5);
    net.assert_same(&["a", "b"]);
}

#[test]
fn a_request_or_a_transaction_that_never_ends_closes_its_connection() {
    let small = Config { client_query_buffer_limit: 100_000, ..config() };
    let mut net = Net::with(&["a"], &small);
    let request = net.connect("a");
    net.send(request, b"*2\r\n$3\r\nGET\r\n$400000\r\n");
    assert!(net.is_open(request));
    net.send(request, &[b'x'; 150_000]);
    assert!(!net.is_open(request));
    let queue = net.connect("a");
    net.command(queue, "MULTI");
    for _ in 0..200 {
        net.command(queue, &format!("SET k {}", "x".repeat(1000)));
    }
    assert!(!net.is_open(queue), "what is queued counts as well");
}

#[test]
fn one_client_too_many_is_told_so() {
    let few = Config { maxclients: 2, ..config() };
    let mut net = Net::with(&["a"], &few);
    let clients = [net.connect("a"), net.connect("a"), net.connect("a")];
    assert_eq!(net.read_text(clients[2]), "-ERR max number of clients reached\r\n");
    assert!(!net.is_open(clients[2]));
    assert_eq!(net.command(clients[1], "PING"), "+PONG\r\n");
    net.close(clients[0]);
    let next = net.connect("a");
    assert_eq!(net.command(next, "PING"), "+PONG\r\n");
}

#[test]
fn no_more_clients_are_promised_than_the_system_can_serve() {
    let mut net = Net::with(&["a"], &config());
    assert_eq!(net.ask("a", "CONFIG SET maxclients 30000"), "+OK\r\n", "who knows");
    net.handle(0, Input::Host(HostFacts { clients_max: 19_968, ..HostFacts::default() }));
    let refusal = "-ERR CONFIG SET failed (possibly related to argument 'maxclients') - The \
                   operating system is not able to handle the specified number of clients, try \
                   with 19968\r\n";
    assert_eq!(net.ask("a", "CONFIG SET hz 20 maxclients 19969"), refusal);
    assert_eq!(net.node("a").config().hz, config().hz, "nothing is set");
    assert_eq!(net.ask("a", "CONFIG SET maxclients 19968"), "+OK\r\n");
}

/// The memory that a client takes, as another one sees it.
fn memory_of(net: &mut Net, number: usize) -> usize {
    let line = net.ask("a", &format!("CLIENT LIST ID {number}"));
    let field = line.split(' ').find_map(|field| field.strip_prefix("tot-mem="));
    field.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no tot-mem: {line}"))
}

#[test]
fn an_idle_connection_does_not_keep_the_room_of_its_busy_moments() {
    let mut net = Net::with(&["a"], &config());
    let client = net.connect("a");
    net.run("a", &format!("SET big {}", "x".repeat(60_000)));
    net.command(client, "GET big");
    // A request that comes in two halves needs room for the first.
    let echo = command(&format!("ECHO {}", "y".repeat(14_000)));
    let (most, rest) = echo.split_at(13_000);
    net.send(client, most);
    assert!(memory_of(&mut net, 1) > 60_000);
    net.pass_secs(4);
    let idle = memory_of(&mut net, 1);
    assert!((13_000..15_000).contains(&idle), "{idle} bytes: what came is kept, and no more");
    net.send(client, rest);
    net.pass_secs(4);
    net.read_text(client);
    let idle = memory_of(&mut net, 1);
    assert!(idle <= 2 * 1024, "{idle} bytes");
}

/// A client that sends `line` a thousand times and reads nothing: how much was counted as executed,
/// and whether it is still connected.
fn greedy(config: Config, line: &str) -> (u64, bool) {
    let mut net = Net::with(&["a"], &config);
    let client = net.connect("a");
    net.hold(client);
    net.send(client, &command(line).repeat(1_000));
    (net.node("a").stats().commands, net.is_open(client))
}

#[test]
fn a_stranger_does_not_make_us_heap_up_replies() {
    let stranger = Config { requirepass: "secret".into(), ..config() };
    let (_, open) = greedy(stranger, "ECHO hello");
    assert!(!open, "a thousand refusals are far more than a kilobyte");
}

#[test]
fn a_client_over_its_limit_is_closed_in_the_middle_of_its_pipeline() {
    let none = Duration::ZERO;
    let output_limit_normal = OutputLimit { hard_bytes: 1_000, soft_bytes: 0, soft_after: none };
    let limited = Config { output_limit_normal, ..config() };
    let (executed, open) = greedy(limited, "ECHO hello");
    assert!(!open && executed < 200, "{executed} commands");
    let (executed, open) = greedy(config(), "ECHO hello");
    assert!(open && executed == 1_000, "without a limit, {executed} commands");
}
