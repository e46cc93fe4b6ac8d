//! The driver: moves bytes between a [`Node`] and a [`Platform`], and is the only caller of either.
//!
//! One task per connection, one that answers, one for the timers, one per listener, all on one
//! thread. A task borrows the node for one `handle` at a time and never across an await point: the
//! node runs to completion. The contract is one sentence: **every mutation of the node is followed
//! by a complete drain of its effects** (`Shared::after`).
//!
//! A connection's task does, each time it is polled:
//!
//! 1. write what `transmit` shows until it shows nothing or the socket is full;
//! 2. read once, handle what came (all pipelined requests of it), and go back to 1.
//!
//! The replies to what has just been read are not written at once: the task leaves its connection
//! with the task that answers (`Shared::answer`), which runs when all sockets that were ready
//! have been read. So a pipeline costs one read and one write, a batch of replicas' bytes one write
//! each, and nobody who has been answered gets in the way of those who have not been heard.

use std::{
    cell::{Cell, Ref, RefCell},
    future::{Future, poll_fn},
    io::{self, ErrorKind, IoSlice},
    mem,
    pin::pin,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use repl_core::{
    Node,
    base::{
        ids::{ConnId, Endpoint},
        time::{Instant, Now},
    },
    io::{CloseCause, Effect, Input, Interest, Want, Wire},
};

use self::{attendants::Attendants, config::Rewrites};
use crate::platform::{Event, Listener, Platform, Stream};

mod attendants;
mod config;
mod snapshots;

/// How much one read takes at most. One buffer serves all connections.
const READ_BYTES: usize = 64 * 1024;

/// How many reads and writes one connection may do before the others have their turn.
const TURN_BUDGET: u32 = 16;

/// Nor for longer than this, unless one of them takes it: a dataset that is sent or loaded must not
/// keep others waiting.
const TURN_SPAN: Duration = Duration::from_micros(100);

/// How often the node hears what only the host knows.
const FACTS_EVERY: Duration = Duration::from_millis(500);

/// How long the driver waits after the operating system refused to accept a connection (out of file
/// descriptors, for instance) before it tries again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Drives one node on one platform. Clones are handles to the same driver.
pub struct Driver<P: Platform>(Rc<Shared<P>>);

impl<P: Platform> Clone for Driver<P> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<P: Platform> std::fmt::Debug for Driver<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver").finish_non_exhaustive()
    }
}

struct Shared<P: Platform> {
    node: RefCell<Node>,
    platform: P,
    attendants: RefCell<Attendants<P::Stream>>,
    /// The connection that has its turn.
    attended: Cell<Option<ConnId>>,
    /// The connections that have been read in this turn, to be answered in this order.
    unanswered: RefCell<Vec<ConnId>>,
    /// Where the task sleeps that answers them.
    answerer: RefCell<Option<Waker>>,
    /// The deadline the timer task sleeps for, and its waker.
    timer: RefCell<(Option<Instant>, Option<Waker>)>,
    /// The connections whose bytes wait for company, each at most once, and until when.
    departures: RefCell<Vec<(Instant, ConnId)>>,
    /// Where the task sleeps that sees them off.
    departure_waker: RefCell<Option<Waker>>,
    rewrites: RefCell<Rewrites>,
    /// The listeners that do not accept yet.
    doors: RefCell<Vec<Waker>>,
    exit: Cell<Option<i32>>,
    /// The last reading of the clocks. Bytes that leave in the turn in which they were made left at
    /// the same time.
    clock: Cell<Now>,
    /// Until when the process stands still, if it does.
    still_until: Cell<Option<Instant>>,
    /// When the host was last asked for its facts.
    facts_at: Cell<Instant>,
    read_buffer: RefCell<Vec<u8>>,
}

