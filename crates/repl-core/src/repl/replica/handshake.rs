//! The handshake: from the first `PING` to the master's answer to `PSYNC`.
//!
//! ```text
//!  ExpectPong --> ExpectReplies --> ExpectPsyncReply --> Continue | Full
//!     PING         AUTH, REPLCONF      PSYNC      +--> SYNC (a master without PSYNC) --> Full
//! ```
//!
//! A pure function of the master's lines. The classic names of these states (`RECEIVE_PING_REPLY`,
//! `RECEIVE_AUTH_REPLY`, `RECEIVE_PORT_REPLY`, `RECEIVE_IP_REPLY`, `RECEIVE_CAPA_REPLY`,
//! `RECEIVE_PSYNC_REPLY`) are the things waited for here.

use alloc::{collections::VecDeque, string::String, vec::Vec};
use core::mem;

use super::{at_most, error::LinkError};
use crate::{
    base::ids::ReplId,
    marks::{Mark, Marks},
    resp::encode_command,
};

/// What the replica says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Greeting {
    /// `masteruser`: empty for the default user.
    pub user: String,
    /// `masterauth`: empty for no `AUTH`.
    pub password: String,
    /// The port it announces.
    pub port: u16,
    /// The address it announces; empty for none.
    pub ip: String,
    /// The history it holds and the next byte it wants; `None` to ask for a full sync.
    pub resume: Option<(ReplId, u64)>,
    /// What it wants of the master.
    pub purpose: Purpose,
}

/// What a replica wants of a master.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// To be its replica.
    #[default]
    Follow,
    /// That it becomes a master first: it is a replica of ours, and takes over.
    HandOver,
}

/// The master's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The stream follows, from the byte asked for, under this id if it is named.
    Continue(Option<ReplId>),
    /// A payload follows. The history it belongs to and the last byte it contains, if the master
    /// said so.
    Full(Option<(ReplId, u64)>),
}

/// A reply that is waited for, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reply {
    Auth,
    Port,
    Ip,
    Capa,
}

#[derive(Clone, Debug)]
#[allow(clippy::enum_variant_names, reason = "states say what they wait for")]
enum Step {
    ExpectPong,
    ExpectReplies(VecDeque<Reply>),
    ExpectPsyncReply,
}

/// What is said and counted beside the protocol.
#[derive(Debug)]
pub struct Margin<'a> {
    /// For the log.
    pub remarks: &'a mut Vec<String>,
    /// Which branches were taken.
    pub marks: &'a mut Marks,
}

/// A handshake under way.
#[derive(Clone, Debug)]
pub struct Handshake {
    greeting: Greeting,
    step: Step,
}

impl Handshake {
    /// Begins: the first command goes into `out`.
    pub fn begin(greeting: Greeting, out: &mut Vec<u8>) -> Self {
        encode_command(out, [b"PING".as_slice()]);
        Self { greeting, step: Step::ExpectPong }
    }

    /// Whether the next line is the answer to `PSYNC`, before which empty lines are signs of life.
    pub fn expects_psync_reply(&self) -> bool {
        matches!(self.step, Step::ExpectPsyncReply)
    }

    /// Takes one line of the master, without its end. Commands to send go into `out`. `None`: go
    /// on.
    ///
    /// # Errors
    /// The handshake is over and must be tried again.
    pub fn on_line(
        &mut self,
        line: &[u8],
        out: &mut Vec<u8>,
        mut margin: Margin<'_>,
    ) -> Result<Option<Answer>, LinkError> {
        match mem::replace(&mut self.step, Step::ExpectPong) {
            Step::ExpectPong => {
                let accepted = line.starts_with(b"+")
                    || line.starts_with(b"-NOAUTH")
                    || line.starts_with(b"-NOPERM")
                    || line.starts_with(b"-ERR operation not permitted");
                if !accepted {
                    return Err(LinkError::PingRefused(text(line)));
                }
                if line.starts_with(b"-") {
                    margin.marks.hit(Mark::PongNoAuth);
                }
                self.step = self.introduce(out, margin.marks);
                Ok(None)
            }
            Step::ExpectReplies(mut expected) => {
                let Some(reply) = expected.pop_front() else {
                    unreachable!("the step ends with the last reply")
                };
                if line.starts_with(b"-") {
                    let (option, mark) = match reply {
                        Reply::Auth => return Err(LinkError::AuthRefused(text(line))),
                        Reply::Port => ("listening-port", Mark::PortNotUnderstood),
                        Reply::Ip => ("ip-address", Mark::IpNotUnderstood),
                        Reply::Capa => ("capa", Mark::CapaNotUnderstood),
                    };
                    margin.remarks.push(not_understood(option, line));
                    margin.marks.hit(mark);
                }
                self.step = if expected.is_empty() {
                    self.ask(out, &mut margin)
                } else {
                    Step::ExpectReplies(expected)
                };
                Ok(None)
            }
            Step::ExpectPsyncReply => {
                self.step = Step::ExpectPsyncReply;
                self.on_psync_reply(line, out, &mut margin)
            }
        }
    }

