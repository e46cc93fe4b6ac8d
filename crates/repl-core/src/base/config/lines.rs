//! What a configuration file must say for the values that are in force: `CONFIG REWRITE`.
//!
//! Owns the text of a line and whether it is needed. Where in the file it goes is for whoever has
//! the file.

use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use super::{
    Config,
    directive::{Directive, Kind, Rule},
};

/// A line about one directive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Name and value, as a configuration file takes them.
    pub text: String,
    /// Whether the file must have it.
    pub need: Need,
}

/// Whether a file must have a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It must.
    Always,
    /// The value is the default: a line that is there is corrected, none is added.
    IfPresent,
}

impl Need {
    fn unless(is_default: bool) -> Self {
        if is_default { Self::IfPresent } else { Self::Always }
    }
}

/// Directives that a file names with an empty text; the others of that kind go without a line then.
const NAMED_EMPTY: [&str; 4] = ["aclfile", "ignore-warnings", "logfile", "syslog-ident"];
/// Directives that a file names whatever their value is.
const NAMED_ALWAYS: [&str; 1] = ["dir"];

impl Directive {
    /// The lines that give this directive its value in `config`, in order. A file must have no
    /// other line about it.
    // redis: config.c, rewriteConfig*Option
    #[must_use]
    pub fn lines(&self, config: &Config) -> Vec<Line> {
        let (value, default) = (self.show(config), self.show(&Config::default()));
        let is_default = value == default && !NAMED_ALWAYS.contains(&self.name);
        let shown = match form(&self.kind) {
            Form::Lines(lines) => return lines(config),
            Form::Plain => value,
            Form::Memory => memory(&value),
            Form::Text => {
                let says_nothing = value.is_empty() && default.is_empty();
                if says_nothing && !NAMED_EMPTY.contains(&self.name) {
                    return Vec::new();
                }
                quoted(value.as_bytes())
            }
            Form::Words if value.is_empty() => quoted(value.as_bytes()),
            Form::Words => value,
        };
        vec![Line { text: format!("{} {shown}", self.name), need: Need::unless(is_default) }]
    }
}

/// How a value is written.
enum Form {
    /// As it is shown.
    Plain,
    /// With a unit.
    Memory,
    /// In quotes.
    Text,
    /// As it is shown, in quotes if it says nothing.
    Words,
    /// In its own way.
    Lines(fn(&Config) -> Vec<Line>),
}

fn form(kind: &Kind) -> Form {
    match kind {
        Kind::YesNo(_) | Kind::Number { .. } | Kind::Choice { .. } => Form::Plain,
        Kind::Memory { .. } => Form::Memory,
        Kind::Text { .. } => Form::Text,
        Kind::Words(words) => Form::Lines(words.lines),
        Kind::Kept { rule, .. } => kept_form(rule),
    }
}

fn kept_form(rule: &Rule) -> Form {
    match rule {
        Rule::YesNo | Rule::Number(..) | Rule::Choice(_) => Form::Plain,
        Rule::Memory(..) | Rule::MemoryOrPercent => Form::Memory,
        Rule::Text => Form::Text,
        Rule::Words(_) => Form::Words,
        Rule::OnlyDefault(rule, _) => kept_form(rule),
    }
}

/// Bytes in the largest unit that divides them; what is no number of bytes stays as it is.
fn memory(value: &str) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "gb"), (1 << 20, "mb"), (1 << 10, "kb")];
    let Ok(bytes @ 1..) = value.parse::<u64>() else { return value.to_owned() };
    let unit = UNITS.into_iter().find(|(size, _)| bytes.is_multiple_of(*size));
    unit.map_or_else(|| value.to_owned(), |(size, name)| format!("{}{name}", bytes / size))
}

/// Each rule has a line of its own; without rules the file says so.
pub(super) fn save(config: &Config) -> Vec<Line> {
    let line = |text| Line { text, need: Need::Always };
    if config.save.is_empty() {
        return vec![line("save \"\"".to_owned())];
    }
    config.save.iter().map(|(secs, changes)| line(format!("save {secs} {changes}"))).collect()
}

/// A master has no line.
pub(super) fn replicaof(config: &Config) -> Vec<Line> {
    let line = |to: &super::Endpoint| Line {
        text: format!("replicaof {} {}", quoted_if_needed(&to.host), to.port),
        need: Need::Always,
    };
    config.replicaof.iter().map(line).collect()
}

/// The value as it is shown.
pub(super) fn shown(name: &str, show: fn(&Config) -> String, config: &Config) -> Vec<Line> {
    let value = show(config);
    let need = Need::unless(value == show(&Config::default()));
    vec![Line { text: format!("{name} {value}"), need }]
}

/// The default has no line.
pub(super) fn bind(config: &Config) -> Vec<Line> {
    if config.bind == Config::default().bind {
        return Vec::new();
    }
    let words: Vec<String> = config.bind.iter().map(|word| quoted_if_needed(word)).collect();
    let addresses = if words.is_empty() { "\"\"".to_owned() } else { words.join(" ") };
    vec![Line { text: format!("bind {addresses}"), need: Need::Always }]
}

