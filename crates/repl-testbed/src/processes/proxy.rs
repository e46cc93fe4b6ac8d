//! A link that can be cut, stalled, slowed and reset: a TCP proxy on the loopback device, in a
//! thread of its own.

use std::{
    fmt, future, io,
    net::{Ipv4Addr, SocketAddr, TcpListener as StdListener},
    sync::{Arc, Mutex, MutexGuard},
    thread::{self, JoinHandle},
    time::Duration,
};

use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    runtime,
    sync::Notify,
    task::LocalSet,
    time::sleep,
};

use super::exchange::{Exchange, Reader};

/// What is read at once; less where the link is slow.
const BUFFER_BYTES: usize = 16 * 1024;

/// A slow link moves its bytes this often.
const SLICES_PER_SECOND: u64 = 20;

/// What the link does with bytes and connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Passage {
    /// Carries both.
    Open,
    /// Closes what is accepted.
    Cut,
    /// Accepts, and keeps what it reads until it is open again.
    Stalled,
    /// The proxy is gone.
    Ended,
}

/// How the connections of a link end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// A FIN at both ends.
    Close,
    /// A reset at both ends.
    Reset,
}

/// The two ways of bytes through a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To the server.
    Forth,
    /// From the server.
    Back,
}

#[derive(Debug)]
struct State {
    passage: Passage,
    /// Zero: no limit.
    bytes_per_second: u64,
    /// Connections older than the last ending are to end, and how.
    endings: (u64, Ending),
    /// The link resets its connections when so many more bytes have passed one way.
    fuse: Option<(Way, u64)>,
}

struct Shared {
    state: Mutex<State>,
    changed: Notify,
    target: SocketAddr,
    watch: Box<dyn Fn(Exchange) + Send + Sync>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds the state of a proxy")
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_waiters();
    }

    /// Waits until the state is as wanted.
    async fn until<T>(&self, mut look: impl FnMut(&mut State) -> Option<T>) -> T {
        loop {
            // Before the look, so that no change between the two is missed.
            let changed = self.changed.notified();
            if let Some(found) = look(&mut self.lock()) {
                return found;
            }
            changed.await;
        }
    }
}

/// A proxy in front of one server. Dropping it closes its connections.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").field("port", &self.port).finish_non_exhaustive()
    }
}

impl Proxy {
    /// A link to the server on `target`, a port of the loopback device. Carries from the start.
    ///
    /// # Panics
    /// When the system gives no port or no thread.
    #[must_use]
    pub fn to(target: u16) -> Self {
        Self::watched(target, |_| {})
    }

    /// As [`to`](Self::to); `watch` hears of every `PSYNC` that is answered, in the proxy's thread
    /// and before the replica gets the answer.
    ///
    /// # Panics
    /// When the system gives no port or no thread.
    #[must_use]
    pub fn watched(target: u16, watch: impl Fn(Exchange) + Send + Sync + 'static) -> Self {
        let listener =
            StdListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has free ports");
        let port = listener.local_addr().expect("a bound listener has an address").port();
        let state = State {
            passage: Passage::Open,
            bytes_per_second: 0,
            endings: (0, Ending::Close),
            fuse: None,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: Notify::new(),
            target: (Ipv4Addr::LOCALHOST, target).into(),
            watch: Box::new(watch),
        });
        let served = Arc::clone(&shared);
        let thread = thread::Builder::new().name(format!("proxy to {target}"));
        let thread = thread.spawn(move || serve(&served, listener)).expect("a thread for a proxy");
        Self { port, shared, thread: Some(thread) }
    }

    /// Where to connect to.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Closes every connection, on both sides, and lets no new one through.
    pub fn cut(&self) {
        self.end_connections(Ending::Close, |state| state.passage = Passage::Cut);
    }

    /// Resets every connection, on both sides; new ones get through.
    pub fn reset(&self) {
        self.end_connections(Ending::Reset, |_| {});
    }

    /// Keeps every connection open and carries nothing.
    pub fn stall(&self) {
        self.shared.change(|state| state.passage = Passage::Stalled);
    }

    /// Carries so many bytes a second each way; zero: as many as there are.
    pub fn slow(&self, bytes_per_second: u64) {
        self.shared.change(|state| state.bytes_per_second = bytes_per_second);
    }

    /// Resets every connection as soon as so many more bytes have passed this way.
    pub fn break_after(&self, way: Way, bytes: u64) {
        self.shared.change(|state| state.fuse = Some((way, bytes)));
    }

    /// Carries everything again, at full speed.
    pub fn heal(&self) {
        self.shared.change(|state| {
            (state.passage, state.bytes_per_second, state.fuse) = (Passage::Open, 0, None);
        });
    }

    /// Whether it carries.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.shared.lock().passage == Passage::Open
    }

    fn end_connections(&self, ending: Ending, change: impl FnOnce(&mut State)) {
        self.shared.change(|state| {
            state.endings = (state.endings.0 + 1, ending);
            change(state);
        });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.end_connections(Ending::Close, |state| state.passage = Passage::Ended);
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || thread::panicking(), "the proxy panicked");
        }
    }
}

