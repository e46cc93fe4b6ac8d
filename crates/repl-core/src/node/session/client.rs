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
    base::{ids::ConnId, number::parse_i64, time::Now},
    command::{CommandError, SessionError, find_subcommand, subcommand_words},
    conn::{Conn, Hears, Role, Wait, Waits},
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
    spared: Option<ConnId>,
}

impl Node {
    pub(super) fn client_command<'a>(
        &mut self,
        now: Now,
        caller: Caller,
        args: Args<'a>,
    ) -> Outcome<'a> {
        let asked = args.get(1);
        let Some((name, _)) = find_subcommand("CLIENT", asked) else {
            return Err(CommandError::UnknownSubcommand { command: "CLIENT", asked });
        };
        let word = name.trim_start_matches("client|");
        if args.len() > 4 && matches!(word, "pause" | "unblock") {
            let error = SessionError::Subcommand { command: "CLIENT", asked };
            return Err(CommandError::Session(error));
        }
        if let Some(client) = self.client(caller) {
            client.last_command = name;
        }
        match word {
            "id" => {
                let number = self.number(caller);
                self.with_reply(caller, |reply| reply.int(number));
            }
            "kill" => return self.client_kill(now, caller, args),
            "list" => {
                let text = self.client_list(now, args)?;
                self.with_reply(caller, |reply| reply.verbatim(b"txt", text.as_bytes()));
            }
            "info" => {
                let text = self.client_line(now, caller);
                self.with_reply(caller, |reply| reply.verbatim(b"txt", text.as_bytes()));
            }
            "pause" => self.client_pause(now, caller, args)?,
            "unpause" => {
                self.end_pause(now);
                self.with_reply(caller, |reply| reply.ok());
            }
            "unblock" => self.client_unblock(caller, args)?,
            "help" => self.client_help(caller),
            _ => return self.client_setting(caller, word, args),
        }
        Ok(())
    }

    /// What a client says and asks about itself.
    fn client_setting<'a>(&mut self, caller: Caller, word: &str, args: Args<'a>) -> Outcome<'a> {
        match word {
            "setname" => {
                let name = String::from(client_name(args.get(2))?);
                if let Some(client) = self.client(caller) {
                    client.name = name;
                }
            }
            "getname" => {
                let name = self.client(caller).map(|client| client.name.clone());
                match name.filter(|name| !name.is_empty()) {
                    Some(name) => self.with_reply(caller, |reply| reply.bulk(name.as_bytes())),
                    None => self.with_reply(caller, |reply| reply.null()),
                }
                return Ok(());
            }
            "setinfo" => self.set_library(caller, args.get(2), args.get(3))?,
            "reply" => {
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
                if hears != Hears::All {
                    return Ok(());
                }
            }
            "no-evict" | "no-touch" => {
                let on = match args.get(2) {
                    word if word.eq_ignore_ascii_case(b"ON") => true,
                    word if word.eq_ignore_ascii_case(b"OFF") => false,
                    _ => return Err(CommandError::Syntax),
                };
                if let Some(client) = self.client(caller) {
                    match word {
                        "no-evict" => client.exempt.eviction = on,
                        _ => client.exempt.touching = on,
                    }
                }
            }
            "getredir" => {
                self.with_reply(caller, |reply| reply.int(-1));
                return Ok(());
            }
            _ => {
                // TRACKINGINFO: nobody tracks anything.
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
                return Ok(());
            }
        }
        self.with_reply(caller, |reply| reply.ok());
        Ok(())
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
        if let Some(client) = self.client(caller) {
            client.library[place] = text.into();
        }
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
            kill_filter(args, own)?
        };
        let meant = |(id, conn): &(ConnId, &Conn)| filter.means(*id, conn);
        let found: Vec<ConnId> = self.conns.iter().filter(meant).map(|(id, _)| id).collect();
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
            let ends_alone = |waits: &Waits| !matches!(waits.on, Wait::Pause | Wait::Shutdown);
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

    fn client_help(&mut self, caller: Caller) {
        self.with_reply(caller, |reply| {
            let words = subcommand_words("CLIENT");
            reply.array_len(words.clone().count() + 1);
            reply.simple("CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
            words.for_each(|word| reply.simple(&word.to_ascii_uppercase()));
        });
    }
}

impl Filter<'_> {
    fn means(&self, id: ConnId, conn: &Conn) -> bool {
        let Self { number, kind, address, local_address, spared } = self;
        let is_address =
            |wanted: &&[u8]| format!("{}:{}", conn.peer.ip, conn.peer.port).as_bytes() == *wanted;
        number.is_none_or(|number| conn.number == number)
            && kind.is_none_or(|kind| ClientType::of(conn) == kind)
            && address.as_ref().is_none_or(is_address)
            && local_address.is_none_or(|wanted| conn.peer.local.as_bytes() == wanted)
            && *spared != Some(id)
    }
}

/// The pairs of `CLIENT KILL`.
fn kill_filter<'a>(args: Args<'a>, own: Option<ConnId>) -> Result<Filter<'a>, CommandError<'a>> {
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
            // Everybody is the default user.
            if value != b"default" {
                return Err(CommandError::Session(SessionError::NoSuchUser(value)));
            }
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