    /// Who we are, in one go.
    fn introduce(&self, out: &mut Vec<u8>, marks: &mut Marks) -> Step {
        let mut expected = VecDeque::new();
        let greeting = &self.greeting;
        if !greeting.password.is_empty() {
            let password = greeting.password.as_bytes();
            if greeting.user.is_empty() {
                encode_command(out, [b"AUTH".as_slice(), password]);
                marks.hit(Mark::AuthSent);
            } else {
                encode_command(out, [b"AUTH".as_slice(), greeting.user.as_bytes(), password]);
                marks.hit(Mark::AuthSentForUser);
            }
            expected.push_back(Reply::Auth);
        }
        let mut replconf = |args: &[&[u8]], reply| {
            let command = core::iter::once(b"REPLCONF".as_slice()).chain(args.iter().copied());
            encode_command(out, command.collect::<Vec<_>>());
            expected.push_back(reply);
        };
        let mut digits = itoa::Buffer::new();
        let port = digits.format(greeting.port).as_bytes();
        replconf(&[b"listening-port", port], Reply::Port);
        if !greeting.ip.is_empty() {
            replconf(&[b"ip-address", greeting.ip.as_bytes()], Reply::Ip);
            marks.hit(Mark::IpAnnounced);
        }
        replconf(&[b"capa", b"eof", b"capa", b"psync2"], Reply::Capa);
        Step::ExpectReplies(expected)
    }

    fn ask(&self, out: &mut Vec<u8>, margin: &mut Margin<'_>) -> Step {
        match self.greeting.resume {
            Some((replid, next)) => {
                margin.marks.hit(Mark::AskedToContinue);
                margin.remarks.push(alloc::format!(
                    "Trying a partial resynchronization (request {replid}:{next})."
                ));
                let mut digits = itoa::Buffer::new();
                let next = digits.format(next).as_bytes();
                let words = [b"PSYNC".as_slice(), replid.as_bytes(), next, b"FAILOVER"];
                let count = match self.greeting.purpose {
                    Purpose::Follow => 3,
                    Purpose::HandOver => 4,
                };
                encode_command(out, words.into_iter().take(count));
            }
            None if self.greeting.purpose == Purpose::HandOver => {
                // Only a replica can take over, and it says so whatever it is asked for.
                encode_command(out, [b"PSYNC".as_slice(), b"?", b"-1", b"FAILOVER"]);
            }
            None => {
                margin.marks.hit(Mark::AskedForAll);
                margin
                    .remarks
                    .push("Partial resynchronization not possible (no cached master)".into());
                encode_command(out, [b"PSYNC".as_slice(), b"?", b"-1"]);
            }
        }
        Step::ExpectPsyncReply
    }

    // redis: replication.c, slaveTryPartialResynchronization
    fn on_psync_reply(
        &self,
        line: &[u8],
        out: &mut Vec<u8>,
        margin: &mut Margin<'_>,
    ) -> Result<Option<Answer>, LinkError> {
        let Margin { remarks, marks } = margin;
        if line.is_empty() {
            marks.hit(Mark::SignBeforeAnswer);
            return Ok(None);
        }
        if let Some(rest) = line.strip_prefix(b"+FULLRESYNC") {
            let origin = parse_origin(rest);
            match origin {
                Some((replid, offset)) => {
                    marks.hit(Mark::AnsweredFull);
                    remarks.push(alloc::format!("Full resync from master: {replid}:{offset}"));
                }
                None => {
                    marks.hit(Mark::AnsweredFullWithoutOrigin);
                    remarks.push("Master replied with wrong +FULLRESYNC syntax.".into());
                }
            }
            return Ok(Some(Answer::Full(origin)));
        }
        if let Some(rest) = line.strip_prefix(b"+CONTINUE") {
            if self.greeting.resume.is_none() {
                return Err(LinkError::NothingToContinue);
            }
            remarks.push("Successful partial resynchronization with master.".into());
            return Ok(Some(Answer::Continue(ReplId::parse(rest.trim_ascii()))));
        }
        let transient: [&[u8]; 3] = [b"-NOMASTERLINK", b"-MASTERDOWN", b"-LOADING"];
        if transient.iter().any(|word| line.starts_with(word)) {
            return Err(LinkError::TryLater(text(line)));
        }
        if line.starts_with(b"-ERR") {
            marks.hit(Mark::SyncAfterError);
            remarks.push(alloc::format!(
                "Master does not support PSYNC or is in error state (reply: {})",
                text(line)
            ));
        } else {
            marks.hit(Mark::SyncAfterOddity);
            remarks.push(alloc::format!("Unexpected reply to PSYNC from master: {}", text(line)));
        }
        remarks.push("Retrying with SYNC...".into());
        out.extend_from_slice(b"SYNC\r\n");
        Ok(Some(Answer::Full(None)))
    }
}

/// ` <replid> <offset>`
fn parse_origin(rest: &[u8]) -> Option<(ReplId, u64)> {
    let mut words = rest.split(|&byte| byte == b' ').filter(|word| !word.is_empty());
    let replid = ReplId::parse(words.next()?)?;
    let offset = crate::base::number::parse_u64(words.next()?)?;
    (offset < crate::repl::OFFSET_LIMIT).then_some((replid, offset))
}

fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(at_most(line, 128)).into_owned()
}

fn not_understood(option: &str, line: &[u8]) -> String {
    alloc::format!("(Non critical) Master does not understand REPLCONF {option}: {}", text(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(byte: u8) -> ReplId {
        ReplId::parse(&[byte; 40]).expect("forty graphic characters")
    }

    /// What is sent, and the outcome of the last line.
    fn run(greeting: Greeting, lines: &[&str]) -> (String, Result<Option<Answer>, LinkError>) {
        let (mut out, mut remarks, mut marks) = (Vec::new(), Vec::new(), Marks::default());
        let mut handshake = Handshake::begin(greeting, &mut out);
        let mut outcome = Ok(None);
        for line in lines {
            let margin = Margin { remarks: &mut remarks, marks: &mut marks };
            outcome = handshake.on_line(line.as_bytes(), &mut out, margin);
        }
        (String::from_utf8(out).expect("made of ASCII").replace("\r\n", " "), outcome)
    }

    const OK: &[&str] = &["+PONG", "+OK", "+OK"];

    fn answered(line: &str) -> Result<Option<Answer>, LinkError> {
        let greeting = Greeting { resume: Some((id(b'a'), 42)), ..Greeting::default() };
        run(greeting, &[OK, &[line]].concat()).1
    }

    #[test]
    fn a_new_replica_asks_for_everything() {
        let (sent, outcome) = run(Greeting { port: 7, ..Greeting::default() }, OK);
        assert_eq!(
            sent,
            "*1 $4 PING *3 $8 REPLCONF $14 listening-port $1 7 *5 $8 REPLCONF $4 capa $3 eof $4 \
             capa $6 psync2 *3 $5 PSYNC $1 ? $2 -1 "
        );
        assert_eq!(outcome, Ok(None));
    }

    #[test]
    fn a_replica_with_a_history_asks_for_the_next_byte_and_names_itself() {
        let greeting = Greeting {
            purpose: Purpose::Follow,
            user: "u".into(),
            password: "p".into(),
            port: 7,
            ip: "1.2.3.4".into(),
            resume: Some((id(b'a'), 42)),
        };
        let (sent, _) =
            run(greeting, &["-NOAUTH Authentication required.", "+OK", "+OK", "-ERR what", "+OK"]);
        assert!(sent.contains("*3 $4 AUTH $1 u $1 p *3 $8 REPLCONF"), "{sent}");
        assert!(sent.contains("$10 ip-address $7 1.2.3.4"), "{sent}");
        assert!(sent.ends_with(&alloc::format!("$5 PSYNC $40 {} $2 42 ", id(b'a'))), "{sent}");
    }

    #[test]
    fn every_answer_has_its_meaning() {
        let a = id(b'a');
        assert_eq!(
            answered(&alloc::format!("+FULLRESYNC {a} 100")),
            Ok(Some(Answer::Full(Some((a, 100)))))
        );
        assert_eq!(answered("+CONTINUE"), Ok(Some(Answer::Continue(None))));
        assert_eq!(answered(&alloc::format!("+CONTINUE {a}")), Ok(Some(Answer::Continue(Some(a)))));
        assert_eq!(answered(""), Ok(None));
        for transient in ["-NOMASTERLINK Can't SYNC", "-MASTERDOWN Link", "-LOADING Redis is"] {
            assert_eq!(answered(transient), Err(LinkError::TryLater(transient.into())));
        }
    }

    #[test]
    fn a_replica_that_asked_for_everything_has_nothing_to_continue() {
        let (_, outcome) = run(Greeting::default(), &[OK, &["+CONTINUE"]].concat());
        assert_eq!(outcome, Err(LinkError::NothingToContinue));
    }

    #[test]
    fn a_wrong_fullresync_line_still_announces_a_payload() {
        for wrong in ["+FULLRESYNC", "+FULLRESYNC x 1", "+FULLRESYNC 1 2 3", "+FULLRESYNC  "] {
            assert_eq!(answered(wrong), Ok(Some(Answer::Full(None))), "{wrong}");
        }
        let huge = alloc::format!("+FULLRESYNC {} 18446744073709551615", id(b'a'));
        assert_eq!(answered(&huge), Ok(Some(Answer::Full(None))));
    }

    #[test]
    fn a_master_without_psync_is_asked_the_old_way() {
        let (sent, outcome) = run(Greeting::default(), &[OK, &["-ERR unknown command"]].concat());
        assert!(sent.ends_with("-1 SYNC "), "{sent}");
        assert_eq!(outcome, Ok(Some(Answer::Full(None))));
    }

    #[test]
    fn a_refusal_ends_the_handshake() {
        let (_, outcome) = run(Greeting::default(), &["-MISCONF no"]);
        assert_eq!(outcome, Err(LinkError::PingRefused("-MISCONF no".into())));
        let greeting = Greeting { password: "p".into(), ..Greeting::default() };
        let (_, outcome) = run(greeting, &["+PONG", "-WRONGPASS"]);
        assert_eq!(outcome, Err(LinkError::AuthRefused("-WRONGPASS".into())));
    }
}