/// In quotes, and with every letter: Redis loses what it does not show.
pub(super) fn event_classes(config: &Config) -> Vec<Line> {
    let classes = config.notify_keyspace_events;
    let need = Need::unless(classes == Config::default().notify_keyspace_events);
    let letters = quoted(classes.in_full().as_bytes());
    vec![Line { text: format!("notify-keyspace-events {letters}"), need }]
}

/// A file names them whatever they are.
pub(super) fn percentiles(config: &Config) -> Vec<Line> {
    let shown = &config.latency_tracking_info_percentiles;
    let shown = if shown.is_empty() { "\"\"" } else { shown };
    let text = format!("latency-tracking-info-percentiles {shown}");
    vec![Line { text, need: Need::Always }]
}

/// A line for each class of clients.
pub(super) fn output_limits(config: &Config) -> Vec<Line> {
    let default = Config::default();
    [
        ("normal", config.output_limit_normal, default.output_limit_normal),
        ("replica", config.output_limit_replica, default.output_limit_replica),
        ("pubsub", config.output_limit_pubsub, default.output_limit_pubsub),
    ]
    .into_iter()
    .map(|(class, limit, default)| {
        let bytes = |number: u64| memory(&number.to_string());
        let (hard, soft) = (bytes(limit.hard_bytes), bytes(limit.soft_bytes));
        let secs = limit.soft_after.as_secs();
        Line {
            text: format!("client-output-buffer-limit {class} {hard} {soft} {secs}"),
            need: Need::unless(limit == default),
        }
    })
    .collect()
}

/// As it is, unless a file would not read it back.
fn quoted_if_needed(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\"'\\".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        word.to_owned()
    } else {
        quoted(word.as_bytes())
    }
}

/// `word` in quotes, with escapes, as lines of configuration take it.
// redis: sds.c, sdscatrepr
#[must_use]
pub fn quoted(word: &[u8]) -> String {
    let mut text = String::from("\"");
    for byte in word {
        match byte {
            b'"' => text.push_str("\\\""),
            b'\\' => text.push_str("\\\\"),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            0x07 => text.push_str("\\a"),
            0x08 => text.push_str("\\b"),
            b' '..=b'~' => text.push(char::from(*byte)),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::config::When;

    fn check(set: &[(&str, &str)], name: &str, expect: &[(&str, Need)]) {
        let mut config = Config::default();
        for (name, value) in set {
            config.set(name.as_bytes(), &[value.as_bytes()], When::Boot).expect("a valid value");
        }
        let directive = Config::directives().find(|one| one.is_named(name.as_bytes()));
        let lines = directive.expect("the test names a directive").lines(&config);
        let lines: Vec<(&str, Need)> =
            lines.iter().map(|line| (line.text.as_str(), line.need)).collect();
        assert_eq!(lines, expect, "{name}");
    }

    #[test]
    fn lines_are_those_that_redis_writes() {
        use Need::{Always, IfPresent};
        check(&[], "hz", &[("hz 10", IfPresent)]);
        check(&[("hz", "11")], "hz", &[("hz 11", Always)]);
        check(&[], "repl-backlog-size", &[("repl-backlog-size 1mb", IfPresent)]);
        check(
            &[("repl-backlog-size", "3000000")],
            "repl-backlog-size",
            &[("repl-backlog-size 3000000", Always)],
        );
        check(&[("maxmemory", "2gb")], "maxmemory", &[("maxmemory 2gb", Always)]);
        check(&[], "maxmemory", &[("maxmemory 0", IfPresent)]);
        check(
            &[("maxmemory-clients", "7%")],
            "maxmemory-clients",
            &[("maxmemory-clients 7%", Always)],
        );
        check(&[], "logfile", &[("logfile \"\"", IfPresent)]);
        check(&[], "masterauth", &[]);
        check(&[("masterauth", "a \"b\n")], "masterauth", &[(r#"masterauth "a \"b\n""#, Always)]);
        let default = ["save 3600 1", "save 300 100", "save 60 10000"].map(|it| (it, Always));
        check(&[], "save", &default);
        check(&[("save", "")], "save", &[("save \"\"", Always)]);
        check(&[("save", "60 1 70 2")], "save", &[("save 60 1", Always), ("save 70 2", Always)]);
        check(&[], "replicaof", &[]);
        check(&[("replicaof", "h 1")], "slaveof", &[("replicaof h 1", Always)]);
        check(&[], "bind", &[]);
        check(&[("bind", "127.0.0.1 -::1")], "bind", &[("bind 127.0.0.1 -::1", Always)]);
        check(&[("bind", "")], "bind", &[("bind \"\"", Always)]);
        check(&[], "notify-keyspace-events", &[("notify-keyspace-events \"\"", IfPresent)]);
        check(
            &[("notify-keyspace-events", "nKEA")],
            "notify-keyspace-events",
            &[("notify-keyspace-events \"AnKE\"", Always)],
        );
        check(
            &[("client-output-buffer-limit", "slave 1mb 1kb 3")],
            "client-output-buffer-limit",
            &[
                ("client-output-buffer-limit normal 0 0 0", IfPresent),
                ("client-output-buffer-limit replica 1mb 1kb 3", Always),
                ("client-output-buffer-limit pubsub 32mb 8mb 60", IfPresent),
            ],
        );
    }
}
