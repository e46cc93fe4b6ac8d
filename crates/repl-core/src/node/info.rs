//! `INFO`: only fields whose value is true.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::{
    fmt::{self, Write as _},
    time::Duration,
};

use super::{Node, following::Following, incoming::Loads, role::announced, saves::Outcome};
use crate::{
    base::{REDIS_VERSION, time::Now},
    conn::{Role, Topic},
    repl::{master::Protocol, replica::Link},
    resp::Args,
};

/// Whether a section is part of an answer to a plain `INFO`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Always,
    /// Only by name, and with all others.
    WhenAsked,
}

/// The sections in the order they are printed.
const SECTIONS: [(&str, &str, Shown); 13] = [
    ("server", "Server", Shown::Always),
    ("clients", "Clients", Shown::Always),
    ("memory", "Memory", Shown::Always),
    ("persistence", "Persistence", Shown::Always),
    ("stats", "Stats", Shown::Always),
    ("replication", "Replication", Shown::Always),
    ("cpu", "CPU", Shown::Always),
    ("modules", "Modules", Shown::Always),
    ("commandstats", "Commandstats", Shown::WhenAsked),
    ("errorstats", "Errorstats", Shown::Always),
    ("latencystats", "Latencystats", Shown::WhenAsked),
    ("cluster", "Cluster", Shown::Always),
    ("keyspace", "Keyspace", Shown::Always),
];

