//! Configuration: the directives of `redis.conf`, with Redis' names, defaults, ranges and error
//! texts.
//!
//! One table ([`Config::directives`]) drives everything: reading files and command lines, `CONFIG
//! GET`, `CONFIG SET` and `docs/CONFIG.md`. To add a directive, add its row; if somebody acts on
//! it, also a field. Nothing here touches a file or a socket, and no value a user types can make it
//! panic.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod choice;
mod directive;
mod error;
mod events;
mod lines;
mod table;
mod tls;
mod words;

use alloc::{
    borrow::ToOwned,
    collections::BTreeMap,
    string::{String, ToString},
    vec::Vec,
};
use core::time::Duration;

use super::ids::Endpoint;

pub use self::{
    choice::{Access, AuthClients, DisklessLoad, LogLevel, PropagationError},
    directive::{Change, Directive, Effect, Listing},
    error::{ConfigError, Reason},
    events::EventClasses,
    lines::{Line, Need, quoted},
    tls::Tls,
};

/// Whether somebody has given a value, be it the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Given {
    /// Nobody has.
    #[default]
    No,
    /// Somebody has.
    Yes,
}

/// Who changes a directive: it decides what may change, and whether `save` adds or replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// A configuration file or the command line, before the server runs.
    Boot,
    /// `CONFIG SET`.
    Running,
}

/// When a client's pending output closes it: at `hard` bytes at once, above `soft` bytes for
/// `soft_after`. Zero means no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputLimit {
    /// Bytes; zero for none.
    pub hard_bytes: u64,
    /// Bytes; zero for none.
    pub soft_bytes: u64,
    /// How long `soft_bytes` may be exceeded.
    pub soft_after: Duration,
}

/// What `SHUTDOWN` is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShutdownOptions {
    /// `SAVE`.
    pub saves: bool,
    /// `NOSAVE`.
    pub saves_not: bool,
    /// `NOW`: replicas are given no time.
    pub now: bool,
    /// `FORCE`: also if the dataset cannot be saved.
    pub force: bool,
}

