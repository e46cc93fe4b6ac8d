//! The trace: one aligned line per event, a hash over all of them, and the last of them as text.
//!
//! | column | meaning |
//! |---|---|
//! | time | virtual seconds since the start of the run, to the microsecond |
//! | clock | the node's own wall clock, seconds since the Unix epoch |
//! | node | its name; `lab` for what the lab does |
//! | role | `M` master, `R` replica with its link up, `r` replica without |
//! | replid | the first eight characters of the replication id |
//! | offset | `master_repl_offset` |
//! | event | what happened |
//!
//! No addresses, task numbers or real times: two runs of one seed give the same text.

use std::{collections::VecDeque, fmt::Write as _};

use repl_core::base::time::{Instant, UnixMillis};

use crate::node_view::{Role, View};

/// Whether every line is kept, or only the last ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// The last 400 lines: enough for a failure's context.
    Tail,
    /// All of them, for a replay.
    All,
    /// All of them, and the run as data (`record`).
    Record,
}

const TAIL_LINES: usize = 400;

/// See this file's table.
#[derive(Debug)]
pub(crate) struct Trace {
    keep: Keep,
    lines: VecDeque<String>,
    line_count: u64,
    hash: u64,
}

/// Who a line is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) name: &'a str,
    pub(crate) wall: UnixMillis,
    pub(crate) view: &'a View,
}

impl Trace {
    /// An empty trace.
    #[must_use]
    pub(crate) const fn new(keep: Keep) -> Self {
        Self { keep, lines: VecDeque::new(), line_count: 0, hash: 0xcbf2_9ce4_8422_2325 }
    }

    /// A number that two runs share when every line of them is the same.
    #[must_use]
    pub(crate) const fn hash(&self) -> u64 {
        self.hash
    }

    /// How many lines there were.
    #[must_use]
    pub(crate) const fn line_count(&self) -> u64 {
        self.line_count
    }

    /// The lines that were kept, oldest first.
    pub(crate) fn lines(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }

    /// Adds a line about a node.
    pub(crate) fn node(
        &mut self,
        time: Instant,
        subject: Subject<'_>,
        event: std::fmt::Arguments<'_>,
    ) {
        let Subject { name, wall, view } = subject;
        let role = match (view.role, view.link) {
            (Role::Master, _) => 'M',
            (Role::Replica, "connected") => 'R',
            (Role::Replica, _) => 'r',
        };
        let replid = &view.replid.as_str()[..8];
        let (secs, millis) = (wall.as_secs(), wall.0.rem_euclid(1000));
        let mut line = self.blank_line(time);
        let offset = view.offset;
        write!(line, " {secs}.{millis:03} {name:<4} {role} {replid} {offset:>9}  {event}")
            .expect("writing to a String never fails");
        self.push(line);
    }

    /// Adds a line about what the lab does.
    pub(crate) fn lab(&mut self, time: Instant, event: std::fmt::Arguments<'_>) {
        let mut line = self.blank_line(time);
        write!(line, " {:14} {:<4} {:20}  {event}", "", "lab", "")
            .expect("writing to a String never fails");
        self.push(line);
    }

    /// A line with the time in it, in memory that was used before where possible.
    fn blank_line(&mut self, time: Instant) -> String {
        let reused = match self.keep {
            Keep::Tail if self.lines.len() >= TAIL_LINES => self.lines.pop_front(),
            Keep::Tail | Keep::All | Keep::Record => None,
        };
        let mut line = reused.unwrap_or_default();
        line.clear();
        let micros = time.as_nanos() / 1_000;
        write!(line, "{:>5}.{:06}", micros / 1_000_000, micros % 1_000_000)
            .expect("writing to a String never fails");
        line
    }

    fn push(&mut self, line: String) {
        // Eight bytes a step: the hash must tell runs apart, not resist anybody.
        let mut step = |word: u64| {
            self.hash = (self.hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        };
        let mut chunks = line.as_bytes().chunks_exact(8);
        for chunk in &mut chunks {
            step(u64::from_le_bytes(chunk.try_into().expect("chunks of eight")));
        }
        let rest = chunks.remainder();
        step(rest.iter().fold(rest.len() as u64, |word, &byte| word << 8 | u64::from(byte)));
        self.line_count += 1;
        self.lines.push_back(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> View {
        View { role: Role::Replica, link: "connected", offset: 42, ..View::NOTHING }
    }

    fn filled(keep: Keep, lines: u64) -> Trace {
        let mut trace = Trace::new(keep);
        for number in 0..lines {
            let subject = Subject { name: "n1", wall: UnixMillis(1_500), view: &view() };
            trace.node(Instant::from_nanos(number), subject, format_args!("event {number}"));
        }
        trace
    }

    #[test]
    fn columns_are_aligned() {
        let mut trace = filled(Keep::All, 1);
        trace.lab(Instant::from_nanos(1_500_000_000), format_args!("cut n1 - n2"));
        let lines: Vec<&str> = trace.lines().collect();
        assert_eq!(lines[0], "    0.000000 1.500 n1   R 00000000        42  event 0");
        assert!(lines[1].starts_with("    1.500000"));
    }

    #[test]
    fn the_hash_covers_lines_that_were_dropped() {
        let (tail, all) = (filled(Keep::Tail, 1_000), filled(Keep::All, 1_000));
        assert_eq!(tail.lines().count(), TAIL_LINES);
        assert_eq!(all.lines().count(), 1_000);
        assert_eq!(tail.hash(), all.hash());
        assert_ne!(tail.hash(), filled(Keep::Tail, 999).hash());
    }
}
