//! A client that listens to channels: by name or by pattern, in RESP2 or RESP3, for a while, over
//! one connection after another. Or to what happens to keys, over one.

use std::{rc::Rc, time::Duration};

use super::{
    Client, Lost, Reply,
    workload::{Batch, CHANNEL_COUNT, Kind, channel},
};
use crate::{
    alarm::{Alarm, within},
    invariants::{Message, Topics},
};

/// How long a listener listens over one connection.
const STAY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(40));

/// How long it rests before it comes back.
const REST: (Duration, Duration) = (Duration::ZERO, Duration::from_secs(2));

impl Client {
    /// Listens until the run is so old.
    pub async fn listen(&mut self, until: Duration) {
        let world = Rc::clone(&self.world);
        let time = world.net.time();
        while time.elapsed() < until {
            if self.connect().await.is_ok() {
                let left = until.saturating_sub(time.elapsed());
                let stay = self.pace.span(STAY.0, STAY.1).min(left);
                let _ = within(time, stay, self.listen_here()).await;
                let judged = world.evidence.judge.borrow_mut().on_deaf(self.host, world.net.now());
                self.report(judged);
                let _: Result<(), Lost> = self.lose();
            }
            Alarm::after(time, self.pace.span(REST.0, REST.1)).await;
        }
    }

    /// From here on this client hears what happens to keys (`notify-keyspace-events`), and says
    /// nothing else.
    ///
    /// # Errors
    /// The connection was lost.
    pub async fn listen_to_keys(&mut self) -> Result<(), Lost> {
        self.call(&["PSUBSCRIBE", "__keyevent@*"]).await.map(drop)
    }

    /// What has happened to keys since it was last asked: the event and the key.
    ///
    /// # Errors
    /// The connection was lost, and with it what was heard.
    pub async fn heard_of_keys(&mut self) -> Result<Vec<(String, String)>, Lost> {
        let mut batch = Batch::default();
        batch.push(Kind::Session, &[b"PING"]);
        self.write_all(&batch.bytes).await?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut heard = Vec::new();
        loop {
            for reply in self.read_some().await? {
                let Reply::Array(Some(items)) = reply else { return self.lose() };
                let [.., Reply::Bulk(Some(channel)), Reply::Bulk(Some(key))] = items.as_slice()
                else {
                    return self.lose();
                };
                if channel == b"pong" {
                    return Ok(heard);
                }
                let channel = text(channel);
                let event = channel.split_once("__:").map_or("", |(_, event)| event);
                heard.push((event.to_owned(), text(key)));
            }
        }
    }

    /// Listens over this connection until it is lost.
    async fn listen_here(&mut self) -> Result<(), Lost> {
        let mut batch = Batch::default();
        if self.pace.once_in(2) {
            batch.push(Kind::Session, &[b"HELLO", b"3"]);
        }
        let topics = if self.pace.once_in(3) {
            let pattern = *self.pace.pick(&["news:*", "n*", "*:?", "news:[0-9]"]);
            batch.push(Kind::Session, &[b"PSUBSCRIBE", pattern.as_bytes()]);
            Topics::All
        } else {
            let first = self.pace.between(0, CHANNEL_COUNT - 1);
            let mut channels = vec![channel(first)];
            if self.pace.once_in(2) {
                channels.push(channel((first + 1) % CHANNEL_COUNT));
            }
            let mut words: Vec<&[u8]> = vec![b"SUBSCRIBE"];
            words.extend(channels.iter().map(Vec::as_slice));
            batch.push(Kind::Session, &words);
            Topics::Channels(channels)
        };
        let judge = &Rc::clone(&self.world).evidence.judge;
        judge.borrow_mut().on_listen(self.host, self.machine.index, topics);
        self.write_all(&batch.bytes).await?;
        loop {
            for reply in self.read_some().await? {
                self.hear(&reply);
            }
        }
    }

    fn hear(&self, reply: &Reply) {
        let Reply::Array(Some(items)) = reply else {
            return self.broken("known-replies", "a message", format!("{reply:?}"));
        };
        let (channel, text) = match items.as_slice() {
            [Reply::Bulk(Some(kind)), Reply::Bulk(Some(channel)), Reply::Bulk(Some(text))]
                if kind == b"message" =>
            {
                (channel, text)
            }
            [
                Reply::Bulk(Some(kind)),
                Reply::Bulk(Some(_)),
                Reply::Bulk(Some(channel)),
                Reply::Bulk(Some(text)),
            ] if kind == b"pmessage" => (channel, text),
            // A confirmation, or the greeting of HELLO.
            _ => return,
        };
        let Some(message) = Message::parse(channel, text) else {
            return self.broken("known-replies", "a message of ours", format!("{reply:?}"));
        };
        let heard = self.world.evidence.judge.borrow_mut().on_heard(self.host, &message);
        self.report(heard);
    }
}