/// The value of every directive.
///
/// The fields are what some code acts on; whoever builds a node directly may give them any value,
/// also one that a file or `CONFIG SET` would refuse. Directives that nobody acts on have no field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `port`: where clients connect; announced to the master.
    pub port: u16,
    /// `databases`.
    pub databases: usize,
    /// `requirepass`: empty for none.
    pub requirepass: String,
    /// `masterauth`: empty for none.
    pub masterauth: String,
    /// `masteruser`: empty for the default user.
    pub masteruser: String,
    /// `replicaof`: the master to follow from the start, later the one that is followed.
    pub replicaof: Option<Endpoint>,
    /// `replica-serve-stale-data`.
    pub replica_serve_stale_data: bool,
    /// `replica-read-only`.
    pub replica_read_only: bool,
    /// `repl-sync-slows-writes`.
    pub repl_sync_slows_writes: bool,
    /// `replica-refuse-empty-master`.
    pub replica_refuse_empty_master: bool,
    /// `replica-priority`.
    pub replica_priority: u32,
    /// `replica-announced`.
    pub replica_announced: bool,
    /// `replica-announce-ip`: empty for none.
    pub replica_announce_ip: String,
    /// `replica-announce-port`: zero for none.
    pub replica_announce_port: u16,
    /// `repl-backlog-size` in bytes.
    pub repl_backlog_size: u64,
    /// `repl-backlog-ttl`: zero for never.
    pub repl_backlog_ttl: Duration,
    /// `repl-timeout`.
    pub repl_timeout: Duration,
    /// `repl-ping-replica-period`.
    pub repl_ping_replica_period: Duration,
    /// `repl-diskless-sync`.
    pub repl_diskless_sync: bool,
    /// `repl-diskless-sync-delay`.
    pub repl_diskless_sync_delay: Duration,
    /// `repl-diskless-sync-max-replicas`: zero for no limit.
    pub repl_diskless_sync_max_replicas: u32,
    /// `client-output-buffer-limit normal`.
    pub output_limit_normal: OutputLimit,
    /// `client-output-buffer-limit replica`.
    pub output_limit_replica: OutputLimit,
    /// `client-output-buffer-limit pubsub`.
    pub output_limit_pubsub: OutputLimit,
    /// `client-query-buffer-limit` in bytes.
    pub client_query_buffer_limit: u64,
    /// `proto-max-bulk-len` in bytes.
    pub proto_max_bulk_len: u64,
    /// `maxclients`.
    pub maxclients: u32,
    /// `timeout`: idle clients are closed after this; zero for never.
    pub timeout: Duration,
    /// `hz`: how often a second the node's periodic work runs.
    pub hz: u32,
    /// `rdbcompression`.
    pub rdbcompression: bool,
    /// `rdbchecksum`.
    pub rdbchecksum: bool,
    /// `save`: (seconds, changes) pairs.
    pub save: Vec<(u64, u64)>,
    /// Whether `save` is no longer the default.
    pub save_given: Given,
    /// `stop-writes-on-bgsave-error`.
    pub stop_writes_on_bgsave_error: bool,
    /// `bind`: addresses to listen on.
    pub bind: Vec<String>,
    /// `unixsocket`: empty for none.
    pub unixsocket: String,
    /// `unixsocketperm`: permission bits; zero leaves them to the process' umask.
    pub unixsocketperm: u32,
    /// `always-show-logo`.
    pub always_show_logo: bool,
    /// `tcp-backlog`: connections that may wait to be accepted.
    pub tcp_backlog: u32,
    /// `tcp-keepalive`: how long a silent client is left unprobed; zero for ever.
    pub tcp_keepalive: Duration,
    /// `protected-mode`: without a password, clients of other hosts are refused.
    pub protected_mode: bool,
    /// `jemalloc-bg-thread`.
    pub jemalloc_bg_thread: bool,
    /// `loglevel`.
    pub loglevel: LogLevel,
    /// `logfile`: empty for standard output.
    pub logfile: String,
    /// `pidfile`: empty for none.
    pub pidfile: String,
    /// `dir`: the working directory; empty for the one the process was started in.
    pub dir: String,
    /// `dbfilename`.
    pub dbfilename: String,
    /// `min-replicas-to-write`: zero for no minimum.
    pub min_replicas_to_write: u32,
    /// `min-replicas-max-lag`: a replica silent for longer does not count; zero switches the check
    /// off.
    pub min_replicas_max_lag: Duration,
    /// `repl-diskless-load`.
    pub repl_diskless_load: DisklessLoad,
    /// `propagation-error-behavior`.
    pub propagation_error_behavior: PropagationError,
    /// `repl-disable-tcp-nodelay`.
    pub repl_disable_tcp_nodelay: bool,
    /// `shutdown-timeout`: how long a shutdown waits for replicas that lag.
    pub shutdown_timeout: Duration,
    /// `shutdown-on-sigterm`.
    pub shutdown_on_sigterm: ShutdownOptions,
    /// `shutdown-on-sigint`.
    pub shutdown_on_sigint: ShutdownOptions,
    /// `hash-max-listpack-entries`.
    pub hash_max_listpack_entries: u64,
    /// `hash-max-listpack-value` in bytes.
    pub hash_max_listpack_value: u64,
    /// `list-max-listpack-size`: a class of bytes if negative, otherwise elements.
    pub list_max_listpack_size: i32,
    /// `set-max-intset-entries`.
    pub set_max_intset_entries: u64,
    /// `zset-max-listpack-entries`.
    pub zset_max_listpack_entries: u64,
    /// `zset-max-listpack-value` in bytes.
    pub zset_max_listpack_value: u64,
    /// `rdb-key-save-delay` in microseconds.
    pub rdb_key_save_delay: i32,
    /// `key-load-delay` in microseconds.
    pub key_load_delay: i32,
    /// `loading-process-events-interval-bytes`.
    pub loading_process_events_interval_bytes: u64,
    /// `enable-debug-command`.
    pub enable_debug_command: Access,
    /// `enable-protected-configs`.
    pub enable_protected_configs: Access,
    /// `slowlog-log-slower-than` in microseconds; negative for never.
    pub slowlog_log_slower_than: i64,
    /// `slowlog-max-len`.
    pub slowlog_max_len: u64,
    /// `latency-monitor-threshold` in milliseconds; zero for never.
    pub latency_monitor_threshold: u64,
    /// `latency-tracking`.
    pub latency_tracking: bool,
    /// `latency-tracking-info-percentiles`, as it is shown.
    pub latency_tracking_info_percentiles: String,
    /// `notify-keyspace-events`.
    pub notify_keyspace_events: EventClasses,
    /// The directives whose names begin with `tls-`.
    pub tls: Tls,
    /// The lines about users behind the word `user`, as `acl::line` makes them: who there is at
    /// the boot, and when the file is written anew. Neither `CONFIG GET` nor `SET` knows them.
    pub users: Vec<String>,
    /// `rename-command`: the names of commands, and what they are called from then on; nothing if
    /// not at all. Each is about the names that those before it have left. Neither `CONFIG GET` nor
    /// `SET` knows them, and no file is written anew with others than it has.
    pub renamed_commands: Vec<(Vec<u8>, Vec<u8>)>,
    /// The values of directives that have no field.
    pub kept: Kept,
}

