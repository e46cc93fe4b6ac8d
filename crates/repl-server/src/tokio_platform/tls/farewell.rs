//! Connections whose last encrypted bytes the socket had no room for when they were closed.
//!
//! A plain socket may be closed with its last bytes in the system's buffer. With TLS some may still
//! be in ours: this sees them off, for a while and for a few, as a system does with what it holds.

use std::{
    cell::RefCell,
    future::{Future as _, poll_fn},
    pin::Pin,
    rc::Rc,
    task::{Poll, Waker},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};

use super::stream::Channel;

/// How long a peer has to take its last bytes.
const FOR: Duration = Duration::from_secs(10);

/// How many peers may do that at a time. They are not counted as clients any more.
const COUNT_MAX: usize = 16;

/// See this file's header.
#[derive(Debug, Default)]
pub(super) struct Farewells {
    /// In the order in which they end.
    channels: RefCell<Vec<(Instant, Channel)>>,
    waker: RefCell<Option<Waker>>,
}

impl Farewells {
    /// What `channel` holds back is sent, if there is room for one more.
    pub(super) fn see_off(&self, channel: Channel) {
        let mut channels = self.channels.borrow_mut();
        if channels.len() == COUNT_MAX {
            return;
        }
        channels.push((Instant::now() + FOR, channel));
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Sees them off, for ever.
    pub(super) async fn attend(farewells: Rc<Self>) {
        let mut alarm: Option<Pin<Box<Sleep>>> = None;
        poll_fn(move |cx| {
            farewells.waker.replace(Some(cx.waker().clone()));
            let mut channels = farewells.channels.borrow_mut();
            loop {
                let now = Instant::now();
                channels.retain_mut(|(until, channel)| {
                    *until > now && channel.poll_out(cx).is_pending()
                });
                let Some((until, _)) = channels.first() else { return Poll::Pending };
                let alarm = alarm.get_or_insert_with(|| Box::pin(sleep_until(*until)));
                alarm.as_mut().reset(*until);
                if alarm.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
            }
        })
        .await
    }
}
