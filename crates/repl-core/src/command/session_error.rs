//! What a client reads when a command about connections, channels or waiting fails: exact Redis
//! text. What is about users is in `acl_error`.

use core::fmt;

use super::{AclError, Text};

/// Why a command about connections failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionError<'a> {
    /// `HELLO` with a version that is no number.
    ProtoNotInteger,
    /// `HELLO` with a version other than 2 and 3.
    UnsupportedProto,
    /// `HELLO` with an option it does not know, or without its arguments.
    HelloSyntax(&'a [u8]),
    /// `HELLO` before authentication, without the password.
    HelloUnauthenticated,
    /// A name with blanks or worse.
    ClientName,
    /// `CLIENT SETINFO` with a value with blanks or worse, of this attribute.
    LibraryText(&'static str),
    /// `CLIENT SETINFO` with an attribute it does not know.
    UnknownLibraryOption(&'a [u8]),
    /// A type of client that does not exist.
    UnknownClientType(&'a [u8]),
    /// `CLIENT LIST ID` with something that is no id.
    InvalidClientId,
    /// `CLIENT KILL ID` with something that is no id.
    ClientIdNotPositive,
    /// `CLIENT KILL address` that nobody has.
    NoSuchClient,
    /// `CLIENT KILL USER` with a user that does not exist.
    NoSuchUser(&'a [u8]),
    /// `CLIENT PAUSE` with a mode that does not exist.
    PauseMode,
    /// `CLIENT UNBLOCK` with a reason that does not exist.
    UnblockReason,
    /// A timeout that is no number.
    TimeoutNotInteger,
    /// A timeout in seconds that is no number.
    TimeoutNotFloat,
    /// A timeout below zero.
    TimeoutNegative,
    /// `WAIT` on a replica.
    WaitOnReplica,
    /// `WATCH` in a transaction.
    WatchInMulti,
    /// `MONITOR` in a transaction.
    MonitorInMulti,
    /// `SSUBSCRIBE` in a transaction.
    SsubscribeInMulti,
    /// A command that a RESP2 client may not use while it listens to channels.
    NotWhileSubscribed(&'static str),
    /// `min-replicas-to-write`.
    NoReplicas,
    /// `CONFIG REWRITE` without a file.
    NoConfigFile,
    /// `DEBUG RELOAD` with an option it does not know.
    ReloadOption,
    /// `DEBUG RELOAD` in a transaction.
    ReloadInMulti,
    /// `SHUTDOWN ABORT` while there is nothing to abort.
    NoShutdown,
    /// `PSYNC ... FAILOVER` to a master.
    TakeOverOfMaster,
    /// `PSYNC ... FAILOVER` for another history.
    TakeOverOfAnother,
    /// `PSYNC` while the role is being handed over.
    SyncWhileFailingOver,
    /// `REPLICAOF` while the role is being handed over.
    FollowWhileFailingOver,
    /// `FAILOVER ABORT` with nothing to abort.
    NoFailover,
    /// `FAILOVER TIMEOUT` of no time.
    FailoverTimeout,
    /// `FAILOVER` while one is under way.
    FailoverUnderWay,
    /// `FAILOVER` of a replica.
    FailoverOnReplica,
    /// `FAILOVER` without replicas.
    FailoverWithoutReplicas,
    /// `FAILOVER ... FORCE` without a target or without a time.
    FailoverForce,
    /// `FAILOVER TO` somebody who is no replica.
    FailoverToNobody,
    /// `FAILOVER TO` a replica that does not follow the stream yet.
    FailoverToLoading,
    /// `SLOWLOG GET` with a count that is none.
    SlowlogCount,
    /// `LATENCY GRAPH` of an event that was never seen.
    NoLatencySamples(&'a [u8]),
    /// About users and what they may do.
    Acl(AclError<'a>),
    /// `SCRIPT KILL`.
    NoScript,
}

impl fmt::Display for SessionError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::ProtoNotInteger => "ERR Protocol version is not an integer or out of range",
            Self::UnsupportedProto => "NOPROTO unsupported protocol version",
            Self::HelloSyntax(option) => {
                return write!(f, "ERR Syntax error in HELLO option '{}'", Text(option));
            }
            Self::HelloUnauthenticated => {
                "NOAUTH HELLO must be called with the client already authenticated, otherwise \
                 the HELLO AUTH <user> <pass> option can be used to authenticate the client and \
                 select the RESP protocol version at the same time"
            }
            Self::ClientName => {
                "ERR Client names cannot contain spaces, newlines or special characters."
            }
            Self::LibraryText(attribute) => {
                return write!(
                    f,
                    "ERR {attribute} cannot contain spaces, newlines or special characters."
                );
            }
            Self::UnknownLibraryOption(option) => {
                return write!(f, "ERR Unrecognized option '{}'", Text(option));
            }
            Self::UnknownClientType(asked) => {
                return write!(f, "ERR Unknown client type '{}'", Text(asked));
            }
            Self::InvalidClientId => "ERR Invalid client ID",
            Self::ClientIdNotPositive => "ERR client-id should be greater than 0",
            Self::NoSuchClient => "ERR No such client",
            Self::NoSuchUser(user) => return write!(f, "ERR No such user '{}'", Text(user)),
            Self::PauseMode => "ERR CLIENT PAUSE mode must be WRITE or ALL",
            Self::UnblockReason => "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR",
            Self::TimeoutNotInteger => "ERR timeout is not an integer or out of range",
            Self::TimeoutNotFloat => "ERR timeout is not a float or out of range",
            Self::TimeoutNegative => "ERR timeout is negative",
            Self::WaitOnReplica => {
                "ERR WAIT cannot be used with replica instances. Please also note that since Redis \
                 4.0 if a replica is configured to be writable (which is not the default) writes \
                 to replicas are just local and are not propagated."
            }
            Self::WatchInMulti => "ERR WATCH inside MULTI is not allowed",
            Self::MonitorInMulti => "ERR MONITOR isn't allowed for DENY BLOCKING client",
            Self::SsubscribeInMulti => "ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client",
            Self::NotWhileSubscribed(command) => {
                return write!(
                    f,
                    "ERR Can't execute '{command}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING \
                     / QUIT / RESET are allowed in this context"
                );
            }
            Self::NoReplicas => "NOREPLICAS Not enough good replicas to write.",
            Self::NoConfigFile => "ERR The server is running without a config file",
            Self::ReloadOption => {
                "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options."
            }
            Self::ReloadInMulti => "ERR DEBUG RELOAD isn't allowed for DENY BLOCKING client",
            Self::NoShutdown => "ERR No shutdown in progress.",
            Self::TakeOverOfMaster => "ERR PSYNC FAILOVER can't be sent to a master.",
            Self::TakeOverOfAnother => "ERR PSYNC FAILOVER replid must match my replid.",
            Self::SyncWhileFailingOver => "NOMASTERLINK Can't SYNC while failing over",
            Self::FollowWhileFailingOver => "ERR REPLICAOF not allowed while failing over.",
            Self::NoFailover => "ERR No failover in progress.",
            Self::FailoverTimeout => "ERR FAILOVER timeout must be greater than 0",
            Self::FailoverUnderWay => "ERR FAILOVER already in progress.",
            Self::FailoverOnReplica => "ERR FAILOVER is not valid when server is a replica.",
            Self::FailoverWithoutReplicas => "ERR FAILOVER requires connected replicas.",
            Self::FailoverForce => {
                "ERR FAILOVER with force option requires both a timeout and target HOST and IP."
            }
            Self::FailoverToNobody => "ERR FAILOVER target HOST and PORT is not a replica.",
            Self::FailoverToLoading => "ERR FAILOVER target replica is not online.",
            Self::SlowlogCount => "ERR count should be greater than or equal to -1",
            Self::Acl(error) => return error.fmt(f),
            Self::NoScript => "NOTBUSY No scripts in execution right now.",
            Self::NoLatencySamples(event) => {
                return write!(f, "ERR No samples available for event '{}'", Text(event));
            }
        })
    }
}
