//! A timer that is finer than the runtime's, which rounds up to milliseconds: Linux' timerfd.

use std::{cell::OnceCell, io, time::Duration};

use tokio::time;

/// Sleeps for less than a millisecond. Where the operating system has no such timer, the runtime's
/// serves.
///
/// One sleeper at a time: a second one would set the same clock.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    /// Made when it is first used, within the runtime; `None` where there is none to be had.
    clock: OnceCell<Option<Clock>>,
}

impl Alarm {
    /// Ends after `left`, or somewhat earlier: the caller looks at its clock again.
    pub(super) async fn ring_in(&self, left: Duration) {
        let rung = match self.clock.get_or_init(|| Clock::new().ok()) {
            Some(clock) => clock.ring_in(left).await,
            None => Err(io::ErrorKind::Unsupported.into()),
        };
        if rung.is_err() {
            time::sleep(left).await;
        }
    }
}

#[cfg(target_os = "linux")]
use linux::Clock;

#[cfg(target_os = "linux")]
mod linux {
    use std::{io, os::fd::OwnedFd, time::Duration};

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::{Interest, unix::AsyncFd};

    #[derive(Debug)]
    pub(super) struct Clock(AsyncFd<OwnedFd>);

    impl Clock {
        pub(super) fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            #[expect(
                deprecated,
                reason = "unsound for handles that do not own a descriptor: this one does"
            )]
            let timer = AsyncFd::with_interest(timer, Interest::READABLE)?;
            Ok(Self(timer))
        }

        pub(super) async fn ring_in(&self, left: Duration) -> io::Result<()> {
            let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
            // All zero would disarm it.
            let left = left.max(Duration::from_nanos(1));
            let value = Timespec::try_from(left).map_err(io::Error::other)?;
            let once = Itimerspec { it_interval: zero, it_value: value };
            timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &once)?;
            // Not read: setting it again clears what it would say.
            self.0.readable().await?.clear_ready();
            Ok(())
        }
    }
}

#[cfg(not(target_os = "linux"))]
use elsewhere::Clock;

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use std::{io, time::Duration};

    #[derive(Debug)]
    pub(super) struct Clock;

    impl Clock {
        pub(super) fn new() -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(super) async fn ring_in(&self, _: Duration) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }
    }
}
