//! Schedules in files: one statement a line, so that they can be read, compared and edited.
//!
//! ```text
//! # A sentence about it.
//! scenario storm
//! seed 17
//! config repl-backlog-size 16384
//! node n1
//! node n2 follows n1
//! config n2 repl-timeout 20
//! client 1 n1 work 1251
//! at 2.05 cut n1 n2
//! at 3 ambush n1 n2 400 stall
//! heal 60
//! ```
//!
//! A directive is that of all nodes, or, with a name before it, of one that was named above. Times
//! and spans are seconds, to the millisecond. Empty lines and lines that begin with `#` say
//! nothing.

use std::{collections::BTreeSet, fmt, time::Duration};

use repl_core::base::config::{Config, Given};

use super::{
    Conditions, ConfigFile, Customer, DRIFT_PPM_MAX, Event, NodeId, Schedule, Setup, Step, Task,
    own_directives, set_directive,
};
use crate::lab::{Breakage, Crash};

/// Why a text is no schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleError {
    /// The line, counted from one; zero if it is about the whole.
    line: usize,
    why: String,
}

impl fmt::Display for ScheduleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}", self.why),
            line => write!(f, "line {line}: {}", self.why),
        }
    }
}

impl std::error::Error for ScheduleError {}

const BREAKAGES: [(&str, Breakage); 4] = [
    ("cut", Breakage::Cut),
    ("cut-one-way", Breakage::CutOneWay),
    ("stall", Breakage::Stall),
    ("reset", Breakage::Reset),
];

const CRASHES: [(&str, Crash); 2] = [("process", Crash::Process), ("power", Crash::Power)];

const CONDITIONS: [(&str, Conditions); 2] =
    [("drawn", Conditions::Drawn), ("calm", Conditions::Calm)];

const CONFIG_FILES: [(&str, ConfigFile); 2] =
    [("as-it-was", ConfigFile::AsItWas), ("rewritten", ConfigFile::Rewritten)];

/// What nodes are configured with where a schedule says nothing: they are dialled from other hosts,
/// without passwords, save nothing, and take whatever dataset their master has.
pub(super) fn plain_config() -> Config {
    let (save, save_given) = (Vec::new(), Given::Yes);
    let replica_refuse_empty_master = false;
    Config {
        protected_mode: false,
        replica_refuse_empty_master,
        save,
        save_given,
        ..Config::default()
    }
}

/// Offsets are signed numbers of 64 bits to some of those who read them.
const OFFSET_MAX: u64 = 1 << 62;

/// Longer runs than this do not end.
const TIME_MAX: Duration = Duration::from_secs(6 * 3600);

