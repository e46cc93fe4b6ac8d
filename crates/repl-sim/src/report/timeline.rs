//! The picture of a whole run: what went wrong, a lane per node with its role and history, what the
//! nodes sent one another, links, offsets and clocks, all over the same time.

use std::fmt::Write as _;

use repl_core::base::{ids::ReplId, time::Instant};

use super::{
    chart,
    scale::{GLYPH, LEFT, RIGHT, Scale, WIDTH, free_row},
    text::{cut, escaped, seconds},
};
use crate::{
    evidence::Failure,
    record::{Act, Event, Kind, Message, Passage, Record, Role, State, What},
};

/// From one lane to the next.
const LANE: f64 = 58.0;
const BAND: f64 = 24.0;
/// A row of marks of what went wrong.
const MARK_ROW: f64 = 20.0;
const MARK_ROWS: usize = 4;
/// From one link to the next.
const LINK: f64 = 18.0;

/// A picture in the making: SVG from top to bottom.
pub(super) struct Picture<'a> {
    pub(super) record: &'a Record,
    pub(super) scale: Scale,
    pub(super) end: Instant,
    /// Histories in the order in which they appeared: each has a colour.
    pub(super) histories: Vec<ReplId>,
    pub(super) svg: String,
    pub(super) y: f64,
    lanes_top: f64,
}

/// What a node was like for a while.
struct Band {
    from: Instant,
    to: Instant,
    state: Option<State>,
}

/// The stream of one direction, or what acknowledges it, as one path.
struct Texture {
    link: (usize, usize),
    kind: Kind,
    path: String,
    /// Where the last piece was drawn.
    last: (i64, i64),
}

/// The picture; `end` is when the run ended.
pub(super) fn timeline(record: &Record, failure: Option<&Failure>, end: Instant) -> String {
    let mut histories: Vec<ReplId> = Vec::new();
    for state in record.events.iter().filter_map(|event| event.node.map(|(_, state)| state)) {
        if state.replid != ReplId::NONE && !histories.contains(&state.replid) {
            histories.push(state.replid);
        }
    }
    let scale = Scale::new(end);
    let svg = String::new();
    let mut picture = Picture { record, scale, end, histories, svg, y: 0.0, lanes_top: 0.0 };
    picture.failure_flag(failure);
    let flag_bottom = picture.y;
    picture.marks();
    picture.lanes();
    picture.links();
    chart::offsets(&mut picture);
    chart::clocks(&mut picture);
    let bottom = picture.y;
    picture.axis();
    picture.failure_line(failure, flag_bottom, bottom);
    let height = picture.y + 4.0;
    format!(
        "<svg class=\"timeline\" viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" \
         aria-label=\"the whole run\">{ARROWS}{}</svg>",
        picture.svg
    )
}

/// The heads of arrows, and the hatching of what is not connected.
const ARROWS: &str = "<defs>\
    <marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"6\" \
    markerHeight=\"6\" orient=\"auto-start-reverse\"><path d=\"M0 0L8 4L0 8z\" \
    fill=\"context-stroke\"/></marker>\
    <pattern id=\"hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" \
    patternTransform=\"rotate(45)\"><rect width=\"2\" height=\"6\" fill=\"#fff\" \
    fill-opacity=\".75\"/></pattern></defs>";

