//! Users: who they are, and what they may do. The rules are Redis', without selectors.
//!
//! Owns the rules and their judgement. Knows no connection: who is which user, and when a command
//! is judged, is the node's business. No rule a user types can make it panic.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod commands;
mod patterns;
mod user;

use alloc::{collections::BTreeMap, string::String, vec::Vec};
use core::str;

use crate::base::ids::UserId;

pub use self::user::User;

/// The name of the user that everybody is at first.
pub const DEFAULT: &str = "default";

/// Why a rule was refused; nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleError {
    /// It is none.
    Syntax,
    /// It names no command, subcommand or category.
    UnknownCommand,
    /// A pattern of keys, and all keys are allowed already.
    AfterAllKeys,
    /// A pattern of channels, and all channels are allowed already.
    AfterAllChannels,
    /// A password to be taken away that the user does not have.
    NoSuchPassword,
    /// A digest that is none.
    DigestForm,
    /// A subcommand with an argument.
    FirstArgumentOfSubcommand,
    /// A command with an argument, which Redis takes.
    FirstArgument,
    /// A selector, which Redis takes.
    Selector,
    /// A user's name with blanks.
    Name,
}

impl RuleError {
    /// In Redis' words, as far as Redis has any.
    // redis: acl.c, ACLSetUserStringError
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Syntax => "Syntax error",
            Self::UnknownCommand => "Unknown command or category name in ACL",
            Self::AfterAllKeys => {
                "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and \
                 does not have any effect. Try 'resetkeys' to start with an empty list of patterns"
            }
            Self::AfterAllChannels => {
                "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and \
                 does not have any effect. Try 'resetchannels' to start with an empty list of \
                 channels"
            }
            Self::NoSuchPassword => {
                "The password you are trying to remove from the user does not exist"
            }
            Self::DigestForm => {
                "The password hash must be exactly 64 characters and contain only lowercase \
                 hexadecimal characters"
            }
            Self::FirstArgumentOfSubcommand => {
                "Allowing first-arg of a subcommand is not supported"
            }
            Self::FirstArgument => "Allowing first-arg of a command is not supported",
            Self::Selector => "Selectors are not supported",
            Self::Name => "Usernames can't contain spaces or null characters",
        }
    }
}

/// A rule that was refused, and why.
pub type Refused<'a> = (&'a [u8], RuleError);

/// All users of a node.
#[derive(Clone, Debug)]
pub struct Users {
    default: User,
    others: BTreeMap<UserId, User>,
    ids: BTreeMap<String, UserId>,
    last: UserId,
}

impl Default for Users {
    fn default() -> Self {
        Self {
            default: User::open(DEFAULT),
            others: BTreeMap::new(),
            ids: BTreeMap::from([(DEFAULT.into(), UserId::DEFAULT)]),
            last: UserId::DEFAULT,
        }
    }
}

impl Users {
    /// The user that everybody is at first.
    #[must_use]
    pub fn default_user(&self) -> &User {
        &self.default
    }

    /// The user that everybody is at first, to be changed.
    pub fn default_user_mut(&mut self) -> &mut User {
        &mut self.default
    }

    /// The user of this name.
    #[must_use]
    pub fn find(&self, name: &[u8]) -> Option<UserId> {
        self.ids.get(str::from_utf8(name).ok()?).copied()
    }

    /// A user that has not been deleted.
    #[must_use]
    pub fn get(&self, id: UserId) -> Option<&User> {
        if id == UserId::DEFAULT { Some(&self.default) } else { self.others.get(&id) }
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &User> {
        self.ids.values().map(|id| self.get(*id).unwrap_or(&self.default))
    }

    /// The lines of all users, as a configuration file takes them behind the word `user`.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.iter().map(User::line).collect()
    }

    /// Whom this name and this password make somebody.
    #[must_use]
    pub fn authenticate(&self, name: &[u8], password: &[u8]) -> Option<UserId> {
        let id = self.find(name)?;
        self.get(id)?.is_opened_by(password).then_some(id)
    }

