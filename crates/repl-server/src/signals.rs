//! The signals a server knows: SIGTERM and SIGINT ask it to end, SIGHUP is ignored.

use std::{
    future::poll_fn,
    io,
    task::{Context, Poll},
};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The operator's ways to end the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Termination {
    /// SIGTERM.
    Terminate,
    /// SIGINT, usually Ctrl-C.
    Interrupt,
}

impl Termination {
    /// The name of the signal, as the log has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "SIGINT",
        }
    }
}

/// The signals of this process, from the moment it is made.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// Kept so that a closed terminal does not end the server.
    _hangup: Signal,
}

impl Signals {
    /// Takes over the signals' default actions.
    ///
    /// # Errors
    /// As the operating system reports them.
    pub fn take_over() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            _hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The next request to end.
    pub async fn next(&mut self) -> Termination {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Termination> {
        if self.terminate.poll_recv(cx).is_ready() {
            return Poll::Ready(Termination::Terminate);
        }
        self.interrupt.poll_recv(cx).map(|_| Termination::Interrupt)
    }
}
