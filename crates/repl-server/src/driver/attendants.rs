//! Where the task of each connection sleeps, and what it reads from and writes to.

use std::{
    cell::RefCell,
    rc::Rc,
    task::{Context, Waker},
};

use repl_core::base::ids::ConnId;

/// A socket that its connection's task shares with whoever answers for it. Nobody holds a borrow
/// across an await point.
pub(super) type Shared<S> = Rc<RefCell<S>>;

/// The tasks of all connections, by slot.
pub(super) struct Attendants<S>(Vec<Option<Attendant<S>>>);

struct Attendant<S> {
    conn: ConnId,
    waker: Waker,
    /// None as long as the connection is being dialled.
    stream: Option<Shared<S>>,
}

impl<S> Default for Attendants<S> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<S> Attendants<S> {
    /// Remembers where the task of `conn` sleeps, and its socket.
    pub(super) fn sleep(&mut self, conn: ConnId, cx: &Context<'_>, stream: Option<&Shared<S>>) {
        if self.0.len() <= conn.slot() {
            self.0.resize_with(conn.slot() + 1, || None);
        }
        let place = &mut self.0[conn.slot()];
        match place {
            Some(known)
                if known.conn == conn
                    && known.waker.will_wake(cx.waker())
                    && known.stream.is_some() == stream.is_some() => {}
            // A later connection has the slot: this task is about to find out that its own is gone.
            Some(known) if known.conn.generation() > conn.generation() => {}
            Some(_) | None => {
                let (waker, stream) = (cx.waker().clone(), stream.cloned());
                *place = Some(Attendant { conn, waker, stream });
            }
        }
    }

    /// The task of `conn` is over.
    pub(super) fn leave(&mut self, conn: ConnId) {
        if let Some(place) = self.0.get_mut(conn.slot())
            && place.as_ref().is_some_and(|known| known.conn == conn)
        {
            *place = None;
        }
    }

    /// Wakes the task of `conn`, if there is one.
    pub(super) fn wake(&self, conn: ConnId) {
        if let Some(known) = self.find(conn) {
            known.waker.wake_by_ref();
        }
    }

    /// Wakes all.
    pub(super) fn wake_all(&self) {
        for known in self.0.iter().flatten() {
            known.waker.wake_by_ref();
        }
    }

    /// The socket of `conn`, with the waker of its task: whom a full socket is to wake.
    pub(super) fn socket(&self, conn: ConnId) -> Option<(&Shared<S>, &Waker)> {
        let known = self.find(conn)?;
        Some((known.stream.as_ref()?, &known.waker))
    }

    fn find(&self, conn: ConnId) -> Option<&Attendant<S>> {
        self.0.get(conn.slot())?.as_ref().filter(|known| known.conn == conn)
    }
}
