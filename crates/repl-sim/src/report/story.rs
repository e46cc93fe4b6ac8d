//! What led to a failure: the past that could have had a part in it, and in it one chain of causes.
//!
//! An event can only have a part in a failure if it lies in its past: it happened earlier on the
//! same node, or a message connects the two. Of that past the story keeps what says something,
//! tells in one line what does not, and marks the chain: from the failure back to the last thing
//! that reached that node, from there to the node it came from, and so on.

use std::collections::{BTreeMap, BTreeSet};

use repl_core::{base::time::Instant, io::Level};

use super::text::{bytes, counted, cut};
use crate::{
    evidence::Failure,
    record::{Act, Event, Kind, Message, Operation, Outcome, Record, Role, State, What},
};

/// How many lines a story has.
const ROWS_MAX: usize = 42;

/// How many links a chain has.
const CHAIN_MAX: usize = 12;

/// Where something happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Nowhere, or at these nodes from outside.
    Lab(Vec<usize>),
    /// At a node.
    Node(usize),
    /// From one node to another one; it may have been lost.
    Between { from: usize, to: usize, arrived: bool },
}

/// What something is, as far as a reader's eye is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    Failure,
    Fault,
    Order,
    /// A node is another one now.
    Change,
    Decision,
    Log,
    /// A message of the protocol.
    Protocol(Kind),
    Stream,
    Request,
    /// Says nothing.
    Quiet,
    /// Several of what says nothing.
    Several,
}

/// One line of a story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) at: Instant,
    /// When it left, for a message.
    pub(super) left_at: Instant,
    pub(super) place: Place,
    pub(super) class: Class,
    pub(super) text: String,
    /// Part of the chain.
    pub(super) cause: bool,
}

/// See this file's header.
#[derive(Clone, Debug, Default)]
pub(super) struct Story {
    pub(super) rows: Vec<Row>,
    /// How many lines there were before these.
    pub(super) earlier: usize,
    /// The links of the chain, the failure last.
    pub(super) chain: Vec<Row>,
}

/// The story of a failure.
pub(super) fn story(record: &Record, failure: &Failure) -> Story {
    let mut rows = moments(record, failure);
    let node = failure.node.as_ref().and_then(|name| record.node(name));
    let node = node.or_else(|| record.nodes_in(&failure.actual).first().copied());
    if let Some(node) = node {
        let horizons = horizons(record, node, failure.at);
        rows.retain(|row| in_the_past(row, &horizons));
    }
    let chain = node.map(|node| mark_chain(&mut rows, node)).unwrap_or_default();
    let rows = gathered(record, rows);
    let earlier = rows.len().saturating_sub(ROWS_MAX);
    Story { rows: rows[earlier..].to_vec(), earlier, chain }
}

/// Until when what happened at each node lies in the past of (`node`, `at`).
fn horizons(record: &Record, node: usize, at: Instant) -> Vec<Option<Instant>> {
    let mut horizons = vec![None; record.nodes.len()];
    horizons[node] = Some(at);
    let mut received: Vec<&Message> = record.messages.iter().collect();
    received.retain(|message| message.received_at.is_some());
    received.sort_by_key(|message| message.received_at);
    for message in received.into_iter().rev() {
        if horizons[message.to] >= message.received_at {
            let left_at = message.left_at.unwrap_or(message.sent_at);
            horizons[message.from] = horizons[message.from].max(Some(left_at));
        }
    }
    horizons
}

fn in_the_past(row: &Row, horizons: &[Option<Instant>]) -> bool {
    match &row.place {
        Place::Lab(nodes) => {
            nodes.is_empty() || nodes.iter().any(|node| horizons[*node] >= Some(row.at))
        }
        Place::Node(node) => horizons[*node] >= Some(row.at),
        Place::Between { to, arrived: true, .. } => horizons[*to] >= Some(row.at),
        // What was lost is missing where it was sent to.
        Place::Between { from, arrived: false, .. } => horizons[*from] >= Some(row.at),
    }
}

