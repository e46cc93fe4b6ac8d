//! A tap on the simulated network: what nodes send one another, with the moments at which it left
//! and arrived.
//!
//! It sees the bytes that a writer hands to its socket and counts the bytes that the reader takes
//! from the other one, so a message is received when the reader has its last byte: what is chopped,
//! held up or lost on the way is told as it is.

use std::{
    collections::{BTreeMap, VecDeque},
    io::IoSlice,
};

use repl_core::base::time::Instant;

use super::{
    Kind, LinkChange, Message, Passage,
    wire::{Parser, Said, Way},
};
use crate::net::{ConnKey, HostId, Side};

/// One direction of one connection.
#[derive(Debug)]
struct Line {
    from: usize,
    to: usize,
    parser: Parser,
    read: u64,
    /// What has not arrived: where it ends, and its place among the messages.
    under_way: VecDeque<(u64, usize)>,
    /// A snapshot that is being sent.
    snapshot: Option<usize>,
}

/// See this file's header.
#[derive(Debug, Default)]
pub(crate) struct Tap {
    /// The node that runs on a host.
    nodes: BTreeMap<HostId, usize>,
    lines: BTreeMap<(ConnKey, Side), Line>,
    messages: Vec<Message>,
    links: Vec<LinkChange>,
}

impl Tap {
    /// A node runs on this host.
    pub(crate) fn add_node(&mut self, host: HostId) {
        self.nodes.insert(host, self.nodes.len());
    }

    /// What was heard so far.
    pub(crate) fn take(&mut self) -> (Vec<Message>, Vec<LinkChange>) {
        let mut messages = std::mem::take(&mut self.messages);
        messages.sort_by_key(|message| message.sent_at);
        (messages, std::mem::take(&mut self.links))
    }

    /// The first `taken` bytes of `from` were written.
    pub(crate) fn on_write(
        &mut self,
        now: Instant,
        (conn, side): (ConnKey, Side),
        (from, to): (HostId, HostId),
        parts: &[IoSlice<'_>],
        taken: usize,
    ) {
        let (Some(&from), Some(&to)) = (self.nodes.get(&from), self.nodes.get(&to)) else { return };
        let way = if side == Side::Dialer { Way::Up } else { Way::Down };
        let asked = self.asked(conn, side);
        let line = self.lines.entry((conn, side)).or_insert_with(|| Line {
            from,
            to,
            parser: Parser::new(way),
            read: 0,
            under_way: VecDeque::new(),
            snapshot: None,
        });
        let mut bytes = Vec::with_capacity(taken);
        for part in parts {
            let count = part.len().min(taken - bytes.len());
            bytes.extend_from_slice(&part[..count]);
        }
        if line.parser.offset.is_none() {
            line.parser.offset = asked;
        }
        for said in line.parser.feed(&bytes) {
            line.say(&mut self.messages, conn, now, said);
        }
        line.note_snapshot(&mut self.messages, conn, now);
    }

    /// The first byte that the replica asked for, for the end that answers.
    fn asked(&self, conn: ConnKey, side: Side) -> Option<u64> {
        match side {
            Side::Acceptor => self.lines.get(&(conn, Side::Dialer))?.parser.offset,
            Side::Dialer => None,
        }
    }

    /// The other end of `writer` has read so many bytes more.
    pub(crate) fn on_read(&mut self, now: Instant, conn: ConnKey, writer: Side, count: usize) {
        let Some(line) = self.lines.get_mut(&(conn, writer)) else { return };
        line.read += count as u64;
        while let Some(&(end, message)) = line.under_way.front()
            && end <= line.read
        {
            line.under_way.pop_front();
            self.messages[message].received_at = Some(now);
        }
    }

    /// One direction is another one now.
    pub(crate) fn on_link(&mut self, at: Instant, from: HostId, to: HostId, passage: Passage) {
        if let (Some(&from), Some(&to)) = (self.nodes.get(&from), self.nodes.get(&to))
            && from != to
        {
            self.links.push(LinkChange { at, from, to, passage });
        }
    }
}

impl Line {
    fn say(&mut self, messages: &mut Vec<Message>, conn: ConnKey, now: Instant, said: Said) {
        let Said { kind, text, end, bytes, offsets } = said;
        let begun = if kind == Kind::Snapshot { self.snapshot.take() } else { None };
        let place = begun.unwrap_or(messages.len());
        let sent_at = begun.map_or(now, |begun| messages[begun].sent_at);
        let (from, to) = (self.from, self.to);
        let left_at = Some(now);
        let received_at = None;
        let message =
            Message { conn, from, to, kind, text, bytes, offsets, sent_at, left_at, received_at };
        match messages.get_mut(place) {
            Some(begun) => *begun = message,
            None => messages.push(message),
        }
        self.under_way.push_back((end, place));
    }