/// Values other than the default of directives that have no field, by name, as `CONFIG GET` shows
/// them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept(BTreeMap<&'static str, String>);

impl Config {
    /// The port that stands for this server: `tls-port` if it listens on no other.
    // redis: server.c, genRedisInfoString
    #[must_use]
    pub const fn shown_port(&self) -> u16 {
        if self.port == 0 { self.tls.port } else { self.port }
    }

    /// The port that a replica names to its master.
    // redis: replication.c, syncWithMaster
    #[must_use]
    pub const fn announced_port(&self) -> u16 {
        match (self.replica_announce_port, self.tls.port) {
            (0, tls_port @ 1..) if self.tls.replication => tls_port,
            (0, _) => self.port,
            (announced, _) => announced,
        }
    }

    /// Every directive, in the order `CONFIG GET *` lists them.
    pub fn directives() -> impl Iterator<Item = &'static Directive> {
        table::TABLE.iter().copied().flatten()
    }

    /// The value of the directive called `name` (in any case, or by its alias), as `CONFIG GET`
    /// shows it.
    #[must_use]
    pub fn value(&self, name: &[u8]) -> Option<String> {
        Self::directives().find(|one| one.is_named(name)).map(|one| one.show(self))
    }

    /// What `CONFIG GET` answers: names and values, each name once.
    ///
    /// A pattern without `*`, `?` and `[` is a name: it finds hidden directives too and is shown as
    /// the user wrote it. `glob(pattern, name)` decides about the others, ignoring case.
    pub fn matching(
        &self,
        patterns: &[&[u8]],
        glob: impl Fn(&[u8], &[u8]) -> bool,
    ) -> Vec<(String, String)> {
        let mut found: Vec<(String, String)> = Vec::new();
        let mut add = |name: &str, directive: &Directive| {
            if !found.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
                found.push((name.to_owned(), directive.show(self)));
            }
        };
        for pattern in patterns {
            if !pattern.iter().any(|byte| b"*?[".contains(byte)) {
                if let Some(directive) = Self::directives().find(|one| one.is_named(pattern)) {
                    add(&String::from_utf8_lossy(pattern), directive);
                }
                continue;
            }
            for directive in Self::directives().filter(|one| one.listing == Listing::Listed) {
                for name in directive.names().filter(|name| glob(pattern, name.as_bytes())) {
                    add(name, directive);
                }
            }
        }
        found
    }

    /// Sets one directive from the words that follow its name.
    ///
    /// A directive of several words also takes them as one word with spaces, and none at all as an
    /// empty word: `save "3600 1"`, `save ""`.
    ///
    /// # Errors
    /// The directive does not exist, must not change now, or refuses the value; `self` is unchanged
    /// then.
    pub fn set(&mut self, name: &[u8], args: &[&[u8]], when: When) -> Result<(), ConfigError> {
        let directive = self.changeable(name, when)?;
        let split: Vec<&[u8]>;
        let args = match args {
            [b""] if directive.takes_words() => &[],
            [word] if directive.takes_words() => {
                split = word.split(|byte| *byte == b' ').collect();
                split.as_slice()
            }
            _ => args,
        };
        // On a copy: a list of limits may be refused after its first half was taken.
        let mut changed = self.clone();
        directive.take(&mut changed, args, when).map_err(|reason| error(name, reason))?;
        *self = changed;
        Ok(())
    }

    /// `CONFIG SET name value [name value ...]`: all or nothing.
    ///
    /// # Errors
    /// The first pair that is refused. All names are looked at before any value, as in Redis.
    pub fn set_running(&mut self, pairs: &[(&[u8], &[u8])]) -> Result<(), ConfigError> {
        let mut named: Vec<&'static str> = Vec::new();
        for (name, _) in pairs {
            let directive = self.changeable(name, When::Running)?;
            // redis: config.c registers an alias as a directive of its own: only the same spelling
            // repeats.
            let spelt = directive.names().find(|own| own.as_bytes().eq_ignore_ascii_case(name));
            if spelt.is_some_and(|spelt| named.contains(&spelt)) {
                return Err(error(name, Reason::Duplicate));
            }
            named.extend(spelt);
        }
        let mut changed = self.clone();
        for (name, value) in pairs {
            changed.set(name, &[value], When::Running)?;
        }
        *self = changed;
        Ok(())
    }

    /// The first of these directives about which the host must be asked.
    pub fn first_for_host<'a>(names: impl IntoIterator<Item = &'a [u8]>) -> Option<&'a [u8]> {
        let host = |name: &&[u8]| {
            Self::directives().any(|one| one.effect == Effect::Host && one.is_named(name))
        };
        names.into_iter().find(host)
    }

    /// Takes over what the host has made of those directives that are its own.
    pub fn adopt(&mut self, applied: &Self) {
        self.dir.clone_from(&applied.dir);
    }

    /// The directive called `name`, if it may change now.
    fn changeable(&self, name: &[u8], when: When) -> Result<&'static Directive, ConfigError> {
        let found = Self::directives().find(|one| one.is_named(name));
        let directive = found.ok_or_else(|| error(name, Reason::UnknownName))?;
        match (when, directive.change) {
            (When::Boot, _) | (When::Running, Change::Running) => Ok(directive),
            (When::Running, Change::Boot) => Err(error(name, Reason::Immutable)),
            // `local` would need to know the connection: it counts as `no` here.
            (When::Running, Change::Protected) => {
                if self.enable_protected_configs == Access::Yes {
                    Ok(directive)
                } else {
                    Err(error(name, Reason::Protected))
                }
            }
        }
    }

    /// Keeps the value of a directive without a field, unless it is the default.
    fn keep(&mut self, name: &'static str, value: String, default: &str) {
        if value == default {
            self.kept.0.remove(name);
        } else {
            self.kept.0.insert(name, value);
        }
    }
}

