//! What clients asked and were told, for checkers outside: EDN as Jepsen, Knossos and Elle read it,
//! or the same as JSON, one operation a line.
//!
//! ```text
//! {:process 0, :type :invoke, :f :get, :value ["key:1"], :time 1002003, :client 1, :node "n1"}
//! {:process 0, :type :ok, :f :get, :value "x", :time 1502003, :client 1, :node "n1"}
//! {:process :nemesis, :type :info, :f :fault, :value "cut n1 - n2", :time 2000000000}
//! ```
//!
//! * `:f` is the command in lower case. `:value` is its arguments in an invocation and its reply in
//!   a completion.
//! * `MULTI` to `EXEC` is one operation `:txn`, whose value is its commands, then their replies.
//! * `:ok` is any reply but an error; `:fail` is an error, which changes nothing; `:info` is a lost
//!   connection, and whether the command was carried out is not known. An invocation that nothing
//!   follows was still waiting when the run ended.
//! * A process has one operation at a time. The requests of a pipeline are invoked together and
//!   belong to processes of their own, and a process that was told `:info` never asks again: a
//!   client is `:client`, and `:process` is only a number.
//! * Times are virtual nanoseconds since the start of the run.

use std::{collections::BTreeMap, fmt::Write as _};

use super::{Act, Event, Operation, Outcome, Record};
use crate::lab::Reply;

/// How a history is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Extensible data notation, Clojure's own.
    Edn,
    /// A JSON object a line.
    Json,
}

/// A value of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Nil,
    Number(i64),
    Text(String),
    /// A name: `:set`.
    Keyword(String),
    List(Vec<Self>),
}

/// A line of the history, before it has a form.
struct Line {
    at: u64,
    /// Completions come before what is invoked at the same moment, but for their own invocation.
    rank: u8,
    fields: Vec<(&'static str, Value)>,
}

/// One command of a client, or one whole transaction.
struct Call {
    name: String,
    arguments: Value,
    /// Its reply is this one of the batch's.
    reply: usize,
}

/// All of it, in the order of time.
#[must_use]
pub fn history(record: &Record, format: Format) -> String {
    let mut processes = Processes::default();
    let mut lines: Vec<Line> = record.events.iter().filter_map(nemesis).collect();
    for operation in &record.operations {
        for (slot, call) in calls(operation).iter().enumerate() {
            lines.extend(processes.lines(record, operation, slot, call));
        }
    }
    // Stable: what happens at one moment stays in the order in which it was asked.
    lines.sort_by_key(|line| (line.at, line.rank));
    let mut text = String::new();
    for line in lines {
        write_line(&mut text, format, &line.fields);
    }
    text
}

/// What went wrong, and what operators did.
fn nemesis(event: &Event) -> Option<Line> {
    let (act, text) = event.what.act()?;
    let f = match act {
        Act::Fault => "fault",
        Act::Order => "order",
    };
    let at = event.at.as_nanos();
    let fields = vec![
        ("process", keyword("nemesis")),
        ("type", keyword("info")),
        ("f", keyword(f)),
        ("value", Value::Text(text.to_owned())),
        ("time", number(at)),
    ];
    Some(Line { at, rank: 1, fields })
}

/// The numbers of processes: dense, in the order of their first operation.
#[derive(Debug, Default)]
struct Processes {
    /// By client and place in the pipeline. One that was told `:info` is taken out.
    numbers: BTreeMap<(usize, usize), i64>,
    count: i64,
}

impl Processes {
    fn lines(
        &mut self,
        record: &Record,
        operation: &Operation,
        slot: usize,
        call: &Call,
    ) -> Vec<Line> {
        let process = *self.numbers.entry((operation.client, slot)).or_insert_with(|| {
            self.count += 1;
            self.count - 1
        });
        let line = |at: u64, rank: u8, kind: &str, value: Value| {
            let fields = vec![
                ("process", Value::Number(process)),
                ("type", keyword(kind)),
                ("f", keyword(&call.name)),
                ("value", value),
                ("time", number(at)),
                ("client", number(operation.client as u64)),
                ("node", Value::Text(record.nodes[operation.node].clone())),
            ];
            Line { at, rank, fields }
        };
        let mut lines = vec![line(operation.at.as_nanos(), 1, "invoke", call.arguments.clone())];
        if let Some((at, outcome)) = &operation.outcome {
            let (kind, value) = match outcome {
                Outcome::Lost => ("info", call.arguments.clone()),
                Outcome::Answered(replies) => match replies.get(call.reply) {
                    None => ("info", call.arguments.clone()),
                    Some(Reply::Error(text)) => ("fail", Value::Text(text.clone())),
                    Some(reply) => ("ok", of_reply(reply)),
                },
            };
            if kind == "info" {
                self.numbers.remove(&(operation.client, slot));
            }
            // A connection that is dead already loses a request at once.
            let rank = if *at == operation.at { 2 } else { 0 };
            lines.push(line(at.as_nanos(), rank, kind, value));
        }
        lines
    }
}

/// The requests of a batch; a transaction is one.
fn calls(operation: &Operation) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    let mut transaction: Option<Vec<Value>> = None;
    for (place, words) in operation.requests.iter().enumerate() {
        let Some((name, arguments)) = words.split_first() else { continue };
        let name = text(name).to_lowercase();
        let arguments: Vec<Value> = arguments.iter().map(|word| Value::Text(text(word))).collect();
        match (name.as_str(), &mut transaction) {
            ("multi", None) => transaction = Some(Vec::new()),
            ("exec", Some(commands)) => {
                let arguments = Value::List(std::mem::take(commands));
                calls.push(Call { name: "txn".to_owned(), arguments, reply: place });
                transaction = None;
            }
            (_, Some(commands)) => {
                let mut command = vec![keyword(&name)];
                command.extend(arguments);
                commands.push(Value::List(command));
            }
            (_, None) => {
                calls.push(Call { name, arguments: Value::List(arguments), reply: place });
            }
        }
    }
    calls
}

