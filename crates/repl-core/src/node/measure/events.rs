//! The latency monitor: what took long when, by the kind of event.

use alloc::collections::VecDeque;

use crate::command::{Flags, Spec};

/// So many samples are kept of each kind.
const SAMPLES_MAX: usize = 160;

/// What may take long. Of Redis' events those that can happen here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::node) enum Event {
    /// A command.
    Command,
    /// The service of a client that waited for a key.
    CommandUnblocking,
    /// The expiry cycle.
    ExpireCycle,
    /// A command of constant or logarithmic time.
    FastCommand,
}

impl Event {
    const ALL: [Self; 4] =
        [Self::Command, Self::CommandUnblocking, Self::ExpireCycle, Self::FastCommand];

    pub(super) fn of(spec: &Spec) -> Self {
        if spec.flags.has(Flags::FAST) { Self::FastCommand } else { Self::Command }
    }

    /// As `LATENCY` names it.
    pub(in crate::node) fn name(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::CommandUnblocking => "command-unblocking",
            Self::ExpireCycle => "expire-cycle",
            Self::FastCommand => "fast-command",
        }
    }
}

/// What happened of one kind.
#[derive(Clone, Debug, Default)]
pub(in crate::node) struct Series {
    /// Seconds since the Unix epoch, and the most milliseconds that something took then; the
    /// earliest first.
    pub(in crate::node) samples: VecDeque<(i64, u64)>,
    /// The most milliseconds ever.
    pub(in crate::node) max: u64,
}

/// All that took long.
#[derive(Debug, Default)]
pub(in crate::node) struct Events([Series; Event::ALL.len()]);

impl Events {
    // redis: latency.c, latencyAddSample
    pub(super) fn add(&mut self, event: Event, at: i64, millis: u64) {
        let Self(all) = self;
        let series = &mut all[event as usize];
        series.max = series.max.max(millis);
        match series.samples.back_mut() {
            Some((then, most)) if *then == at => *most = millis.max(*most),
            Some(_) | None => {
                if series.samples.len() == SAMPLES_MAX {
                    series.samples.pop_front();
                }
                series.samples.push_back((at, millis));
            }
        }
    }

    /// What happened, with its kind.
    pub(in crate::node) fn iter(&self) -> impl Iterator<Item = (Event, &Series)> {
        Event::ALL.into_iter().zip(&self.0).filter(|(_, series)| !series.samples.is_empty())
    }

    /// What happened of this kind. Its name is spelt exactly.
    pub(in crate::node) fn named(&self, name: &[u8]) -> Option<(Event, &Series)> {
        self.iter().find(|(event, _)| event.name().as_bytes() == name)
    }

    /// Forgets one kind, named in any case, or all; how many that were.
    pub(in crate::node) fn reset(&mut self, name: Option<&[u8]>) -> usize {
        let mut count = 0;
        for (event, series) in Event::ALL.into_iter().zip(&mut self.0) {
            let is_meant =
                name.is_none_or(|name| event.name().as_bytes().eq_ignore_ascii_case(name));
            if is_meant && !series.samples.is_empty() {
                *series = Series::default();
                count += 1;
            }
        }
        count
    }
}
