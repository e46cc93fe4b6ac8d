//! The rows without a field: directives that clients, test suites and configuration files expect.
//! Their values are checked, kept and shown, and nobody acts on them. One that starts to matter
//! moves to `live`.

use super::{BYTES_MAX, INT_MAX, row};
use crate::base::config::{
    directive::{
        Directive, Effect,
        Kind::Kept,
        Rule::{self, Choice, Memory, MemoryOrPercent, Number, OnlyDefault, Text, YesNo},
    },
    words,
};

const NO_LIMIT: &str = "No memory limit is enforced yet: nothing is evicted.";
const NO_FILE: &str = "Nothing is written to disk yet.";
const NO_ACL_LOG: &str = "What is denied is counted, not listed.";
const NO_CLUSTER: &str = "There is no cluster mode.";
const NO_DEFRAG: &str = "Memory is not defragmented.";
const NO_SCRIPT: &str = "There are no scripts yet.";
const NO_TYPE: &str = "There is no such type of value yet.";
const OWN_FREEING: &str = "Freeing is not handed to another thread.";
const OWN_PROCESS: &str = "The process does not do this.";
const OWN_THREADS: &str = "One thread serves all clients.";

const fn kept(
    name: &'static str,
    default: &'static str,
    rule: Rule,
    doc: &'static str,
) -> Directive {
    row(name, Effect::Inert, Kept { rule, default }, doc)
}

const fn unsupported(
    name: &'static str,
    default: &'static str,
    rule: &'static Rule,
    why_not: &'static str,
) -> Directive {
    kept(name, default, OnlyDefault(rule, why_not), "Only the default is accepted.")
}

const POSITIVE: Rule = Number(0, INT_MAX);
const POSITIVE_LONG: Rule = Number(0, i64::MAX);
const BYTES: Rule = Memory(0, BYTES_MAX);
const POLICIES: &[&str] = &[
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "noeviction",
];