impl Picture<'_> {
    pub(super) fn add(&mut self, text: std::fmt::Arguments<'_>) {
        self.svg.write_fmt(text).expect("writing to a String never fails");
    }

    pub(super) fn label(&mut self, x: f64, y: f64, class: &str, text: &str) {
        let text = escaped(text);
        self.add(format_args!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>"));
    }

    /// The class of a history's colour.
    pub(super) fn history(&self, replid: ReplId) -> String {
        match self.histories.iter().position(|one| *one == replid) {
            Some(place) => format!("h{}", place % 7),
            None => "hx".to_owned(),
        }
    }

    fn failure_flag(&mut self, failure: Option<&Failure>) {
        self.y = 6.0;
        let Some(failure) = failure else { return };
        let node = failure.node.as_deref().unwrap_or("the lab");
        let text = format!("{} broke at {node}, {} s", failure.property, seconds(failure.at));
        let x = self.scale.x(failure.at);
        self.label(x, 16.0, "flag", &text);
        self.y = 24.0;
    }

    fn failure_line(&mut self, failure: Option<&Failure>, top: f64, bottom: f64) {
        let Some(failure) = failure else { return };
        let x = self.scale.x(failure.at);
        self.add(format_args!(
            "<path class=\"failure\" d=\"M{x:.1} {:.1}V{bottom:.1}\"/>",
            top - 4.0
        ));
        let Some(node) = failure.node.as_ref().and_then(|name| self.record.node(name)) else {
            return;
        };
        let y = self.lane_y(node) + BAND / 2.0;
        self.add(format_args!("<circle class=\"failure\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"8\"/>"));
    }

    /// What went wrong and what operators did, as numbers that the list below explains.
    fn marks(&mut self) {
        let record = self.record;
        let marked: Vec<(usize, &Event)> = marked(record);
        let mut rows = [f64::NEG_INFINITY; MARK_ROWS];
        let mut used = 0;
        let mut svg = String::new();
        let mut crowded = Vec::new();
        for (number, event) in &marked {
            let x = self.scale.x(event.at);
            let text = number.to_string();
            let width = 11.0 * GLYPH * text.len() as f64 + 8.0;
            let (class, told) = mark(event);
            let title = format!("{} s: {}", seconds(event.at), escaped(told));
            let Some(row) = free_row(&mut rows, x - width / 2.0, width + 2.0) else {
                crowded.push((x, class));
                continue;
            };
            used = used.max(row + 1);
            let y = self.y + row as f64 * MARK_ROW;
            write!(
                svg,
                "<g class=\"mark {class}\"><title>{title}</title><rect x=\"{:.1}\" y=\"{y:.1}\" \
                 width=\"{width:.1}\" height=\"16\" rx=\"3\"/><text x=\"{x:.1}\" \
                 y=\"{:.1}\">{text}</text></g>",
                x - width / 2.0,
                y + 12.0
            )
            .expect("writing to a String never fails");
        }
        self.label(0.0, self.y + 12.0, "row", "events");
        self.svg += &svg;
        self.y += used.max(1) as f64 * MARK_ROW + 4.0;
        // Those for which there was no room are there, without their numbers.
        let y = self.y;
        for (x, class) in crowded {
            self.add(format_args!("<path class=\"{class} tick\" d=\"M{x:.1} {y:.1}v5\"/>"));
        }
        self.y += 8.0;
    }

    /// The top of a node's lane.
    fn lane_y(&self, node: usize) -> f64 {
        self.lanes_top + node as f64 * LANE
    }

    fn lanes(&mut self) {
        let record = self.record;
        self.lanes_top = self.y;
        self.messages();
        for (node, name) in record.nodes.iter().enumerate() {
            let y = self.lane_y(node);
            self.label(0.0, y + 17.0, "node", name);
            for band in bands(record, node, self.end) {
                self.band(&band, y);
            }
        }
        let gap = LANE - BAND - 6.0;
        self.y = self.lanes_top + record.nodes.len() as f64 * LANE - gap;
    }

    fn band(&mut self, band: &Band, y: f64) {
        let (x, end) = (self.scale.x(band.from), self.scale.x(band.to));
        let width = (end - x).max(0.6);
        let Some(state) = band.state else {
            self.add(format_args!(
                "<rect class=\"down\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" \
                 height=\"{BAND}\"><title>no process</title></rect>"
            ));
            if width > 44.0 {
                self.label(x + 6.0, y + 16.0, "in", "down");
            }
            return;
        };
        let id = &state.replid.as_str()[..8];
        let (class, word) = match (state.role, state.link) {
            (Role::Master, _) => ("master", "master"),
            (Role::Replica, "connected") => ("replica", "replica"),
            (Role::Replica, link) => ("adrift", link),
        };
        let history = self.history(state.replid);
        let title = format!("{word}, history {id}, from {} s", seconds(band.from));
        self.add(format_args!(
            "<g class=\"band {class} {history}\"><title>{title}</title><rect x=\"{x:.1}\" \
             y=\"{y:.1}\" width=\"{width:.1}\" height=\"{BAND}\"/>"
        ));
        if class == "adrift" {
            self.add(format_args!(
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{BAND}\" \
                 style=\"fill:url(#hatch)\"/>"
            ));
        }
        let text = format!("{word} {id}");
        let fits = |text: &str| text.len() as f64 * 11.0 * GLYPH + 12.0 < width;
        let shown = [text.as_str(), word].into_iter().find(|text| fits(text));
        if let Some(shown) = shown {
            self.label(x + 6.0, y + 16.0, "in", shown);
        }
        self.svg += "</g>";
    }

    /// Below the bands: the stream as a texture, the protocol as arrows, snapshots as areas.
    fn messages(&mut self) {
        let record = self.record;
        let mut textures: Vec<Texture> = Vec::new();
        for message in &record.messages {
            match message.kind {
                Kind::Stream | Kind::Ack => self.texture(message, &mut textures),
                Kind::Snapshot => self.snapshot(message),
                Kind::Psync | Kind::FullResync | Kind::Continue | Kind::Error => {
                    self.arrow(message);
                }
                Kind::Handshake | Kind::Keepalive => {}
            }
        }
        let under = std::mem::take(&mut self.svg);
        for Texture { kind, path, .. } in textures {
            let class = if kind == Kind::Ack { "ack" } else { "stream" };
            self.add(format_args!("<path class=\"{class}\" d=\"{path}\"/>"));
        }
        self.svg += &under;
    }

    /// From the edge of one lane to the edge of another one.
    fn between(&self, message: &Message) -> (f64, f64) {
        let (from, to) = (self.lane_y(message.from), self.lane_y(message.to));
        if from < to { (from + BAND, to) } else { (from, to + BAND) }
    }

    /// A piece of the stream, unless another one lies at the same place.
    fn texture(&self, message: &Message, textures: &mut Vec<Texture>) {
        let Some(received_at) = message.received_at else { return };
        let (x, end) = (self.scale.x(message.sent_at), self.scale.x(received_at));
        let place = (x.round() as i64, end.round() as i64);
        let (link, kind) = ((message.from, message.to), message.kind);
        let found = textures.iter().position(|one| one.link == link && one.kind == kind);
        let found = found.unwrap_or_else(|| {
            textures.push(Texture { link, kind, path: String::new(), last: (-1, -1) });
            textures.len() - 1
        });
        let Texture { path, last, .. } = &mut textures[found];
        if *last != place {
            *last = place;
            let (top, bottom) = self.between(message);
            write!(path, "M{x:.0} {top:.0}L{end:.0} {bottom:.0}")
                .expect("writing to a String never fails");
        }
    }

    fn snapshot(&mut self, message: &Message) {
        let (top, bottom) = self.between(message);
        let x = self.scale.x(message.sent_at);
        let left = self.scale.x(message.left_at.unwrap_or(message.sent_at));
        let title = title(self.record, message);
        match message.received_at {
            Some(at) => {
                let end = self.scale.x(at);
                self.add(format_args!(
                    "<path class=\"snapshot\" d=\"M{x:.1} {top:.1}L{end:.1} \
                     {bottom:.1}H{:.1}L{:.1} {top:.1}z\"><title>{title}</title></path>",
                    end + 3.0,
                    left.max(x + 3.0)
                ));
            }
            None => self.lost(x, top, bottom, "snapshot-lost", &title),
        }
    }

    fn arrow(&mut self, message: &Message) {
        let class = class(message.kind);
        let (top, bottom) = self.between(message);
        let x = self.scale.x(message.sent_at);
        let title = title(self.record, message);
        match message.received_at {
            Some(at) => {
                let end = self.scale.x(at);
                self.add(format_args!(
                    "<path class=\"arrow {class}\" d=\"M{x:.1} {top:.1}L{end:.1} {bottom:.1}\" \
                     marker-end=\"url(#head)\"><title>{title}</title></path>"
                ));
            }
            None => self.lost(x, top, bottom, class, &title),
        }
    }

    /// A message that ends half way.
    fn lost(&mut self, x: f64, top: f64, bottom: f64, class: &str, title: &str) {
        let middle = top + (bottom - top).clamp(-20.0, 20.0);
        self.add(format_args!(
            "<path class=\"arrow {class} lost\" d=\"M{x:.1} {top:.1}V{middle:.1}m-4 -4l8 8m0 \
             -8l-8 8\"><title>{title}, never arrived</title></path>"
        ));
    }

    /// Links that were not whole all the time.
    fn links(&mut self) {
        let record = self.record;
        let mut pairs: Vec<(usize, usize)> = record
            .links
            .iter()
            .map(|link| (link.from.min(link.to), link.from.max(link.to)))
            .collect();
        pairs.sort_unstable();
        pairs.dedup();
        for (a, b) in pairs {
            let name = format!("{} - {}", record.nodes[a], record.nodes[b]);
            self.label(0.0, self.y + 12.0, "row", &name);
            let (left, width) = (LEFT, RIGHT - LEFT);
            self.add(format_args!(
                "<rect class=\"whole\" x=\"{left}\" y=\"{:.1}\" width=\"{width:.1}\" \
                 height=\"3\"/>",
                self.y + 6.5
            ));
            for (from, to, y) in [(a, b, 2.0), (b, a, 9.0)] {
                self.link(from, to, self.y + y);
            }
            self.y += LINK;
        }
        self.y += 8.0;
    }

    fn link(&mut self, from: usize, to: usize, y: f64) {
        let record = self.record;
        let mut changes = record.links.iter().filter(|link| (link.from, link.to) == (from, to));
        let mut open: Option<(Instant, Passage)> = None;
        let names = format!("{} to {}", record.nodes[from], record.nodes[to]);
        loop {
            let change = changes.next();
            let at = change.map_or(self.end, |change| change.at);
            if change.is_some_and(|change| change.passage == Passage::Reset) {
                let x = self.scale.x(at);
                self.add(format_args!(
                    "<path class=\"reset\" d=\"M{x:.1} {y:.1}m-3 -1l6 6m0 -6l-6 \
                     6\"><title>{names}: \
                     reset at {} s</title></path>",
                    seconds(at)
                ));
                continue;
            }
            if let Some((since, passage)) = open {
                let (x, width) = (self.scale.x(since), self.scale.x(at) - self.scale.x(since));
                let class = if passage == Passage::Cut { "cut" } else { "stalled" };
                self.add(format_args!(
                    "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" \
                     height=\"5\"><title>{names}: {class} from {} to {} s</title></rect>",
                    width.max(1.0),
                    seconds(since),
                    seconds(at)
                ));
            }
            let Some(change) = change else { return };
            open = (change.passage != Passage::Open).then_some((at, change.passage));
        }
    }

    fn axis(&mut self) {
        let y = self.y + 2.0;
        self.add(format_args!("<path class=\"axis\" d=\"M{LEFT} {y:.1}H{RIGHT}\"/>"));
        for (at, name) in self.scale.ticks() {
            let x = self.scale.x(at);
            self.add(format_args!("<path class=\"axis\" d=\"M{x:.1} {y:.1}v4\"/>"));
            self.label(x, y + 16.0, "tick", &name);
        }
        self.label(RIGHT + 34.0, y + 16.0, "row", "virtual s");
        self.y = y + 22.0;
    }
}