fn of_reply(reply: &Reply) -> Value {
    match reply {
        Reply::Simple(text) | Reply::Error(text) => Value::Text(text.clone()),
        Reply::Integer(number) => Value::Number(*number),
        Reply::Bulk(None) | Reply::Array(None) => Value::Nil,
        Reply::Bulk(Some(bytes)) => Value::Text(text(bytes)),
        Reply::Array(Some(items)) => Value::List(items.iter().map(of_reply).collect()),
    }
}

fn keyword(name: &str) -> Value {
    Value::Keyword(name.to_owned())
}

fn number(number: u64) -> Value {
    Value::Number(i64::try_from(number).unwrap_or(i64::MAX))
}

/// Bytes as text; those that are none are escaped.
fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains(char::is_control) => text.to_owned(),
        Ok(_) | Err(_) => bytes.escape_ascii().to_string(),
    }
}

fn write_line(into: &mut String, format: Format, fields: &[(&'static str, Value)]) {
    into.push('{');
    for (place, (name, value)) in fields.iter().enumerate() {
        if place > 0 {
            into.push_str(", ");
        }
        match format {
            Format::Edn => write!(into, ":{name} "),
            Format::Json => write!(into, "\"{name}\": "),
        }
        .expect("writing to a String never fails");
        write_value(into, format, value);
    }
    into.push_str("}\n");
}

fn write_value(into: &mut String, format: Format, value: &Value) {
    let separator = match format {
        Format::Edn => " ",
        Format::Json => ", ",
    };
    match (value, format) {
        (Value::Nil, Format::Edn) => into.push_str("nil"),
        (Value::Nil, Format::Json) => into.push_str("null"),
        (Value::Number(number), _) => {
            write!(into, "{number}").expect("writing to a String never fails");
        }
        (Value::Keyword(name), Format::Edn) => {
            into.push(':');
            into.push_str(name);
        }
        // Escapes that JSON and EDN have in common.
        (Value::Text(text) | Value::Keyword(text), _) => into.push_str(&crate::sweep::quoted(text)),
        (Value::List(items), _) => {
            into.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    into.push_str(separator);
                }
                write_value(into, format, item);
            }
            into.push(']');
        }
    }
}

