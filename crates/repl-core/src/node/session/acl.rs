//! `ACL`: users, and what they may do. Who they are is in `acl`; here is which connection is whom.

use alloc::{string::String, vec::Vec};

use super::{
    super::{Node, requests::Caller},
    Outcome,
};
use crate::{
    acl::{RuleError, User},
    base::{
        ids::{ConnId, UserId},
        number::parse_i64,
        time::Now,
    },
    command::{AclCommand, AclError, CommandError, Denial, Spec, counted_specs},
    conn::{Conn, Rights, Topic},
    resp::Args,
};

/// What `GENPASS` makes of its own accord, and at most.
const PASSWORD_BITS: i64 = 256;
const PASSWORD_BITS_MAX: i64 = 4096;
/// Each of its digits stands for so many.
const DIGIT_BITS: i64 = 4;

impl Node {
    pub(super) fn acl<'a>(
        &mut self,
        now: Now,
        caller: Caller,
        what: AclCommand,
        args: Args<'a>,
    ) -> Outcome<'a> {
        match what {
            AclCommand::Cat => self.acl_cat(caller, args)?,
            AclCommand::Deluser => self.acl_deluser(now, caller, args)?,
            AclCommand::Dryrun => self.acl_dryrun(caller, args)?,
            AclCommand::Genpass => self.acl_genpass(caller, args)?,
            AclCommand::Getuser => self.acl_getuser(caller, args.get(2)),
            AclCommand::List => {
                let lines = self.users.iter().map(|user| alloc::format!("user {}", user.line()));
                let lines: Vec<String> = lines.collect();
                self.bulks(caller, lines);
            }
            AclCommand::Load | AclCommand::Save => return Err(AclError::NoUserFile.into()),
            AclCommand::Setuser => self.acl_setuser(now, caller, args)?,
            AclCommand::Users => {
                let names: Vec<String> = self.users.iter().map(|user| user.name().into()).collect();
                self.bulks(caller, names);
            }
            AclCommand::Whoami => {
                let user = self.conn_of(caller).and_then(|conn| self.users.get(conn.user));
                let name = user.map(|user| String::from(user.name())).unwrap_or_default();
                self.with_reply(caller, |reply| reply.bulk(name.as_bytes()));
            }
        }
        Ok(())
    }

    fn bulks<T: AsRef<str>>(&mut self, caller: Caller, texts: Vec<T>) {
        self.with_reply(caller, |reply| {
            reply.array_len(texts.len());
            texts.iter().for_each(|text| reply.bulk(text.as_ref().as_bytes()));
        });
    }

    fn acl_cat<'a>(&mut self, caller: Caller, args: Args<'a>) -> Outcome<'a> {
        let names: Vec<&str> = match (args.try_get(2), args.len()) {
            (None, _) => Spec::CATEGORIES.iter().map(|name| name.trim_start_matches('@')).collect(),
            (Some(wanted), 3) => {
                let is = |name: &&&str| {
                    name.strip_prefix('@')
                        .is_some_and(|name| name.as_bytes().eq_ignore_ascii_case(wanted))
                };
                let found = Spec::CATEGORIES.iter().find(is);
                let category = found.ok_or(AclError::UnknownCategory(wanted))?;
                let specs = counted_specs().filter(|spec| spec.is_in(category));
                specs.map(|spec| spec.name).collect()
            }
            (Some(_), _) => {
                let asked = args.get(1);
                return Err(CommandError::SubcommandSyntax { container: args.name(), asked });
            }
        };
        self.bulks(caller, names);
        Ok(())
    }

    fn acl_setuser<'a>(&mut self, now: Now, caller: Caller, args: Args<'a>) -> Outcome<'a> {
        let set = self.users.set(args.get(2), args.iter().skip(3));
        let user = set.map_err(|(rule, why)| {
            let is_name = why == RuleError::Name;
            if is_name { AclError::UserName } else { AclError::RefusedRule(rule, why.text()) }
        })?;
        self.with_reply(caller, |reply| reply.ok());
        self.on_user_changed(now, caller, user);
        Ok(())
    }

    fn acl_deluser<'a>(&mut self, now: Now, caller: Caller, args: Args<'a>) -> Outcome<'a> {
        if args.iter().skip(2).any(|name| name == b"default") {
            return Err(AclError::DeleteDefaultUser.into());
        }
        let gone: Vec<UserId> =
            args.iter().skip(2).filter_map(|name| self.users.remove(name)).collect();
        self.with_reply(caller, |reply| reply.int(gone.len() as i64));
        let ids = self.conns.iter().filter(|(_, conn)| gone.contains(&conn.user));
        let ids: Vec<ConnId> = ids.map(|(id, _)| id).collect();
        ids.into_iter().for_each(|id| self.send_away(now, caller, id));
        Ok(())
    }

    /// Ends a connection; that of the caller once it has its reply.
    fn send_away(&mut self, now: Now, caller: Caller, id: ConnId) {
        if caller == Caller::Conn(id) {
            self.close_after_replies(now, id);
        } else {
            self.close(now, id);
        }
    }

    /// Whoever is this user now may do what the user may do now, and listens to nothing else.
    // redis: acl.c, ACLKillPubsubClientsIfNeeded
    fn on_user_changed(&mut self, now: Now, caller: Caller, user: UserId) {
        let rights = self.rights_of(user);
        let ids = self.conns.iter().filter(|(_, conn)| conn.user == user);
        let ids: Vec<ConnId> = ids.map(|(id, _)| id).collect();
        for id in ids {
            let Some(conn) = self.conns.get_mut(id) else { continue };
            conn.rights = rights;
            let listens_on = self.users.get(user).zip(self.conns.get(id));
            if listens_on.is_some_and(|(user, conn)| !may_listen_on(user, conn)) {
                self.send_away(now, caller, id);
            }
        }
    }

    fn acl_getuser(&mut self, caller: Caller, name: &[u8]) {
        let user = self.users.find(name).and_then(|id| self.users.get(id)).cloned();
        let Some(user) = user else {
            return self.with_reply(caller, |reply| reply.null());
        };
        let flags: Vec<&str> = user.flags().collect();
        let digests: Vec<String> = user.digests().collect();
        self.with_reply(caller, |reply| {
            reply.map_len(6);
            reply.bulk(b"flags");
            reply.set_len(flags.len());
            flags.iter().for_each(|flag| reply.bulk(flag.as_bytes()));
            reply.bulk(b"passwords");
            reply.array_len(digests.len());
            digests.iter().for_each(|digest| reply.bulk(digest.as_bytes()));
            for (name, rules) in ["commands", "keys", "channels"].iter().zip(user.rules()) {
                reply.bulk(name.as_bytes());
                reply.bulk(rules.as_bytes());
            }
            reply.bulk(b"selectors");
            reply.array_len(0);
        });
    }

    fn acl_genpass<'a>(&mut self, caller: Caller, args: Args<'a>) -> Outcome<'a> {
        let bits = match (args.try_get(2), args.len()) {
            (None, _) => PASSWORD_BITS,
            (Some(bits), 3) => parse_i64(bits).ok_or(CommandError::NotInteger)?,
            (Some(_), _) => {
                let asked = args.get(1);
                return Err(CommandError::SubcommandSyntax { container: args.name(), asked });
            }
        };
        if !(1..=PASSWORD_BITS_MAX).contains(&bits) {
            return Err(AclError::PasswordBits.into());
        }
        let digits = (bits + DIGIT_BITS - 1) / DIGIT_BITS;
        let password: Vec<u8> = (0..digits).flat_map(|_| self.secrets.hex::<1>()).collect();
        self.with_reply(caller, |reply| reply.bulk(&password));
        Ok(())
    }

    // redis: acl.c, aclCommand, "dryrun"
    fn acl_dryrun<'a>(&mut self, caller: Caller, args: Args<'a>) -> Outcome<'a> {
        let (name, request) = (args.get(2), args.skip(3));
        let user = self.users.find(name).and_then(|id| self.users.get(id));
        let user = user.ok_or(AclError::UserNotFound(name))?;
        let command = self.commands.find(request.name());
        let spec = command.and_then(|command| command.of_request(request).ok());
        let spec = spec.ok_or_else(|| AclError::CommandNotFound(request.name()))?;
        if !spec.takes(request.len()) {
            return Err(CommandError::Arity(spec.name));
        }
        let denied = |what: &str, at: Option<usize>| {
            let named = at.and_then(|at| request.try_get(at)).unwrap_or_default();
            let named = String::from_utf8_lossy(named);
            alloc::format!("This user has no permissions to access the '{named}' {what}")
        };
        let text = match user.may_run(spec, request) {
            Ok(()) => return self.acl_would_run(caller),
            Err(Denial::Command) => {
                let name = spec.name;
                alloc::format!("This user has no permissions to run the '{name}' command")
            }
            Err(Denial::Key(at)) => denied("key", Some(at)),
            Err(Denial::Channel(at)) => denied("channel", Some(at)),
            // Redis finds these out only when it sorts.
            Err(Denial::SortBy | Denial::SortGet) => return self.acl_would_run(caller),
        };
        self.with_reply(caller, |reply| reply.bulk(text.as_bytes()));
        Ok(())
    }

    fn acl_would_run(&mut self, caller: Caller) -> Outcome<'static> {
        self.with_reply(caller, |reply| reply.ok());
        Ok(())
    }

    /// Whether the user of a connection may run this.
    pub(in crate::node) fn judge(
        &self,
        id: ConnId,
        spec: &Spec,
        args: Args<'_>,
    ) -> Result<(), Denial> {
        let Some(conn) = self.conns.get(id).filter(|conn| conn.rights != Rights::All) else {
            return Ok(());
        };
        match self.users.get(conn.user) {
            Some(user) => user.may_run(spec, args),
            None => Err(Denial::Command),
        }
    }

    pub(in crate::node) fn rights_of(&self, user: UserId) -> Rights {
        match self.users.get(user) {
            Some(user) if user.may_do_everything() => Rights::All,
            Some(_) | None => Rights::Some,
        }
    }

    /// The caller is this user from here on.
    pub(super) fn become_user(&mut self, caller: Caller, user: UserId) {
        let rights = self.rights_of(user);
        let Caller::Conn(id) = caller else { return };
        if let Some(conn) = self.conns.get_mut(id) {
            (conn.user, conn.rights) = (user, rights);
        }
    }

    /// The users of the configuration, at the boot.
    pub(in crate::node) fn load_users(&mut self) {
        self.require_password();
        self.config.users.iter().for_each(|line| self.users.load(line));
        // They are elsewhere from here on.
        self.config.users.clear();
    }

    /// `requirepass`: it is the password of the default user, and its only one.
    pub(super) fn require_password(&mut self) {
        self.users.default_user_mut().require(&self.config.requirepass);
    }
}

/// Whether a user may listen to all that a connection listens to.
fn may_listen_on(user: &User, conn: &Conn) -> bool {
    let Some(own) = conn.client().and_then(|client| client.subscriptions.as_deref()) else {
        return true;
    };
    own.names(Topic::Channel).chain(own.names(Topic::Shard)).all(|name| user.may_listen(name))
        && own.names(Topic::Pattern).all(|pattern| user.may_listen_to_pattern(pattern))
}
