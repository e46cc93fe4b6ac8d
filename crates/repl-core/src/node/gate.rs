//! What a command must pass before it is queued or run: arity, login, transaction, role.

use alloc::{format, string::String, vec::Vec};

use super::{
    Node,
    requests::{Kind, Standing},
    session,
};
use crate::{
    base::{config::Access, ids::ConnId, time::Now},
    command::{AclError, CommandError, Flags, Handler, NodeCommand, SessionError, Spec, Text},
    conn::{Login, Rights},
    resp::Args,
};

impl Node {
    /// What `args`, which name the command `spec`, ask for, if this caller may run it now.
    // redis: server.c, processCommand
    pub(super) fn gate<'a>(
        &self,
        now: Now,
        id: ConnId,
        standing: Standing,
        spec: &'static Spec,
        args: Args<'a>,
    ) -> Result<&'static Spec, CommandError<'a>> {
        let spec = spec.of_request(args)?;
        if !spec.takes(args.len()) {
            return Err(CommandError::Arity(spec.name));
        }
        if spec.flags.has(Flags::PROTECTED) && !self.may_debug(id) {
            return Err(CommandError::DebugNotAllowed);
        }
        if standing.login == Login::Stranger && !spec.flags.has(Flags::NO_AUTH) {
            return Err(CommandError::NoAuth);
        }
        if standing.kind == Kind::Queueing && spec.flags.has(Flags::NO_MULTI) {
            return Err(CommandError::NotInTransaction);
        }
        if standing.rights != Rights::All {
            self.judge(id, spec, args).map_err(|denial| AclError::Denied(denial, spec.name))?;
        }
        let writes = spec.flags.has(Flags::WRITE);
        match standing.kind {
            Kind::Client | Kind::Waiting | Kind::Queueing => {}
            Kind::Listening => {
                self.write_gate(now, writes)?;
                if !session::is_for_listeners(spec) {
                    return Err(CommandError::Session(SessionError::NotWhileSubscribed(spec.name)));
                }
            }
            Kind::Replica | Kind::Monitoring => {
                if writes || spec.flags.has(Flags::READONLY) {
                    return Err(CommandError::ReplicaTouchesKeyspace);
                }
            }
        }
        if matches!(spec.handler, Handler::Node(NodeCommand::Ping)) && self.disk_denies_writes() {
            return Err(CommandError::DiskError);
        }
        self.role_gate(now, writes, !spec.flags.has(Flags::STALE))?;
        if self.is_loading() && !spec.flags.has(Flags::LOADING) {
            return Err(CommandError::Loading);
        }
        Ok(spec)
    }

    /// `enable-debug-command`.
    fn may_debug(&self, id: ConnId) -> bool {
        match self.config.enable_debug_command {
            Access::Yes => true,
            Access::Local => self.conns.get(id).is_some_and(|conn| conn.peer.is_local()),
            Access::No => false,
        }
    }

    /// What our role forbids: writes that would be lost, stale answers where they are not wanted.
    pub(super) fn role_gate(
        &self,
        now: Now,
        writes: bool,
        needs_fresh_data: bool,
    ) -> Result<(), CommandError<'static>> {
        self.write_gate(now, writes)?;
        let Some(following) = &self.following else { return Ok(()) };
        let stale = !following.link.is_up() && !self.config.replica_serve_stale_data;
        if stale && needs_fresh_data { Err(CommandError::MasterDown) } else { Ok(()) }
    }

    /// No writes that cannot be saved, on a read-only replica, nor on a master that has lost too
    /// many replicas.
    fn write_gate(&self, now: Now, writes: bool) -> Result<(), CommandError<'static>> {
        if !writes {
            return Ok(());
        }
        if self.disk_denies_writes() {
            return Err(CommandError::DiskError);
        }
        match &self.following {
            Some(_) if self.config.replica_read_only => Err(CommandError::ReadOnly),
            Some(_) => Ok(()),
            None => {
                let wanted = self.config.min_replicas_to_write;
                let checks = wanted > 0 && !self.config.min_replicas_max_lag.is_zero();
                if checks && self.good_replicas(now) < wanted {
                    return Err(CommandError::Session(SessionError::NoReplicas));
                }
                Ok(())
            }
        }
    }
}

/// The error that a command gets which does not exist.
// redis: server.c, processCommand
pub(super) fn unknown_command(args: Args<'_>) -> String {
    const SHOWN_BYTES: usize = 128;
    let name = args.name();
    let mut shown = String::new();
    for arg in args.iter().skip(1) {
        if shown.len() >= SHOWN_BYTES {
            break;
        }
        let part: Vec<u8> = arg.iter().copied().take(SHOWN_BYTES - shown.len()).collect();
        shown.push_str(&format!("'{}' ", Text(&part)));
    }
    let name = &name[..name.len().min(SHOWN_BYTES)];
    format!("ERR unknown command '{}', with args beginning with: {shown}", Text(name))
}
