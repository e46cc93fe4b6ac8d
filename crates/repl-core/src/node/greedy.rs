//! Clients that ask for more than they read: how much they may leave unread, and their end.

use alloc::format;

use super::{Node, requests::Standing};
use crate::{
    base::{ids::ConnId, time::Now},
    conn::{Client, Login},
    io::Level,
};

/// Replies that a client may leave unread before it has given the password.
// redis: CVE-2025-21605
const STRANGER_UNREAD_BYTES: u64 = 1024;

impl Node {
    /// How many bytes of replies a client may leave unread.
    pub(super) fn unread_max(&self, login: Login, client: &Client) -> u64 {
        let limit = match client.subscriptions {
            None => &self.config.output_limit_normal,
            Some(_) => &self.config.output_limit_pubsub,
        };
        match (login, limit.hard_bytes) {
            (Login::Stranger, _) => STRANGER_UNREAD_BYTES,
            (Login::Known, 0) => u64::MAX,
            (Login::Known, hard) => hard,
        }
    }

    /// Whether a client leaves more unread than it may.
    pub(super) fn is_greedy(&self, id: ConnId) -> bool {
        let aside = self.aside_bytes(id);
        let is_over = |it: Standing| it.unread_bytes.saturating_add(aside) > it.unread_max;
        self.standing(id).is_some_and(is_over)
    }

    /// `client-output-buffer-limit`: a client asks for more than it reads.
    pub(super) fn close_greedy_client(&mut self, now: Now, id: ConnId) {
        let Some(conn) = self.conns.get(id) else { return };
        let name = format!("{}:{}", conn.peer.ip, conn.peer.port);
        self.stats.output_limit_disconnections += 1;
        self.log(
            Level::Warning,
            format!(
                "Client {name} scheduled to be closed ASAP for overcoming of output buffer limits."
            ),
        );
        self.close(now, id);
    }
}
