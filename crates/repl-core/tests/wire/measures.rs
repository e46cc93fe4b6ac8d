//! What commands cost, as `INFO`, `SLOWLOG` and `LATENCY` show it: one node, and a stopwatch that
//! the test winds.

use std::{cell::Cell, rc::Rc, time::Duration};

use repl_core::{
    Node,
    base::{
        config::Config,
        ids::ConnId,
        rng::Seed,
        time::{Instant, Now, Stopwatch, UnixMillis},
    },
    io::{HostFacts, Input, PeerInfo},
};

use crate::net::command;

/// Each reading is later than the one before by the same span.
#[derive(Clone, Debug, Default)]
struct Watch {
    at: Rc<Cell<Instant>>,
    step: Rc<Cell<Duration>>,
}

impl Stopwatch for Watch {
    fn read(&self) -> Instant {
        self.at.set(self.at.get() + self.step.get());
        self.at.get()
    }
}

struct Bench {
    node: Node,
    watch: Watch,
    wall: i64,
    client: ConnId,
}

impl Bench {
    /// A node that believes that every reading of its stopwatch took so long.
    fn new(step: Duration) -> Self {
        let watch = Watch::default();
        watch.step.set(step);
        let config = Config { requirepass: String::new(), ..Config::default() };
        let now = Now { mono: Instant::ORIGIN, wall: UnixMillis(1_000_000) };
        let mut node = Node::new(config, Seed::from_u64(7), now);
        node.set_stopwatch(Box::new(watch.clone()));
        let peer = PeerInfo { ip: "127.0.0.1".into(), port: 7, ..PeerInfo::default() };
        let client = node.accept(now, peer);
        Self { node, watch, wall: 1_000_000, client }
    }

    /// The replies to one read of these bytes, which the first client has sent.
    fn send(&mut self, bytes: &[u8]) -> String {
        self.send_as(self.client, bytes)
    }

    fn send_as(&mut self, conn: ConnId, bytes: &[u8]) -> String {
        let now = Now { mono: self.watch.at.get(), wall: UnixMillis(self.wall) };
        self.node.handle(now, Input::Received { conn, bytes });
        while self.node.poll_effect().is_some() {}
        self.replies(conn)
    }

    fn replies(&mut self, conn: ConnId) -> String {
        let now = Now { mono: self.watch.at.get(), wall: UnixMillis(self.wall) };
        let bytes = self.node.transmit(conn).concat();
        self.node.handle(now, Input::Sent { conn, count: bytes.len() });
        while self.node.poll_effect().is_some() {}
        String::from_utf8(bytes).expect("the tests send text")
    }

    fn ask(&mut self, words: &str) -> String {
        self.send(&command(words))
    }

    /// Lines of a section of `INFO` that begin like this.
    fn info(&mut self, section: &str, start: &str) -> String {
        let text = self.ask(&format!("INFO {section}"));
        text.lines().filter(|line| line.starts_with(start)).collect::<Vec<_>>().join(" ")
    }
}

/// A reply as its words: lengths and line breaks say nothing here.
fn words(reply: &str) -> String {
    let is_length = |line: &&str| !line.starts_with(['$', '*', '%']);
    reply.split("\r\n").filter(is_length).collect::<Vec<_>>().join(" ").trim().to_owned()
}

fn pipeline(commands: &[&str]) -> Vec<u8> {
    commands.iter().flat_map(|words| command(words)).collect()
}

