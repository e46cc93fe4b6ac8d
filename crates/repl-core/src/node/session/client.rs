//! `CLIENT`: what a client says about itself, and what operators do to others.

use alloc::{format, string::String, vec::Vec};

use super::{
    super::{Node, requests::Caller},
    Outcome,
    auth::{client_name, printable},
    list::ClientType,
    waiting::{Paused, timeout},
};
use crate::{
    acl::Users,
    base::{
        ids::{ConnId, UserId},
        number::parse_i64,
        time::Now,
    },
    command::{ClientCommand, CommandError, SessionError, at_most},
    conn::{Client, Conn, Hears, Role, Wait, Waits},
    io::CloseCause,
    repl::replica::LinkError,
    resp::Args,
};

/// Whom `CLIENT KILL` means.
#[derive(Default)]
struct Filter<'a> {
    number: Option<u64>,
    kind: Option<ClientType>,
    address: Option<&'a [u8]>,
    local_address: Option<&'a [u8]>,
    user: Option<UserId>,
    spared: Option<ConnId>,
}

impl Node {
    pub(super) fn client_command<'a>(
        &mut self,
        now: Now,
        caller: Caller,
        what: ClientCommand,
        args: Args<'a>,
    ) -> Outcome<'a> {
        match what {
            ClientCommand::Getname => {
                let name = self.client(caller).map(|client| client.name.clone());
                match name.filter(|name| !name.is_empty()) {
                    Some(name) => self.with_reply(caller, |reply| reply.bulk(name.as_bytes())),
                    None => self.with_reply(caller, |reply| reply.null()),
                }
            }
            ClientCommand::Getredir => self.with_reply(caller, |reply| reply.int(-1)),
            ClientCommand::Id => {
                let number = self.number(caller);
                self.with_reply(caller, |reply| reply.int(number));
            }
            ClientCommand::Info => {
                let text = self.client_line(now, caller);
                self.with_reply(caller, |reply| reply.verbatim(b"txt", text.as_bytes()));
            }
            ClientCommand::Kill => self.client_kill(now, caller, args)?,
            ClientCommand::List => {
                let text = self.client_list(now, args)?;
                self.with_reply(caller, |reply| reply.verbatim(b"txt", text.as_bytes()));
            }
            ClientCommand::NoEvict => {
                let on = switch(args)?;
                self.set_client(caller, |client| client.exempt.eviction = on);
            }
            ClientCommand::NoTouch => {
                let on = switch(args)?;
                self.set_client(caller, |client| client.exempt.touching = on);
            }
            ClientCommand::Pause => self.client_pause(now, caller, args)?,
            ClientCommand::Reply => self.client_reply(caller, args)?,
            ClientCommand::Setinfo => self.set_library(caller, args.get(2), args.get(3))?,
            ClientCommand::Setname => {
                let name = String::from(client_name(args.get(2))?);
                self.set_client(caller, |client| client.name = name);
            }
            ClientCommand::Trackinginfo => self.client_trackinginfo(caller),
            ClientCommand::Unblock => self.client_unblock(caller, args)?,
            ClientCommand::Unpause => {
                self.end_pause(now);
                self.with_reply(caller, |reply| reply.ok());
            }
        }
        Ok(())
    }

    /// Changes something about the caller, and says so.
    fn set_client(&mut self, caller: Caller, set: impl FnOnce(&mut Client)) {
        if let Some(client) = self.client(caller) {
            set(client);
        }
        self.with_reply(caller, |reply| reply.ok());
    }

    fn client_reply<'a>(&mut self, caller: Caller, args: Args<'a>) -> Outcome<'a> {
        let hears = match args.get(2) {
            word if word.eq_ignore_ascii_case(b"ON") => Hears::All,
            word if word.eq_ignore_ascii_case(b"OFF") => Hears::Nothing,
            word if word.eq_ignore_ascii_case(b"SKIP") => Hears::AllButNext,
            _ => return Err(CommandError::Syntax),
        };
        if let Some(client) = self.client(caller) {
            // Who hears nothing does not begin to hear by skipping.
            if hears != Hears::AllButNext || client.hears != Hears::Nothing {
                client.hears = hears;
            }
        }
        if hears == Hears::All {
            self.with_reply(caller, |reply| reply.ok());
        }
        Ok(())
    }

    /// `CLIENT TRACKINGINFO`: nobody tracks anything.
    fn client_trackinginfo(&mut self, caller: Caller) {
        self.with_reply(caller, |reply| {
            reply.map_len(3);
            reply.bulk(b"flags");
            reply.set_len(1);
            reply.bulk(b"off");
            reply.bulk(b"redirect");
            reply.int(-1);
            reply.bulk(b"prefixes");
            reply.array_len(0);
        });
    }

    /// `CLIENT SETINFO`, which clients send to every server and which came with 7.2.
    fn set_library<'a>(
        &mut self,
        caller: Caller,
        attribute: &'a [u8],
        value: &[u8],
    ) -> Outcome<'a> {
        let (place, name) = if attribute.eq_ignore_ascii_case(b"LIB-NAME") {
            (0, "lib-name")
        } else if attribute.eq_ignore_ascii_case(b"LIB-VER") {
            (1, "lib-ver")
        } else {
            return Err(CommandError::Session(SessionError::UnknownLibraryOption(attribute)));
        };
        let text =
            printable(value).ok_or(CommandError::Session(SessionError::LibraryText(name)))?;
        self.set_client(caller, |client| client.library[place] = text.into());
        Ok(())
    }

    // redis: networking.c, clientCommand, "kill"
    fn client_kill<'a>(&mut self, now: Now, caller: Caller, args: Args<'a>) -> Outcome<'a> {
        let own = match caller {
            Caller::Conn(id) => Some(id),
            Caller::Master => None,
        };
        let old_form = args.len() == 3;
        let filter = if old_form {
            Filter { address: Some(args.get(2)), ..Filter::default() }
        } else {
            kill_filter(&self.users, args, own)?
        };
        let meant = |(id, conn): &(ConnId, &Conn)| filter.means(*id, conn);
        let found: Vec<ConnId> = self.listed().filter(meant).map(|(id, _)| id).collect();
        match (old_form, found.len()) {
            (true, 0) => return Err(CommandError::Session(SessionError::NoSuchClient)),
            (true, _) => self.with_reply(caller, |reply| reply.ok()),
            (false, count) => self.with_reply(caller, |reply| reply.int(count as i64)),
        }
        for id in found {
            if Some(id) == own {
                // It still gets this reply, and no other of a transaction around it.
                if let Some(client) = self.client(caller) {
                    client.hears = Hears::Nothing;
                }
                self.close_after_replies(now, id);
            } else if self.conns.get(id).is_some_and(|conn| matches!(conn.role, Role::Master)) {
                self.link_failed(now, LinkError::Closed(CloseCause::Reset));
            } else {
                self.close(now, id);
            }
        }
        Ok(())
    }

    fn client_pause<'a>(&mut self, now: Now, caller: Caller, args: Args<'a>) -> Outcome<'a> {
        at_most(4, args)?;
        let of = match args.try_get(3) {
            None => Paused::All,
            Some(word) if word.eq_ignore_ascii_case(b"ALL") => Paused::All,
            Some(word) if word.eq_ignore_ascii_case(b"WRITE") => Paused::Writes,
            Some(_) => return Err(CommandError::Session(SessionError::PauseMode)),
        };
        let millis = timeout(args.get(2))?;
        self.begin_pause(now, of, millis);
        self.with_reply(caller, |reply| reply.ok());
        Ok(())
    }

    fn client_unblock<'a>(&mut self, caller: Caller, args: Args<'a>) -> Outcome<'a> {
        at_most(4, args)?;
        let with_error = match args.try_get(3) {
            None => false,
            Some(word) if word.eq_ignore_ascii_case(b"TIMEOUT") => false,
            Some(word) if word.eq_ignore_ascii_case(b"ERROR") => true,
            Some(_) => return Err(CommandError::Session(SessionError::UnblockReason)),
        };
        let number = parse_i64(args.get(2)).ok_or(CommandError::NotInteger)?;
        let has_number = |(_, conn): &(_, &Conn)| i64::try_from(conn.number) == Ok(number);
        let found = self.conns.iter().find(has_number).and_then(|(id, conn)| {
            // A pause ends for all at once, and so does a shutdown.
            let ends_alone =
                |waits: &Waits| matches!(waits.on, Wait::Replicas { .. } | Wait::Keys { .. });
            conn.client()?.waits.filter(ends_alone).map(|_| id)
        });
        match found {
            Some(id) if with_error => {
                self.break_wait(id, "UNBLOCKED client unblocked via CLIENT UNBLOCK");
            }
            Some(id) => self.end_wait(id),
            None => {}
        }
        self.with_reply(caller, |reply| reply.int(i64::from(found.is_some())));
        Ok(())
    }
}