/// What the marks of the picture stand for, numbered.
pub(super) fn marked(record: &Record) -> Vec<(usize, &Event)> {
    let events = record.events.iter();
    let told = events.filter(|event| event.what.act().is_some());
    (1..).zip(told).collect()
}

/// The class and the words of a mark.
pub(super) fn mark(event: &Event) -> (&'static str, &str) {
    match event.what.act() {
        Some((Act::Fault, text)) => ("fault", text),
        Some((Act::Order, text)) => ("order", text),
        None => ("order", ""),
    }
}

/// The class of an arrow.
pub(super) const fn class(kind: Kind) -> &'static str {
    match kind {
        Kind::Psync => "psync",
        Kind::FullResync => "full",
        Kind::Continue => "continue",
        Kind::Snapshot => "snapshot",
        Kind::Error => "error",
        Kind::Stream | Kind::Handshake | Kind::Ack | Kind::Keepalive => "quiet",
    }
}

fn title(record: &Record, message: &Message) -> String {
    let (from, to) = (&record.nodes[message.from], &record.nodes[message.to]);
    let text = cut(&message.text, 100);
    escaped(&format!("{from} to {to}: {text}, sent at {} s", seconds(message.sent_at)))
}

/// What a node was like, from the start to the end.
fn bands(record: &Record, node: usize, end: Instant) -> Vec<Band> {
    let mut bands: Vec<Band> = Vec::new();
    for event in &record.events {
        let Some((at_node, state)) = event.node else { continue };
        if at_node != node {
            continue;
        }
        if event.what == What::Booted {
            // It has not said anything yet.
            continue;
        }
        let ended = matches!(event.what, What::Died | What::Exited(_));
        let state = (!ended).then_some(state);
        let last = bands.last().and_then(|band| band.state);
        if bands.is_empty() || look(last) != look(state) {
            if let Some(last) = bands.last_mut() {
                last.to = event.at;
            }
            bands.push(Band { from: event.at, to: end, state });
        }
    }
    bands
}

/// What a band shows of a state. The steps of a handshake look alike.
fn look(state: Option<State>) -> Option<(Role, &'static str, ReplId)> {
    let state = state?;
    let link = match state.link {
        "connect" | "connecting" | "handshake" => "connect",
        link => link,
    };
    Some((state.role, link, state.replid))
}
