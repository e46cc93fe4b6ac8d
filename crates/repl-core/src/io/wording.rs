//! The reasons for full synchronisations in words: a sentence on what happened, a sentence of
//! advice. Whoever changes what they say looks at the snapshots in `tests/wire/explain.rs`.

use core::{fmt, time::Duration};

use super::{
    decision::Why,
    reason::{Begin, FullReason, LinkLoss, Loss, LossCause, NeedReason, Parting, Remedy, Scratch},
};

/// A sentence with all figures.
impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Granted(reason) => write!(f, "{reason}"),
            Self::Needed(reason) => write!(f, "{reason}"),
        }
    }
}

/// A sentence on who asked for what in vain.
impl fmt::Display for FullReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked => f.write_str("The replica named no history."),
            Self::OldProtocol => {
                f.write_str("The replica came with SYNC, which can name no history.")
            }
            Self::BrokenOff(loss) => {
                write!(f, "The replica named no history: its last full sync was broken off {loss}.")
            }
            Self::OtherHistory { asked, .. } => {
                write!(f, "The replica named the history {asked}, which this node has never told.")
            }
            Self::LeftHistory { next, left_at, parting, .. } => write!(
                f,
                "The replica wanted byte {next} of a history that this node left at byte \
                 {left_at}: {parting}."
            ),
            Self::BeyondSwitch { next, switch } => write!(
                f,
                "The replica holds {} bytes of the former history that this node never had: it \
                 wanted byte {next}, and the histories part at byte {switch}.",
                next - switch
            ),
            Self::NoBacklog { next } => write!(
                f,
                "The replica wanted byte {next} of this node's history, and no backlog is kept."
            ),
            Self::BeforeBegin { next, begin, first } => write!(
                f,
                "The replica wanted byte {next}, and the backlog began at byte {first}: {begin}."
            ),
            Self::BeforeBacklog { next, first, end, bytes, loss } => {
                write!(
                    f,
                    "The replica wanted byte {next}, and the backlog of {bytes} bytes reaches from \
                     {first} to {}: {} bytes are gone.",
                    end - 1,
                    first - next
                )?;
                loss.map_or(Ok(()), |loss| write!(f, " It had been lost {loss}."))
            }
            Self::AfterEnd { next, end } => write!(
                f,
                "The replica wanted byte {next}, and the history of this node ends with byte {}.",
                end - 1
            ),
        }
    }
}

/// A sentence on what was asked of the master and why it was in vain.
impl fmt::Display for NeedReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scratch(scratch) => write!(f, "This node named no history: {scratch}."),
            Self::BrokenOff(loss) => {
                write!(f, "This node named no history: its last full sync was broken off {loss}.")
            }
            Self::OtherHistory { ours, next, theirs } => write!(
                f,
                "This node wanted byte {next} of the history {ours}, and the master tells {theirs}."
            ),
            Self::Trimmed { next, offset, down } => {
                write!(
                    f,
                    "This node wanted byte {next}, and the master, which is at byte {offset} of \
                     the same history, keeps it no more."
                )?;
                down.map_or(Ok(()), |down| {
                    write!(f, " The link had been down for {}.", Seconds(down))
                })
            }
            Self::Behind { next, offset } => write!(
                f,
                "This node wanted byte {next}, and the master is only at byte {offset} of the same \
                 history."
            ),
            Self::OldProtocol => f.write_str("The master names no history of its own."),
        }
    }
}

/// A sentence of advice; nothing when there is none.
impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Nothing => Ok(()),
            Self::BacklogSize { wanted, now } => {
                write!(f, "A repl-backlog-size of {wanted} bytes")?;
                match now {
                    Some(now) => write!(f, ", instead of {now},")?,
                    None => f.write_str(" on the master")?,
                }
                f.write_str(" would have been enough.")
            }
            Self::BacklogTtl(ttl) => write!(
                f,
                "A repl-backlog-ttl of more than {}, or 0 for ever, would have kept the history.",
                Seconds(ttl)
            ),
            Self::OutputLimit { limit, wanted } => write!(
                f,
                "A client-output-buffer-limit replica above {wanted} bytes, instead of {limit}, \
                 would have kept the replica."
            ),
            Self::Timeout(timeout) => write!(
                f,
                "A repl-timeout of more than {} would have waited for the other end.",
                Seconds(timeout)
            ),
            Self::Save => f.write_str(
                "If a process ended in between, save points or SHUTDOWN SAVE would have left a \
                 file that names the history.",
            ),
            Self::Failover => f.write_str(
                "FAILOVER hands the role over without such bytes; REPLICAOF NO ONE on a replica \
                 that is behind does not.",
            ),
            Self::AskReplica => f.write_str("REPL EXPLAIN on the replica tells why."),
            Self::AskMaster => f.write_str("REPL EXPLAIN on the master tells why."),
        }
    }
}

impl fmt::Display for Parting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BacklogFreed(ttl) => {
                write!(f, "no replica came for {}, and it went with the backlog", Seconds(*ttl))
            }
            Self::Superseded => {
                f.write_str("its id has changed twice since, and one is remembered")
            }
            Self::FullSync => f.write_str("a full sync gave it another dataset"),
            Self::Debug => f.write_str("DEBUG gave it another"),
            Self::Uncounted => {
                f.write_str("what was written before the first replica had not been counted")
            }
        }
    }
}

impl fmt::Display for Begin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Recording => "bytes are counted from there on",
            Self::FullSync => "this node came there by a full sync of its own",
            Self::File => "the snapshot file it started from ends there, and holds no backlog",
        })
    }
}

impl fmt::Display for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoFile => "it started as a replica without a snapshot file",
            Self::FileWithoutPlace => "the snapshot file it started from names none",
            Self::Uncounted => "it was a master without replicas, and had counted no bytes",
            Self::Nameless => "its dataset came with SYNC",
            Self::Damaged => "the stream before held something that is no command",
            Self::Reloaded => "DEBUG RELOAD gave it another dataset",
        })
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} earlier: ", Seconds(self.ago))?;
        match self.cause {
            LossCause::HardLimit { held, limit } => {
                write!(f, "{held} bytes were held for it, and {limit} are allowed")
            }
            LossCause::SoftLimit { held, limit, span } => write!(
                f,
                "{held} bytes were held for it, and {limit} are allowed for {}",
                Seconds(span)
            ),
            LossCause::Timeout(timeout) => {
                write!(f, "it had said nothing for {}", Seconds(timeout))
            }
            LossCause::Closed(cause) => write!(f, "{cause}"),
        }
    }
}

impl fmt::Display for LinkLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout(timeout) => write!(f, "after {} of silence", Seconds(*timeout)),
            Self::Closed(cause) => write!(f, "with its connection: {cause}"),
            Self::Refused => f.write_str("by an error of the master"),
            Self::Damaged => f.write_str("because what came was no snapshot"),
            Self::Unwanted => f.write_str("because its master had come back empty"),
        }
    }
}

/// A span as people read it: whole seconds, or with their thousandths.
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.subsec_millis() {
            0 => write!(f, "{} s", self.0.as_secs()),
            millis => write!(f, "{}.{millis:03} s", self.0.as_secs()),
        }
    }
}