/// Accepts and carries until the proxy is gone.
fn serve(shared: &Arc<Shared>, listener: StdListener) {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("the system gives sockets and timers");
    let tasks = LocalSet::new();
    tasks.block_on(&runtime, async {
        listener.set_nonblocking(true).expect("a listener of our own");
        let listener = TcpListener::from_std(listener).expect("the runtime takes sockets");
        loop {
            let ended = shared.until(|state| (state.passage == Passage::Ended).then_some(()));
            let near = tokio::select! {
                biased;
                () = ended => return,
                near = listener.accept() => near,
            };
            let Ok((near, _)) = near else { continue };
            let (passage, age) = {
                let state = shared.lock();
                (state.passage, state.endings.0)
            };
            match passage {
                Passage::Open | Passage::Stalled => {
                    let shared = Arc::clone(shared);
                    tokio::task::spawn_local(async move { carry(&shared, near, age).await });
                }
                Passage::Cut | Passage::Ended => drop(near),
            }
        }
    });
}

/// One connection that was made when the link had ended connections `age` times.
async fn carry(shared: &Shared, mut near: TcpStream, age: u64) {
    let Ok(mut far) = TcpStream::connect(shared.target).await else { return };
    for end in [&near, &far] {
        // It would only be slower.
        let _ = end.set_nodelay(true);
    }
    let ending = {
        let reader = Mutex::new(Reader::default());
        let (near_reads, near_writes) = near.split();
        let (far_reads, far_writes) = far.split();
        let told = shared.until(|state| (state.endings.0 > age).then_some(state.endings.1));
        tokio::select! {
            biased;
            ending = told => ending,
            () = pump(shared, Way::Forth, &reader, near_reads, far_writes) => Ending::Close,
            () = pump(shared, Way::Back, &reader, far_reads, near_writes) => Ending::Close,
        }
    };
    if ending == Ending::Reset {
        for end in [&near, &far] {
            // Closed by its peer already: as good.
            let _ = SockRef::from(end).set_linger(Some(Duration::ZERO));
        }
    }
}

/// Carries one way until its end.
async fn pump(
    shared: &Shared,
    way: Way,
    reader: &Mutex<Reader>,
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
) {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let rate = shared.lock().bytes_per_second;
        let slice = match rate {
            0 => BUFFER_BYTES,
            rate => usize::try_from(rate.div_ceil(SLICES_PER_SECOND)).unwrap_or(BUFFER_BYTES),
        };
        let read = from.read(&mut buffer[..slice.min(BUFFER_BYTES)]);
        let Ok(count @ 1..) = read.await else { return };
        if rate > 0 {
            sleep(Duration::from_secs_f64(count as f64 / rate as f64)).await;
        }
        shared.until(|state| (state.passage != Passage::Stalled).then_some(())).await;
        if pass(shared, way, reader, &buffer[..count], &mut to).await.is_err() {
            return;
        }
    }
}

/// Hands on what was read, or what the fuse lets through of it.
async fn pass(
    shared: &Shared,
    way: Way,
    reader: &Mutex<Reader>,
    bytes: &[u8],
    to: &mut WriteHalf<'_>,
) -> io::Result<()> {
    let through = burn(shared, way, bytes.len());
    let bytes = &bytes[..through.unwrap_or(bytes.len())];
    let seen = {
        let mut reader = reader.lock().expect("reading does not panic");
        match way {
            Way::Forth => {
                reader.on_request(bytes);
                None
            }
            Way::Back => reader.on_reply(bytes),
        }
    };
    if let Some(exchange) = seen {
        (shared.watch)(exchange);
    }
    to.write_all(bytes).await?;
    if through.is_some() {
        shared.change(|state| state.endings = (state.endings.0 + 1, Ending::Reset));
        // Nothing may follow what was held back, until the connection learns of its end.
        future::pending::<()>().await;
    }
    Ok(())
}

