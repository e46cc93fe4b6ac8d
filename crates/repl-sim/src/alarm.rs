//! Waiting for a virtual time, alone or as a limit for something else, and what goes on beside it.
//!
//! madsim's own sleep sets one more alarm each time it is polled; this one sets one.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
    time::Duration,
};

use madsim::time::{Sleep, TimeHandle};

/// Ends at a virtual time (a millisecond from now at the earliest).
#[derive(Debug)]
pub(crate) struct Alarm {
    sleep: Pin<Box<Sleep>>,
    set_for: Option<Waker>,
}

impl Alarm {
    /// Ends after `span` of virtual time.
    pub(crate) fn after(time: &TimeHandle, span: Duration) -> Self {
        // A century is for ever, and keeps the sum below the end of time.
        let span = span.min(Duration::from_secs(100 * 365 * 86_400));
        Self { sleep: Box::pin(time.sleep(span)), set_for: None }
    }
}

impl Future for Alarm {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.sleep.is_elapsed() {
            return Poll::Ready(());
        }
        if self.set_for.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            return Poll::Pending;
        }
        self.set_for = Some(cx.waker().clone());
        self.sleep.as_mut().poll(cx)
    }
}

/// What `work` resolves to, or `None` when it takes longer than `limit`.
pub(crate) async fn within<T>(
    time: &TimeHandle,
    limit: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    let mut alarm = pin!(Alarm::after(time, limit));
    let mut work = pin!(work);
    poll_fn(|cx| {
        // The work first: an answer that comes in the last moment is an answer.
        if let Poll::Ready(done) = work.as_mut().poll(cx) {
            return Poll::Ready(Some(done));
        }
        alarm.as_mut().poll(cx).map(|()| None)
    })
    .await
}

/// What `work` resolves to. Until then `company`, which never ends by itself, goes on beside it.
pub(crate) async fn in_company_of<T>(
    company: impl Future<Output = Infallible>,
    work: impl Future<Output = T>,
) -> T {
    let (mut company, mut work) = (pin!(company), pin!(work));
    poll_fn(|cx| {
        let done = work.as_mut().poll(cx);
        if done.is_pending() {
            let _: Poll<Infallible> = company.as_mut().poll(cx);
        }
        done
    })
    .await
}