fn error(name: &[u8], reason: Reason) -> ConfigError {
    ConfigError { name: String::from_utf8_lossy(name).to_string(), reason }
}

const MB: u64 = 1024 * 1024;

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

const fn limit(hard_bytes: u64, soft_bytes: u64, soft_after: Duration) -> OutputLimit {
    OutputLimit { hard_bytes, soft_bytes, soft_after }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            port: 6379,
            databases: 16,
            requirepass: String::new(),
            masterauth: String::new(),
            masteruser: String::new(),
            replicaof: None,
            replica_serve_stale_data: true,
            replica_read_only: true,
            repl_sync_slows_writes: true,
            replica_refuse_empty_master: true,
            replica_priority: 100,
            replica_announced: true,
            replica_announce_ip: String::new(),
            replica_announce_port: 0,
            repl_backlog_size: MB,
            repl_backlog_ttl: secs(3600),
            repl_timeout: secs(60),
            repl_ping_replica_period: secs(10),
            repl_diskless_sync: true,
            repl_diskless_sync_delay: secs(5),
            repl_diskless_sync_max_replicas: 0,
            output_limit_normal: limit(0, 0, secs(0)),
            output_limit_replica: limit(256 * MB, 64 * MB, secs(60)),
            output_limit_pubsub: limit(32 * MB, 8 * MB, secs(60)),
            client_query_buffer_limit: 1024 * MB,
            proto_max_bulk_len: 512 * MB,
            maxclients: 10_000,
            timeout: secs(0),
            hz: 10,
            rdbcompression: true,
            rdbchecksum: true,
            save: Vec::from([(3600, 1), (300, 100), (60, 10_000)]),
            save_given: Given::No,
            stop_writes_on_bgsave_error: true,
            bind: ["*", "-::*"].map(String::from).into(),
            unixsocket: String::new(),
            unixsocketperm: 0,
            always_show_logo: false,
            tcp_backlog: 511,
            tcp_keepalive: secs(300),
            protected_mode: true,
            jemalloc_bg_thread: true,
            loglevel: LogLevel::Notice,
            logfile: String::new(),
            pidfile: String::new(),
            dir: String::new(),
            dbfilename: "dump.rdb".to_owned(),
            min_replicas_to_write: 0,
            min_replicas_max_lag: secs(10),
            repl_diskless_load: DisklessLoad::Disabled,
            propagation_error_behavior: PropagationError::Ignore,
            repl_disable_tcp_nodelay: false,
            shutdown_timeout: secs(10),
            shutdown_on_sigterm: ShutdownOptions::default(),
            shutdown_on_sigint: ShutdownOptions::default(),
            hash_max_listpack_entries: 512,
            hash_max_listpack_value: 64,
            list_max_listpack_size: -2,
            set_max_intset_entries: 512,
            zset_max_listpack_entries: 128,
            zset_max_listpack_value: 64,
            rdb_key_save_delay: 0,
            key_load_delay: 0,
            loading_process_events_interval_bytes: 2 * MB,
            enable_debug_command: Access::No,
            enable_protected_configs: Access::No,
            slowlog_log_slower_than: 10_000,
            slowlog_max_len: 128,
            latency_monitor_threshold: 0,
            latency_tracking: true,
            latency_tracking_info_percentiles: "50 99 99.9".to_owned(),
            notify_keyspace_events: EventClasses::NONE,
            tls: Tls::default(),
            users: Vec::new(),
            renamed_commands: Vec::new(),
            kept: Kept::default(),
        }
    }
}

#[cfg(test)]
mod tests;