/// The counts are those of redis-server 7.0.15 for the same commands.
#[test]
fn calls_refusals_and_failures_are_counted_by_command() {
    let mut bench = Bench::new(Duration::ZERO);
    for words in [
        "foo",
        "SET k v",
        "INCR k",
        "CONFIG GET",
        "CONFIG foo",
        "OBJECT",
        "MULTI",
        "INCR k",
        "SET a b",
        "EXEC",
        "MULTI",
        "GET",
        "EXEC",
        "EXEC",
        "CONFIG SET nope 1",
        "LPUSH k 1",
    ] {
        bench.ask(words);
    }
    let mut check = |name: &str, calls: u64, rejected: u64, failed: u64| {
        let start = format!("cmdstat_{name}:");
        let line = bench.info("commandstats", &start);
        let expect = format!(
            "{start}calls={calls},usec=0,usec_per_call=0.00,rejected_calls={rejected},\
             failed_calls={failed}"
        );
        assert_eq!(line, expect);
    };
    check("set", 2, 0, 0);
    check("incr", 2, 0, 2);
    check("config|get", 0, 1, 0);
    check("config|set", 1, 0, 1);
    check("object", 0, 1, 0);
    check("get", 0, 1, 0);
    check("exec", 3, 0, 2);
    check("multi", 2, 0, 0);
    check("lpush", 1, 0, 1);
    assert_eq!(bench.info("commandstats", "cmdstat_config:"), "", "CONFIG foo is no command");
    let errors = "errorstat_ERR:count=9 errorstat_EXECABORT:count=1 errorstat_WRONGTYPE:count=1";
    assert_eq!(bench.info("errorstats", "errorstat"), errors);
    assert_eq!(bench.info("stats", "total_error_replies"), "total_error_replies:11");
}

#[test]
fn resetting_the_statistics_forgets_commands_errors_and_times() {
    let mut bench = Bench::new(Duration::from_millis(1));
    bench.send(&pipeline(&["SET k v", "LPUSH k v", "CONFIG RESETSTAT"]));
    let only = "cmdstat_config|resetstat:calls=1,usec=1000,usec_per_call=1000.00,\
                rejected_calls=0,failed_calls=0";
    assert_eq!(bench.info("commandstats", "cmdstat"), only);
    assert_eq!(bench.info("errorstats", "errorstat"), "");
    assert!(!bench.info("latencystats", "latency").contains("_set"));
    assert_eq!(bench.info("stats", "total_commands_processed"), "total_commands_processed:4");
}

#[test]
fn a_plain_info_says_nothing_of_single_commands() {
    let mut bench = Bench::new(Duration::ZERO);
    let mut titles = |asked: &str| bench.info(asked, "# ");
    let plain = "# Server # Clients # Memory # Persistence # Stats # Replication # CPU # Modules \
                 # Errorstats # Cluster # Keyspace";
    assert_eq!(titles("default"), plain);
    let all = "# Server # Clients # Memory # Persistence # Stats # Replication # CPU # Modules \
               # Commandstats # Errorstats # Latencystats # Cluster # Keyspace";
    assert_eq!(titles("all"), all);
    assert_eq!(titles("everything"), all);
    assert_eq!(titles("latencystats nonsense CPU"), "# CPU # Latencystats");
}

#[test]
fn brief_commands_of_a_pipeline_share_a_reading_of_the_clock_and_others_have_their_own() {
    let mut bench = Bench::new(Duration::from_micros(160));
    let sets = vec!["SET k v"; 40];
    bench.send(&pipeline(&sets));
    // Laps of 16, 16 and 8.
    let line = bench.info("commandstats", "cmdstat_set");
    assert!(line.contains("calls=40,usec=480,usec_per_call=12.00"), "{line}");
    bench.send(&pipeline(&["GET k", "KEYS x", "KEYS y", "GET k"]));
    let times = |bench: &mut Bench, name: &str| {
        let line = bench.info("commandstats", &format!("cmdstat_{name}:"));
        line.split(',').nth(1).expect("a field").to_owned()
    };
    assert_eq!(times(&mut bench, "keys"), "usec=320");
    assert_eq!(times(&mut bench, "get"), "usec=320");
    // Who wants to see what takes less than a millisecond gets a reading per command.
    bench.ask("CONFIG SET slowlog-log-slower-than 999");
    bench.ask("CONFIG RESETSTAT");
    bench.send(&pipeline(&sets));
    assert_eq!(times(&mut bench, "set"), "usec=6400");
}

#[test]
fn a_transaction_takes_as_long_as_what_is_in_it() {
    let mut bench = Bench::new(Duration::from_micros(100));
    bench.send(&pipeline(&["MULTI", "SET a 1", "KEYS x", "SET a 2", "EXEC"]));
    let line = bench.info("commandstats", "cmdstat_exec");
    assert!(line.contains("usec=300,"), "{line}");
    let line = bench.info("commandstats", "cmdstat_set");
    assert!(line.contains("calls=2,usec=200,"), "{line}");
}