impl Filter<'_> {
    fn means(&self, id: ConnId, conn: &Conn) -> bool {
        let Self { number, kind, address, local_address, user, spared } = self;
        let is_address =
            |wanted: &&[u8]| format!("{}:{}", conn.peer.ip, conn.peer.port).as_bytes() == *wanted;
        number.is_none_or(|number| conn.number == number)
            && kind.is_none_or(|kind| ClientType::of(conn) == kind)
            && address.as_ref().is_none_or(is_address)
            && local_address.is_none_or(|wanted| conn.peer.local.as_bytes() == wanted)
            && user.is_none_or(|user| conn.user == user && !matches!(conn.role, Role::Master))
            && *spared != Some(id)
    }
}

/// What `ON` and `OFF` mean.
fn switch(args: Args<'_>) -> Result<bool, CommandError<'static>> {
    match args.get(2) {
        word if word.eq_ignore_ascii_case(b"ON") => Ok(true),
        word if word.eq_ignore_ascii_case(b"OFF") => Ok(false),
        _ => Err(CommandError::Syntax),
    }
}

/// The pairs of `CLIENT KILL`.
fn kill_filter<'a>(
    users: &Users,
    args: Args<'a>,
    own: Option<ConnId>,
) -> Result<Filter<'a>, CommandError<'a>> {
    let mut filter = Filter { spared: own, ..Filter::default() };
    for at in (2..args.len()).step_by(2) {
        let (option, Some(value)) = (args.get(at), args.try_get(at + 1)) else {
            return Err(CommandError::Syntax);
        };
        let is = |word: &str| option.eq_ignore_ascii_case(word.as_bytes());
        if is("ID") {
            let number = parse_i64(value).and_then(|number| u64::try_from(number).ok());
            let number = number.filter(|number| *number > 0);
            filter.number =
                Some(number.ok_or(CommandError::Session(SessionError::ClientIdNotPositive))?);
        } else if is("TYPE") {
            filter.kind = Some(ClientType::parse(value)?);
        } else if is("ADDR") {
            filter.address = Some(value);
        } else if is("LADDR") {
            filter.local_address = Some(value);
        } else if is("USER") {
            let found = users.find(value);
            filter.user = Some(found.ok_or(SessionError::NoSuchUser(value))?);
        } else if is("SKIPME") && value.eq_ignore_ascii_case(b"yes") {
            filter.spared = own;
        } else if is("SKIPME") && value.eq_ignore_ascii_case(b"no") {
            filter.spared = None;
        } else {
            return Err(CommandError::Syntax);
        }
    }
    Ok(filter)
}