fn name_of<T: PartialEq>(table: &[(&'static str, T)], what: &T) -> &'static str {
    let found = table.iter().find(|(_, one)| one == what);
    found.map(|(name, _)| *name).expect("the table has all of them")
}

/// Seconds, to the millisecond, without zeros that say nothing.
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:03}", self.0.as_secs(), self.0.subsec_millis());
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "scenario {}\nseed {}", self.scenario, self.seed)?;
        if self.conditions == Conditions::Calm {
            writeln!(f, "conditions calm")?;
        }
        let standard = plain_config();
        for directive in Config::directives() {
            let name = directive.name.as_bytes();
            let value = self.config.value(name).unwrap_or_default();
            if Some(&value) != standard.value(name).as_ref() {
                writeln!(f, "config {} {value}", directive.name)?;
            }
        }
        for Setup { id, follows, begins, own } in &self.nodes {
            write!(f, "node {id}")?;
            if let Some(master) = follows {
                write!(f, " follows {master}")?;
            }
            if let Some(offset) = begins {
                write!(f, " begins {offset}")?;
            }
            writeln!(f)?;
            for (name, value) in own {
                writeln!(f, "config {id} {name} {value}")?;
            }
        }
        if !self.core.is_empty() {
            let names: Vec<String> = self.core.iter().map(NodeId::to_string).collect();
            writeln!(f, "core {}", names.join(" "))?;
        }
        for Customer { number, node, task } in &self.clients {
            writeln!(f, "client {number} {node} {task}")?;
        }
        for Event { at, step } in &self.events {
            writeln!(f, "at {} {step}", Seconds(*at))?;
        }
        writeln!(f, "heal {}", Seconds(self.heals_at))
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Work(count) => write!(f, "work {count}"),
            Self::Read(count) => write!(f, "read {count}"),
            Self::Sip(rate) => write!(f, "sip {rate}"),
            Self::Race => f.write_str("race"),
            Self::Wait => f.write_str("wait"),
            Self::Listen => f.write_str("listen"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut(a, b) => write!(f, "cut {a} {b}"),
            Self::CutOneWay(a, b) => write!(f, "cut-one-way {a} {b}"),
            Self::Stall(a, b) => write!(f, "stall {a} {b}"),
            Self::Slow(a, b, latency, rate) => {
                write!(f, "slow {a} {b} {} {rate}", Seconds(*latency))
            }
            Self::Isolate(a) => write!(f, "isolate {a}"),
            Self::Refuse(a, b) => write!(f, "refuse {a} {b}"),
            Self::Hang(a, b) => write!(f, "hang {a} {b}"),
            Self::Reset(a, b) => write!(f, "reset {a} {b}"),
            Self::HalfOpen(a, b) => write!(f, "half-open {a} {b}"),
            Self::Ambush(a, b, bytes, breakage) => {
                write!(f, "ambush {a} {b} {bytes} {}", name_of(&BREAKAGES, breakage))
            }
            Self::Heal(a, b) => write!(f, "heal {a} {b}"),
            Self::HealAll => f.write_str("heal-all"),
            Self::Freeze(a) => write!(f, "freeze {a}"),
            Self::ReadSlowly(a, rate) => write!(f, "read-slowly {a} {rate}"),
            Self::Thaw(a) => write!(f, "thaw {a}"),
            Self::Skew(a, millis) => write!(f, "skew {a} {millis}"),
            Self::Drift(a, ppm) => write!(f, "drift {a} {ppm}"),
            Self::Lull(span) => write!(f, "lull {}", Seconds(*span)),
            Self::Stop(a, file) => write!(f, "stop {a} {}", name_of(&CONFIG_FILES, file)),
            Self::Crash(a, crash) => write!(f, "crash {a} {}", name_of(&CRASHES, crash)),
            Self::BrokenSnapshot(a, bytes, breakage) => {
                write!(f, "broken-snapshot {a} {bytes} {}", name_of(&BREAKAGES, breakage))
            }
            Self::TwoFresh(a, b, later) => write!(f, "two-fresh {a} {b} {}", Seconds(*later)),
            Self::Promote(a) => write!(f, "promote {a}"),
            Self::PromoteByMulti(a) => write!(f, "promote-by-multi {a}"),
            Self::Planned(a) => write!(f, "planned {a}"),
            Self::FailOver(a) => write!(f, "fail-over {a}"),
            Self::Strand(a, quiet, span) => {
                write!(f, "strand {a} {} {}", Seconds(*quiet), Seconds(*span))
            }
            Self::Graft(a) => write!(f, "graft {a}"),
            Self::Chain(a, b) => write!(f, "chain {a} {b}"),
            Self::Repoint(a) => write!(f, "repoint {a}"),
        }
    }
}

/// The words of one line, taken from the left.
struct Words<'a>(std::str::SplitWhitespace<'a>);

