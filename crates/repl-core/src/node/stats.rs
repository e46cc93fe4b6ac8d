//! What the node counts, for `INFO stats` and for observers.

/// Counters since the boot or `CONFIG RESETSTAT`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Connections accepted.
    pub connections: u64,
    /// Connections refused because of `maxclients`.
    pub rejected_connections: u64,
    /// Commands executed, those of our master included.
    pub commands: u64,
    /// Times that something was read from a connection.
    pub reads: u64,
    /// Times that something was sent on a connection.
    pub writes: u64,
    /// Bytes read from clients.
    pub net_input_bytes: u64,
    /// Bytes sent to clients.
    pub net_output_bytes: u64,
    /// Bytes read from our master.
    pub net_repl_input_bytes: u64,
    /// Bytes sent to our replicas.
    pub net_repl_output_bytes: u64,
    /// Full synchronisations granted to replicas.
    pub sync_full: u64,
    /// Partial synchronisations granted to replicas.
    pub sync_partial_ok: u64,
    /// Partial synchronisations refused to replicas.
    pub sync_partial_err: u64,
    /// Keys deleted because their time had passed.
    pub expired_keys: u64,
    /// What the expiry cycle took, in nanoseconds.
    pub expiry_nanos: u64,
    /// Errors replied to clients.
    pub error_replies: u64,
    /// Errors that commands of our master's stream gave: each is a divergence.
    pub unexpected_error_replies: u64,
    /// Connections closed because they held more output than their limit allows.
    pub output_limit_disconnections: u64,
    /// Changes since the boot, as `rdb_changes_since_last_save` shows them.
    pub changes: u64,
}

impl Stats {
    /// So many bytes of our master's were words of the handshake. Like the answers to those of our
    /// replicas they are no part of what is replicated.
    pub(super) fn recount_handshake(&mut self, count: u64) {
        // The counters may have been reset since the bytes came.
        let moved = count.min(self.net_repl_input_bytes);
        self.net_repl_input_bytes -= moved;
        self.net_input_bytes += moved;
    }
}
