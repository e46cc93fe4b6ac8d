//! What our master hears of us: acknowledgements, and signs of life.

use super::{Node, following::Resume};
use crate::{
    base::{ids::ConnId, time::Now},
    marks::Mark,
    repl::replica::{Link, LinkError},
    resp::encode_command,
};

/// Signs of life that a master does not read are not heaped up beyond this.
const UNREAD_ACK_BYTES: usize = 16 * 1024;

impl Node {
    /// `REPLCONF ACK`: how far we have come.
    pub(super) fn send_ack(&mut self) {
        let offset = self.history.offset();
        let Some(following) = &self.following else { return };
        let Link::Streaming { conn: id, .. } = following.link else { return };
        let Some(conn) = self.conns.get_mut(id) else { return };
        if conn.outbox.pending().len() > UNREAD_ACK_BYTES {
            return;
        }
        let mut digits = itoa::Buffer::new();
        let offset = digits.format(offset).as_bytes();
        encode_command(conn.outbox.writer(), [b"REPLCONF".as_slice(), b"ACK", offset]);
        self.wake(id);
    }

    /// A sign of life while a payload is being loaded: a master takes silence for death.
    fn send_newline(&mut self, id: ConnId) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        if conn.outbox.pending().len() < UNREAD_ACK_BYTES {
            conn.outbox.writer().push(b'\n');
            self.marks.hit(Mark::NewlineWhileLoading);
            self.wake(id);
        }
    }

    /// Once a second.
    pub(super) fn link_cron(&mut self, now: Now) {
        let Some(following) = &self.following else { return };
        let silent_for = now.mono.since(following.last_io_at);
        let has_conn = following.link.conn().is_some();
        if has_conn && silent_for > self.config.repl_timeout {
            let doing = following.link.doing();
            self.link_failed(now, LinkError::Timeout(doing));
            return;
        }
        match following.link {
            Link::Loading { conn, .. } => self.send_newline(conn),
            // A master that knows no PSYNC got its first acknowledgement and wants no more.
            Link::Streaming { .. } if matches!(following.resume, Resume::FromScratch(_)) => {}
            Link::Streaming { .. } => self.send_ack(),
            Link::Waiting { .. } | Link::Dialing { .. } | Link::Greeting { .. } => {}
        }
    }
}