impl<P: Platform> Driver<P> {
    /// A driver for `node`. Nothing moves until [`Driver::run`] is polled.
    pub fn new(platform: P, mut node: Node) -> Self {
        node.set_stopwatch(platform.stopwatch());
        let now = platform.now();
        let driver = Self(Rc::new(Shared {
            node: RefCell::new(node),
            clock: Cell::new(now),
            facts_at: Cell::new(now.mono),
            still_until: Cell::new(None),
            platform,
            attendants: RefCell::default(),
            attended: Cell::new(None),
            unanswered: RefCell::default(),
            answerer: RefCell::default(),
            timer: RefCell::default(),
            departures: RefCell::default(),
            departure_waker: RefCell::default(),
            rewrites: RefCell::default(),
            doors: RefCell::default(),
            exit: Cell::new(None),
            read_buffer: RefCell::new(vec![0; READ_BYTES]),
        }));
        let facts = driver.0.platform.host_facts();
        driver.input(Input::Host(facts));
        driver
    }

    /// The node, to look at.
    ///
    /// # Panics
    /// While the node handles an input, which cannot be seen from outside this module's tasks.
    pub fn node(&self) -> Ref<'_, Node> {
        self.0.node.borrow()
    }

    /// The platform.
    pub fn platform(&self) -> &P {
        &self.0.platform
    }

    /// Hands the node an input that is not about a connection's bytes.
    pub fn input(&self, input: Input<'_>) {
        Shared::handle(&self.0, input, Event::Woken);
    }

    /// Accepts connections from `listener` as long as the driver lives: from the moment on in which
    /// the snapshot file is loaded, or most of a large one is still to come.
    pub fn serve(&self, mut listener: P::Listener) {
        let shared = Rc::clone(&self.0);
        self.0.platform.spawn(async move {
            shared.doors_are_open().await;
            loop {
                match listener.accept().await {
                    Ok(stream) => {
                        shared.awake().await;
                        Shared::accept(&shared, stream);
                    }
                    Err(error) => {
                        let text = format!("Accepting client connection: {error}");
                        shared.platform.log(repl_core::io::Level::Warning, &text);
                        let until = shared.platform.now().mono + ACCEPT_PAUSE;
                        shared.platform.sleep_until(until).await;
                    }
                }
            }
        });
    }

    /// Serves the node's deadlines until it asks to exit; resolves with the exit status.
    pub async fn run(&self) -> i32 {
        let shared = &self.0;
        shared.platform.spawn(Shared::see_off(Rc::clone(shared)));
        shared.platform.spawn(Shared::answer(Rc::clone(shared)));
        loop {
            if let Some(status) = shared.exit.get() {
                shared.platform.exit(status);
                return status;
            }
            let deadline = shared.node.borrow().poll_timeout();
            shared.timer.borrow_mut().0 = deadline;
            let reached = shared.sleep(deadline).await;
            if reached {
                shared.awake().await;
                Shared::ask_host(shared);
                Shared::handle(shared, Input::TimerFired, Event::Woken);
                // A deadline may be due at once, again and again: the connections have their turn
                // in between.
                let mut polled = false;
                poll_fn(|cx| {
                    if polled {
                        return Poll::Ready(());
                    }
                    polled = true;
                    cx.waker().wake_by_ref();
                    Poll::Pending
                })
                .await;
            }
        }
    }
}

impl<P: Platform> Shared<P> {
    /// Sleeps until `deadline` (true) or until the deadline or the exit status changed (false).
    async fn sleep(&self, deadline: Option<Instant>) -> bool {
        let at = deadline.unwrap_or(Instant::from_nanos(u64::MAX));
        let mut sleep = pin!(self.platform.sleep_until(at));
        poll_fn(|cx| {
            let changed = self.exit.get().is_some() || self.timer.borrow().0 != deadline;
            if changed {
                return Poll::Ready(false);
            }
            self.timer.borrow_mut().1 = Some(cx.waker().clone());
            sleep.as_mut().poll(cx).map(|()| true)
        })
        .await
    }

    fn accept(shared: &Rc<Self>, stream: P::Stream) {
        shared.clock.set(shared.platform.now());
        let conn = shared.node.borrow_mut().accept(shared.clock.get(), stream.peer());
        Self::after(shared, Event::Accepted(conn));
        shared.platform.spawn(Self::attend(Rc::clone(shared), conn, stream));
    }

    /// Tells the node what only the host knows, now and then: asking costs system calls.
    fn ask_host(shared: &Rc<Self>) {
        let now = shared.platform.now();
        if now.mono.since(shared.facts_at.get()) >= FACTS_EVERY {
            shared.facts_at.set(now.mono);
            let facts = shared.platform.host_facts();
            Self::handle(shared, Input::Host(facts), Event::Woken);
        }
    }

