//! Futures around the network: streams, listeners, dials, and the task that lets things arrive.

use std::{
    cell::RefCell,
    future::{Future, poll_fn},
    io::{self, IoSlice},
    pin::pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use madsim::time::TimeHandle;
use repl_core::{base::time::Instant, io::PeerInfo};
use repl_server::platform;

use super::{ConnKey, HostId, Network, conn::Side};

/// The network of a run and the run's clock. Clones are handles to the same network.
#[derive(Clone)]
pub(crate) struct Net {
    network: Rc<RefCell<Network>>,
    time: TimeHandle,
}

impl std::fmt::Debug for Net {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Net").field(&self.network).finish()
    }
}

impl Net {
    /// Puts `network` on the clock of the current simulation. Nothing arrives unless somebody runs
    /// [`pump`](Self::pump).
    ///
    /// # Panics
    /// Outside a simulation.
    #[must_use]
    pub(crate) fn new(network: Network) -> Self {
        Self { network: Rc::new(RefCell::new(network)), time: TimeHandle::current() }
    }

    /// The clock behind it.
    pub(crate) const fn time(&self) -> &TimeHandle {
        &self.time
    }

    /// Virtual time since the start of the run.
    #[must_use]
    pub(crate) fn now(&self) -> Instant {
        Instant::from_nanos(u64::try_from(self.time.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// Looks at the network or changes it.
    pub(crate) fn with<T>(&self, change: impl FnOnce(&mut Network, Instant) -> T) -> T {
        change(&mut self.network.borrow_mut(), self.now())
    }

    /// Listens on a port of a host.
    ///
    /// # Errors
    /// `AddrInUse` when somebody does already.
    pub(crate) fn listen(&self, host: HostId, port: u16) -> io::Result<SimListener> {
        let number = self.with(|network, _| network.listen(host, port))?;
        Ok(SimListener { net: self.clone(), host, port, number })
    }

    /// Connects from a host to a named one.
    ///
    /// # Errors
    /// `HostUnreachable` for a name nobody has, `ConnectionRefused` where nobody listens,
    /// `TimedOut`.
    pub(crate) fn dial(
        &self,
        from: HostId,
        to: &str,
        port: u16,
    ) -> impl Future<Output = io::Result<SimStream>> + 'static + use<> {
        let opened = self.with(|network, now| {
            let to = network.resolve(to).ok_or(io::ErrorKind::HostUnreachable)?;
            Ok::<_, io::ErrorKind>(network.dial(now, from, to, port))
        });
        // The stream exists from the start, so that a dropped dial closes what it opened.
        let opened = opened.map(|conn| SimStream { net: self.clone(), conn, side: Side::Dialer });
        async move {
            let stream = opened?;
            poll_fn(|cx| stream.net.network.borrow_mut().poll_dial(stream.conn, cx)).await?;
            Ok(stream)
        }
    }

    /// Lets everything arrive at its time, for ever.
    pub(crate) async fn pump(self) {
        loop {
            let armed_for = self.with(|network, now| {
                network.handle_due(now);
                network.next_due()
            });
            self.sleep_or_sooner(armed_for).await;
        }
    }

    /// Ends at `armed_for`, or as soon as something is due before it.
    async fn sleep_or_sooner(&self, armed_for: Option<Instant>) {
        let nanos_left = armed_for
            .map_or(u64::MAX / 4, |due| due.as_nanos().saturating_sub(self.now().as_nanos()));
        let mut sleep = pin!(self.time.sleep(Duration::from_nanos(nanos_left)));
        let mut parked = Parked::NotYet;
        poll_fn(|cx| {
            let mut network = self.network.borrow_mut();
            let sooner = match (network.next_due(), armed_for) {
                (Some(due), Some(armed)) => due < armed,
                (Some(_), None) => true,
                (None, Some(_) | None) => false,
            };
            if sooner || sleep.is_elapsed() {
                return Poll::Ready(());
            }
            network.park_pump(cx.waker().clone(), armed_for);
            drop(network);
            // Each poll of a sleep sets one more alarm: one is enough.
            match parked {
                Parked::AlarmSet => Poll::Pending,
                Parked::NotYet if armed_for.is_none() => Poll::Pending,
                Parked::NotYet => {
                    parked = Parked::AlarmSet;
                    sleep.as_mut().poll(cx)
                }
            }
        })
        .await;
    }
}

#[derive(Clone, Copy)]
enum Parked {
    NotYet,
    AlarmSet,
}

/// One end of a connection. Dropping it closes it, as the operating system would.
#[derive(Debug)]
pub(crate) struct SimStream {
    net: Net,
    conn: ConnKey,
    side: Side,
}

impl SimStream {
    /// The host at the other end.
    #[must_use]
    pub(crate) fn peer_host(&self) -> HostId {
        self.net.network.borrow().peer_host(self.conn, self.side)
    }

    /// Writes all of it, and gives way where the connection takes no more.
    pub(crate) async fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let parts = [IoSlice::new(bytes)];
            let count = poll_fn(|cx| platform::Stream::poll_write(self, cx, &parts)).await?;
            bytes = &bytes[count..];
        }
        Ok(())
    }
}

