//! What a scenario saw, in lines that mean the same in every world: histories have letters instead
//! of random ids.

use std::fmt::Display;

use redis::{RedisError, RedisResult, Value};
use repl_testbed::{Decision, Peer, Role, Testbed};

/// See this file's header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Account {
    lines: Vec<String>,
    /// Replication ids in the order in which they were met: A, B, ...
    histories: Vec<String>,
}

/// Whether the numbers of bytes are part of what is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offsets {
    Told,
    /// Something in the stream hangs on time: pings, or questions for acknowledgements.
    Untold,
}

impl Account {
    pub(crate) fn into_lines(self) -> Vec<String> {
        self.lines
    }

    /// A line about what was seen.
    pub(crate) fn note(&mut self, what: &str, seen: impl Display) {
        self.lines.push(format!("{what}: {seen}"));
    }

    /// Asks a node, and notes what it answers.
    ///
    /// # Errors
    /// The connection was lost, or nobody answers: an error reply is an answer.
    pub(crate) async fn ask(&mut self, peer: &Peer, command: &str) -> RedisResult<()> {
        let words: Vec<&str> = command.split(' ').collect();
        let answer = told(peer.call(&words).await)?;
        self.note(&format!("{} {command}", peer.name()), answer);
        Ok(())
    }

    /// What every master answered to `PSYNC`, by the node that asked; then what each of these nodes
    /// is, and holds.
    pub(crate) async fn end(
        &mut self,
        bed: &Testbed,
        peers: &[&Peer],
        offsets: Offsets,
    ) -> RedisResult<()> {
        let mut decisions = bed.decisions();
        // Two nodes may ask at the same time; what one asks has an order.
        decisions.sort_by(|a, b| a.replica.cmp(&b.replica));
        let granted: Vec<String> =
            decisions.iter().map(|decision| decision.replid.clone()).collect();
        for decision in decisions {
            let line = self.decision(decision, &granted, offsets);
            self.lines.push(line);
        }
        for peer in peers {
            let line = self.state(peer, offsets).await?;
            self.lines.push(line);
        }
        Ok(())
    }

    fn decision(&mut self, decision: Decision, granted: &[String], offsets: Offsets) -> String {
        // A redis-server that never had a master or a replica names the fresh id that it was
        // started with and the first byte, which nobody has and nobody knows.
        // redis: replication.c, replicationCacheMasterUsingMyself
        let fresh = |asked: &(String, u64)| asked.1 == 1 && !granted.contains(&asked.0);
        let asked = match (decision.asked.filter(|asked| !fresh(asked)), offsets) {
            (None, _) => "without a history".to_owned(),
            (Some((replid, offset)), Offsets::Told) => {
                format!("for {} from {offset}", self.letter(&replid))
            }
            (Some((replid, _)), Offsets::Untold) => format!("for {}", self.letter(&replid)),
        };
        let history = self.letter(&decision.replid);
        let (replica, master, verdict) = (decision.replica, decision.master, decision.verdict);
        format!("{replica} asks {master} {asked}: {verdict} {history}")
    }

    async fn state(&mut self, peer: &Peer, offsets: Offsets) -> RedisResult<String> {
        let role = match peer.role().await? {
            Role::Master => "master",
            Role::Replica => "replica",
        };
        let info = async |name| peer.info("replication", name).await;
        let history = self.letter(&info("master_replid").await?);
        let before = info("master_replid2").await?;
        let before = match before.bytes().all(|byte| byte == b'0') {
            true => String::new(),
            false => format!(" after {}", self.letter(&before)),
        };
        let at = match offsets {
            Offsets::Told => format!(" at {}", info("master_repl_offset").await?),
            Offsets::Untold => String::new(),
        };
        let digest = peer.digest().await?;
        Ok(format!("{} is {role} of {history}{before}{at}, holds {}", peer.name(), &digest[..12]))
    }

    fn letter(&mut self, replid: &str) -> String {
        let known = self.histories.iter().position(|known| known == replid);
        let number = known.unwrap_or_else(|| {
            self.histories.push(replid.to_owned());
            self.histories.len() - 1
        });
        char::from(b'A' + u8::try_from(number).expect("a scenario has few histories")).to_string()
    }
}

/// A reply as a line.
///
/// # Errors
/// There is none.
pub(crate) fn told(reply: RedisResult<Value>) -> RedisResult<String> {
    match reply {
        Ok(value) => Ok(shown(&value)),
        Err(error) => error_reply(&error).ok_or(error),
    }
}

/// What an error of the server says; `None` when there was no reply.
fn error_reply(error: &RedisError) -> Option<String> {
    let code = error.code()?;
    Some(format!("-{code} {}", error.detail().unwrap_or_default()))
}

fn shown(value: &Value) -> String {
    match value {
        Value::Nil => "nil".to_owned(),
        Value::Int(number) => number.to_string(),
        Value::BulkString(bytes) => format!("\"{}\"", bytes.escape_ascii()),
        Value::SimpleString(text) => text.clone(),
        Value::Okay => "OK".to_owned(),
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(shown).collect();
            format!("[{}]", values.join(", "))
        }
        Value::ServerError(error) => {
            format!("-{} {}", error.code(), error.details().unwrap_or_default())
        }
        Value::Map(_)
        | Value::Attribute { .. }
        | Value::Set(_)
        | Value::Double(_)
        | Value::Boolean(_)
        | Value::VerbatimString { .. }
        | Value::BigNumber(_)
        | Value::Push { .. }
        | _ => panic!("RESP2 has no {value:?}"),
    }
}