    fn handle(shared: &Rc<Self>, input: Input<'_>, event: Event<'_>) {
        shared.clock.set(shared.platform.now());
        Self::handle_now(shared, input, event);
    }

    /// As `handle`, at the time of the last reading of the clocks.
    fn handle_now(shared: &Rc<Self>, input: Input<'_>, event: Event<'_>) {
        shared.node.borrow_mut().handle(shared.clock.get(), input);
        Self::after(shared, event);
    }

    /// Drains the node's effects and lets the platform look at the result.
    fn after(shared: &Rc<Self>, event: Event<'_>) {
        loop {
            // The borrow ends before the effect is carried out.
            let effect = shared.node.borrow_mut().poll_effect();
            match effect {
                None => break,
                Some(Effect::Wake(conn)) => shared.wake(conn),
                Some(Effect::WakeBy(conn, at)) => shared.wake_by(conn, at),
                Some(Effect::Dial { conn, to, over }) => {
                    shared.platform.spawn(Self::dial(Rc::clone(shared), conn, to, over));
                }
                Some(Effect::RewriteConfig { asker, config }) => {
                    if shared.rewrites.borrow_mut().ask(asker, config) {
                        shared.platform.spawn(Self::rewrite_config(Rc::clone(shared)));
                    }
                }
                Some(Effect::ApplyConfig(change)) => {
                    shared.platform.spawn(Self::apply_config(Rc::clone(shared), change));
                }
                Some(Effect::Disk(request)) => {
                    let task = Self::serve_disk(Rc::clone(shared), request);
                    shared.platform.spawn(task);
                }
                Some(Effect::Log(level, text)) => shared.platform.log(level, &text),
                Some(Effect::Decided(decision)) => {
                    shared.platform.observe(&shared.node.borrow(), Event::Decided(&decision));
                }
                Some(Effect::StandStill(span)) => Self::stand_still(shared, span),
                Some(Effect::Exit(status)) => shared.exit.set(Some(status)),
            }
        }
        let node = shared.node.borrow();
        shared.platform.observe(&node, event);
        let mut timer = shared.timer.borrow_mut();
        let next = node.poll_timeout();
        if shared.exit.get().is_some() || next != timer.0 {
            timer.0 = next;
            if let Some(waker) = timer.1.take() {
                waker.wake();
            }
        }
    }

    /// Nothing happens for that long. What comes meanwhile waits where it is.
    fn stand_still(shared: &Rc<Self>, span: Duration) {
        shared.still_until.set(Some(shared.clock.get().mono + span));
        let other = Rc::clone(shared);
        shared.platform.spawn(async move { other.awake().await });
    }

    /// Waits while the process stands still. Whoever is the first to see the end wakes all others.
    async fn awake(&self) {
        while let Some(until) = self.still_until.get() {
            self.platform.sleep_until(until).await;
            if self.still_until.get() == Some(until) {
                self.still_until.set(None);
                self.attendants.borrow().wake_all();
                self.wake_answerer();
            }
        }
    }

    fn wake(&self, conn: ConnId) {
        // Whoever has its turn looks again before that is over.
        if self.attended.get() != Some(conn) {
            self.attendants.borrow().wake(conn);
        }
    }

    /// Wakes the task of `conn` at `at`, or before.
    fn wake_by(&self, conn: ConnId, at: Instant) {
        let mut departures = self.departures.borrow_mut();
        // As many as there are replicas.
        if departures.iter().any(|(_, known)| *known == conn) {
            return;
        }
        departures.push((at, conn));
        if let Some(waker) = self.departure_waker.take() {
            waker.wake();
        }
    }

    /// Wakes connections whose bytes have waited for company long enough, for ever.
    async fn see_off(shared: Rc<Self>) {
        loop {
            let next = poll_fn(|cx| {
                let first = shared.departures.borrow().iter().map(|(at, _)| *at).min();
                if first.is_none() {
                    shared.departure_waker.replace(Some(cx.waker().clone()));
                }
                first.map_or(Poll::Pending, Poll::Ready)
            })
            .await;
            shared.platform.sleep_briefly(next).await;
            let now = shared.platform.now().mono;
            shared.departures.borrow_mut().retain(|(at, conn)| {
                let waits = *at > now;
                if !waits {
                    shared.wake(*conn);
                }
                waits
            });
        }
    }

