//! The rows that have a field in `Config`: what the node or the process around it acts on.

use alloc::string::String;
use core::time::Duration;

use super::{BYTES_MAX, INT_MAX, row};
use crate::base::config::{
    choice::{Access, DisklessLoad, LogLevel, PropagationError},
    directive::{
        Directive,
        Effect::{Host, Inert, Node, Server},
        Field, Kind, Words,
    },
    error::Reason,
    lines, words,
};

/// Below this a backlog is of no use: smaller values are raised, as in Redis.
const BACKLOG_BYTES_MIN: u64 = 16 * 1024;
/// Redis' bounds of `hz`; values outside are moved to them.
const HZ_MIN: i64 = 1;
const HZ_MAX: i64 = 500;
/// `unixsocketperm` ends here.
const PERMISSIONS_MAX: u32 = 0o777;
/// `client-query-buffer-limit` and `proto-max-bulk-len` begin here.
const MB: u64 = 1024 * 1024;

macro_rules! shutdown_options {
    ($field:ident, $name:literal) => {
        Kind::Words(Words {
            show: |c| words::show_shutdown_options(c.$field),
            take: |c, args, _| {
                c.$field = words::shutdown_options(args)?;
                Ok(())
            },
            lines: |c| lines::shown($name, |c| words::show_shutdown_options(c.$field), c),
        })
    };
}

fn file_name(text: &str) -> Result<(), Reason> {
    if text.contains('/') {
        return Err(Reason::Other("dbfilename can't be a path, just a filename"));
    }
    Ok(())
}

/// What the process around the node acts on.
pub(super) static PROCESS: &[Directive] = &[
    row(
        "port",
        Server,
        number!(port, 0, 65535),
        "TCP port; announced to the master; 0: do not listen.",
    )
    .at_boot(),
    row(
        "bind",
        Server,
        Kind::Words(Words { show: words::show_bind, take: words::take_bind, lines: lines::bind }),
        "Addresses to listen on; one with a leading - may be missing.",
    )
    .at_boot(),
    row("unixsocket", Server, text!(unixsocket), "Unix socket to listen on as well; empty: none.")
        .at_boot(),
    row(
        "unixsocketperm",
        Server,
        Kind::Words(Words {
            show: |c| words::show_octal(c.unixsocketperm),
            take: |c, args, _| {
                c.unixsocketperm = words::octal(args, PERMISSIONS_MAX)?;
                Ok(())
            },
            lines: |c| lines::shown("unixsocketperm", |c| words::show_octal(c.unixsocketperm), c),
        }),
        "Permissions of the Unix socket, octal; 0: what the process' umask leaves.",
    )
    .at_boot(),
    row(
        "tcp-backlog",
        Server,
        number!(tcp_backlog, 0, INT_MAX),
        "Connections that may wait to be accepted.",
    )
    .at_boot(),
    row(
        "tcp-keepalive",
        Server,
        seconds!(tcp_keepalive, 0, INT_MAX),
        "Seconds until a silent connection is probed; read at boot.",
    ),
    row("loglevel", Server, choice!(loglevel, LogLevel), "The quietest line that is still logged."),
    row("logfile", Server, text!(logfile), "Where the log goes; empty: standard output.").at_boot(),
    row("pidfile", Server, text!(pidfile), "File to write the process id to.").at_boot(),
    row(
        "always-show-logo",
        Server,
        yes_no!(always_show_logo),
        "Say at boot in one more line of the log what runs: mode, port, process id.",
    )
    .at_boot(),
    row("dir", Host, text!(dir), "Working directory, entered at boot and when it is set.")
        .protected(),
    row(
        "jemalloc-bg-thread",
        Server,
        yes_no!(jemalloc_bg_thread),
        "A thread returns freed memory to the system while the server has nothing to do.",
    ),
];

