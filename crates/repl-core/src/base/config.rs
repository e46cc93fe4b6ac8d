//! Configuration: the directives of `redis.conf` that the node acts on, with Redis' names and defaults.

use alloc::{string::String, vec::Vec};
use core::time::Duration;

use super::ids::Endpoint;

/// When a client's pending output closes it: at `hard` bytes at once, above `soft` bytes for `soft_after`.
/// Zero means no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputLimit {
    /// Bytes; zero for none.
    pub hard_bytes: u64,
    /// Bytes; zero for none.
    pub soft_bytes: u64,
    /// How long `soft_bytes` may be exceeded.
    pub soft_after: Duration,
}

/// Every directive the node knows.
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
    /// `replicaof`: the master to follow from the start.
    pub replicaof: Option<Endpoint>,
    /// `replica-serve-stale-data`.
    pub replica_serve_stale_data: bool,
    /// `replica-read-only`.
    pub replica_read_only: bool,
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
}

impl Default for Config {
    fn default() -> Self {
        const MB: u64 = 1024 * 1024;
        let secs = Duration::from_secs;
        Self {
            port: 6379,
            databases: 16,
            requirepass: String::new(),
            masterauth: String::new(),
            masteruser: String::new(),
            replicaof: None,
            replica_serve_stale_data: true,
            replica_read_only: true,
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
            output_limit_normal: OutputLimit { hard_bytes: 0, soft_bytes: 0, soft_after: secs(0) },
            output_limit_replica: OutputLimit {
                hard_bytes: 256 * MB,
                soft_bytes: 64 * MB,
                soft_after: secs(60),
            },
            output_limit_pubsub: OutputLimit {
                hard_bytes: 32 * MB,
                soft_bytes: 8 * MB,
                soft_after: secs(60),
            },
            client_query_buffer_limit: 1024 * MB,
            proto_max_bulk_len: 512 * MB,
            maxclients: 10_000,
            timeout: secs(0),
            hz: 10,
            rdbcompression: true,
            rdbchecksum: true,
            save: Vec::new(),
        }
    }
}
