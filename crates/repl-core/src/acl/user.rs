//! One user: who may be it, and what it may do.

use alloc::{format, string::String, vec::Vec};
use core::{fmt, str};

use super::{
    RuleError,
    commands::{Change, Commands},
    patterns::{Channels, Keys},
};
use crate::{
    base::sha256::{Digest, sha256},
    command::{Denial, Flags, Handler, NodeCommand, Spec},
    resp::Args,
};

/// See this file's header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub(super) name: String,
    state: State,
    entry: Entry,
    payloads: Payloads,
    commands: Commands,
    keys: Keys,
    channels: Channels,
}

/// Whether anybody may become it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    On,
    Off,
}

/// What must be said to become it.
#[derive(Clone, PartialEq, Eq)]
enum Entry {
    /// Anything.
    Anything,
    /// One of the passwords with these digests.
    Passwords(Vec<Digest>),
}

// A digest is no password, and is no business of a log either.
impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anything => f.write_str("Anything"),
            Self::Passwords(digests) => write!(f, "Passwords({})", digests.len()),
        }
    }
}

/// What was said of `RESTORE`, which always looks at what it is given here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Payloads {
    Unsaid,
    Sanitize,
    Skip,
}

impl User {
    /// A user that nobody may become and that may do nothing.
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            state: State::Off,
            entry: Entry::Passwords(Vec::new()),
            payloads: Payloads::Unsaid,
            commands: Commands::none(),
            keys: Keys::NONE,
            channels: Channels::NONE,
        }
    }

    /// A user that everybody may become and that may do everything.
    pub(super) fn open(name: &str) -> Self {
        Self {
            state: State::On,
            entry: Entry::Anything,
            commands: Commands::all(),
            keys: Keys::All,
            channels: Channels::All,
            ..Self::new(name)
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether there is nothing that it may not do.
    #[must_use]
    pub fn may_do_everything(&self) -> bool {
        self.keys == Keys::All && self.channels == Channels::All && self.commands.are_all()
    }

    /// Whether everybody is let in who says nothing.
    #[must_use]
    pub fn lets_everybody_in(&self) -> bool {
        matches!((self.state, &self.entry), (State::On, Entry::Anything))
    }

    /// Whether it asks for no password, be it on or off.
    #[must_use]
    pub fn asks_for_nothing(&self) -> bool {
        matches!(self.entry, Entry::Anything)
    }

    /// Whether this password makes somebody this user. All digests are compared, in constant time.
    #[must_use]
    pub fn is_opened_by(&self, password: &[u8]) -> bool {
        let right = match &self.entry {
            Entry::Anything => true,
            Entry::Passwords(digests) => {
                let given = sha256(password);
                digests.iter().fold(false, |found, digest| found | equal(digest, &given))
            }
        };
        right && self.state == State::On
    }

    /// What `requirepass` does: this password and no other, or anything if it is empty.
    pub fn require(&mut self, password: &str) {
        self.entry = match password {
            "" => Entry::Anything,
            password => Entry::Passwords(Vec::from([sha256(password.as_bytes())])),
        };
    }

    /// Whether it may run this, which fits the command.
    ///
    /// # Errors
    /// What it may not do, the first that is found.
    // redis: acl.c, ACLCheckAllUserCommandPerm
    pub fn may_run(&self, spec: &Spec, args: Args<'_>) -> Result<(), Denial> {
        if !self.commands.allow(spec) && !spec.flags.has(Flags::NO_AUTH) {
            return Err(Denial::Command);
        }
        if self.keys != Keys::All {
            let keys = spec.keys.find(args).unwrap_or_default();
            let denied = keys.iter().find(|key| {
                let name = args.try_get(key.at).unwrap_or_default();
                !self.keys.allow(name, key.access)
            });
            if let Some(key) = denied {
                return Err(Denial::Key(key.at));
            }
            self.may_sort(spec, args)?;
        }
        self.may_use_channels(spec, args)
    }

    fn may_use_channels(&self, spec: &Spec, args: Args<'_>) -> Result<(), Denial> {
        type Judge = fn(&Channels, &[u8]) -> bool;
        let (allow, last): (Judge, usize) = match spec.handler {
            _ if self.channels == Channels::All => return Ok(()),
            Handler::Node(NodeCommand::Publish | NodeCommand::Spublish) => (Channels::allow, 1),
            Handler::Node(NodeCommand::Subscribe | NodeCommand::Ssubscribe) => {
                (Channels::allow, args.len())
            }
            Handler::Node(NodeCommand::Psubscribe) => (Channels::allow_pattern, args.len()),
            Handler::Node(_) | Handler::Data(_) | Handler::Container | Handler::Help => {
                return Ok(());
            }
        };
        let mut named = args.iter().enumerate().skip(1).take(last);
        match named.find(|(_, name)| !allow(&self.channels, name)) {
            Some((at, _)) => Err(Denial::Channel(at)),
            None => Ok(()),
        }
    }

    /// `SORT` reads keys that are not named when it is told to look elsewhere.
    // redis: sort.c, sortCommandGeneric
    fn may_sort(&self, spec: &Spec, args: Args<'_>) -> Result<(), Denial> {
        if !matches!(spec.name, "sort" | "sort_ro") || self.keys.allow_reading_all() {
            return Ok(());
        }
        let is = |at: usize, word: &str| {
            args.try_get(at).is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()))
        };
        for at in 2..args.len() {
            let looks = args.try_get(at + 1).is_some_and(|pattern| pattern.contains(&b'*'));
            if is(at, "BY") && looks {
                return Err(Denial::SortBy);
            }
            if is(at, "GET") {
                return Err(Denial::SortGet);
            }
        }
        Ok(())
    }

    /// Whether it may listen to the channel of this name, or to all that match it.
    #[must_use]
    pub fn may_listen(&self, channel: &[u8]) -> bool {
        self.channels.allow(channel)
    }

    /// Whether it may listen to all channels that match this pattern.
    #[must_use]
    pub fn may_listen_to_pattern(&self, pattern: &[u8]) -> bool {
        self.channels.allow_pattern(pattern)
    }

    /// Takes one rule.
    // redis: acl.c, ACLSetUser
    pub(super) fn take(&mut self, rule: &[u8]) -> Result<(), RuleError> {
        match rule {
            // Passwords are of any bytes, everything else is text.
            [b'>', password @ ..] => self.add(sha256(password)),
            [b'<', password @ ..] => self.remove(&sha256(password))?,
            _ => self.take_text(str::from_utf8(rule).map_err(|_| RuleError::Syntax)?)?,
        }
        Ok(())
    }

    fn take_text(&mut self, rule: &str) -> Result<(), RuleError> {
        let is = |word: &str| rule.eq_ignore_ascii_case(word);
        match rule.as_bytes() {
            _ if is("on") => self.state = State::On,
            _ if is("off") => self.state = State::Off,
            _ if is("nopass") => self.entry = Entry::Anything,
            _ if is("resetpass") => self.entry = Entry::Passwords(Vec::new()),
            _ if is("sanitize-payload") => self.payloads = Payloads::Sanitize,
            _ if is("skip-sanitize-payload") => self.payloads = Payloads::Skip,
            // There is nothing to clear.
            _ if is("clearselectors") => {}
            _ if is("reset") => {
                *self = Self { payloads: Payloads::Sanitize, ..Self::new(&self.name) };
            }
            _ if is("allkeys") => self.keys = Keys::All,
            _ if is("resetkeys") => self.keys = Keys::NONE,
            _ if is("allchannels") => self.channels = Channels::All,
            _ if is("resetchannels") => self.channels = Channels::NONE,
            _ if is("allcommands") => self.commands = Commands::all(),
            _ if is("nocommands") => self.commands = Commands::none(),
            [b'#', digits @ ..] => self.add(digest(digits)?),
            [b'!', digits @ ..] => self.remove(&digest(digits)?)?,
            [b'~' | b'%', ..] => self.keys.take(rule)?,
            [b'&', ..] => self.channels.take(rule)?,
            [b'+', ..] => self.commands.change(Change::Allow, &rule[1..])?,
            [b'-', ..] => self.commands.change(Change::Deny, &rule[1..])?,
            [b'(', ..] => return Err(RuleError::Selector),
            _ => return Err(RuleError::Syntax),
        }
        Ok(())
    }

    fn add(&mut self, digest: Digest) {
        if let Entry::Passwords(digests) = &mut self.entry {
            if !digests.contains(&digest) {
                digests.push(digest);
            }
        } else {
            self.entry = Entry::Passwords(Vec::from([digest]));
        }
    }

    fn remove(&mut self, digest: &Digest) -> Result<(), RuleError> {
        let Entry::Passwords(digests) = &mut self.entry else {
            return Err(RuleError::NoSuchPassword);
        };
        let before = digests.len();
        digests.retain(|known| known != digest);
        if digests.len() < before { Ok(()) } else { Err(RuleError::NoSuchPassword) }
    }

    /// Its properties, as `ACL GETUSER` names them.
    pub fn flags(&self) -> impl Iterator<Item = &'static str> {
        let state = match self.state {
            State::On => "on",
            State::Off => "off",
        };
        let payloads = match self.payloads {
            Payloads::Unsaid => None,
            Payloads::Sanitize => Some("sanitize-payload"),
            Payloads::Skip => Some("skip-sanitize-payload"),
        };
        let entry = self.asks_for_nothing().then_some("nopass");
        [Some(state), entry, payloads].into_iter().flatten()
    }

    /// The digests of its passwords in digits, in the order they were given.
    pub fn digests(&self) -> impl Iterator<Item = String> {
        let digests = match &self.entry {
            Entry::Anything => &[],
            Entry::Passwords(digests) => digests.as_slice(),
        };
        digests.iter().map(|digest| digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The rules about commands, keys and channels.
    #[must_use]
    pub fn rules(&self) -> [String; 3] {
        [self.commands.describe(), self.keys.describe(), self.channels.describe()]
    }

    /// Name and rules, as a configuration file takes them behind the word `user`.
    // redis: acl.c, ACLDescribeUser
    #[must_use]
    pub fn line(&self) -> String {
        let [commands, keys, channels] = self.rules();
        let passwords = self.digests().map(|digits| format!("#{digits}"));
        let flags = self.flags().map(String::from);
        let mut words = Vec::from([self.name.clone()]);
        words.extend(flags.chain(passwords));
        words.push(keys);
        if self.channels != Channels::All {
            words.push("resetchannels".into());
        }
        words.extend([channels, commands]);
        words.retain(|word| !word.is_empty());
        words.join(" ")
    }
}

/// Compares secrets without telling by the time it takes where they differ.
fn equal(one: &Digest, other: &Digest) -> bool {
    let differences = one.iter().zip(other).fold(0_u8, |all, (a, b)| all | (a ^ b));
    core::hint::black_box(differences) == 0
}

/// 64 digits in lower case.
fn digest(digits: &[u8]) -> Result<Digest, RuleError> {
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(RuleError::DigestForm),
    };
    let mut digest = Digest::default();
    if digits.len() != 2 * digest.len() {
        return Err(RuleError::DigestForm);
    }
    for (byte, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = pair.iter().try_fold(0, |byte, digit| Ok(byte << 4 | value(*digit)?))?;
    }
    Ok(digest)
}
