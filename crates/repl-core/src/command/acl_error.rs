//! What a client reads when its user may not do something, and when `ACL` fails: exact Redis text.

use core::fmt;

use super::{CommandError, SessionError, Text};

/// What is wrong about users, or with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AclError<'a> {
    /// What its user may not do, in this command.
    Denied(Denial, &'static str),
    /// What its user may not do any more, found out by `EXEC`.
    DeniedMeanwhile(Denial),
    /// `ACL SETUSER` with a rule that is refused, and why.
    RefusedRule(&'a [u8], &'static str),
    /// `ACL SETUSER` with a name that is none.
    UserName,
    /// `ACL DELUSER` of the user that must be there.
    DeleteDefaultUser,
    /// `ACL CAT` of a category that does not exist.
    UnknownCategory(&'a [u8]),
    /// `ACL GENPASS` with a number that is none.
    PasswordBits,
    /// `ACL LOAD` and `SAVE`.
    NoUserFile,
    /// `ACL DRYRUN` of a user that does not exist.
    UserNotFound(&'a [u8]),
    /// `ACL DRYRUN` of a command that does not exist.
    CommandNotFound(&'a [u8]),
}

/// What a user may not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// Run this command.
    Command,
    /// Touch the key at this place among the arguments.
    Key(usize),
    /// Use the channel at this place.
    Channel(usize),
    /// Have `SORT` look at other keys for the order.
    SortBy,
    /// Have `SORT` look at other keys for what it returns.
    SortGet,
}

impl Denial {
    // redis: server.c, processCommand
    fn show(self, f: &mut fmt::Formatter<'_>, command: &str) -> fmt::Result {
        f.write_str(match self {
            Self::Command => {
                return write!(
                    f,
                    "NOPERM this user has no permissions to run the '{command}' command"
                );
            }
            Self::Key(_) => {
                "NOPERM this user has no permissions to access one of the keys used as arguments"
            }
            Self::Channel(_) => {
                "NOPERM this user has no permissions to access one of the channels used as \
                 arguments"
            }
            Self::SortBy => "ERR BY option of SORT denied due to insufficient ACL permissions.",
            Self::SortGet => "ERR GET option of SORT denied due to insufficient ACL permissions.",
        })
    }

    // redis: multi.c, execCommand
    const fn reason(self) -> &'static str {
        match self {
            Self::Command => "no permission to execute the command or subcommand",
            Self::Key(_) | Self::SortBy | Self::SortGet => {
                "no permission to touch the specified keys"
            }
            Self::Channel(_) => "no permission to access one of the channels used as arguments",
        }
    }
}

const NO_USER_FILE: &str = "\
    ERR This Redis instance is not configured to use an ACL file. You may want to specify users \
    via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis \
    configuration file set) in order to store users in the Redis configuration.";

impl fmt::Display for AclError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::Denied(denial, command) => return denial.show(f, command),
            Self::DeniedMeanwhile(denial) => {
                return write!(
                    f,
                    "NOPERM ACLs rules changed between the moment the transaction was accumulated \
                     and the EXEC call. This command is no longer allowed for the following \
                     reason: {}",
                    denial.reason()
                );
            }
            Self::RefusedRule(rule, why) => {
                return write!(f, "ERR Error in ACL SETUSER modifier '{}': {why}", Text(rule));
            }
            Self::UserName => "ERR Usernames can't contain spaces or null characters",
            Self::DeleteDefaultUser => "ERR The 'default' user cannot be removed",
            Self::UnknownCategory(name) => {
                return write!(f, "ERR Unknown category '{}'", Text(name));
            }
            Self::PasswordBits => {
                "ERR ACL GENPASS argument must be the number of bits for the output password, a \
                 positive number up to 4096"
            }
            Self::NoUserFile => NO_USER_FILE,
            Self::UserNotFound(name) => return write!(f, "ERR User '{}' not found", Text(name)),
            Self::CommandNotFound(name) => {
                return write!(f, "ERR Command '{}' not found", Text(name));
            }
        })
    }
}

impl<'a> From<AclError<'a>> for CommandError<'a> {
    fn from(error: AclError<'a>) -> Self {
        Self::Session(SessionError::Acl(error))
    }
}