/// Everything that was recorded up to the failure, by time.
fn moments(record: &Record, failure: &Failure) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut before: Vec<Option<State>> = vec![None; record.nodes.len()];
    // At one moment, what reaches a node comes before what the node makes of it.
    rows.extend(record.messages.iter().map(of_message));
    rows.extend(record.operations.iter().map(of_operation));
    for event in &record.events {
        rows.extend(of_event(record, event, &mut before));
    }
    rows.retain(|row| row.at <= failure.at);
    rows.sort_by_key(|row| row.at);
    let node = failure.node.as_ref().and_then(|name| record.node(name));
    rows.push(Row {
        at: failure.at,
        left_at: failure.at,
        place: node.map_or_else(|| Place::Lab(Vec::new()), Place::Node),
        class: Class::Failure,
        text: format!("{}: {}", failure.property, failure.actual),
        cause: true,
    });
    rows
}

fn of_event(record: &Record, event: &Event, before: &mut [Option<State>]) -> Option<Row> {
    let at = event.at;
    let row = |place, class, text| Some(Row { at, left_at: at, place, class, text, cause: false });
    let Some((node, state)) = event.node else {
        let (act, text) = event.what.act()?;
        let class = match act {
            Act::Fault => Class::Fault,
            Act::Order => Class::Order,
        };
        return row(Place::Lab(record.nodes_in(text)), class, text.to_owned());
    };
    let last = before[node].replace(state);
    let here = Place::Node(node);
    match &event.what {
        What::Booted => row(here, Class::Change, "a process begins, with nothing".to_owned()),
        What::Died => row(here, Class::Change, "the process is dead".to_owned()),
        What::Exited(status) => row(here, Class::Change, format!("exits with {status}")),
        What::Decided(text) => row(here, Class::Decision, text.clone()),
        What::Logged(Level::Notice | Level::Warning, text) => {
            row(here, Class::Log, format!("logs: {text}"))
        }
        What::Accepted
        | What::Connected
        | What::Closed
        | What::Received(_)
        | What::Sent(_)
        | What::Woken
        | What::Logged(..)
        | What::Fault(_)
        | What::Order(_)
        | What::Note(_)
        | What::Broken(_) => {
            let text = change(last?, state)?;
            row(here, Class::Change, text)
        }
    }
}

/// What is different about a node.
fn change(before: State, after: State) -> Option<String> {
    let id = |state: &State| state.replid.as_str()[..8].to_owned();
    if before.role != after.role {
        let role = match after.role {
            Role::Master => "becomes a master",
            Role::Replica => "becomes a replica",
        };
        return Some(format!("{role}, history {} at {}", id(&after), after.offset));
    }
    if before.replid != after.replid {
        return Some(format!("history {} becomes {} at {}", id(&before), id(&after), after.offset));
    }
    let tells = ["none", "sync", "connected"];
    let lost = before.link == "connected" || before.link == "sync";
    if before.link != after.link && (lost || tells.contains(&after.link)) {
        return Some(format!("link: {}, at {}", after.link, after.offset));
    }
    (after.offset < before.offset)
        .then(|| format!("offset falls from {} to {}", before.offset, after.offset))
}

fn of_message(message: &Message) -> Row {
    let Message { from, to, kind, sent_at, left_at, received_at, .. } = *message;
    let left_at = left_at.unwrap_or(sent_at);
    let at = received_at.unwrap_or(left_at);
    let class = match kind {
        Kind::Stream => Class::Stream,
        Kind::Ack | Kind::Keepalive | Kind::Handshake => Class::Quiet,
        Kind::Psync | Kind::FullResync | Kind::Continue | Kind::Snapshot | Kind::Error => {
            Class::Protocol(kind)
        }
    };
    let text = match message.offsets {
        Some((first, last)) => format!("bytes {first}-{last}: {}", message.text),
        None => message.text.clone(),
    };
    let arrived = received_at.is_some();
    Row { at, left_at, place: Place::Between { from, to, arrived }, class, text, cause: false }
}