    /// `ACL SETUSER`: changes a user, or makes one.
    ///
    /// # Errors
    /// The first rule that is refused; nothing has changed then. Without a rule: the name.
    pub fn set<'a>(
        &mut self,
        name: &'a [u8],
        rules: impl Iterator<Item = &'a [u8]>,
    ) -> Result<UserId, Refused<'a>> {
        let known = self.find(name);
        let mut user = match known.and_then(|id| self.get(id)) {
            Some(user) => user.clone(),
            None => User::new(valid_name(name)?),
        };
        take_all(&mut user, rules)?;
        Ok(self.put(user))
    }

    /// Takes a line of a configuration, as [`line()`] makes it. Whoever had that name is forgotten.
    pub fn load(&mut self, line: &str) {
        let mut words = line.split(' ').map(str::as_bytes);
        let name = words.next().unwrap_or_default();
        let user = parsed(name, words);
        debug_assert!(user.is_ok(), "lines are looked at when they are read");
        if let Ok(user) = user {
            self.put(user);
        }
    }

    fn put(&mut self, user: User) -> UserId {
        let id = match self.ids.get(&user.name) {
            Some(id) => *id,
            None => {
                self.last = self.last.next();
                self.ids.insert(user.name.clone(), self.last);
                self.last
            }
        };
        if id == UserId::DEFAULT {
            self.default = user;
        } else {
            self.others.insert(id, user);
        }
        id
    }

    /// Deletes a user; `None` if there is none, or if it is the one that must be there.
    pub fn remove(&mut self, name: &[u8]) -> Option<UserId> {
        let id = self.find(name).filter(|id| *id != UserId::DEFAULT)?;
        let user = self.others.remove(&id)?;
        self.ids.remove(&user.name);
        Some(id)
    }
}

/// What follows the word `user` in a line of configuration, in a form without plain passwords.
///
/// # Errors
/// The word that is refused, and why.
pub fn line<'a>(words: &[&'a [u8]]) -> Result<String, Refused<'a>> {
    let (name, rules) = words.split_first().ok_or((b"".as_slice(), RuleError::Syntax))?;
    parsed(name, rules.iter().copied()).map(|user| user.line())
}

fn parsed<'a>(name: &'a [u8], rules: impl Iterator<Item = &'a [u8]>) -> Result<User, Refused<'a>> {
    let mut user = User::new(valid_name(name)?);
    if user.name == DEFAULT {
        // redis: acl.c, ACLLoadConfiguredUsers
        take_all(&mut user, [b"reset".as_slice()].into_iter())?;
    }
    take_all(&mut user, rules)?;
    Ok(user)
}

fn take_all<'a>(user: &mut User, rules: impl Iterator<Item = &'a [u8]>) -> Result<(), Refused<'a>> {
    for rule in rules {
        user.take(rule).map_err(|why| (rule, why))?;
    }
    Ok(())
}

fn valid_name(name: &[u8]) -> Result<&str, Refused<'_>> {
    let spoils = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0;
    let text = str::from_utf8(name).ok().filter(|_| !name.iter().any(spoils));
    text.ok_or((name, RuleError::Name))
}

#[cfg(test)]
mod tests {
    use alloc::{format, string::ToString};

    use super::*;
    use crate::{
        command::{Denial, Table},
        resp::Argv,
    };

    fn words(text: &str) -> impl Iterator<Item = &[u8]> {
        text.split(' ').map(str::as_bytes)
    }

    fn user(rules: &str) -> Result<User, RuleError> {
        parsed(b"u", words(rules)).map_err(|(_, why)| why)
    }

    /// What becomes of a request of a user with these rules.
    #[track_caller]
    fn check(rules: &str, request: &str, expect: Result<(), Denial>) {
        let mut argv = Argv::new();
        argv.fill(words(request));
        let args = argv.view(&[]);
        let spec = Table::new().find(args.name()).expect("the test names a command");
        let spec = spec.of_request(args).expect("and a subcommand");
        let user = user(rules).expect("rules that are some");
        assert_eq!(user.may_run(spec, args), expect, "{rules}: {request}");
    }

    #[test]
    fn later_rules_win() {
        let denied = Err(Denial::Command);
        check("+@all", "PING", Ok(()));
        check("-@all", "PING", denied);
        check("+@all -ping", "ping", denied);
        check("+ping -@all", "PING", denied);
        check("+@dangerous -config|set", "CONFIG GET x", Ok(()));
        check("+@dangerous -config|set", "CONFIG SET x y", denied);
        check("+config|get", "CONFIG GET x", Ok(()));
        check("+config -config|get", "CONFIG REWRITE", Ok(()));
        check("+config|get -config", "CONFIG GET x", denied);
        check("-@all", "AUTH x", Ok(()));
    }

    #[test]
    fn keys_are_judged_by_what_happens_to_them() {
        check("+@all ~a*", "MGET a1 a2", Ok(()));
        check("+@all ~a*", "MGET a1 b2", Err(Denial::Key(2)));
        check("+@all %R~r %W~w", "GET r", Ok(()));
        check("+@all %R~r %W~w", "GET w", Err(Denial::Key(1)));
        check("+@all %R~r %W~w", "SET w 1", Ok(()));
        check("+@all %R~r %W~w", "SET w 1 GET", Err(Denial::Key(1)));
        check("+@all %R~r %W~w", "COPY r w", Ok(()));
        check("+@all %R~r %W~w", "COPY w r", Err(Denial::Key(1)));
        check("+@all %R~x %W~x", "INCR x", Ok(()));
        check("+@all ~a", "SORT a BY b*", Err(Denial::SortBy));
        check("+@all ~a", "SORT a GET b", Err(Denial::SortGet));
        check("+@all ~a", "SORT a BY nosort", Ok(()));
        check("+@all ~a %R~*", "SORT a BY b* GET c", Ok(()));
    }