/// What the node acts on, replication aside.
pub(super) static NODE: &[Directive] = &[
    row("databases", Node, number!(databases, 1, INT_MAX), "Number of databases.").at_boot(),
    row("requirepass", Node, text!(requirepass), "Password of the default user; empty: none."),
    row(
        "protected-mode",
        Node,
        yes_no!(protected_mode),
        "Refuse clients of other hosts while no password is set.",
    ),
    row("maxclients", Node, number!(maxclients, 1, 4_294_967_295), "Most clients at a time."),
    row(
        "notify-keyspace-events",
        Node,
        Kind::Words(Words {
            show: |c| c.notify_keyspace_events.shown(),
            take: words::take_event_classes,
            lines: lines::event_classes,
        }),
        "Which events of keys are published, as letters; none without K or E.",
    ),
    row("timeout", Node, seconds!(timeout, 0, INT_MAX), "Seconds until an idle client is closed."),
    row(
        "hz",
        Node,
        Kind::Number {
            min: 0,
            max: INT_MAX,
            field: Field {
                get: |c| c.hz.into(),
                set: |c, hz| c.hz = hz.clamp(HZ_MIN, HZ_MAX).try_into().unwrap_or(c.hz),
            },
        },
        "Turns of the periodic work a second; moved into 1..500.",
    ),
    row(
        "client-output-buffer-limit",
        Node,
        Kind::Words(Words {
            show: words::show_output_limits,
            take: words::take_output_limits,
            lines: lines::output_limits,
        }),
        "Pending output that closes a client: class, hard bytes, soft bytes, soft seconds.",
    ),
    row(
        "client-query-buffer-limit",
        Node,
        memory!(client_query_buffer_limit, MB),
        "Most bytes of one client's unfinished request.",
    ),
    row("proto-max-bulk-len", Node, memory!(proto_max_bulk_len, MB), "Most bytes of one argument."),
    row(
        "save",
        Node,
        Kind::Words(Words { show: words::show_save, take: words::take_save, lines: lines::save }),
        "Seconds and changes after which the dataset is saved; empty: only when asked for.",
    ),
    row(
        "dbfilename",
        Node,
        text!(dbfilename, file_name),
        "Name of the snapshot file, in the working directory.",
    )
    .protected(),
    row(
        "stop-writes-on-bgsave-error",
        Node,
        yes_no!(stop_writes_on_bgsave_error),
        "Refuse writes while there are save points and the last save failed.",
    ),
    row("rdbcompression", Node, yes_no!(rdbcompression), "Compress strings of a snapshot."),
    row("rdbchecksum", Node, yes_no!(rdbchecksum), "End a snapshot with its checksum.").at_boot(),
    row(
        "shutdown-timeout",
        Node,
        seconds!(shutdown_timeout, 0, INT_MAX),
        "Seconds a shutdown waits for replicas that lag; 0: it does not wait.",
    ),
    row(
        "shutdown-on-sigterm",
        Node,
        shutdown_options!(shutdown_on_sigterm, "shutdown-on-sigterm"),
        "Options of the SHUTDOWN that SIGTERM means.",
    ),
    row(
        "shutdown-on-sigint",
        Node,
        shutdown_options!(shutdown_on_sigint, "shutdown-on-sigint"),
        "Options of the SHUTDOWN that SIGINT means.",
    ),
    row(
        "rdb-key-save-delay",
        Node,
        number!(rdb_key_save_delay, -INT_MAX - 1, INT_MAX),
        "Microseconds each key of a full sync takes longer to send; for tests.",
    )
    .hidden(),
    row(
        "key-load-delay",
        Node,
        number!(key_load_delay, -INT_MAX - 1, INT_MAX),
        "Microseconds each key of a full sync or file takes longer to load; for tests.",
    )
    .hidden(),
    row(
        "loading-process-events-interval-bytes",
        Server,
        number!(loading_process_events_interval_bytes, 1024, INT_MAX),
        "At boot no client is served before so much of the file is loaded.",
    )
    .hidden(),
    row("enable-debug-command", Node, choice!(enable_debug_command, Access), "Who may use DEBUG.")
        .at_boot(),
    row(
        "enable-protected-configs",
        Node,
        choice!(enable_protected_configs, Access),
        "Whether CONFIG SET may change protected directives; local counts as no.",
    )
    .at_boot(),
];

/// When values leave their compact form.
pub(super) static ENCODINGS: &[Directive] = &[
    row(
        "hash-max-listpack-entries",
        Node,
        number!(hash_max_listpack_entries, 0, i64::MAX),
        "Most fields of a compact hash.",
    )
    .alias("hash-max-ziplist-entries"),
    row(
        "hash-max-listpack-value",
        Node,
        memory!(hash_max_listpack_value, 0),
        "Most bytes of a field or value of a compact hash.",
    )
    .alias("hash-max-ziplist-value"),
    row(
        "list-max-listpack-size",
        Node,
        number!(list_max_listpack_size, -INT_MAX - 1, INT_MAX),
        "Size of a list's pieces: -1 to -5: 4 to 64 KB; others: that many elements.",
    )
    .alias("list-max-ziplist-size"),
    row(
        "set-max-intset-entries",
        Node,
        number!(set_max_intset_entries, 0, i64::MAX),
        "Most members of a set of sorted integers.",
    ),
    row(
        "zset-max-listpack-entries",
        Node,
        number!(zset_max_listpack_entries, 0, i64::MAX),
        "Most members of a compact sorted set.",
    )
    .alias("zset-max-ziplist-entries"),
    row(
        "zset-max-listpack-value",
        Node,
        memory!(zset_max_listpack_value, 0),
        "Most bytes of a member of a compact sorted set.",
    )
    .alias("zset-max-ziplist-value"),
];

/// What measures commands.
pub(super) static MEASURES: &[Directive] = &[
    row(
        "slowlog-log-slower-than",
        Node,
        number!(slowlog_log_slower_than, -1, i64::MAX),
        "Microseconds from which a command is put into the slow log; 0: each is; -1: none.",
    ),
    row(
        "slowlog-max-len",
        Node,
        number!(slowlog_max_len, 0, i64::MAX),
        "Most commands the slow log holds.",
    ),
    row(
        "latency-monitor-threshold",
        Node,
        number!(latency_monitor_threshold, 0, i64::MAX),
        "Milliseconds from which LATENCY remembers an event; 0: none.",
    ),
    row(
        "latency-tracking",
        Node,
        yes_no!(latency_tracking),
        "Keep the distribution of the times that each command took.",
    ),
    row(
        "latency-tracking-info-percentiles",
        Node,
        Kind::Words(Words {
            show: words::show_percentiles,
            take: words::take_percentiles,
            lines: lines::percentiles,
        }),
        "Percentiles that INFO latencystats shows.",
    ),
];