    /// Leaves the replies of `conn` to the task that answers.
    fn put_off(&self, conn: ConnId) {
        let mut unanswered = self.unanswered.borrow_mut();
        if unanswered.is_empty() {
            self.wake_answerer();
        }
        unanswered.push(conn);
    }

    fn wake_answerer(&self) {
        if let Some(waker) = self.answerer.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }

    /// Answers whoever has been read, for ever. What a socket does not take at once is the business
    /// of its connection's task.
    async fn answer(shared: Rc<Self>) {
        let mut turn = Vec::new();
        poll_fn(|cx| {
            shared.answerer.replace(Some(cx.waker().clone()));
            if shared.still_until.get().is_none() {
                mem::swap(&mut turn, &mut shared.unanswered.borrow_mut());
                for conn in turn.drain(..) {
                    Self::answer_one(&shared, conn);
                }
            }
            Poll::Pending
        })
        .await
    }

    fn answer_one(shared: &Rc<Self>, conn: ConnId) {
        let interest = shared.node.borrow().interest(conn);
        let Interest::Open { read, write: Want::Ready } = interest else { return };
        let attendants = shared.attendants.borrow();
        let Some((stream, waker)) = attendants.socket(conn) else { return };
        let written =
            shared.write_once(conn, &mut *stream.borrow_mut(), &mut Context::from_waker(waker));
        drop(attendants);
        match written {
            Poll::Ready(Ok(count)) => {
                Self::handle_now(shared, Input::Sent { conn, count }, Event::Sent(conn, count));
                // There is more to write, or now there is something to read, or nothing for ever.
                let silent = Interest::Open { read, write: Want::Idle };
                if shared.node.borrow().interest(conn) != silent {
                    shared.wake(conn);
                }
            }
            Poll::Ready(Err(error)) => {
                let cause = cause(&error);
                Self::handle(shared, Input::Closed { conn, cause }, Event::Closed(conn));
            }
            Poll::Pending => {}
        }
    }

    /// The life of a dialled connection.
    async fn dial(shared: Rc<Self>, conn: ConnId, to: Endpoint, over: Wire) {
        let mut dial = pin!(shared.platform.dial(to, over));
        // The node may give up on the dial: then its connection is gone before the socket exists.
        let dialled = poll_fn(|cx| {
            if shared.node.borrow().interest(conn) == Interest::Gone {
                return Poll::Ready(None);
            }
            shared.attendants.borrow_mut().sleep(conn, cx, None);
            dial.as_mut().poll(cx).map(Some)
        })
        .await;
        shared.awake().await;
        match dialled {
            // Nobody is woken for it any more.
            None => shared.attendants.borrow_mut().leave(conn),
            Some(Ok(stream)) => {
                let peer = stream.peer();
                Self::handle(&shared, Input::Connected { conn, peer }, Event::Connected(conn));
                Self::attend(shared, conn, stream).await;
            }
            Some(Err(error)) => {
                shared.attendants.borrow_mut().leave(conn);
                let cause = cause(&error);
                Self::handle(&shared, Input::Closed { conn, cause }, Event::Closed(conn));
            }
        }
    }

    /// The life of a connection: until the node has forgotten it or the peer is gone.
    async fn attend(shared: Rc<Self>, conn: ConnId, stream: P::Stream) {
        let stream = Rc::new(RefCell::new(stream));
        let ended = poll_fn(|cx| {
            shared.attendants.borrow_mut().sleep(conn, cx, Some(&stream));
            shared.attended.set(Some(conn));
            let polled = Self::poll_connection(&shared, conn, &mut *stream.borrow_mut(), cx);
            shared.attended.set(None);
            polled
        })
        .await;
        // The socket is closed first, so that the peer of a refused connection never waits for a
        // log line.
        shared.attendants.borrow_mut().leave(conn);
        drop(stream);
        if let Some(cause) = ended {
            Self::handle(&shared, Input::Closed { conn, cause }, Event::Closed(conn));
        }
    }