impl<'a> Words<'a> {
    fn next(&mut self, what: &str) -> Result<&'a str, String> {
        self.0.next().ok_or_else(|| format!("{what} is missing"))
    }

    fn number<T: std::str::FromStr>(&mut self, what: &str) -> Result<T, String> {
        let word = self.next(what)?;
        word.parse().map_err(|_| format!("{word:?} is no {what}"))
    }

    fn node(&mut self) -> Result<NodeId, String> {
        let word = self.next("a node")?;
        let number = word.strip_prefix('n').and_then(|number| number.parse().ok());
        number
            .filter(|number| *number > 0)
            .map(NodeId)
            .ok_or_else(|| format!("{word:?} is no node: nodes are n1 to n255"))
    }

    fn seconds(&mut self) -> Result<Duration, String> {
        let word = self.next("a time in seconds")?;
        let (whole, fraction) = word.split_once('.').unwrap_or((word, "0"));
        let is_short = (1..=3).contains(&fraction.len());
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let millis = format!("{fraction:0<3}");
        let parsed = match (whole.parse(), millis.parse()) {
            (Ok(secs), Ok(millis)) if is_short && digits(whole) && digits(fraction) => {
                Some(Duration::from_secs(secs).saturating_add(Duration::from_millis(millis)))
            }
            _ => None,
        };
        parsed
            .filter(|span| *span <= TIME_MAX)
            .ok_or_else(|| format!("{word:?} is no time in seconds up to {}", TIME_MAX.as_secs()))
    }

    fn one_of<T: Copy>(&mut self, table: &[(&'static str, T)], what: &str) -> Result<T, String> {
        let word = self.next(what)?;
        let found = table.iter().find(|(name, _)| *name == word);
        found.map(|(_, one)| *one).ok_or_else(|| format!("{word:?} is no {what}"))
    }

    fn end(mut self) -> Result<(), String> {
        match self.0.next() {
            None => Ok(()),
            Some(word) => Err(format!("{word:?} is more than this line can say")),
        }
    }

    fn step(&mut self) -> Result<Step, String> {
        let verb = self.next("what happens")?;
        let found = match self.link_step(verb)? {
            Some(step) => Some(step),
            None => self.node_step(verb)?,
        };
        match found {
            Some(step) => Ok(step),
            None => match verb {
                "heal-all" => Ok(Step::HealAll),
                "lull" => Ok(Step::Lull(self.seconds()?)),
                _ => Err(format!("{verb:?} is nothing that can happen")),
            },
        }
    }

    /// Something that happens between two nodes.
    fn link_step(&mut self, verb: &str) -> Result<Option<Step>, String> {
        Ok(Some(match verb {
            "cut" => Step::Cut(self.node()?, self.node()?),
            "cut-one-way" => Step::CutOneWay(self.node()?, self.node()?),
            "stall" => Step::Stall(self.node()?, self.node()?),
            "slow" => Step::Slow(
                self.node()?,
                self.node()?,
                self.seconds()?,
                self.number("number of bytes")?,
            ),
            "refuse" => Step::Refuse(self.node()?, self.node()?),
            "hang" => Step::Hang(self.node()?, self.node()?),
            "reset" => Step::Reset(self.node()?, self.node()?),
            "half-open" => Step::HalfOpen(self.node()?, self.node()?),
            "ambush" => Step::Ambush(
                self.node()?,
                self.node()?,
                self.number("number of bytes")?,
                self.one_of(&BREAKAGES, "way to break")?,
            ),
            "heal" => Step::Heal(self.node()?, self.node()?),
            "two-fresh" => Step::TwoFresh(self.node()?, self.node()?, self.seconds()?),
            "chain" => Step::Chain(self.node()?, self.node()?),
            _ => return Ok(None),
        }))
    }

    /// Something that happens to one node.
    fn node_step(&mut self, verb: &str) -> Result<Option<Step>, String> {
        Ok(Some(match verb {
            "isolate" => Step::Isolate(self.node()?),
            "freeze" => Step::Freeze(self.node()?),
            "read-slowly" => Step::ReadSlowly(self.node()?, self.number("number of bytes")?),
            "thaw" => Step::Thaw(self.node()?),
            "skew" => Step::Skew(self.node()?, self.number("number of milliseconds")?),
            "drift" => Step::Drift(self.node()?, self.drift()?),
            "stop" => Step::Stop(self.node()?, self.one_of(&CONFIG_FILES, "state of a file")?),
            "crash" => Step::Crash(self.node()?, self.one_of(&CRASHES, "crash")?),
            "broken-snapshot" => Step::BrokenSnapshot(
                self.node()?,
                self.number("number of bytes")?,
                self.one_of(&BREAKAGES, "way to break")?,
            ),
            "promote" => Step::Promote(self.node()?),
            "promote-by-multi" => Step::PromoteByMulti(self.node()?),
            "planned" => Step::Planned(self.node()?),
            "fail-over" => Step::FailOver(self.node()?),
            "strand" => Step::Strand(self.node()?, self.seconds()?, self.seconds()?),
            "graft" => Step::Graft(self.node()?),
            "repoint" => Step::Repoint(self.node()?),
            _ => return Ok(None),
        }))
    }

    /// An offset that a history can grow from: half of all numbers are above it.
    fn offset(&mut self) -> Result<u64, String> {
        let offset: u64 = self.number("offset")?;
        match offset <= OFFSET_MAX {
            true => Ok(offset),
            false => Err(format!("no history begins above {OFFSET_MAX}: {offset}")),
        }
    }

    fn is_over(&self) -> bool {
        self.0.clone().next().is_none()
    }

    fn drift(&mut self) -> Result<i64, String> {
        let ppm: i64 = self.number("number of microseconds a second")?;
        match (-DRIFT_PPM_MAX..=DRIFT_PPM_MAX).contains(&ppm) {
            true => Ok(ppm),
            false => Err(format!("no clock drifts by more than {DRIFT_PPM_MAX}: {ppm}")),
        }
    }

    fn task(&mut self) -> Result<Task, String> {
        let word = self.next("a task")?;
        Ok(match word {
            "work" => Task::Work(self.number("number of commands")?),
            "read" => Task::Read(self.number("number of commands")?),
            "sip" => Task::Sip(self.number::<u64>("number of bytes")?.max(1)),
            "race" => Task::Race,
            "wait" => Task::Wait,
            "listen" => Task::Listen,
            _ => return Err(format!("{word:?} is no task of a client")),
        })
    }
}

impl Schedule {
    /// Reads what `Display` writes.
    ///
    /// # Errors
    /// A line that says nothing known, names a node that does not exist, or comes out of order;
    /// something that every schedule has is missing.
    pub fn parse(text: &str) -> Result<Self, ScheduleError> {
        let mut schedule = Self {
            scenario: String::new(),
            seed: 0,
            conditions: Conditions::Drawn,
            config: plain_config(),
            nodes: Vec::new(),
            clients: Vec::new(),
            events: Vec::new(),
            heals_at: Duration::ZERO,
            core: Vec::new(),
        };
        let mut said = BTreeSet::new();
        for (at, line) in text.lines().enumerate() {
            let fail = |why: String| ScheduleError { line: at + 1, why };
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let mut words = Words(line.split_whitespace());
            let verb = words.next("a statement").map_err(fail)?;
            said.insert(verb);
            schedule.take_line(verb, line, words).map_err(fail)?;
        }
        let needed = ["scenario", "seed", "node", "heal"];
        match needed.into_iter().find(|verb| !said.contains(verb)) {
            Some(verb) => Err(ScheduleError { line: 0, why: format!("no line says `{verb}`") }),
            None => Ok(schedule),
        }
    }

    fn take_line(&mut self, verb: &str, line: &str, mut words: Words<'_>) -> Result<(), String> {
        match verb {
            "scenario" => words.next("a name")?.clone_into(&mut self.scenario),
            "seed" => self.seed = words.number("seed")?,
            "conditions" => {
                self.conditions = words.one_of(&CONDITIONS, "state of network and clocks")?;
            }
            "config" => return self.take_directive(line),
            "node" => self.take_node(&mut words)?,
            "core" => {
                while !words.is_over() {
                    self.core.push(self.known(words.node()?)?);
                }
            }
            "client" => {
                let number = words.number("number of a client")?;
                if number == 0 || self.clients.iter().any(|client| client.number == number) {
                    return Err(format!("client {number} is there already, or zero"));
                }
                let node = self.known(words.node()?)?;
                self.clients.push(Customer { number, node, task: words.task()? });
            }
            "at" => {
                let (at, step) = (words.seconds()?, words.step()?);
                for id in step.nodes().into_iter().flatten() {
                    self.known(id)?;
                }
                if let [Some(a), Some(b)] = step.nodes()
                    && a == b
                {
                    return Err(format!("{a} is named twice"));
                }
                if self.events.last().is_some_and(|before| before.at > at) {
                    return Err("the event before it is later".to_owned());
                }
                self.events.push(Event { at, step });
            }
            "heal" => self.heals_at = words.seconds()?,
            _ => return Err(format!("{verb:?} is no statement of a schedule")),
        }
        words.end()
    }

    fn take_node(&mut self, words: &mut Words<'_>) -> Result<(), String> {
        let mut setup = Setup::new(words.node()?, None);
        if self.nodes.iter().any(|one| one.id == setup.id) {
            return Err(format!("{} is there already", setup.id));
        }
        while !words.is_over() {
            match words.next("a word")? {
                "follows" => setup.follows = Some(self.known(words.node()?)?),
                "begins" => setup.begins = Some(words.offset()?),
                word => return Err(format!("{word:?} is no `follows` and no `begins`")),
            }
        }
        self.nodes.push(setup);
        Ok(())
    }

    /// `config NAME VALUE` for all nodes, or `config NODE NAME VALUE` for one.
    fn take_directive(&mut self, line: &str) -> Result<(), String> {
        let split = |text: &str| {
            let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
            (word.to_owned(), rest.trim().to_owned())
        };
        let (mut name, mut value) = split(line.strip_prefix("config").unwrap_or(line).trim_start());
        let mut one = None;
        if let Ok(id) = Words(name.split_whitespace()).node() {
            self.known(id)?;
            (name, value) = split(&value);
            one = self.nodes.iter_mut().find(|setup| setup.id == id);
        }
        let common = &mut self.config;
        let set = |config: &mut Config| {
            set_directive(config, &name, &value).map_err(|error| error.to_string())
        };
        let Some(setup) = one else { return set(common) };
        let mut config = setup.config(common);
        set(&mut config)?;
        setup.own = own_directives(common, &config);
        Ok(())
    }

    fn known(&self, id: NodeId) -> Result<NodeId, String> {
        if self.nodes.iter().any(|setup| setup.id == id) {
            return Ok(id);
        }
        Err(format!("there is no node {id}, or only later"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::{Load, Plan, Trouble, Variety};

    const EVERYTHING: [(u64, Trouble); 28] = [
        (1, Trouble::Cut),
        (1, Trouble::CutOneWay),
        (1, Trouble::Stall),
        (1, Trouble::Slow),
        (1, Trouble::Thin),
        (1, Trouble::Isolate),
        (1, Trouble::Refuse),
        (1, Trouble::Hang),
        (1, Trouble::Reset),
        (1, Trouble::HalfOpen),
        (1, Trouble::Ambush),
        (1, Trouble::Freeze),
        (1, Trouble::ReadSlowly),
        (1, Trouble::Skew),
        (1, Trouble::Drift),
        (1, Trouble::Lull),
        (1, Trouble::Stop),
        (1, Trouble::CrashReplica),
        (1, Trouble::Crash),
        (1, Trouble::BrokenSnapshot),
        (1, Trouble::TwoFresh),
        (1, Trouble::Promote),
        (1, Trouble::Strand),
        (1, Trouble::Graft),
        (1, Trouble::PromoteByMulti),
        (1, Trouble::Planned),
        (1, Trouble::Chain),
        (1, Trouble::Repoint),
    ];

    #[test]
    fn every_schedule_that_can_be_drawn_is_read_back() {
        let mut verbs = BTreeSet::new();
        for seed in 0..200 {
            let mut plan = Plan::new("test", seed);
            plan.tighten();
            plan.nodes(3, 5);
            plan.vary();
            plan.huge_offsets();
            if seed % 2 == 0 {
                plan.core();
            }
            plan.skew_clocks(100_000);
            plan.clients(Load { ttl_racers: 1, sippers: 2, ..Load::MIXED });
            plan.trouble(&EVERYTHING, Variety::All);
            let schedule = plan.finish();
            let text = schedule.to_string();
            assert_eq!(Schedule::parse(&text).as_ref(), Ok(&schedule), "{text}");
            let events = text.lines().filter_map(|line| line.strip_prefix("at "));
            verbs.extend(events.filter_map(|event| Some(event.split(' ').nth(1)?.to_owned())));
        }
        // `slow` says both of two kinds, `crash` as well; two kinds of healing and thawing come
        // beside them.
        assert_eq!(verbs.len(), EVERYTHING.len() - 2 + 3, "{verbs:?}");
    }

    const GOOD: &str = "scenario s\nseed 1\nnode n1\nnode n2 follows n1\nheal 60\n";

    #[track_caller]
    fn refused(line: &str, why: &str) {
        let text = GOOD.replace("heal", &format!("{line}\nheal"));
        let error = Schedule::parse(&text).expect_err(line).to_string();
        assert_eq!(error, format!("line 5: {why}"));
    }

    #[test]
    fn what_is_no_schedule_is_named_with_its_line() {
        assert!(Schedule::parse(GOOD).is_ok());
        refused("wait 3", "\"wait\" is no statement of a schedule");
        refused("at 1 cut n1 n3", "there is no node n3, or only later");
        refused("at 1 cut n1 n1", "n1 is named twice");
        refused("at 1 cut n1", "a node is missing");
        refused("at 1 cut n1 n2 n2", "\"n2\" is more than this line can say");
        refused("at 1 explode n1", "\"explode\" is nothing that can happen");
        refused("at -1 heal-all", "\"-1\" is no time in seconds up to 21600");
        refused("at 1.0001 heal-all", "\"1.0001\" is no time in seconds up to 21600");
        refused(
            "at 99999999999999999999 heal-all",
            "\"99999999999999999999\" is no time in seconds up to 21600",
        );
        refused("at 2 crash n1 fire", "\"fire\" is no crash");
        refused("at 2 drift n1 500001", "no clock drifts by more than 500000: 500001");
        refused(
            "node n3 begins 9223372036854775807",
            "no history begins above 4611686018427387904: \
                 9223372036854775807",
        );
        refused("node n3 rests", "\"rests\" is no `follows` and no `begins`");
        refused("core n1 n4", "there is no node n4, or only later");
        refused("config n4 hz 10", "there is no node n4, or only later");
        refused("node n0", "\"n0\" is no node: nodes are n1 to n255");
        refused("client 0 n1 race", "client 0 is there already, or zero");
        let why = "CONFIG SET failed (possibly related to argument 'hz') - argument couldn't be \
                   parsed into an integer";
        refused("config hz x", why);
    }

    #[test]
    fn what_a_schedule_lacks_is_named() {
        let lacks = |text: &str| Schedule::parse(text).expect_err("incomplete").to_string();
        assert_eq!(lacks(""), "no line says `scenario`");
        assert_eq!(lacks("scenario s\nseed 1\nheal 60"), "no line says `node`");
    }
}
