//! What a client reads when a command fails: exact Redis text, all of it in this folder and, for
//! commands about connections, in `session_error`.

mod data;

use core::fmt;

pub use self::data::DataError;
use super::SessionError;
use crate::keyspace::WrongType;

/// Why a command failed. `Display` gives the text of the reply without the leading `-`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandError<'a> {
    /// The arguments make no sense.
    Syntax,
    /// The key holds another type of value than the command is for.
    WrongType,
    /// A number that must not be zero or less, called this.
    NotAboveZero(&'static str),
    /// A number that must not be negative, called this.
    Negative(&'static str),
    /// Something is wrong with a key or a value.
    Data(DataError),
    /// Not a 64-bit integer.
    NotInteger,
    /// `INCR` and its kin would leave the range of 64 bits.
    IncrementOverflow,
    /// `DECRBY` of the smallest integer.
    DecrementOverflow,
    /// An expiry that is not positive or too far away, in this command.
    InvalidExpire(&'static str),
    /// `EXPIRE` with an option it does not know.
    UnsupportedOption(&'a [u8]),
    /// `EXPIRE` with `NX` and another condition.
    ExpireNxWithOthers,
    /// `EXPIRE` with `GT` and `LT`.
    ExpireGtWithLt,
    /// The value would be longer than `proto-max-bulk-len`.
    StringTooLong,
    /// `SELECT` of a database that does not exist.
    DbIndexOutOfRange,
    /// Too few or too many arguments for this command.
    Arity(&'static str),
    /// A container command with a subcommand it does not know.
    UnknownSubcommand {
        /// The container, as the client calls it.
        container: &'a [u8],
        /// What was asked.
        asked: &'a [u8],
    },
    /// The same, or with the wrong number of arguments: found out when the command runs.
    SubcommandSyntax {
        /// The container, as the client calls it.
        container: &'a [u8],
        /// What was asked.
        asked: &'a [u8],
    },
    /// A client must authenticate first.
    NoAuth,
    /// A wrong password or user.
    WrongPass,
    /// `AUTH` without a configured password.
    AuthNotConfigured,
    /// `MULTI` inside `MULTI`.
    NestedMulti,
    /// `EXEC` without `MULTI`.
    ExecWithoutMulti,
    /// `DISCARD` without `MULTI`.
    DiscardWithoutMulti,
    /// A transaction with a command that could not be queued.
    ExecAbort,
    /// A command that cannot be part of a transaction.
    NotInTransaction,
    /// A write to a read-only replica.
    ReadOnly,
    /// A replica without its master that may not serve stale data.
    MasterDown,
    /// A keyspace command on a replica's connection.
    ReplicaTouchesKeyspace,
    /// `REPLICAOF` from a replica's connection.
    NotFromReplica,
    /// `REPLICAOF` with a port that is none.
    InvalidMasterPort,
    /// `PSYNC` to a replica that is not connected to its own master.
    NoMasterLink,
    /// `PSYNC` with replies still to be sent.
    PendingOutput,
    /// A number of keys that is not above zero, of this command.
    NoInputKey(&'static str),
    /// `REPLCONF` with an option nobody knows.
    UnknownReplconf(&'a [u8]),
    /// `REPLCONF ip-address` with too much text.
    AnnouncedIpTooLong(usize),
    /// `REPLCONF rdb-only` with another number than these.
    NotZeroOrOne,
    /// `PSYNC` for a part of the dataset without the `eof` capability.
    FilterWithoutEof,
    /// `REPLCONF rdb-filter-only` with something it does not know.
    UnsupportedFilter(&'a [u8]),
    /// `SHUTDOWN`: the dataset could not be saved, or it was called off.
    ShutdownFailed,
    /// The dataset is still being loaded.
    Loading,
    /// A write, while there are save points and the last save has failed.
    DiskError,
    /// `SAVE` or `BGSAVE` during another save.
    SaveUnderWay,
    /// `DEBUG` without permission.
    DebugNotAllowed,
    /// A command about connections.
    Session(SessionError<'a>),
}

const DISK_ERROR: &str = "\
    MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to \
    disk. Commands that may modify the data set are disabled, because this instance is configured \
    to report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). \
    Please check the Redis logs for details about the RDB error.";

const DEBUG_NOT_ALLOWED: &str = "\
    ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can \
    run it from a local connection, otherwise you need to set this option in the configuration \
    file, and then restart the server.";

impl fmt::Display for CommandError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::Session(error) => return error.fmt(f),
            Self::Syntax => "ERR syntax error",
            Self::Data(error) => error.text(),
            Self::WrongType => "WRONGTYPE Operation against a key holding the wrong kind of value",
            Self::NotAboveZero(what) => return write!(f, "ERR {what} should be greater than 0"),
            Self::NoInputKey(command) => {
                return write!(f, "ERR at least 1 input key is needed for '{command}' command");
            }
            Self::Negative(what) => return write!(f, "ERR {what} can't be negative"),
            Self::NotInteger => "ERR value is not an integer or out of range",
            Self::IncrementOverflow => "ERR increment or decrement would overflow",
            Self::DecrementOverflow => "ERR decrement would overflow",
            Self::InvalidExpire(command) => {
                return write!(f, "ERR invalid expire time in '{command}' command");
            }
            Self::UnsupportedOption(option) => {
                return write!(f, "ERR Unsupported option {}", c_text(option, usize::MAX));
            }
            Self::ExpireNxWithOthers => {
                "ERR NX and XX, GT or LT options at the same time are not compatible"
            }
            Self::ExpireGtWithLt => "ERR GT and LT options at the same time are not compatible",
            Self::StringTooLong => "ERR string exceeds maximum allowed size (proto-max-bulk-len)",
            Self::DbIndexOutOfRange => "ERR DB index is out of range",
            Self::Arity(command) => {
                return write!(f, "ERR wrong number of arguments for '{command}' command");
            }
            Self::UnknownSubcommand { container, asked } => {
                return refuse_word(f, "unknown subcommand", container, asked);
            }
            Self::SubcommandSyntax { container, asked } => {
                let why = "unknown subcommand or wrong number of arguments for";
                return refuse_word(f, why, container, asked);
            }
            Self::NoAuth => "NOAUTH Authentication required.",
            Self::WrongPass => "WRONGPASS invalid username-password pair or user is disabled.",
            Self::AuthNotConfigured => {
                "ERR AUTH <password> called without any password configured for the default user. \
                 Are you sure your configuration is correct?"
            }
            Self::NestedMulti => "ERR MULTI calls can not be nested",
            Self::ExecWithoutMulti => "ERR EXEC without MULTI",
            Self::DiscardWithoutMulti => "ERR DISCARD without MULTI",
            Self::ExecAbort => "EXECABORT Transaction discarded because of previous errors.",
            Self::NotInTransaction => "ERR Command not allowed inside a transaction",
            Self::ReadOnly => "READONLY You can't write against a read only replica.",
            Self::MasterDown => {
                "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."
            }
            Self::ReplicaTouchesKeyspace => "ERR Replica can't interact with the keyspace",
            Self::NotFromReplica => "ERR Command is not valid when client is a replica.",
            Self::InvalidMasterPort => "ERR Invalid master port",
            Self::NoMasterLink => "NOMASTERLINK Can't SYNC while not connected with my master",
            Self::PendingOutput => "ERR SYNC and PSYNC are invalid with pending output",
            Self::UnknownReplconf(option) => {
                return write!(f, "ERR Unrecognized REPLCONF option: {}", Text(option));
            }
            Self::AnnouncedIpTooLong(length) => {
                return write!(
                    f,
                    "ERR REPLCONF ip-address provided by replica instance is too long: {length} \
                     bytes"
                );
            }
            Self::NotZeroOrOne => "ERR value is out of range, value must between 0 and 1",
            Self::FilterWithoutEof => "ERR Filtered replica requires EOF capability",
            Self::UnsupportedFilter(filter) => {
                return write!(f, "ERR Unsupported rdb-filter-only option: {}", Text(filter));
            }
            Self::ShutdownFailed => "ERR Errors trying to SHUTDOWN. Check logs.",
            Self::Loading => "LOADING Redis is loading the dataset in memory",
            Self::DiskError => DISK_ERROR,
            Self::SaveUnderWay => "ERR Background save already in progress",
            Self::DebugNotAllowed => DEBUG_NOT_ALLOWED,
        })
    }
}

fn refuse_word(
    f: &mut fmt::Formatter<'_>,
    why: &str,
    container: &[u8],
    asked: &[u8],
) -> fmt::Result {
    let container = container.to_ascii_uppercase();
    let (asked, container) = (c_text(asked, 128), Text(&container));
    write!(f, "ERR {why} '{asked}'. Try {container} HELP.")
}

impl<'a> From<SessionError<'a>> for CommandError<'a> {
    fn from(error: SessionError<'a>) -> Self {
        Self::Session(error)
    }
}

impl From<DataError> for CommandError<'_> {
    fn from(error: DataError) -> Self {
        Self::Data(error)
    }
}

impl From<WrongType> for CommandError<'_> {
    fn from(WrongType: WrongType) -> Self {
        Self::WrongType
    }
}

impl core::error::Error for CommandError<'_> {}

/// At most `bytes_max` bytes as C prints them: to the first null byte.
fn c_text(bytes: &[u8], bytes_max: usize) -> Text<'_> {
    let shown = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    Text(&shown[..shown.len().min(bytes_max)])
}

/// Bytes of a peer in a message of ours. Bytes that are no UTF-8 show as the replacement character.
pub struct Text<'a>(pub &'a [u8]);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            f.write_str(chunk.valid())?;
            if !chunk.invalid().is_empty() {
                f.write_str("\u{fffd}")?;
            }
        }
        Ok(())
    }
}