    #[test]
    fn channels_are_judged_by_name_and_patterns_to_the_letter() {
        check("+@all &c*", "PUBLISH c1 x", Ok(()));
        check("+@all &c*", "PUBLISH d c1", Err(Denial::Channel(1)));
        check("+@all &c*", "SUBSCRIBE c1 d", Err(Denial::Channel(2)));
        check("+@all &c*", "PSUBSCRIBE c*", Ok(()));
        check("+@all &c*", "PSUBSCRIBE c1*", Err(Denial::Channel(1)));
        check("+@all", "UNSUBSCRIBE d", Ok(()));
    }

    #[test]
    fn passwords_come_and_go_and_none_is_shown() {
        let users = |rules: &str| {
            let mut users = Users::default();
            users.set(b"u", words(rules)).expect("rules that are some");
            users
        };
        let opens = |rules: &str, password: &str| {
            users(rules).authenticate(b"u", password.as_bytes()).is_some()
        };
        assert!(opens("on >one >two", "one") && opens("on >one >two", "two"));
        assert!(!opens("on >one >two <one", "one") && !opens("off >one", "one"));
        assert!(!opens("on", "") && opens("on nopass", "whatever"));
        assert!(!opens("on nopass >one", "two") && !opens("on nopass resetpass", ""));
        assert!(opens("on >one nopass", "two"));
        let shown = format!("{:?}", users("on >one"));
        let digits = users("on >one").iter().last().expect("it is there").line();
        assert!(!shown.contains("one") && !digits.contains(">one"));
        assert_eq!(user("on >one <two"), Err(RuleError::NoSuchPassword));
        assert_eq!(user("on <two nopass <two").map(drop), Err(RuleError::NoSuchPassword));
    }

    #[test]
    fn a_user_is_described_by_rules_that_make_it() {
        for rules in ["on", "+get -get +@read", "~a %R~b &c nopass on", "+@all ~* &* >x"] {
            let user = user(rules).expect("rules that are some");
            let line = user.line();
            let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
            assert_eq!(super::line(&words), Ok(line.to_string()));
            let mut users = Users::default();
            users.load(&line);
            assert_eq!(users.find(b"u").and_then(|id| users.get(id)), Some(&user));
        }
        assert_eq!(
            user("+get -get +@read").map(|user| user.rules()[0].clone()),
            Ok("-@all -get +@read".into())
        );
    }

    #[test]
    fn rules_that_are_refused_say_why() {
        let check = |rule: &[u8], why: RuleError| {
            let refused = Users::default().set(b"u", [rule].into_iter());
            assert_eq!(refused.map(drop), Err((rule, why)));
        };
        check(b"(+get ~k)", RuleError::Selector);
        check(b"+select|0", RuleError::FirstArgument);
        check(b"-select|0", RuleError::UnknownCommand);
        check(b"+client|kill|x", RuleError::FirstArgumentOfSubcommand);
        check(b"+client|nope", RuleError::UnknownCommand);
        check(b"+xadd", RuleError::UnknownCommand);
        check(b"+@nope", RuleError::UnknownCommand);
        check(b"+", RuleError::UnknownCommand);
        check(b"~\xff", RuleError::Syntax);
        check(b"%X~a", RuleError::Syntax);
        check(b"%~a", RuleError::Syntax);
        check(b"", RuleError::Syntax);
        check(b"#12", RuleError::DigestForm);
        let named = Users::default().set(b"\xff", words("on"));
        assert_eq!(named.map(drop), Err((b"\xff".as_slice(), RuleError::Name)));
        assert_eq!(user("allkeys ~a").map(drop), Err(RuleError::AfterAllKeys));
        assert_eq!(user("&* &a").map(drop), Err(RuleError::AfterAllChannels));
    }

    #[test]
    fn a_refused_rule_changes_nothing_and_no_user_takes_the_place_of_a_deleted_one() {
        let mut users = Users::default();
        let first = users.set(b"u", words("on >x")).expect("rules that are some");
        let before = users.get(first).cloned();
        assert_eq!(
            users.set(b"u", words("off (+get)")),
            Err((b"(+get)".as_slice(), RuleError::Selector))
        );
        assert_eq!(users.get(first).cloned(), before);
        assert_eq!(users.remove(b"u"), Some(first));
        let second = users.set(b"u", words("on")).expect("rules that are some");
        assert_ne!(second, first);
        assert_eq!(users.get(first), None);
        assert_eq!(users.remove(b"default"), None);
        assert_eq!(users.set(b"a b", words("on")), Err((b"a b".as_slice(), RuleError::Name)));
    }
}