/// Shortens the fuse by `count` bytes; how many of them still pass when it is the last piece.
fn burn(shared: &Shared, way: Way, count: usize) -> Option<usize> {
    let mut state = shared.lock();
    let (burning, left) = state.fuse.filter(|(burning, _)| *burning == way)?;
    let rest = left.saturating_sub(count as u64);
    state.fuse = (rest > 0).then_some((burning, rest));
    (rest == 0).then(|| usize::try_from(left).unwrap_or(count).min(count))
}

#[cfg(test)]
mod tests {
    use std::{
        io::{ErrorKind, Read as _, Write as _},
        net::TcpStream as StdStream,
        time::Instant,
    };

    use super::*;

    /// A server that echoes one connection, a proxy before it, and a client of the proxy.
    fn echo() -> (Proxy, StdStream) {
        let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let proxy = Proxy::to(listener.local_addr().expect("it is bound").port());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                thread::spawn(move || {
                    let mut buffer = [0; 1024];
                    while let Ok(count @ 1..) = stream.read(&mut buffer) {
                        if stream.write_all(&buffer[..count]).is_err() {
                            break;
                        }
                    }
                });
            }
        });
        let client = connect(&proxy);
        (proxy, client)
    }

    fn connect(proxy: &Proxy) -> StdStream {
        let client = StdStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).expect("it listens");
        client.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
        client
    }

    fn echoed(client: &mut StdStream, bytes: &[u8]) -> io::Result<Vec<u8>> {
        client.write_all(bytes)?;
        let mut back = vec![0; bytes.len()];
        client.read_exact(&mut back)?;
        Ok(back)
    }

    #[test]
    fn a_cut_closes_and_a_healed_link_carries_again() {
        let (proxy, mut client) = echo();
        assert_eq!(echoed(&mut client, b"one").expect("it carries"), b"one");
        proxy.cut();
        assert_eq!(client.read(&mut [0; 8]).expect("an orderly end"), 0);
        assert!(echoed(&mut connect(&proxy), b"two").is_err());
        proxy.heal();
        assert_eq!(echoed(&mut connect(&proxy), b"three").expect("it carries"), b"three");
    }

    #[test]
    fn a_reset_is_a_reset_and_not_an_end() {
        let (proxy, mut client) = echo();
        echoed(&mut client, b"one").expect("it carries");
        proxy.reset();
        let error = client.read(&mut [0; 8]).expect_err("no orderly end");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert_eq!(echoed(&mut connect(&proxy), b"two").expect("it carries"), b"two");
    }

    #[test]
    fn a_stalled_link_loses_nothing() {
        let (proxy, mut client) = echo();
        echoed(&mut client, b"one").expect("it carries");
        proxy.stall();
        client.write_all(b"two").expect("the proxy reads");
        client.set_read_timeout(Some(Duration::from_millis(50))).expect("a socket");
        assert_eq!(
            client.read(&mut [0; 8]).expect_err("it is held up").kind(),
            ErrorKind::WouldBlock
        );
        client.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
        proxy.heal();
        let mut back = [0; 3];
        client.read_exact(&mut back).expect("it carries");
        assert_eq!(&back, b"two");
    }

    #[test]
    fn a_slow_link_takes_its_time() {
        let (proxy, mut client) = echo();
        proxy.slow(10_000);
        let begin = Instant::now();
        echoed(&mut client, &[7; 2_000]).expect("it carries");
        // Both ways, one after the other in part.
        assert!(begin.elapsed() >= Duration::from_millis(200), "{:?}", begin.elapsed());
    }

    #[test]
    fn a_link_breaks_at_its_byte() {
        let (proxy, mut client) = echo();
        proxy.break_after(Way::Back, 5);
        client.write_all(b"123456789").expect("the proxy reads");
        let mut back = Vec::new();
        let error = client.read_to_end(&mut back).expect_err("no orderly end");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert!(back.len() <= 5, "{back:?}");
        assert_eq!(echoed(&mut connect(&proxy), b"two").expect("it carries"), b"two");
    }
}
