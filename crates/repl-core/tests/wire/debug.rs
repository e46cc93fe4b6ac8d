//! What operators and test suites ask of a whole server: `DEBUG`, `MEMORY`, signals.

use repl_core::{
    base::config::{Access, Config, When},
    io::{HostFacts, Input, SaveStep, Signal},
};

use crate::net::{Net, config};

fn net() -> Net {
    Net::with(&["a"], &Config { enable_debug_command: Access::Yes, ..config() })
}

#[test]
fn who_asks_to_stand_still_is_answered_after_that() {
    let mut net = net();
    let client = net.connect("a");
    assert_eq!(net.command(client, "DEBUG SLEEP 2.5"), "");
    net.pass_secs(2);
    assert_eq!(net.read_text(client), "");
    net.pass_secs(1);
    assert_eq!(net.read_text(client), "+OK\r\n");
    assert_eq!(net.command(client, "DEBUG SLEEP nonsense"), "+OK\r\n");
}

#[test]
fn an_object_is_described_in_one_line() {
    let mut net = net();
    let client = net.connect("a");
    net.command(client, "SET k 1");
    let reply = net.command(client, "DEBUG OBJECT k");
    assert!(reply.starts_with("+Value at:0x"), "{reply}");
    let rest = " refcount:2147483647 encoding:int serializedlength:2 lru:";
    assert!(reply.contains(rest) && reply.ends_with(" lru_seconds_idle:0\r\n"), "{reply}");
    net.command(client, "RPUSH l x x x x x");
    let reply = net.command(client, "DEBUG OBJECT l");
    let pieces = " ql_nodes:1 ql_avg_node:5.00 ql_listpack_max:-2 ql_compressed:0 \
                  ql_uncompressed_size:15\r\n";
    assert!(reply.ends_with(pieces), "{reply}");
    assert_eq!(net.command(client, "DEBUG OBJECT none"), "-ERR no such key\r\n");
}

#[test]
fn what_is_to_be_replicated_is_told_and_not_done() {
    let mut net = net();
    net.add("b", config());
    net.follow("b", "a");
    net.run("a", "DEBUG REPLICATE SET k v");
    assert_eq!(net.ask("a", "GET k"), "$-1\r\n");
    assert_eq!(net.ask("b", "GET k"), "$1\r\nv\r\n");
}

/// Asked of redis-server 7.0.15.
#[test]
fn every_type_of_the_protocol_can_be_asked_for() {
    let mut net = net();
    let client = net.connect("a");
    let mut check = |asked: &str, expect: &str| {
        let reply = net.command(client, &format!("DEBUG PROTOCOL {asked}"));
        assert_eq!(reply.replace("\r\n", " ").trim_end(), expect, "{asked}");
    };
    check("double", "$5 3.141");
    check("map", "*6 :0 :0 :1 :1 :2 :0");
    check("attrib", "$39 Some real reply following the attribute");
    check("push", "-ERR RESP2 is not supported by this command");
    net.command(client, "HELLO 3");
    let mut check = |asked: &str, expect: &str| {
        let reply = net.command(client, &format!("DEBUG PROTOCOL {asked}"));
        assert_eq!(reply.replace("\r\n", " ").trim_end(), expect, "{asked}");
    };
    check("string", "$11 Hello World");
    check("integer", ":12345");
    check("double", ",3.141");
    check("bignum", "(1234567999999999999999999999999999999");
    check("null", "_");
    check("array", "*3 :0 :1 :2");
    check("set", "~3 :0 :1 :2");
    check("map", "%3 :0 #f :1 #t :2 #f");
    check(
        "attrib",
        "|1 $14 key-popularity *2 $7 key:123 :90 $39 Some real reply following the attribute",
    );
    check("push", ">2 $16 server-cpu-usage :42 $40 Some real reply following the push reply");
    check("verbatim", "=29 txt:This is a verbatim\nstring");
    check("true", "#t");
    check("FALSE", "#f");
    check(
        "foo",
        "-ERR Wrong protocol type name. Please use one of the following: \
         string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
    );
}

#[test]
fn errors_and_lines_of_the_log_can_be_asked_for() {
    let mut net = net();
    let client = net.connect("a");
    assert_eq!(net.command(client, "DEBUG ERROR MYERR"), "-MYERR\r\n");
    assert_eq!(net.command(client, "DEBUG LOG hello"), "+OK\r\n");
    assert!(net.log("a").contains("DEBUG LOG: hello"));
}

#[test]
fn memory_is_what_the_host_tells() {
    let mut net = net();
    let client = net.connect("a");
    for used_memory in [1_000_000, 9_000_000, 3_000_000] {
        let facts = HostFacts { used_memory, used_memory_rss: 4_500_000, ..HostFacts::default() };
        net.input("a", Input::Host(facts));
    }
    net.run("a", "SET k v");
    let reply = net.command(client, "MEMORY STATS").replace("\r\n", " ");
    let has = |text: &str| assert!(reply.contains(text), "{text}: {reply}");
    has("peak.allocated :9000000 ");
    has("total.allocated :3000000 ");
    has("startup.allocated :1000000 ");
    has("keys.count :1 ");
    has("keys.bytes-per-key :2000000 ");
    has("fragmentation $3 1.5 ");
    assert!(net.command(client, "MEMORY DOCTOR").contains("is empty or is using very little"));
    assert_eq!(net.command(client, "MEMORY PURGE"), "+OK\r\n");
    assert!(net.command(client, "MEMORY MALLOC-STATS").contains("Stats not supported"));
    let facts = HostFacts { used_memory: 8_500_000, ..HostFacts::default() };
    net.input("a", Input::Host(facts));
    assert!(net.command(client, "MEMORY DOCTOR").contains("I can't find any memory issue"));
    let facts = HostFacts { used_memory: 5_500_000, ..HostFacts::default() };
    net.input("a", Input::Host(facts));
    assert!(net.command(client, "MEMORY DOCTOR").contains("1.64 times what is now"));
}

/// What becomes of a node with a replica that lags, two seconds after SIGINT.
fn after_an_interrupt(options: &str) -> Option<i32> {
    let mut config = config();
    let named = config.set(b"shutdown-on-sigint", &[options.as_bytes()], When::Boot);
    named.expect("the test names options");
    let mut net = Net::with(&["a", "b"], &config);
    net.follow("b", "a");
    net.stall("a", "b");
    net.run("a", "SET k v");
    net.input("a", Input::Terminate(Signal::Interrupt));
    net.pass_secs(2);
    if net.request("a").is_some() {
        net.fail_save("a", SaveStep::Write, "Input/output error");
    }
    net.exit("a")
}

#[test]
fn a_signal_means_what_the_configuration_says() {
    assert_eq!(after_an_interrupt("default"), None, "it waits for the replica");
    assert_eq!(after_an_interrupt("nosave"), None);
    assert_eq!(after_an_interrupt("now"), Some(0));
    assert_eq!(after_an_interrupt("save now"), None, "it cannot save");
    assert_eq!(after_an_interrupt("save now force"), Some(0));
}