fn of_operation(operation: &Operation) -> Row {
    let requests: Vec<String> =
        operation.requests.iter().take(3).map(|words| request_text(words)).collect();
    let more = operation.requests.len().saturating_sub(requests.len());
    let more = if more > 0 { format!(", +{more}") } else { String::new() };
    let lost = match &operation.outcome {
        Some((_, Outcome::Answered(_))) => "",
        Some((_, Outcome::Lost)) | None => " (no answer)",
    };
    Row {
        at: operation.at,
        left_at: operation.at,
        place: Place::Node(operation.node),
        class: Class::Request,
        text: format!("client {} asks: {}{more}{lost}", operation.client, requests.join(", ")),
        cause: false,
    }
}

fn request_text(words: &[Vec<u8>]) -> String {
    let words = words.iter().take(3).map(|word| cut(&word.escape_ascii().to_string(), 16));
    words.collect::<Vec<_>>().join(" ")
}

/// Marks the chain of causes, and gives it.
fn mark_chain(rows: &mut [Row], node: usize) -> Vec<Row> {
    let failure = rows.len() - 1;
    let mut chain = vec![failure];
    let mut walk = Walk { node, known: BTreeSet::from([node]), told: BTreeSet::new() };
    let mut end = failure;
    // What the node was handling when it broke counts, whatever it is.
    let failed_at = rows[failure].at;
    let handled = |row: &Row| {
        let decides = row.class == Class::Decision && row.place == Place::Node(node);
        row.at == failed_at && (decides || arrives(row, node))
    };
    let mut found = rows[..end].iter().rposition(handled);
    while chain.len() < CHAIN_MAX {
        found = found.or_else(|| rows[..end].iter().rposition(|row| walk.is_reached_by(row)));
        let Some(link) = found.take() else { break };
        chain.push(link);
        end = link;
        match rows[link].place {
            Place::Between { from, .. } if rows[link].class != Class::Stream => {
                let left_at = rows[link].left_at;
                end = rows[..link].partition_point(|row| row.at <= left_at);
                walk.node = from;
                walk.known.insert(from);
                walk.told.clear();
            }
            // A piece of the stream changes little: what came before it decided what it meant.
            Place::Between { from, .. } => {
                walk.known.insert(from);
                walk.told.insert(Class::Stream);
            }
            Place::Lab(_) | Place::Node(_) => {
                walk.told.insert(rows[link].class);
            }
        }
    }
    chain.reverse();
    chain.iter().for_each(|place| rows[*place].cause = true);
    chain.into_iter().map(|place| rows[place].clone()).collect()
}

/// Where the search for causes is.
struct Walk {
    node: usize,
    /// The nodes that have a part in it.
    known: BTreeSet<usize>,
    /// What was told of this node since the walk came to it.
    told: BTreeSet<Class>,
}

impl Walk {
    /// Whether a row had an effect on the node that is worth a link of the chain.
    fn is_reached_by(&self, row: &Row) -> bool {
        let here = match &row.place {
            Place::Between { .. } => arrives(row, self.node),
            Place::Node(at) => *at == self.node,
            // A link to somebody who has no part in it has none either.
            Place::Lab(nodes) => {
                nodes.contains(&self.node) && nodes.iter().all(|node| self.known.contains(node))
            }
        };
        let counts = match row.class {
            Class::Protocol(_) => true,
            Class::Fault | Class::Order | Class::Change | Class::Decision | Class::Stream => {
                !self.told.contains(&row.class)
            }
            Class::Failure | Class::Request | Class::Log | Class::Quiet | Class::Several => false,
        };
        here && counts
    }
}