/// What replication acts on.
pub(super) static REPLICATION: &[Directive] = &[
    row(
        "replicaof",
        Node,
        Kind::Words(Words {
            show: words::show_replicaof,
            take: words::take_replicaof,
            lines: lines::replicaof,
        }),
        "Host and port of the master to follow from the start.",
    )
    .alias("slaveof")
    .at_boot(),
    row("masterauth", Node, text!(masterauth), "Password to give to the master."),
    row("masteruser", Node, text!(masteruser), "User to give to the master; empty: default."),
    row(
        "replica-serve-stale-data",
        Node,
        yes_no!(replica_serve_stale_data),
        "Answer clients while the link to the master is down.",
    )
    .alias("slave-serve-stale-data"),
    row(
        "replica-read-only",
        Node,
        yes_no!(replica_read_only),
        "Clients of a replica cannot write.",
    )
    .alias("slave-read-only"),
    row(
        "replica-priority",
        Node,
        number!(replica_priority, 0, INT_MAX),
        "Sentinel promotes the lowest; 0: never.",
    )
    .alias("slave-priority"),
    row(
        "repl-sync-slows-writes",
        Node,
        yes_no!(repl_sync_slows_writes),
        "Writes wait for part of the time when a full sync could not finish otherwise.",
    ),
    row(
        "replica-refuse-empty-master",
        Node,
        yes_no!(replica_refuse_empty_master),
        "A full sync is refused that comes from a master that lost its dataset; see DEVIATIONS.md.",
    ),
    row("replica-announced", Node, yes_no!(replica_announced), "Sentinel lists this replica."),
    row(
        "replica-announce-ip",
        Node,
        text!(replica_announce_ip),
        "Address to announce to the master; empty: the connection's.",
    )
    .alias("slave-announce-ip"),
    row(
        "replica-announce-port",
        Node,
        number!(replica_announce_port, 0, 65535),
        "Port to announce to the master; 0: the listening one.",
    )
    .alias("slave-announce-port"),
    row(
        "repl-backlog-size",
        Node,
        Kind::Memory {
            min: 1,
            max: BYTES_MAX,
            field: Field {
                get: |c| c.repl_backlog_size,
                set: |c, bytes| c.repl_backlog_size = bytes.max(BACKLOG_BYTES_MIN),
            },
        },
        "Bytes of history kept for replicas that come back; at least 16 KB.",
    ),
    row(
        "repl-backlog-ttl",
        Node,
        seconds!(repl_backlog_ttl, 0, i64::MAX),
        "Seconds without replicas until the backlog is freed; 0: never.",
    ),
    row(
        "repl-timeout",
        Node,
        seconds!(repl_timeout, 1, INT_MAX),
        "Seconds of silence until a replication link is given up.",
    ),
    row(
        "repl-ping-replica-period",
        Node,
        seconds!(repl_ping_replica_period, 1, INT_MAX),
        "Seconds between the PINGs of a master.",
    )
    .alias("repl-ping-slave-period"),
    row(
        "repl-diskless-sync",
        Node,
        yes_no!(repl_diskless_sync),
        "Send snapshots in the form of unknown length.",
    ),
    row(
        "repl-diskless-sync-delay",
        Node,
        seconds!(repl_diskless_sync_delay, 0, INT_MAX),
        "Seconds to wait for more replicas before a snapshot.",
    ),
    row(
        "repl-diskless-sync-max-replicas",
        Node,
        number!(repl_diskless_sync_max_replicas, 0, INT_MAX),
        "Replicas that end that wait early; 0: none.",
    ),
    row(
        "repl-diskless-load",
        Inert,
        choice!(repl_diskless_load, DisklessLoad),
        "How a replica takes in a snapshot: always straight from the socket here.",
    ),
    row(
        "propagation-error-behavior",
        Node,
        choice!(propagation_error_behavior, PropagationError),
        "What a read-only replica does when a command of its master fails.",
    ),
    row(
        "repl-disable-tcp-nodelay",
        Inert,
        yes_no!(repl_disable_tcp_nodelay),
        "Let the kernel gather small packets to replicas: never done here.",
    ),
    row(
        "min-replicas-to-write",
        Node,
        number!(min_replicas_to_write, 0, INT_MAX),
        "Refuse writes with fewer good replicas; 0: none is refused.",
    )
    .alias("min-slaves-to-write"),
    row(
        "min-replicas-max-lag",
        Node,
        seconds!(min_replicas_max_lag, 0, INT_MAX),
        "Seconds of silence after which a replica is no good one; 0: no write is refused.",
    )
    .alias("min-slaves-max-lag"),
];