#[test]
fn the_distribution_of_times_is_kept_and_shown_unless_nobody_wants_it() {
    let mut bench = Bench::new(Duration::from_micros(3090));
    bench.ask("KEYS x");
    bench.watch.step.set(Duration::from_micros(5200));
    bench.ask("KEYS x");
    assert_eq!(
        bench.info("latencystats", "latency_percentiles_usec_keys"),
        "latency_percentiles_usec_keys:p50=3096.575,p99=5210.111,p99.9=5210.111"
    );
    bench.ask("CONFIG GET port");
    bench.ask("CONFIG SET latency-tracking no");
    bench.ask("KEYS x");
    bench.ask("CONFIG SET latency-tracking-info-percentiles 0");
    assert_eq!(
        bench.info("latencystats", "latency_percentiles_usec_keys"),
        "latency_percentiles_usec_keys:p0=3080.192"
    );
    let shown = bench.ask("LATENCY HISTOGRAM nonsense keys get");
    assert_eq!(words(&shown), "keys calls :2 histogram_usec :4227 :1 :8454 :2");
    assert!(bench.ask("LATENCY HISTOGRAM config").contains("config|get"));
}

#[test]
fn the_slow_log_shows_what_was_sent_without_secrets_and_in_part() {
    let mut bench = Bench::new(Duration::from_millis(20));
    let slow = |bench: &mut Bench, words: &str| {
        bench.watch.step.set(Duration::from_millis(20));
        bench.ask("SLOWLOG RESET");
        bench.ask(words);
        bench.watch.step.set(Duration::ZERO);
        bench.ask("SLOWLOG GET 1")
    };
    let reply = slow(&mut bench, "KEYS x");
    let expect = "*1\r\n*6\r\n:1\r\n:1000\r\n:20000\r\n*2\r\n$4\r\nKEYS\r\n$1\r\nx\r\n\
                  $11\r\n127.0.0.1:7\r\n$0\r\n\r\n";
    assert_eq!(reply, expect);
    let mut check = |sent: &str, shown: &str| {
        let reply = slow(&mut bench, sent);
        assert!(words(&reply).contains(&format!(" :20000 {shown} 127.0.0.1:7")), "{reply}");
    };
    check("AUTH pw", "AUTH (redacted)");
    check("AUTH me pw", "AUTH (redacted) (redacted)");
    check("HELLO 2 AUTH me pw", "HELLO 2 AUTH (redacted) (redacted)");
    check("AUTH me pw more", "AUTH (redacted) (redacted) (redacted)");
    check("HELLO 9 AUTH me pw", "HELLO 9 AUTH (redacted) (redacted)");
    check("HELLO 2 SETNAME bob", "HELLO 2 SETNAME bob");
    check("CONFIG SET masterauth pw hz 10", "CONFIG SET masterauth (redacted) hz 10");
    check("CONFIG SET MasterUser me", "CONFIG SET MasterUser (redacted)");
    check("ACL SETUSER me >pw", "ACL SETUSER (redacted) (redacted)");
    check("ACL GETUSER me", "ACL GETUSER (redacted)");
    check("ACL DRYRUN me GET k", "ACL DRYRUN (redacted) (redacted) (redacted)");
    check(&format!("SET k {}", "x".repeat(128)), &format!("SET k {}", "x".repeat(128)));
    let long = format!("SET k {}... (72 more bytes)", "x".repeat(128));
    check(&format!("SET k {}", "x".repeat(200)), &long);
    let many = |count: usize| format!("DEL{}", " k".repeat(count - 1));
    check(&many(32), &many(32));
    check(&many(41), &format!("{} ... (10 more arguments)", many(31)));
    assert!(words(&bench.ask("SLOWLOG GET")).ends_with("127.0.0.1:7 bob"), "it has a name now");
}

