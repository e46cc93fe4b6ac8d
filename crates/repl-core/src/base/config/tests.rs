//! The whole table at once, and `CONFIG SET` and `CONFIG GET` as redis-server 7.0.15 answers them.

use alloc::{format, string::ToString, vec};
use std::collections::BTreeSet;

use super::{directive::Kind, *};

/// The answer to one `CONFIG SET` of a default configuration.
fn set(line: &[(&str, &str)]) -> String {
    let pairs: Vec<(&[u8], &[u8])> =
        line.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
    Config::default().set_running(&pairs).map_or_else(|e| format!("ERR {e}"), |()| "OK".into())
}

fn refused(name: &str, reason: &str) -> String {
    format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}")
}

#[test]
fn every_directive_takes_back_the_value_it_shows() {
    for directive in Config::directives() {
        let mut config = Config::default();
        let shown = directive.show(&config);
        if directive.name == "replicaof" {
            continue; // Shown empty while there is no master, and an empty one is refused.
        }
        let taken = config.set(directive.name.as_bytes(), &[shown.as_bytes()], When::Boot);
        assert_eq!(taken, Ok(()), "{}", directive.name);
        // The only trace that a value leaves which is the default.
        config.save_given = Given::No;
        assert_eq!(config, Config::default(), "{}", directive.name);
    }
}

#[test]
fn every_bound_of_a_row_fits_its_field() {
    for directive in Config::directives() {
        let (min, max) = match &directive.kind {
            Kind::Number { min, max, .. } => (min.to_string(), max.to_string()),
            Kind::Memory { min, max, .. } => (min.to_string(), max.to_string()),
            Kind::YesNo(_)
            | Kind::Choice { .. }
            | Kind::Text { .. }
            | Kind::Words(_)
            | Kind::Kept { .. } => continue,
        };
        for bound in [min, max] {
            let mut config = Config::default();
            let taken = config.set(directive.name.as_bytes(), &[bound.as_bytes()], When::Boot);
            assert_eq!(taken, Ok(()), "{}", directive.name);
            let moved = ["hz", "repl-backlog-size"].contains(&directive.name);
            assert!(moved || directive.show(&config) == bound, "{} {bound}", directive.name);
        }
    }
}

#[test]
fn no_two_directives_share_a_name_and_names_are_lower_case() {
    let mut names = BTreeSet::new();
    for name in Config::directives().flat_map(Directive::names) {
        assert!(names.insert(name), "{name} is in the table twice");
        assert_eq!(name, name.to_lowercase());
    }
}

#[test]
fn what_has_no_field_is_said_to_be_inert() {
    for directive in Config::directives() {
        assert!(!directive.doc.is_empty(), "{} has no doc", directive.name);
        if matches!(directive.kind, Kind::Kept { .. }) {
            assert_eq!(directive.effect, Effect::Inert, "{}", directive.name);
        }
    }
}

#[test]
fn values_are_refused_in_the_words_of_redis() {
    let check = |name: &str, value: &str, reason: &str| {
        assert_eq!(set(&[(name, value)]), refused(name, reason));
    };
    check("maxmemory", "abc", "argument must be a memory value");
    check("hz", "abc", "argument couldn't be parsed into an integer");
    check("hz", "-1", "argument must be between 0 and 2147483647 inclusive");
    check("timeout", "2147483648", "argument must be between 0 and 2147483647 inclusive");
    check("repl-timeout", "0", "argument must be between 1 and 2147483647 inclusive");
    let range = "argument must be between 1048576 and 9223372036854775807 inclusive";
    check("proto-max-bulk-len", "9223372036854775808", range);
    check("replica-announced", "maybe", "argument must be 'yes' or 'no'");
    let words = "argument(s) must be one of the following: debug, verbose, notice, warning";
    check("loglevel", "foo", words);
    check("save", "  60   1 ", "Invalid save parameters");
    check("databases", "5", "can't set immutable config");
    check("slaveof", "a 1", "can't set immutable config");
    check("dbfilename", "x", "can't set protected config");
    check("maxmemory-clients", "105%", "percentage argument must be less or equal to 100");
}

#[test]
fn where_to_listen_is_said_at_boot() {
    for name in ["port", "tls-port", "bind"] {
        assert_eq!(set(&[(name, "1")]), refused(name, "can't set immutable config"));
    }
}