type Fields = Vec<(&'static str, String)>;

impl Node {
    /// The text of `INFO [section ...]`.
    pub(super) fn info(&self, now: Now, args: Args<'_>) -> String {
        let asked = |words: &[&str]| {
            args.iter()
                .skip(1)
                .any(|arg| words.iter().any(|word| arg.eq_ignore_ascii_case(word.as_bytes())))
        };
        let (all, default) =
            (asked(&["all", "everything"]), args.len() == 1 || asked(&["default"]));
        let mut text = String::new();
        for (section, title, shown) in SECTIONS {
            if !(all || default && shown == Shown::Always || asked(&[section])) {
                continue;
            }
            if !text.is_empty() {
                text.push_str("\r\n");
            }
            write!(text, "# {title}\r\n").expect("a string takes any text");
            self.section(&mut text, now, section);
        }
        text
    }

    fn section(&self, text: &mut String, now: Now, section: &str) {
        let fields = match section {
            "server" => self.info_server(now),
            "clients" => self.info_clients(),
            "memory" => self.info_memory(),
            "persistence" => self.info_persistence(now),
            "stats" => self.info_stats(),
            "cpu" => self.info_cpu(),
            "cluster" => Vec::from([("cluster_enabled", "0".into())]),
            "replication" => return self.info_replication(text, now),
            "commandstats" => return self.measure.command_stats(text),
            "errorstats" => return self.measure.error_stats(text),
            "latencystats" => {
                let percentiles = &self.config.latency_tracking_info_percentiles;
                return self.measure.latency_stats(text, percentiles);
            }
            "keyspace" => return self.info_keyspace(text),
            // There are no modules.
            _ => return,
        };
        for (name, value) in fields {
            put(text, name, &value);
        }
    }

    fn info_server(&self, now: Now) -> Fields {
        let up = now.mono.since(self.started.mono).as_secs();
        let micros = i128::from(now.wall.0) * 1000;
        let mut fields = Vec::from([
            ("redis_version", REDIS_VERSION.into()),
            ("redis_mode", "standalone".into()),
            ("server_name", "repl".into()),
            ("repl_version", env!("CARGO_PKG_VERSION").into()),
            ("os", self.facts.os.clone()),
            ("arch_bits", "64".into()),
            ("process_id", format!("{}", self.facts.pid)),
            ("run_id", String::from_utf8_lossy(&self.run_id).into_owned()),
            ("tcp_port", format!("{}", self.config.shown_port())),
            ("server_time_usec", format!("{micros}")),
            ("uptime_in_seconds", format!("{up}")),
            ("uptime_in_days", format!("{}", up / 86_400)),
            ("hz", format!("{}", self.config.hz)),
            ("configured_hz", format!("{}", self.config.hz)),
            ("io_threads_active", "0".into()),
            ("executable", self.facts.executable.clone()),
            ("config_file", self.facts.config_file.clone()),
        ]);
        if let Some(until) = self.shutdown_deadline() {
            let left = until.since(now.mono).as_millis();
            fields.push(("shutdown_in_milliseconds", format!("{left}")));
        }
        fields
    }

    fn info_clients(&self) -> Fields {
        // redis: the link to the master counts, those to replicas do not
        let is_counted = |role: &Role| matches!(role, Role::Client(_) | Role::Master);
        let count = self.listed().filter(|(_, conn)| is_counted(&conn.role)).count();
        Vec::from([
            ("connected_clients", format!("{count}")),
            ("cluster_connections", "0".into()),
            ("maxclients", format!("{}", self.config.maxclients)),
            ("blocked_clients", format!("{}", self.waiting.count())),
            ("tracking_clients", "0".into()),
            ("clients_in_timeout_table", format!("{}", self.waiting.deadline_count())),
        ])
    }

    fn info_memory(&self) -> Fields {
        let backlog = self.history.backlog().map_or(0, |backlog| backlog.memory_bytes());
        let (used, rss) = (self.facts.used_memory, self.facts.used_memory_rss);
        let peak = self.memory_seen.peak;
        let value = |name: &str| self.config.value(name.as_bytes()).unwrap_or_default();
        let limit = value("maxmemory");
        let percent = if peak == 0 { 0.0 } else { used as f64 / peak as f64 * 100.0 };
        let ratio = if used == 0 { 0.0 } else { rss as f64 / used as f64 };
        let [clients, replicas] = self.memory_of_connections();
        Vec::from([
            ("used_memory", format!("{used}")),
            ("used_memory_human", human(used)),
            ("used_memory_rss", format!("{rss}")),
            ("used_memory_rss_human", human(rss)),
            ("used_memory_peak", format!("{peak}")),
            ("used_memory_peak_human", human(peak)),
            ("used_memory_peak_perc", format!("{percent:.2}%")),
            // As it is configured: nothing is evicted.
            ("maxmemory_human", human(limit.parse().unwrap_or(0))),
            ("maxmemory", limit),
            ("maxmemory_policy", value("maxmemory-policy")),
            ("mem_fragmentation_ratio", format!("{ratio:.2}")),
            ("mem_fragmentation_bytes", format!("{}", i128::from(rss) - i128::from(used))),
            ("mem_replication_backlog", format!("{backlog}")),
            ("mem_total_replication_buffers", format!("{backlog}")),
            ("mem_clients_slaves", format!("{replicas}")),
            ("mem_clients_normal", format!("{clients}")),
            ("active_defrag_running", "0".into()),
            ("lazyfree_pending_objects", "0".into()),
        ])
    }

    /// Bytes of what clients and replicas have sent and not been sent yet.
    pub(super) fn memory_of_connections(&self) -> [u64; 2] {
        let mut sums = [0; 2];
        for (_, conn) in self.conns.iter() {
            let queue = conn.client().and_then(|client| client.transaction.as_ref());
            let queued = queue.map_or(0, |queue| queue.commands.capacity());
            let own = conn.inbox.bytes.capacity() + conn.outbox.memory_bytes() + queued;
            sums[usize::from(matches!(conn.role, Role::Replica(_)))] += own as u64;
        }
        sums
    }

    fn info_persistence(&self, now: Now) -> Fields {
        let (saves, under_way) = (&self.saves, self.saves.under_way.as_ref());
        let secs = |span: Option<Duration>| {
            span.map_or_else(|| "-1".into(), |it| it.as_secs().to_string())
        };
        let loads = self.loads();
        // For Redis a snapshot for replicas is one, too.
        let is_cut = under_way.is_some() || !self.transfers.is_empty();
        let status = match saves.last_bgsave {
            Outcome::Good => "ok",
            Outcome::Failed => "err",
        };
        let mut fields = Vec::from([
            ("loading", format!("{}", u8::from(loads == Loads::InPlace))),
            ("async_loading", format!("{}", u8::from(loads == Loads::Beside))),
            ("rdb_changes_since_last_save", format!("{}", self.unsaved_changes())),
            ("rdb_bgsave_in_progress", format!("{}", u8::from(is_cut))),
            ("rdb_last_save_time", format!("{}", saves.last_secs)),
            ("rdb_last_bgsave_status", status.into()),
            ("rdb_last_bgsave_time_sec", secs(saves.last_bgsave_span)),
            ("rdb_current_bgsave_time_sec", secs(under_way.map(|it| now.mono.since(it.began)))),
            ("rdb_saves", format!("{}", saves.count)),
            ("rdb_last_load_keys_expired", format!("{}", self.last_load.expired_count)),
            ("rdb_last_load_keys_loaded", format!("{}", self.last_load.key_count)),
            ("aof_enabled", "0".into()),
            ("aof_rewrite_in_progress", "0".into()),
            ("aof_rewrite_scheduled", "0".into()),
            ("module_fork_in_progress", "0".into()),
        ]);
        fields.extend(self.info_loading(now).into_iter().flatten());
        fields
    }

    fn info_stats(&self) -> Fields {
        let stats = &self.stats;
        let names = |topic| self.channels.names(topic).len() as u64;
        let (commands, [all_in, all_out, from_master, to_replicas]) = self.rates();
        let kbps = |rate: f64| format!("{rate:.2}");
        let rates = [
            ("instantaneous_ops_per_sec", format!("{commands}")),
            ("instantaneous_input_kbps", kbps(all_in)),
            ("instantaneous_output_kbps", kbps(all_out)),
            ("instantaneous_input_repl_kbps", kbps(from_master)),
            ("instantaneous_output_repl_kbps", kbps(to_replicas)),
        ];
        let counts = [
            ("total_connections_received", stats.connections),
            ("total_commands_processed", stats.commands),
            ("total_net_input_bytes", stats.net_input_bytes + stats.net_repl_input_bytes),
            ("total_net_output_bytes", stats.net_output_bytes + stats.net_repl_output_bytes),
            ("total_net_repl_input_bytes", stats.net_repl_input_bytes),
            ("total_net_repl_output_bytes", stats.net_repl_output_bytes),
            ("rejected_connections", stats.rejected_connections),
            ("sync_full", stats.sync_full),
            ("sync_partial_ok", stats.sync_partial_ok),
            ("sync_partial_err", stats.sync_partial_err),
            ("expired_keys", stats.expired_keys),
            ("expire_cycle_cpu_milliseconds", stats.expiry_nanos / 1_000_000),
            ("evicted_keys", 0),
            ("evicted_clients", 0),
            ("pubsub_channels", names(Topic::Channel)),
            ("pubsub_patterns", names(Topic::Pattern)),
            ("pubsubshard_channels", names(Topic::Shard)),
            ("slave_expires_tracked_keys", self.keyspace.own_expiries() as u64),
            ("latest_fork_usec", 0),
            ("total_forks", 0),
            ("tracking_total_keys", 0),
            ("unexpected_error_replies", stats.unexpected_error_replies),
            ("total_error_replies", stats.error_replies),
            ("total_reads_processed", stats.reads),
            ("total_writes_processed", stats.writes),
            ("client_output_buffer_limit_disconnections", stats.output_limit_disconnections),
            ("repl_writes_slowed_ms", self.throttled.total.as_millis() as u64),
        ];
        let counts = counts.into_iter().map(|(name, count)| (name, format!("{count}")));
        rates.into_iter().chain(counts).collect()
    }

    fn info_cpu(&self) -> Fields {
        let secs = |micros: u64| format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
        Vec::from([
            ("used_cpu_sys", secs(self.facts.cpu_sys_micros)),
            ("used_cpu_user", secs(self.facts.cpu_user_micros)),
        ])
    }

    fn info_keyspace(&self, text: &mut String) {
        for db in self.keyspace.indexes().filter(|&db| self.keyspace.len(db) > 0) {
            let (keys, expires) = (self.keyspace.len(db), self.keyspace.volatile_len(db));
            write!(text, "db{}:keys={keys},expires={expires},avg_ttl=0\r\n", db.0)
                .expect("a string takes any text");
        }
    }

    /// How much of the stream has come: what is applied, and half a command or transaction.
    #[must_use]
    pub fn received_offset(&self) -> u64 {
        self.history.offset() + self.unapplied_bytes() as u64
    }

    /// Bytes of the stream that came and are not applied: half a command, half a transaction.
    fn unapplied_bytes(&self) -> usize {
        let Some(following) = &self.following else { return 0 };
        let Link::Streaming { conn, stream } = &following.link else { return 0 };
        let half = self.conns.get(*conn).map_or(0, |conn| conn.inbox.bytes.len());
        half + stream.transaction.as_ref().map_or(0, |transaction| transaction.bytes.len())
    }

    // redis: server.c, genRedisInfoString, in the order printed there
    fn info_replication(&self, text: &mut String, now: Now) {
        match &self.following {
            None => put(text, "role", &"master"),
            Some(following) => self.info_as_replica(text, now, following),
        }
        put(text, "connected_slaves", &self.replicas.len());
        if self.config.min_replicas_to_write > 0 && !self.config.min_replicas_max_lag.is_zero() {
            put(text, "min_slaves_good_slaves", &self.good_replicas(now));
        }
        for (number, conn) in self.replicas.iter().filter_map(|id| self.conns.get(*id)).enumerate()
        {
            let Some(session) = conn.session() else { continue };
            let (ip, port) = announced(conn);
            let lag = match (session.has_payload(), session.protocol) {
                (true, Protocol::Psync) => now.mono.since(session.ack_at).as_secs(),
                (true | false, Protocol::Sync) | (false, Protocol::Psync) => 0,
            };
            let line = format!(
                "ip={ip},port={port},state={},offset={},lag={lag}",
                self.state_name(session),
                session.ack_offset
            );
            put(text, &format!("slave{number}"), &line);
        }
        self.info_lags(text, now);
        put(text, "repl_last_full_sync_reason", &self.last_full_sync_reason());
        put(text, "master_failover_state", &self.failover_state());
        put(text, "master_replid", &self.history.replid());
        put(text, "master_replid2", &self.history.replid2());
        put(text, "master_repl_offset", &self.history.offset());
        put(text, "second_repl_offset", &self.history.switch().map_or(-1, |at| at as i64));
        let backlog = self.history.backlog();
        let first = backlog.map_or(0, |backlog| backlog.first());
        put(text, "repl_backlog_active", &u8::from(backlog.is_some()));
        put(text, "repl_backlog_size", &self.config.repl_backlog_size);
        put(text, "repl_backlog_first_byte_offset", &first);
        put(text, "repl_backlog_histlen", &backlog.map_or(0, |backlog| backlog.histlen()));
    }

    fn info_as_replica(&self, text: &mut String, now: Now, following: &Following) {
        let up = following.link.is_up();
        let silent = now.mono.since(following.last_io_at).as_secs() as i64;
        let loading = match &following.link {
            Link::Loading { payload, .. } => Some(payload),
            Link::Waiting { .. }
            | Link::Dialing { .. }
            | Link::Greeting { .. }
            | Link::Streaming { .. } => None,
        };
        put(text, "role", &"slave");
        put(text, "master_host", &following.master.host);
        put(text, "master_port", &following.master.port);
        put(text, "master_link_status", &if up { "up" } else { "down" });
        put(text, "master_last_io_seconds_ago", &if up { silent } else { -1 });
        put(text, "master_sync_in_progress", &u8::from(loading.is_some()));
        // redis: 1 stands for a replica without a master, past or present
        let applied = if following.has_history() { self.history.offset() } else { 1 };
        put(text, "slave_read_repl_offset", &(applied + self.unapplied_bytes() as u64));
        put(text, "slave_repl_offset", &applied);
        if let Some(payload) = loading {
            let (total, read) = (payload.total_bytes(), payload.received_bytes() as i64);
            let percent = if total == 0 { 0.0 } else { read as f64 / total as f64 * 100.0 };
            put(text, "master_sync_total_bytes", &total);
            put(text, "master_sync_read_bytes", &read);
            put(text, "master_sync_left_bytes", &(total - read));
            put(text, "master_sync_perc", &format_args!("{percent:.2}"));
            put(text, "master_sync_last_io_seconds_ago", &silent);
        }
        self.info_sync(text, now, following);
        if !up {
            let down = following.down_since.map_or(-1, |at| now.mono.since(at).as_secs() as i64);
            put(text, "master_link_down_since_seconds", &down);
            let refused = u8::from(following.refused.is_some());
            put(text, "master_came_back_empty", &refused);
        }
        put(text, "slave_priority", &self.config.replica_priority);
        put(text, "slave_read_only", &u8::from(self.config.replica_read_only));
        put(text, "replica_announced", &u8::from(self.config.replica_announced));
    }
}

/// One field.
pub(super) fn put(text: &mut String, name: &str, value: &dyn fmt::Display) {
    write!(text, "{name}:{value}\r\n").expect("a string takes any text");
}

/// As Redis prints sizes: `1.50M`.
fn human(bytes: u64) -> String {
    const UNITS: [(u64, &str); 4] =
        [(1 << 40, "T"), (1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")];
    match UNITS.iter().find(|(size, _)| bytes >= *size) {
        Some((size, unit)) => {
            let hundredths = u128::from(bytes) * 100 / u128::from(*size);
            format!("{}.{:02}{unit}", hundredths / 100, hundredths % 100)
        }
        None => format!("{bytes}B"),
    }
}