/// Whether a row is a message that this node received.
fn arrives(row: &Row, node: usize) -> bool {
    matches!(row.place, Place::Between { to, arrived: true, .. } if to == node)
}

/// What says nothing becomes one line for several.
fn gathered(record: &Record, rows: Vec<Row>) -> Vec<Row> {
    let mut kept: Vec<Row> = Vec::new();
    let mut several: Vec<Row> = Vec::new();
    for row in rows {
        let dull = matches!(row.class, Class::Stream | Class::Request | Class::Quiet);
        if dull && !row.cause {
            several.push(row);
            continue;
        }
        kept.extend(summary(record, &several));
        several.clear();
        kept.push(row);
    }
    kept
}

fn summary(record: &Record, rows: &[Row]) -> Option<Row> {
    let last = rows.last()?;
    if let [one] = rows {
        return (one.class != Class::Quiet).then(|| one.clone());
    }
    let mut parts: Vec<String> = Vec::new();
    let mut links: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.class == Class::Stream) {
        if let Place::Between { from, to, .. } = row.place {
            *links.entry((from, to)).or_default() += 1;
        }
    }
    for ((from, to), count) in links {
        let (from, to) = (&record.nodes[from], &record.nodes[to]);
        let pieces = counted(count, "piece", "pieces");
        parts.push(format!("{pieces} of the stream {from} to {to}"));
    }
    let count = |class: Class| rows.iter().filter(|row| row.class == class).count();
    let requests = count(Class::Request);
    if requests > 0 {
        parts.push(counted(requests, "request of clients", "requests of clients"));
    }
    if parts.is_empty() {
        return None;
    }
    let place = Place::Lab(Vec::new());
    let class = Class::Several;
    let text = parts.join(", ");
    Some(Row { at: last.at, left_at: rows[0].at, place, class, text, cause: false })
}

/// The story as a sequence diagram of Mermaid.
pub(super) fn mermaid(record: &Record, story: &Story) -> String {
    let mut text = "sequenceDiagram\n".to_owned();
    for node in &record.nodes {
        text += &format!("    participant {node}\n");
    }
    let (first, last) = match (record.nodes.first(), record.nodes.last()) {
        (Some(first), Some(last)) => (first.as_str(), last.as_str()),
        _ => return text,
    };
    let everybody = if first == last { first.to_owned() } else { format!("{first},{last}") };
    for row in &story.rows {
        let said = cut(&row.text, 90).replace([';', '#'], ",").replace('\n', " ");
        let said = format!("{} {said}", super::text::seconds(row.at));
        let name = |node: usize| record.nodes[node].as_str();
        text += &match &row.place {
            Place::Lab(_) => format!("    Note over {everybody}: {said}\n"),
            Place::Node(node) => format!("    Note over {}: {said}\n", name(*node)),
            Place::Between { from, to, arrived: true } => {
                format!("    {}->>{}: {said}\n", name(*from), name(*to))
            }
            Place::Between { from, to, arrived: false } => {
                format!("    {}-x{}: lost: {said}\n", name(*from), name(*to))
            }
        };
    }
    text
}

/// What a message says and how long it took, for a line of a story.
pub(super) fn message_text(record: &Record, row: &Row) -> String {
    let Place::Between { from, to, arrived } = row.place else { return row.text.clone() };
    let (from, to) = (&record.nodes[from], &record.nodes[to]);
    if !arrived {
        return format!("{from} to {to}, never arrived: {}", row.text);
    }
    let took = row.at.since(row.left_at);
    format!("{from} to {to} ({:.1} ms): {}", took.as_secs_f64() * 1e3, row.text)
}

/// Bytes that were sent from one node to another one, for a caption.
pub(super) fn sent(record: &Record) -> String {
    let total: u64 = record.messages.iter().map(|message| message.bytes).sum();
    format!("{} messages between nodes, {}", record.messages.len(), bytes(total))
}
