//! The end of a process: who is waited for, what happens meanwhile, and how it is called off.

use std::time::Duration;

use repl_core::base::config::Config;

use crate::{
    net::{Net, command, config},
    script::{attach, text},
};

#[test]
fn without_replicas_nobody_is_waited_for() {
    let mut net = Net::with(&["a", "b"], &config());
    let client = net.connect("a");
    net.send(client, &[command("SHUTDOWN"), command("SET k 1")].concat());
    assert_eq!(net.exit("a"), Some(0));
    assert_eq!(net.read_text(client), "", "nothing is executed any more");
    net.terminate("b");
    assert_eq!(net.exit("b"), Some(0));
    assert!(net.log("b").ends_with("Redis is now ready to exit, bye bye..."));
}

#[test]
fn a_replica_that_lags_is_waited_for_while_nothing_is_written() {
    let mut net = Net::with(&["a"], &config());
    let (replica, ..) = attach(&mut net, "a");
    net.run("a", "SET k 1");
    net.read(replica);
    let (client, writer) = (net.connect("a"), net.connect("a"));
    assert_eq!(net.command(client, "SHUTDOWN NOSAVE"), "", "it waits");
    assert_eq!(net.read_text(replica), text("REPLCONF GETACK *"));
    assert_eq!(net.command(writer, "SET k 2"), "", "it is held back");
    assert_eq!(net.ask("a", "GET k"), "$1\r\n1\r\n");
    let info = net.ask("a", "INFO server");
    assert!(info.contains("\r\nshutdown_in_milliseconds:10000\r\n"), "{info}");
    assert_eq!(net.exit("a"), None);
    let end = net.view("a").offset;
    net.send(replica, &command(&format!("REPLCONF ACK {end}")));
    assert_eq!(net.exit("a"), Some(0));
    assert_eq!((net.read_text(writer), net.read_text(client)), (String::new(), String::new()));
    assert!(net.log("a").contains("\n1 of 1 replicas are in sync when shutting down.\n"));
}

#[test]
fn pings_that_go_on_meanwhile_are_not_waited_for() {
    let patient = Config { shutdown_timeout: Duration::from_secs(60), ..config() };
    let mut net = Net::with(&["a"], &patient);
    let (replica, ..) = attach(&mut net, "a");
    net.run("a", "SET k 1");
    let written = net.view("a").offset;
    net.terminate("a");
    net.pass_secs(15);
    assert!(net.read_text(replica).contains("PING"), "there was one");
    assert_eq!(net.exit("a"), None);
    net.send(replica, &command(&format!("REPLCONF ACK {written}")));
    assert_eq!(net.exit("a"), Some(0));
}

#[test]
fn a_replica_in_sync_is_not_asked_again() {
    let mut net = Net::with(&["a", "b"], &config());
    net.follow("b", "a");
    net.run("a", "SET k 1");
    net.pass_secs(1);
    let offset = net.view("a").offset;
    net.terminate("a");
    assert_eq!((net.exit("a"), net.view("a").offset), (Some(0), offset));
}

#[test]
fn replicas_of_ours_answer_at_once() {
    let mut net = Net::with(&["a", "b", "c"], &config());
    net.follow("b", "a");
    net.follow("c", "b");
    net.run("a", "SET k 1");
    net.terminate("a");
    assert_eq!(net.exit("a"), Some(0));
    net.assert_same(&["a", "b", "c"]);
}

#[test]
fn the_wait_ends_with_its_timeout_or_with_the_replica() {
    let short = Config { shutdown_timeout: Duration::from_secs(3), ..config() };
    for (ends, expect) in [("timeout", "0 of 1"), ("replica", "bye bye")] {
        let mut net = Net::with(&["a"], &short);
        let (replica, ..) = attach(&mut net, "a");
        net.run("a", "SET k 1");
        net.terminate("a");
        // To ask twice changes nothing.
        net.terminate("a");
        net.pass_secs(2);
        assert_eq!(net.exit("a"), None, "{ends}");
        if ends == "timeout" {
            net.pass(Duration::from_millis(1100));
        } else {
            net.close(replica);
        }
        assert_eq!(net.exit("a"), Some(0), "{ends}");
        let log = net.log("a");
        assert!(log.contains(expect), "{ends}: {log}");
        let lagging = log.contains("Lagging replica ") && log.contains(" reported offset ");
        assert_eq!(lagging, ends == "timeout", "{log}");
        assert_eq!(log.matches("User requested shutdown...").count(), 1);
    }
}

#[test]
fn who_says_now_or_forbids_to_wait_waits_for_nobody() {
    let impatient = Config { shutdown_timeout: Duration::ZERO, ..config() };
    for (config, words) in [(config(), "SHUTDOWN NOW"), (impatient, "SHUTDOWN NOSAVE FORCE")] {
        let mut net = Net::with(&["a"], &config);
        attach(&mut net, "a");
        net.run("a", "SET k 1");
        let client = net.connect("a");
        net.send(client, &command(words));
        assert_eq!(net.exit("a"), Some(0), "{words}");
    }
}

#[test]
fn a_shutdown_can_be_called_off() {
    let mut net = Net::with(&["a"], &config());
    let (replica, ..) = attach(&mut net, "a");
    assert_eq!(net.ask("a", "SHUTDOWN ABORT"), "-ERR No shutdown in progress.\r\n");
    net.run("a", "SET k 1");
    let (client, again, writer) = (net.connect("a"), net.connect("a"), net.connect("a"));
    net.command(client, "SHUTDOWN");
    assert_eq!(net.command(again, "SHUTDOWN NOW"), "", "it joins the one under way");
    net.command(writer, "SET k 2");
    assert_eq!(net.ask("a", "CLIENT UNBLOCK 3"), ":0\r\n", "one does not leave it alone");
    assert_eq!(net.ask("a", "SHUTDOWN ABORT"), "+OK\r\n");
    let failed = "-ERR Errors trying to SHUTDOWN. Check logs.\r\n";
    assert_eq!((net.read_text(client), net.read_text(again)), (failed.into(), failed.into()));
    assert_eq!(net.read_text(writer), "+OK\r\n");
    assert!(!net.ask("a", "INFO server").contains("shutdown_in"));
    let end = net.view("a").offset;
    net.send(replica, &command(&format!("REPLCONF ACK {end}")));
    assert_eq!(net.exit("a"), None);
}

#[test]
fn a_pause_of_clients_outlasts_a_shutdown_called_off() {
    let mut net = Net::with(&["a"], &config());
    attach(&mut net, "a");
    net.run("a", "SET k 1");
    net.run("a", "CLIENT PAUSE 5000 WRITE");
    let writer = net.connect("a");
    net.terminate("a");
    net.command(writer, "SET k 2");
    net.run("a", "SHUTDOWN ABORT");
    assert_eq!(net.read_text(writer), "", "the pause still holds");
    net.pass_secs(5);
    assert_eq!(net.read_text(writer), "+OK\r\n");
}

#[test]
fn options_that_contradict_are_refused() {
    let mut net = Net::with(&["a"], &config());
    for words in ["SAVE NOSAVE", "ABORT NOW", "FORCE ABORT", "NOSAVE what"] {
        assert_eq!(net.ask("a", &format!("SHUTDOWN {words}")), "-ERR syntax error\r\n", "{words}");
    }
    assert_eq!(net.exit("a"), None);
}