#[cfg(test)]
mod tests {
    use repl_core::base::time::Instant;

    use super::*;

    fn words(text: &str) -> Vec<Vec<u8>> {
        text.split(' ').map(|word| word.as_bytes().to_vec()).collect()
    }

    fn asked(requests: &[&str], at: u64, outcome: Option<(u64, Outcome)>) -> Operation {
        Operation {
            client: 7,
            node: 0,
            requests: requests.iter().map(|request| words(request)).collect(),
            at: Instant::from_nanos(at),
            outcome: outcome.map(|(at, outcome)| (Instant::from_nanos(at), outcome)),
        }
    }

    fn record(operations: Vec<Operation>) -> Record {
        Record { nodes: vec!["n1".to_owned()], operations, ..Record::default() }
    }

    #[test]
    fn an_operation_is_invoked_and_completed() {
        let outcome = Outcome::Answered(vec![Reply::Bulk(Some(b"a\"b".to_vec()))]);
        let record = record(vec![asked(&["GET key:1"], 5, Some((9, outcome)))]);
        let tail = ":client 7, :node \"n1\"}\n";
        let expected = format!(
            "{{:process 0, :type :invoke, :f :get, :value [\"key:1\"], :time 5, {tail}\
             {{:process 0, :type :ok, :f :get, :value \"a\\\"b\", :time 9, {tail}"
        );
        assert_eq!(history(&record, Format::Edn), expected);
        let json = history(&record, Format::Json);
        let first = "{\"process\": 0, \"type\": \"invoke\", \"f\": \"get\", \
                     \"value\": [\"key:1\"], \"time\": 5, \"client\": 7, \"node\": \"n1\"}";
        assert_eq!(json.lines().next(), Some(first));
    }

    #[test]
    fn a_process_has_one_operation_at_a_time_and_ends_with_what_is_not_known() {
        let both = Outcome::Answered(vec![Reply::Integer(1), Reply::Error("READONLY x".into())]);
        let record = record(vec![
            asked(&["INCR a", "INCR b"], 1, Some((2, both))),
            asked(&["INCR a"], 2, Some((3, Outcome::Lost))),
            asked(&["INCR a"], 4, None),
        ]);
        let text = history(&record, Format::Edn);
        let heads: Vec<String> =
            text.lines().map(|line| line.split(", :f").next().unwrap_or("").to_owned()).collect();
        let expected = [
            "{:process 0, :type :invoke",
            "{:process 1, :type :invoke",
            "{:process 0, :type :ok",
            "{:process 1, :type :fail",
            "{:process 0, :type :invoke",
            "{:process 0, :type :info",
            "{:process 2, :type :invoke",
        ];
        assert_eq!(heads, expected);
    }

    #[test]
    fn a_transaction_is_one_operation() {
        let queued = Reply::Simple("QUEUED".into());
        let done = Reply::Array(Some(vec![Reply::Simple("OK".into()), Reply::Bulk(None)]));
        let outcome =
            Outcome::Answered(vec![Reply::Simple("OK".into()), queued.clone(), queued, done]);
        let requests = ["MULTI", "SET a 1", "GET b", "EXEC"];
        let text = history(&record(vec![asked(&requests, 1, Some((2, outcome)))]), Format::Edn);
        let values: Vec<&str> =
            text.lines().filter_map(|line| line.split(":value ").nth(1)).collect();
        assert!(values[0].starts_with("[[:set \"a\" \"1\"] [:get \"b\"]], :time"), "{text}");
        assert!(values[1].starts_with("[\"OK\" nil], :time"), "{text}");
        assert_eq!(values.len(), 2);
    }
}
