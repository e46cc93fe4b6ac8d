//! A client that takes its time between the commands of a transaction, in which its node may become
//! something else; and one that writes to a replica what nobody shall ever see.

use std::time::Duration;

use super::{
    Client,
    workload::{Batch, Kind},
};
use crate::alarm::Alarm;

/// How long a transaction is left open.
const OPEN_FOR: (Duration, Duration) = (Duration::ZERO, Duration::from_millis(1_500));

impl Client {
    /// A transaction that is ended a while after it was begun. Gives how many requests were
    /// answered.
    pub(super) async fn dawdle(&mut self) -> usize {
        let key = format!("key:{}", self.pace.between(0, 9));
        let mut begins = Batch::default();
        begins.push(Kind::Session, &[b"MULTI"]);
        begins.push(Kind::Session, &[b"APPEND", key.as_bytes(), b"x"]);
        begins.push(Kind::Session, &[b"SADD", b"set:0", key.as_bytes()]);
        let Ok(begun) = self.exchange(&begins).await else { return 0 };
        let rest = self.pace.span(OPEN_FOR.0, OPEN_FOR.1);
        Alarm::after(self.world.net.time(), rest).await;
        let mut ends = Batch::default();
        // Whatever the node was when it took the commands: it is a write now.
        ends.push(Kind::Write, &[b"EXEC"]);
        let ended = self.exchange(&ends).await.map_or(0, |replies| replies.len());
        begun.len() + ended
    }

    /// At a replica that takes writes, a key that is gone before anybody could have read it: the
    /// dataset stays what the master's history says, and the history must, too. Gives how many
    /// requests were answered.
    pub(super) async fn write_for_nobody(&mut self) -> usize {
        let mut batch = Batch::default();
        batch.push(Kind::Session, &[b"MULTI"]);
        batch.push(Kind::Session, &[b"SET", b"local", b"1"]);
        batch.push(Kind::Session, &[b"DEL", b"local"]);
        batch.push(Kind::Session, &[b"EXEC"]);
        self.exchange(&batch).await.map_or(0, |replies| replies.len())
    }
}