pub(super) static ROWS: &[Directive] = &[
    // What this server cannot do, so that a file that counts on it stops at once.
    unsupported("appendonly", "no", &YesNo, "this server keeps no append-only file"),
    unsupported("daemonize", "no", &YesNo, "this server stays in the foreground: use a supervisor")
        .at_boot(),
    unsupported("cluster-enabled", "no", &YesNo, "this server has no cluster mode").at_boot(),
    unsupported("tls-cluster", "no", &YesNo, "this server has no cluster mode"),
    unsupported("aclfile", "", &Text, "this server keeps its users in the configuration file")
        .at_boot(),
    unsupported("syslog-enabled", "no", &YesNo, "this server logs to a file or standard output")
        .at_boot(),
    // Process.
    kept("supervised", "no", Choice(&["upstart", "systemd", "auto", "no"]), OWN_PROCESS).at_boot(),
    kept("syslog-ident", "redis", Text, OWN_PROCESS).at_boot(),
    kept("set-proc-title", "yes", YesNo, OWN_PROCESS).at_boot(),
    kept("proc-title-template", "{title} {listen-addr} {server-mode}", Text, OWN_PROCESS),
    kept("crash-log-enabled", "yes", YesNo, OWN_PROCESS),
    kept("crash-memcheck-enabled", "yes", YesNo, OWN_PROCESS),
    kept("disable-thp", "yes", YesNo, OWN_PROCESS).at_boot(),
    kept("ignore-warnings", "", Text, OWN_PROCESS),
    kept("oom-score-adj", "no", Choice(&["no", "yes", "relative", "absolute"]), OWN_PROCESS),
    kept("oom-score-adj-values", "0 200 800", Rule::Words(words::oom_scores), OWN_PROCESS),
    kept("enable-module-command", "no", Choice(&["no", "yes", "local"]), OWN_PROCESS).at_boot(),
    kept("bind-source-addr", "", Text, OWN_PROCESS),
    kept("io-threads", "1", Number(1, 128), OWN_THREADS).at_boot(),
    kept("io-threads-do-reads", "no", YesNo, OWN_THREADS).at_boot(),
    kept("dynamic-hz", "yes", YesNo, "The periodic work runs hz times a second, always."),
    kept("activerehashing", "yes", YesNo, "The keyspace never rehashes as a whole."),
    kept("active-expire-effort", "1", Number(1, 10), "One effort fits all."),
    // Memory.
    kept("maxmemory", "0", Memory(0, u64::MAX), NO_LIMIT),
    kept("maxmemory-policy", "noeviction", Choice(POLICIES), NO_LIMIT),
    kept("maxmemory-samples", "5", Number(1, INT_MAX), NO_LIMIT),
    kept("maxmemory-eviction-tenacity", "10", Number(0, 100), NO_LIMIT),
    kept("maxmemory-clients", "0", MemoryOrPercent, NO_LIMIT),
    kept("replica-ignore-maxmemory", "yes", YesNo, NO_LIMIT).alias("slave-ignore-maxmemory"),
    kept("lfu-log-factor", "10", POSITIVE, NO_LIMIT),
    kept("lfu-decay-time", "1", POSITIVE, NO_LIMIT),
    unsupported("activedefrag", "no", &YesNo, "this server does not defragment its memory"),
    kept("active-defrag-ignore-bytes", "104857600", Memory(1, BYTES_MAX), NO_DEFRAG),
    kept("active-defrag-threshold-lower", "10", Number(0, 1000), NO_DEFRAG),
    kept("active-defrag-threshold-upper", "100", Number(0, 1000), NO_DEFRAG),
    kept("active-defrag-cycle-min", "1", Number(1, 99), NO_DEFRAG),
    kept("active-defrag-cycle-max", "25", Number(1, 99), NO_DEFRAG),
    kept("active-defrag-max-scan-fields", "1000", Number(1, i64::MAX), NO_DEFRAG),
    kept("lazyfree-lazy-eviction", "no", YesNo, OWN_FREEING),
    kept("lazyfree-lazy-expire", "no", YesNo, OWN_FREEING),
    kept("lazyfree-lazy-server-del", "no", YesNo, OWN_FREEING),
    kept("lazyfree-lazy-user-del", "no", YesNo, OWN_FREEING),
    kept("lazyfree-lazy-user-flush", "no", YesNo, OWN_FREEING),
    kept("replica-lazy-flush", "no", YesNo, OWN_FREEING).alias("slave-lazy-flush"),
    // Encodings.
    kept("list-compress-depth", "0", POSITIVE, "Lists are not compressed."),
    kept("stream-node-max-bytes", "4096", BYTES, NO_TYPE),
    kept("stream-node-max-entries", "100", POSITIVE_LONG, NO_TYPE),
    kept("hll-sparse-max-bytes", "3000", BYTES, NO_TYPE),
    // Files.
    kept("appendfsync", "everysec", Choice(&["everysec", "always", "no"]), NO_FILE),
    kept("appendfilename", "appendonly.aof", Text, NO_FILE).at_boot(),
    kept("appenddirname", "appendonlydir", Text, NO_FILE).at_boot(),
    kept("no-appendfsync-on-rewrite", "no", YesNo, NO_FILE),
    kept("auto-aof-rewrite-percentage", "100", POSITIVE, NO_FILE),
    kept("auto-aof-rewrite-min-size", "67108864", BYTES, NO_FILE),
    kept("aof-load-truncated", "yes", YesNo, NO_FILE),
    kept("aof-use-rdb-preamble", "yes", YesNo, NO_FILE),
    kept("aof-timestamp-enabled", "no", YesNo, NO_FILE),
    kept("aof-disable-auto-gc", "no", YesNo, NO_FILE),
    kept("aof-rewrite-incremental-fsync", "yes", YesNo, NO_FILE),
    kept("rdb-save-incremental-fsync", "yes", YesNo, "A snapshot is synced once, as a whole."),
    kept("rdb-del-sync-files", "no", YesNo, "A full sync makes no file."),
    kept(
        "replica-ignore-disk-write-errors",
        "no",
        YesNo,
        "What the master sends is applied, whatever the disk does.",
    ),
    kept("sanitize-dump-payload", "no", Choice(&["no", "yes", "clients"]), "Always done in full."),
    // Users.
    unsupported(
        "acl-pubsub-default",
        "resetchannels",
        &Choice(&["allchannels", "resetchannels"]),
        "a new user may use no channel here",
    ),
    kept("acllog-max-len", "128", POSITIVE_LONG, NO_ACL_LOG),
    // Observation.
    kept("tracking-table-max-keys", "1000000", POSITIVE_LONG, "Clients cannot track keys yet."),
    kept("busy-reply-threshold", "5000", POSITIVE_LONG, NO_SCRIPT).alias("lua-time-limit"),
    kept("watchdog-period", "0", POSITIVE, "The server never waits for anything.").hidden(),
    kept("tls-dh-params-file", "", Text, "Keys are agreed on over elliptic curves, always."),
    // Cluster.
    kept("cluster-config-file", "nodes.conf", Text, NO_CLUSTER).at_boot(),
    kept("cluster-node-timeout", "15000", POSITIVE_LONG, NO_CLUSTER),
    kept("cluster-announce-ip", "", Text, NO_CLUSTER),
    kept("cluster-announce-port", "0", Number(0, 65535), NO_CLUSTER),
];