#[test]
fn config_set_looks_at_all_names_first_and_changes_all_or_nothing() {
    let unknown = "ERR Unknown option or number of arguments for CONFIG SET - 'x'";
    assert_eq!(set(&[("x", "1")]), unknown);
    assert_eq!(set(&[("hz", "bad"), ("x", "1")]), unknown);
    assert_eq!(set(&[("hz", "10"), ("HZ", "20")]), refused("HZ", "duplicate parameter"));
    assert_eq!(set(&[("slave-priority", "5"), ("replica-priority", "6")]), "OK");

    let mut config = Config::default();
    let pairs: [(&[u8], &[u8]); 2] = [(b"hz", b"20"), (b"maxmemory", b"abc")];
    config.set_running(&pairs).expect_err("maxmemory is no number");
    assert_eq!(config, Config::default());
}

#[test]
fn a_list_refused_in_its_middle_changes_nothing() {
    let mut config = Config::default();
    let args: [&[u8]; 1] = [b"replica 1 0 5 foo 1 1 1"];
    config.set(b"client-output-buffer-limit", &args, When::Boot).expect_err("no class foo");
    assert_eq!(config, Config::default());
}

#[test]
fn some_values_are_raised_or_lowered_instead_of_refused() {
    let mut config = Config::default();
    for (name, given, shown) in
        [("hz", "0", "1"), ("hz", "501", "500"), ("repl-backlog-size", "1", "16384")]
    {
        config.set(name.as_bytes(), &[given.as_bytes()], When::Running).expect("accepted");
        assert_eq!(config.value(name.as_bytes()).as_deref(), Some(shown));
    }
}

#[test]
fn what_this_server_cannot_do_is_refused_with_a_reason() {
    let mut config = Config::default();
    for (name, value) in [
        ("appendonly", "yes"),
        ("daemonize", "yes"),
        ("cluster-enabled", "yes"),
        ("tls-cluster", "yes"),
    ] {
        let e = config.set(name.as_bytes(), &[value.as_bytes()], When::Boot).expect_err(name);
        assert!(matches!(e.reason, Reason::Other(_)), "{name}: {e}");
    }
    let e = config.set(b"appendonly", &[b"maybe"], When::Boot).expect_err("neither yes nor no");
    assert_eq!(e.reason, Reason::NotYesNo);
}

#[test]
fn parameters_of_a_key_exchange_that_is_not_spoken_are_accepted_without_effect() {
    let mut config = Config::default();
    let file: [&[u8]; 1] = [b"/etc/dh.pem"];
    config.set(b"tls-dh-params-file", &file, When::Running).expect("files of Redis name it");
    assert_eq!(config.tls, Tls::default());
    let found = Config::directives().find(|one| one.name == "tls-dh-params-file");
    assert_eq!(found.expect("it is known").effect, Effect::Inert);
}

#[test]
fn config_get_shows_each_name_once_and_exact_names_as_written() {
    let config = Config::default();
    let glob = |pattern: &[u8], name: &[u8]| {
        let suffix = pattern.strip_prefix(b"*").expect("the test's patterns begin with a star");
        name.ends_with(suffix)
    };
    let get = |patterns: &[&str]| {
        let patterns: Vec<&[u8]> = patterns.iter().map(|one| one.as_bytes()).collect();
        let found = config.matching(&patterns, glob);
        found.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>()
    };
    assert_eq!(get(&["HZ", "hz"]), ["HZ=10"]);
    assert_eq!(get(&["nosuch"]), Vec::<String>::new());
    assert_eq!(get(&["key-load-delay"]), ["key-load-delay=0"]);
    assert_eq!(get(&["*key-load-delay"]), Vec::<String>::new());
    let priorities = vec!["replica-priority=100".to_string(), "slave-priority=100".to_string()];
    assert_eq!(get(&["*-priority", "slave-priority"]), priorities);
}

#[test]
fn protected_directives_open_with_enable_protected_configs() {
    let mut config = Config { enable_protected_configs: Access::Yes, ..Config::default() };
    config.set(b"dbfilename", &[b"x.rdb"], When::Running).expect("allowed now");
    let e = config.set(b"dbfilename", &[b"a/b"], When::Running).expect_err("a path");
    assert_eq!(e.reason.to_string(), "dbfilename can't be a path, just a filename");
}

#[test]
fn no_bytes_make_a_directive_panic() {
    let nasty: [&[u8]; 9] =
        [b"", b" ", b"\0", b"\xff\xfe", b"-", b"%", b"9999999999999999999999kb", b"a b c d", b"-0"];
    for directive in Config::directives() {
        for value in nasty {
            for args in [&[value][..], &[value, value], &[value; 4], &[]] {
                for when in [When::Boot, When::Running] {
                    let _ = Config::default().set(directive.name.as_bytes(), args, when);
                }
            }
        }
    }
}