    /// One turn of a connection. Ready when it is over: with a cause if the node does not know yet.
    fn poll_connection(
        shared: &Rc<Self>,
        conn: ConnId,
        stream: &mut P::Stream,
        cx: &mut Context<'_>,
    ) -> Poll<Option<CloseCause>> {
        if let Poll::Ready(Err(error)) = stream.poll_flush(cx) {
            return Poll::Ready(Some(cause(&error)));
        }
        let mut has_read = false;
        let mut put_off = false;
        let mut began = None;
        for turn in 0..TURN_BUDGET {
            // Most have no second one, and never ask the time.
            if turn > 0 {
                let now = shared.platform.now().mono;
                if now.since(*began.get_or_insert(now)) >= TURN_SPAN {
                    break;
                }
            }
            let interest = shared.node.borrow().interest(conn);
            // What was closed before the process stood still does not wait for it to go on.
            let Interest::Open { read, write } = interest else { return Poll::Ready(None) };
            if shared.still_until.get().is_some() {
                return Poll::Pending;
            }
            let mut moved = false;
            let mut may_read = read == Want::Ready;
            if write == Want::Ready && has_read && !put_off {
                // Once per poll: whoever sends without end gets answers in between.
                shared.put_off(conn);
                put_off = true;
            } else if write == Want::Ready {
                match shared.write_once(conn, stream, cx) {
                    Poll::Ready(Ok(count)) => {
                        let sent = Input::Sent { conn, count };
                        Self::handle_now(shared, sent, Event::Sent(conn, count));
                        moved = true;
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Some(cause(&error))),
                    Poll::Pending => {}
                }
            }
            if read == Want::Ready {
                match Self::read_once(shared, conn, stream, cx) {
                    Poll::Ready(Ok(())) => (moved, has_read) = (true, true),
                    Poll::Ready(Err(cause)) => return Poll::Ready(Some(cause)),
                    Poll::Pending => may_read = false,
                }
            }
            if !moved || (!may_read && shared.has_said_all(conn)) {
                return Poll::Pending;
            }
        }
        // The budget is spent and the socket may have more: let the others run, then go on.
        shared.platform.wake_later(cx);
        Poll::Pending
    }

    /// Whether the node knows the connection, wants to read from it and has nothing to send. Then a
    /// turn that has found nothing to read is over.
    fn has_said_all(&self, conn: ConnId) -> bool {
        let silent = Interest::Open { read: Want::Ready, write: Want::Idle };
        self.node.borrow().interest(conn) == silent
    }

    fn write_once(
        &self,
        conn: ConnId,
        stream: &mut P::Stream,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let node = self.node.borrow();
        let [first, second] = node.transmit(conn);
        let slices = [IoSlice::new(first), IoSlice::new(second)];
        let used = if second.is_empty() { 1 } else { 2 };
        match stream.poll_write(cx, &slices[..used]) {
            Poll::Ready(Ok(0)) => Poll::Ready(Err(ErrorKind::WriteZero.into())),
            Poll::Ready(done) => Poll::Ready(done),
            Poll::Pending => Poll::Pending,
        }
    }

    fn read_once(
        shared: &Rc<Self>,
        conn: ConnId,
        stream: &mut P::Stream,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), CloseCause>> {
        let mut buffer = shared.read_buffer.borrow_mut();
        match stream.poll_read(cx, &mut buffer) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(0)) => Poll::Ready(Err(CloseCause::EndOfStream)),
            Poll::Ready(Ok(count)) => {
                let bytes = &buffer[..count];
                let event = Event::Received(conn, bytes);
                Self::handle(shared, Input::Received { conn, bytes }, event);
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(cause(&error))),
        }
    }
}

/// What the node is told about an error of the network stack.
#[allow(clippy::wildcard_enum_match_arm, reason = "std's error kinds are open-ended")]
fn cause(error: &io::Error) -> CloseCause {
    match error.kind() {
        ErrorKind::ConnectionRefused => CloseCause::Refused,
        ErrorKind::TimedOut => CloseCause::TimedOut,
        ErrorKind::UnexpectedEof => CloseCause::EndOfStream,
        ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::NotFound
        | ErrorKind::AddrNotAvailable => CloseCause::Unreachable,
        // Everything else the operating system can say about a stream means that it is broken.
        _ => CloseCause::Reset,
    }
}
