//! `LATENCY`, but for the doctor's words.

use alloc::{format, string::String, vec::Vec};

use super::{
    super::{
        Node,
        commands::named,
        measure::{Event, Series},
        requests::Caller,
    },
    Outcome,
};
use crate::{
    base::{histogram::Histogram, time::Now},
    command::{self, CommandError, LatencyCommand, SessionError, Spec},
    resp::{Args, Reply},
};

impl Node {
    // redis: latency.c, latencyCommand
    pub(super) fn latency<'a>(
        &mut self,
        now: Now,
        caller: Caller,
        what: LatencyCommand,
        args: Args<'a>,
    ) -> Outcome<'a> {
        match what {
            LatencyCommand::Latest => self.latency_latest(caller),
            LatencyCommand::History => self.latency_history(caller, args),
            LatencyCommand::Histogram => self.latency_histogram(caller, args),
            LatencyCommand::Graph => {
                let asked = args.get(2);
                let found = self.measure.events.named(asked);
                let (event, series) =
                    found.ok_or(CommandError::Session(SessionError::NoLatencySamples(asked)))?;
                let text = graph(event.name(), series, now.wall.as_secs());
                self.with_reply(caller, |reply| reply.verbatim(b"txt", text.as_bytes()));
            }
            LatencyCommand::Reset => {
                let events = &mut self.measure.events;
                let count = match args.len() {
                    2 => events.reset(None),
                    _ => args.iter().skip(2).map(|name| events.reset(Some(name))).sum(),
                };
                self.with_reply(caller, |reply| reply.int(count as i64));
            }
            LatencyCommand::Doctor => {
                let text = self.latency_report(now);
                self.with_reply(caller, |reply| reply.verbatim(b"txt", text.as_bytes()));
            }
        }
        Ok(())
    }

    fn latency_history(&mut self, caller: Caller, args: Args<'_>) {
        let found = self.measure.events.named(args.get(2));
        let samples = found.map(|(_, series)| series.samples.clone()).unwrap_or_default();
        self.with_reply(caller, |reply| {
            reply.array_len(samples.len());
            for (at, millis) in &samples {
                reply.array_len(2);
                reply.int(*at);
                reply.int(*millis as i64);
            }
        });
    }

    fn latency_latest(&mut self, caller: Caller) {
        let latest = |(event, series): (_, &Series)| {
            series.samples.back().map(|(at, millis)| (event, *at, *millis, series.max))
        };
        let found: Vec<_> = self.measure.events.iter().filter_map(latest).collect();
        self.with_reply(caller, |reply| {
            reply.array_len(found.len());
            for (event, at, millis, max) in found {
                reply.array_len(4);
                reply.bulk(Event::name(event).as_bytes());
                reply.int(at);
                reply.int(millis as i64);
                reply.int(max as i64);
            }
        });
    }

    /// Of the commands that are named, or of all; a container is followed by its subcommands.
    // redis: latency.c, latencyCommandHistogram
    fn latency_histogram(&mut self, caller: Caller, args: Args<'_>) {
        let all = &command::counted().collect::<Vec<_>>();
        let is_in = |name: &str, asked: &Spec| {
            let behind = name.strip_prefix(asked.name);
            behind.is_some_and(|behind| behind.is_empty() || behind.starts_with('|'))
        };
        let numbers: Vec<usize> = match args.len() {
            2 => (0..all.len()).collect(),
            _ => args
                .iter()
                .skip(2)
                .filter_map(|name| named(&self.commands, name))
                .flat_map(|asked| (0..all.len()).filter(move |at| is_in(all[*at], asked)))
                .collect(),
        };
        let found: Vec<(&str, Histogram)> = numbers
            .into_iter()
            .filter_map(|number| Some((all[number], self.measure.times(number)?.clone())))
            .collect();
        self.with_reply(caller, |reply| {
            reply.map_len(found.len());
            for (name, times) in &found {
                reply.bulk(name.as_bytes());
                distribution(reply, times);
            }
        });
    }
}

/// Times in microseconds, and how many calls took no longer.
// redis: latency.c, fillCommandCDF
fn distribution(reply: &mut Reply<'_>, times: &Histogram) {
    reply.map_len(2);
    reply.bulk(b"calls");
    reply.int(times.total() as i64);
    reply.bulk(b"histogram_usec");
    reply.map_len(times.steps().count());
    for (nanos, count) in times.steps() {
        reply.int((nanos / 1000) as i64);
        reply.int(count as i64);
    }
}

/// So many samples stand beside each other.
const COLUMNS: usize = 80;
/// And so many lines above each other, of three levels each.
const ROWS: usize = 4;
const LEVELS: [char; 3] = ['_', 'o', '#'];

// redis: latency.c, latencyCommandGenSparkeline
fn graph(name: &str, series: &Series, now: i64) -> String {
    let millis = || series.samples.iter().map(|(_, millis)| *millis);
    let (high, low) = (millis().max().unwrap_or(0), millis().min().unwrap_or(0));
    let mut text = format!(
        "{name} - high {high} ms, low {low} ms (all time high {} ms)\n{}\n",
        series.max,
        "-".repeat(COLUMNS)
    );
    let samples: Vec<(i64, u64)> = series.samples.iter().copied().collect();
    for (at, part) in samples.chunks(COLUMNS).enumerate() {
        if at > 0 {
            text.push('\n');
        }
        draw(&mut text, part, (low, high), now);
    }
    text
}

/// One part of a graph: the levels, a blank line, and how long ago each sample is, downwards.
// redis: sparkline.c, sparklineRenderRange
fn draw(text: &mut String, part: &[(i64, u64)], (low, high): (u64, u64), now: i64) {
    let steps = (LEVELS.len() * ROWS) as u64;
    let level = |millis: u64| {
        let step = (millis - low) * steps / (high - low).max(1);
        step.min(steps - 1) as usize
    };
    for row in (0..ROWS).rev() {
        let base = row * LEVELS.len();
        text.extend(part.iter().map(|(_, millis)| match level(*millis).checked_sub(base) {
            None => ' ',
            Some(above) => LEVELS.get(above).copied().unwrap_or('|'),
        }));
        text.push('\n');
    }
    let labels: Vec<String> = part.iter().map(|(at, _)| age((now - at).max(0))).collect();
    let longest = labels.iter().map(String::len).max().unwrap_or(0);
    text.extend(part.iter().map(|_| ' '));
    text.push('\n');
    for at in 0..longest {
        text.extend(
            labels.iter().map(|label| label.as_bytes().get(at).map_or(' ', |byte| *byte as char)),
        );
        text.push('\n');
    }
}

fn age(secs: i64) -> String {
    match secs {
        ..60 => format!("{secs}s"),
        60..3600 => format!("{}m", secs / 60),
        3600..86_400 => format!("{}h", secs / 3600),
        _ => format!("{}d", secs / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asked of redis-server 7.0.15.
    #[test]
    fn a_graph_fills_its_columns_from_below_and_says_how_long_ago_they_are() {
        let series = Series { samples: [(100, 5), (101, 10)].into(), max: 10 };
        let bar = "-".repeat(80);
        let title = "command - high 10 ms, low 5 ms (all time high 10 ms)";
        let expect = format!("{title}\n{bar}\n #\n |\n |\n_|\n  \n10\nss\n");
        assert_eq!(graph("command", &series, 101), expect);
        assert_eq!([59, 60, 3600, 90_000].map(age), ["59s", "1m", "1h", "1d"]);
    }
}