#[test]
fn the_slow_log_holds_what_its_directives_say() {
    let mut bench = Bench::new(Duration::from_millis(10));
    bench.send(&pipeline(&["KEYS x", "MULTI", "KEYS y", "EXEC", "nonsense", "KEYS"]));
    assert_eq!(bench.ask("SLOWLOG LEN"), ":3\r\n", "not EXEC, and not what did not run");
    bench.ask("CONFIG SET slowlog-max-len 2");
    assert_eq!(bench.ask("SLOWLOG LEN"), ":2\r\n");
    bench.ask("CONFIG SET slowlog-log-slower-than -1");
    bench.ask("SLOWLOG RESET");
    bench.ask("KEYS x");
    assert_eq!(bench.ask("SLOWLOG LEN"), ":0\r\n");
    bench.ask("CONFIG SET slowlog-log-slower-than 10001");
    bench.ask("KEYS x");
    assert_eq!(bench.ask("SLOWLOG LEN"), ":0\r\n");
    bench.ask("CONFIG SET slowlog-log-slower-than 0 slowlog-max-len 9");
    bench.watch.step.set(Duration::ZERO);
    bench.send(&pipeline(&["GET k", "PING", "EXISTS k"]));
    assert_eq!(bench.ask("SLOWLOG LEN"), ":4\r\n", "and CONFIG SET");
    let error = "-ERR count should be greater than or equal to -1\r\n";
    assert_eq!(bench.ask("SLOWLOG GET -2"), error);
    assert_eq!(bench.ask("SLOWLOG GET x"), error);
    assert_eq!(
        bench.ask("SLOWLOG get 1 2"),
        "-ERR unknown subcommand or wrong number of arguments for 'get'. Try SLOWLOG HELP.\r\n"
    );
    assert!(bench.ask("SLOWLOG GET -1").starts_with("*8\r\n"));
    assert!(bench.ask("SLOWLOG GET 0").starts_with("*0\r\n"));
}

#[test]
fn a_slow_lap_is_laid_at_the_door_of_who_moved_most_bytes() {
    let mut bench = Bench::new(Duration::from_millis(20));
    let large = format!("SET b {}", "x".repeat(100));
    bench.send(&pipeline(&["SET a 1", large.as_str(), "GET a"]));
    bench.watch.step.set(Duration::ZERO);
    let shown = words(&bench.ask("SLOWLOG GET"));
    assert_eq!(shown, format!(":0 :1000 :20000 {large} 127.0.0.1:7"));
}

#[test]
fn who_waits_for_a_key_is_measured_when_it_is_served() {
    let mut bench = Bench::new(Duration::from_millis(20));
    let now = Now { mono: bench.watch.at.get(), wall: UnixMillis(bench.wall) };
    let other = bench.node.accept(now, PeerInfo::default());
    assert_eq!(bench.send_as(other, &command("BLPOP k 0")), "");
    let line = bench.info("commandstats", "cmdstat_blpop");
    assert!(line.contains("calls=1,usec=20000,"), "{line}");
    assert!(!bench.ask("LATENCY HISTOGRAM").contains("blpop"));
    bench.ask("SLOWLOG RESET");
    bench.ask("LPUSH k v");
    assert!(bench.replies(other).contains("\r\nv\r\n"));
    let line = bench.info("commandstats", "cmdstat_blpop");
    assert!(line.contains("calls=1,usec=40000,"), "{line}");
    assert!(bench.ask("LATENCY HISTOGRAM").contains("blpop"));
    assert!(words(&bench.ask("SLOWLOG GET")).contains(":20000 BLPOP k 0 :0"));
}

