//! What a node is at a moment, as far as it decides which requests it may serve: a reply is judged
//! only if the node was the same from before the request until after the reply.

use crate::node_view::{Role, View};

/// See this file's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// How often the rest has changed, or a process has begun.
    epoch: u64,
    pub(super) role: Role,
    /// Whether the node follows its master's stream.
    pub(super) link_up: bool,
    /// Whether the node tells a history.
    pub(super) recording: bool,
}

impl Standing {
    /// What comes after `before`.
    pub(super) fn next(before: Option<Self>, view: &View) -> Self {
        let link_up = view.link == "connected";
        let first = Self { epoch: 0, role: view.role, link_up, recording: view.backlog.is_some() };
        match before {
            Some(before) if before == (Self { epoch: before.epoch, ..first }) => before,
            Some(before) => Self { epoch: before.epoch + 1, ..first },
            None => first,
        }
    }

    /// A process has ended and another one begins.
    pub(super) const fn reborn(self) -> Self {
        Self { epoch: self.epoch + 1, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_was_up_for_a_moment_is_another_standing() {
        let down = View { role: Role::Replica, link: "connect", ..View::NOTHING };
        let up = View { link: "connected", ..down };
        let first = Standing::next(None, &down);
        assert_eq!(Standing::next(Some(first), &View { link: "sync", ..down }), first);
        let again = Standing::next(Some(Standing::next(Some(first), &up)), &down);
        assert_ne!(again, first);
        assert_ne!(first.reborn(), first);
    }
}
