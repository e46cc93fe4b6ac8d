//! Who a client is and which protocol it speaks: `AUTH HELLO RESET`.

use super::{
    super::{Node, requests::Caller},
    Outcome,
};
use crate::{
    base::{REDIS_VERSION, ids::UserId, number::parse_i64},
    command::{CommandError, SessionError},
    conn::{Exempt, Hears, Login},
    keyspace::DbIndex,
    resp::{Args, Proto},
};

const NOT_A_VERSION: CommandError<'_> = CommandError::Session(SessionError::ProtoNotInteger);

impl Node {
    pub(super) fn auth<'a>(&mut self, caller: Caller, args: Args<'a>) -> Outcome<'a> {
        match args.len() {
            // Without a password the default user lets everybody in, but the short form is a
            // mistake.
            2 if self.users.default_user().asks_for_nothing() => {
                return Err(CommandError::AuthNotConfigured);
            }
            2 => self.authenticate(caller, b"default", args.get(1))?,
            3 => self.authenticate(caller, args.get(1), args.get(2))?,
            _ => return Err(CommandError::Syntax),
        }
        self.with_reply(caller, |reply| reply.ok());
        Ok(())
    }

    fn authenticate(&mut self, caller: Caller, user: &[u8], password: &[u8]) -> Outcome<'static> {
        let user = self.users.authenticate(user, password).ok_or(CommandError::WrongPass)?;
        self.become_user(caller, user);
        if let Some(client) = self.client(caller) {
            client.login = Login::Known;
        }
        Ok(())
    }

    /// `HELLO [version [AUTH user password] [SETNAME name]]`
    // redis: networking.c, helloCommand
    pub(super) fn hello<'a>(&mut self, caller: Caller, args: Args<'a>) -> Outcome<'a> {
        let proto = match args.try_get(1) {
            None => None,
            Some(version) => match parse_i64(version).ok_or(NOT_A_VERSION)? {
                2 => Some(Proto::Resp2),
                3 => Some(Proto::Resp3),
                _ => return Err(CommandError::Session(SessionError::UnsupportedProto)),
            },
        };
        let (mut login, mut name, mut at) = (None, None, 2);
        while let Some(option) = args.try_get(at) {
            let is = |word: &str| option.eq_ignore_ascii_case(word.as_bytes());
            match (args.try_get(at + 1), args.try_get(at + 2)) {
                (Some(user), Some(password)) if is("AUTH") => {
                    login = Some((user, password));
                    at += 3;
                }
                (Some(text), _) if is("SETNAME") => {
                    name = Some(client_name(text)?);
                    at += 2;
                }
                (_, _) => return Err(CommandError::Session(SessionError::HelloSyntax(option))),
            }
        }
        if let Some((user, password)) = login {
            self.authenticate(caller, user, password)?;
        }
        let open = self.users.default_user().lets_everybody_in();
        if let Some(client) = self.client(caller) {
            if !open && client.login == Login::Stranger {
                return Err(CommandError::Session(SessionError::HelloUnauthenticated));
            }
            if let Some(name) = name {
                client.name = name.into();
            }
            client.proto = proto.unwrap_or(client.proto);
        }
        self.introduce(caller);
        Ok(())
    }

    /// What `HELLO` answers.
    fn introduce(&mut self, caller: Caller) {
        let number = self.number(caller);
        let role = if self.following.is_some() { "replica" } else { "master" };
        self.with_reply(caller, |reply| {
            let proto = match reply.proto() {
                Proto::Resp2 => 2,
                Proto::Resp3 => 3,
            };
            reply.map_len(7);
            reply.bulk(b"server");
            reply.bulk(b"redis");
            reply.bulk(b"version");
            reply.bulk(REDIS_VERSION.as_bytes());
            reply.bulk(b"proto");
            reply.int(proto);
            reply.bulk(b"id");
            reply.int(number);
            reply.bulk(b"mode");
            reply.bulk(b"standalone");
            reply.bulk(b"role");
            reply.bulk(role.as_bytes());
            reply.bulk(b"modules");
            reply.array_len(0);
        });
    }

    /// The number of the caller's connection, as `CLIENT ID` says it.
    pub(super) fn number(&self, caller: Caller) -> i64 {
        let conn = match caller {
            Caller::Master => None,
            Caller::Conn(id) => self.conns.get(id),
        };
        conn.map_or(0, |conn| conn.number as i64)
    }

    /// `RESET`: as if the client had just connected.
    // redis: networking.c, resetCommand
    pub(super) fn reset(&mut self, caller: Caller) -> Outcome<'static> {
        let Caller::Conn(id) = caller else { return Ok(()) };
        self.forget_client(id);
        let login = self.first_login();
        self.become_user(caller, UserId::DEFAULT);
        if let Some(client) = self.client(caller) {
            client.login = login;
            client.db = DbIndex(0);
            client.proto = Proto::Resp2;
            client.hears = Hears::All;
            client.transaction = None;
            client.name.clear();
            client.exempt = Exempt::default();
        }
        self.with_reply(caller, |reply| reply.simple("RESET"));
        Ok(())
    }

    /// What a client is that has not said anything.
    pub(in crate::node) fn first_login(&self) -> Login {
        if self.users.default_user().lets_everybody_in() { Login::Known } else { Login::Stranger }
    }
}

/// A name that `CLIENT LIST` can show: no blanks, no line breaks.
pub(super) fn client_name(text: &[u8]) -> Result<&str, CommandError<'static>> {
    printable(text).ok_or(CommandError::Session(SessionError::ClientName))
}

pub(super) fn printable(text: &[u8]) -> Option<&str> {
    text.iter().all(u8::is_ascii_graphic).then(|| core::str::from_utf8(text).ok()).flatten()
}