/// The texts are those of redis-server 7.0.15.
#[test]
fn events_that_take_long_are_remembered_by_the_second() {
    let mut bench = Bench::new(Duration::from_millis(7));
    let (disabled, healthy) = ("I'm sorry, Dave", "Dave, no latency spike was observed");
    bench.ask("KEYS x");
    assert_eq!(bench.ask("LATENCY LATEST"), "*0\r\n");
    assert!(bench.ask("LATENCY DOCTOR").contains(disabled));
    bench.watch.step.set(Duration::ZERO);
    bench.ask("CONFIG SET latency-monitor-threshold 5");
    assert!(bench.ask("LATENCY DOCTOR").contains(healthy));
    let mut spike = |seconds: i64, millis: u64, words: &str| {
        bench.wall = 1000 * seconds;
        bench.watch.step.set(Duration::from_millis(millis));
        bench.ask(words);
        bench.watch.step.set(Duration::ZERO);
    };
    spike(1000, 5, "KEYS x");
    spike(1001, 10, "KEYS x");
    spike(1001, 7, "KEYS x");
    spike(1002, 4, "KEYS x");
    spike(1003, 30, "GET k");
    let latest = ":1001 :10 :10 fast-command :1003 :30 :30";
    assert_eq!(words(&bench.ask("LATENCY LATEST")), format!("command {latest}"));
    assert_eq!(words(&bench.ask("LATENCY HISTORY command")), ":1000 :5 :1001 :10");
    assert_eq!(bench.ask("LATENCY HISTORY Command"), "*0\r\n");
    let graph = bench.ask("LATENCY GRAPH command");
    assert!(graph.contains("command - high 10 ms, low 5 ms (all time high 10 ms)\n---"), "{graph}");
    let error = "-ERR No samples available for event 'x'\r\n";
    assert_eq!(bench.ask("LATENCY GRAPH x"), error);
    let report = bench.ask("LATENCY DOCTOR");
    let line = "1. command: 2 latency spikes (average 7ms, mean deviation 2ms, period 1.50 sec). \
                Worst all time event 10ms.\n";
    assert!(report.contains(line), "{report}");
    assert!(report.contains("CONFIG SET slowlog-log-slower-than 5000"), "{report}");
    assert!(report.contains("The system is slow to execute"), "{report}");
    assert_eq!(bench.ask("LATENCY RESET x COMMAND"), ":1\r\n");
    assert_eq!(bench.ask("LATENCY RESET"), ":1\r\n");
    assert_eq!(bench.ask("LATENCY RESET"), ":0\r\n");
}

#[test]
fn an_expiry_cycle_that_takes_long_is_an_event() {
    let mut bench = Bench::new(Duration::from_millis(50));
    bench.ask("CONFIG SET latency-monitor-threshold 50");
    bench.ask("LATENCY RESET");
    let now =
        Now { mono: bench.watch.at.get() + Duration::from_secs(1), wall: UnixMillis(2_000_000) };
    bench.watch.at.set(now.mono);
    bench.node.handle(now, Input::TimerFired);
    let latest = words(&bench.ask("LATENCY LATEST"));
    assert!(latest.contains("expire-cycle :2000 :50 :50"), "{latest}");
}

#[test]
fn rates_are_averages_of_the_last_samples_and_memory_has_a_peak() {
    let mut bench = Bench::new(Duration::ZERO);
    bench.send(&pipeline(&["PING"; 160]));
    let turn = |bench: &mut Bench| {
        bench.watch.at.set(bench.watch.at.get() + Duration::from_millis(100));
        let now = Now { mono: bench.watch.at.get(), wall: UnixMillis(bench.wall) };
        bench.node.handle(now, Input::TimerFired);
        while bench.node.poll_effect().is_some() {}
    };
    turn(&mut bench);
    // 1600 a second, in one of sixteen samples.
    assert_eq!(bench.info("stats", "instantaneous_ops"), "instantaneous_ops_per_sec:100");
    let bytes = 160 * 14 * 10 / 16;
    let kilobytes = format!("instantaneous_input_kbps:{:.2}", f64::from(bytes) / 1024.0);
    assert_eq!(bench.info("stats", "instantaneous_input_kbps"), kilobytes);
    turn(&mut bench);
    assert_eq!(bench.info("stats", "instantaneous_ops"), "instantaneous_ops_per_sec:101");
    bench.ask("CONFIG RESETSTAT");
    (0..16).for_each(|_| turn(&mut bench));
    assert_eq!(bench.info("stats", "instantaneous_ops"), "instantaneous_ops_per_sec:0");
    for used_memory in [5000, 1000] {
        let facts = HostFacts { used_memory, used_memory_rss: 2500, ..HostFacts::default() };
        let now = Now { mono: bench.watch.at.get(), wall: UnixMillis(bench.wall) };
        bench.node.handle(now, Input::Host(facts));
    }
    let peak = "used_memory_peak:5000 used_memory_peak_human:4.88K used_memory_peak_perc:20.00%";
    assert_eq!(bench.info("memory", "used_memory_peak"), peak);
    let ratio = "mem_fragmentation_ratio:2.50 mem_fragmentation_bytes:1500";
    assert_eq!(bench.info("memory", "mem_fragmentation"), ratio);
}