    /// A snapshot that has begun is a message from its first byte on.
    fn note_snapshot(&mut self, messages: &mut Vec<Message>, conn: ConnKey, now: Instant) {
        let Some(bytes) = self.parser.open_snapshot() else { return };
        let place = *self.snapshot.get_or_insert(messages.len());
        let text = format!("snapshot, {bytes} bytes, broken off");
        if let Some(begun) = messages.get_mut(place) {
            (begun.text, begun.bytes) = (text, bytes);
            return;
        }
        messages.push(Message {
            conn,
            from: self.from,
            to: self.to,
            kind: Kind::Snapshot,
            text,
            bytes,
            offsets: None,
            sent_at: now,
            left_at: None,
            received_at: None,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Network;

    const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";

    fn at(nanos: u64) -> Instant {
        Instant::from_nanos(nanos)
    }

    /// A tap on two nodes, and their hosts.
    fn tap() -> (Tap, (HostId, HostId)) {
        let mut network = Network::new(1);
        let hosts = (network.add_host("n1", "10.0.0.1"), network.add_host("n2", "10.0.0.2"));
        let mut tap = Tap::default();
        tap.add_node(hosts.0);
        tap.add_node(hosts.1);
        (tap, hosts)
    }

    #[test]
    fn a_message_is_received_when_its_last_byte_is_read() {
        let (mut tap, hosts) = tap();
        let link = (7, Side::Dialer);
        tap.on_write(at(1), link, hosts, &[IoSlice::new(PING)], PING.len());
        // Of the second one only a part fits.
        tap.on_write(at(2), link, hosts, &[IoSlice::new(PING)], 5);
        tap.on_write(at(3), link, hosts, &[IoSlice::new(&PING[5..])], PING.len() - 5);
        tap.on_read(at(4), 7, Side::Dialer, PING.len() - 1);
        tap.on_read(at(5), 7, Side::Dialer, 1);
        tap.on_read(at(6), 7, Side::Dialer, PING.len() - 1);
        let (messages, _) = tap.take();
        let times = messages.iter().map(|message| (message.left_at, message.received_at));
        let times: Vec<_> = times.collect();
        assert_eq!(times, [(Some(at(1)), Some(at(5))), (Some(at(3)), None)]);
        assert_eq!((messages[0].from, messages[0].to), (0, 1));
    }

    #[test]
    fn a_snapshot_is_a_message_from_its_first_byte_on() {
        let (mut tap, hosts) = tap();
        let link = (7, Side::Acceptor);
        let head = format!("+FULLRESYNC {} 9\r\n$8\r\nsnap", "0".repeat(40));
        tap.on_write(at(1), link, hosts, &[IoSlice::new(head.as_bytes())], head.len());
        let broken = tap.messages.last().expect("it has begun");
        assert_eq!((broken.kind, broken.left_at), (Kind::Snapshot, None));
        assert_eq!(broken.text, "snapshot, 4 bytes, broken off");
        tap.on_write(at(2), link, hosts, &[IoSlice::new(b"shot")], 4);
        tap.on_read(at(3), 7, Side::Acceptor, head.len() + 4);
        let (messages, _) = tap.take();
        let whole = &messages[1];
        assert_eq!((whole.sent_at, whole.left_at), (at(1), Some(at(2))));
        assert_eq!((whole.received_at, whole.text.as_str()), (Some(at(3)), "snapshot, 8 bytes"));
    }
}