impl platform::Stream for SimStream {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        self.net.with(|network, now| network.poll_read(now, self.conn, self.side, cx, into))
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.net.with(|network, now| network.poll_write(now, self.conn, self.side, cx, from))
    }

    fn peer(&self) -> PeerInfo {
        self.net.network.borrow().peer_info(self.conn, self.side)
    }
}

impl Drop for SimStream {
    fn drop(&mut self) {
        self.net.with(|network, now| network.close(now, self.conn, self.side));
    }
}

/// A listening port. Dropping it resets what nobody accepted.
#[derive(Debug)]
pub(crate) struct SimListener {
    net: Net,
    host: HostId,
    port: u16,
    number: u64,
}

impl SimListener {
    /// The next connection.
    ///
    /// # Errors
    /// `NotConnected` when the host has lost its listeners.
    pub(crate) async fn accept(&mut self) -> io::Result<SimStream> {
        let conn =
            poll_fn(|cx| self.net.network.borrow_mut().poll_accept(self.host, self.port, cx))
                .await?;
        Ok(SimStream { net: self.net.clone(), conn, side: Side::Acceptor })
    }
}

impl Drop for SimListener {
    fn drop(&mut self) {
        let Self { host, port, number, .. } = *self;
        self.net.with(|network, now| network.close_listener(now, host, port, number));
    }
}

#[cfg(test)]
mod tests {
    use madsim::runtime::Runtime;

    use super::*;

    async fn read(stream: &mut SimStream, into: &mut [u8]) -> io::Result<usize> {
        poll_fn(|cx| platform::Stream::poll_read(stream, cx, into)).await
    }

    /// Sends a megabyte through an echo and counts what comes back; gives the virtual time it took.
    async fn echo(seed: u64) -> (usize, Duration) {
        let net = Net::new(Network::new(seed));
        let pump = madsim::task::spawn_local(net.clone().pump()).abort_handle();
        let (a, b) = net.with(|network, _| {
            (network.add_host("a", "10.0.0.1"), network.add_host("b", "10.0.0.2"))
        });
        let mut listener = net.listen(b, 7).expect("a fresh port");
        madsim::task::spawn_local(async move {
            let mut stream = listener.accept().await.expect("somebody dials");
            let mut buffer = [0; 1_000];
            while let Ok(count @ 1..) = read(&mut stream, &mut buffer).await {
                stream.write_all(&buffer[..count]).await.expect("the dialer is there");
            }
        });
        let mut stream = net.dial(a, "b", 7).await.expect("b listens");
        let mut back = 0;
        let mut buffer = vec![0; 100_000];
        for _ in 0..1_000 {
            stream.write_all(&[7; 1_000]).await.expect("b is there");
            let mut piece = 0;
            while piece < 1_000 {
                piece += read(&mut stream, &mut buffer).await.expect("b echoes");
            }
            back += piece;
        }
        pump.abort();
        (back, net.time().elapsed())
    }

    #[test]
    fn an_echo_over_the_executor_loses_nothing_and_repeats_to_the_nanosecond() {
        let run = |seed| {
            std::thread::spawn(move || {
                let config = madsim::Config::default();
                Runtime::with_seed_and_config(seed, config).block_on(echo(seed))
            })
            .join()
            .expect("the echo ends")
        };
        for seed in 0..8 {
            let (back, span) = run(seed);
            assert_eq!(back, 1_000_000);
            assert_eq!(run(seed), (back, span));
        }
    }

    #[test]
    fn a_late_drop_of_a_dead_listener_leaves_its_successor_alone() {
        Runtime::new().block_on(async {
            let net = Net::new(Network::new(1));
            let (a, b) = net.with(|network, _| {
                (network.add_host("a", "10.0.0.1"), network.add_host("b", "10.0.0.2"))
            });
            madsim::task::spawn_local(net.clone().pump());
            let dead = net.listen(b, 7).expect("a fresh port");
            net.with(|network, now| network.kill_processes(now, b));
            let mut alive = net.listen(b, 7).expect("the port is free");
            drop(dead);
            let (dialled, accepted) = (net.dial(a, "b", 7).await, alive.accept().await);
            assert!(dialled.is_ok() && accepted.is_ok());
        });
    }
}
