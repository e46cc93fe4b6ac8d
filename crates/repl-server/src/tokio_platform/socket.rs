//! Sockets on tokio: connections, dialling, listening.

use std::{
    fmt, fs, io,
    io::IoSlice,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _},
    os::{fd::OwnedFd, unix::fs::PermissionsExt as _},
    path::{Path, PathBuf},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use repl_core::{
    base::config::Config,
    base::ids::Endpoint,
    io::{PeerInfo, Transport},
};
use socket2::{SockAddr, SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncRead as _, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream, lookup_host},
};

use super::tls::{Tls, TlsStream};
use crate::{
    log::os_text,
    platform::{Listener, Stream},
};

/// Probes without an answer after which a connection is dead.
const PROBES: u32 = 3;

/// A connected socket.
#[derive(Debug)]
pub struct Connection {
    socket: Socket,
    peer: PeerInfo,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
    /// Boxed: it is many times as large as the others.
    Tls(Box<TlsStream>),
}

impl Connection {
    fn over_tcp(socket: TcpStream, remote: SocketAddr, keepalive: Duration) -> io::Result<Self> {
        prepare(&socket, keepalive)?;
        let peer = ends(&socket, remote)?;
        Ok(Self { socket: Socket::Tcp(socket), peer })
    }

    fn over_tls(stream: TlsStream, remote: SocketAddr) -> io::Result<Self> {
        let peer = ends(stream.socket(), remote)?;
        Ok(Self { socket: Socket::Tls(Box::new(stream)), peer })
    }

    /// A client that came through the socket file at `path`: Redis shows that for both ends.
    fn over_unix(socket: UnixStream, path: &Path) -> Self {
        let path = path.to_string_lossy();
        let local = format!("{path}:0");
        let peer = PeerInfo { transport: Transport::Unix, ip: path.into_owned(), port: 0, local };
        Self { socket: Socket::Unix(socket), peer }
    }
}

/// What every socket of a network is set to.
fn prepare(socket: &TcpStream, keepalive: Duration) -> io::Result<()> {
    socket.set_nodelay(true)?;
    if !keepalive.is_zero() {
        // redis: anet.c, anetKeepAlive: probes a third of the time apart.
        let apart = (keepalive / PROBES).max(Duration::from_secs(1));
        let probing =
            TcpKeepalive::new().with_time(keepalive).with_interval(apart).with_retries(PROBES);
        SockRef::from(socket).set_tcp_keepalive(&probing)?;
    }
    Ok(())
}

fn ends(socket: &TcpStream, remote: SocketAddr) -> io::Result<PeerInfo> {
    let (local, remote) = (plain(socket.local_addr()?), plain(remote));
    let (ip, port) = (remote.ip().to_string(), remote.port());
    Ok(PeerInfo { transport: Transport::Tcp, ip, port, local: local.to_string() })
}

/// An IPv4 address that came by way of an IPv6 socket is shown as what it is.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

impl Stream for Connection {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut room = ReadBuf::new(into);
        let polled = match &mut self.socket {
            Socket::Tcp(socket) => Pin::new(socket).poll_read(cx, &mut room),
            Socket::Unix(socket) => Pin::new(socket).poll_read(cx, &mut room),
            Socket::Tls(stream) => return stream.poll_read(cx, into),
        };
        polled.map_ok(|()| room.filled().len())
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.socket {
            Socket::Tcp(socket) => write_slices(Pin::new(socket), cx, from),
            Socket::Unix(socket) => write_slices(Pin::new(socket), cx, from),
            Socket::Tls(stream) => stream.poll_write(cx, from),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.socket {
            Socket::Tcp(_) | Socket::Unix(_) => Poll::Ready(Ok(())),
            Socket::Tls(stream) => stream.poll_flush(cx),
        }
    }

    fn peer(&self) -> PeerInfo {
        self.peer.clone()
    }
}

/// One slice is written by the plain call, which the system carries out faster.
fn write_slices(
    socket: Pin<&mut impl AsyncWrite>,
    cx: &mut Context<'_>,
    from: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    match from {
        [one] => socket.poll_write(cx, one),
        several => socket.poll_write_vectored(cx, several),
    }
}

/// A listening socket.
#[derive(Debug)]
pub struct Acceptor(Listening);

#[derive(Debug)]
enum Listening {
    Tcp { socket: TcpListener, keepalive: Duration },
    Tls { socket: TcpListener, keepalive: Duration, tls: Tls },
    Unix { socket: UnixListener, file: SocketFile },
}

impl Acceptor {
    /// Where it listens, if that is in a network: tells the port when port 0 was asked for.
    ///
    /// # Errors
    /// As the operating system reports them; `Unsupported` for a Unix socket.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.0 {
            Listening::Tcp { socket, .. } | Listening::Tls { socket, .. } => socket.local_addr(),
            Listening::Unix { .. } => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

impl Listener for Acceptor {
    type Stream = Connection;

    async fn accept(&mut self) -> io::Result<Self::Stream> {
        match &self.0 {
            Listening::Tcp { socket, keepalive } => {
                let (socket, remote) = socket.accept().await?;
                Connection::over_tcp(socket, remote, *keepalive)
            }
            Listening::Tls { socket, keepalive, tls } => {
                let (socket, remote) = socket.accept().await?;
                prepare(&socket, *keepalive)?;
                Connection::over_tls(tls.accept(socket, plain(remote))?, remote)
            }
            Listening::Unix { socket, file } => {
                let (socket, _) = socket.accept().await?;
                Ok(Connection::over_unix(socket, &file.0))
            }
        }
    }
}

/// The file of a Unix socket, removed when nobody listens any more.
#[derive(Debug)]
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Whoever removed it before has done the work.
        let _ = fs::remove_file(&self.0);
    }
}

/// Listens on the Unix socket `unixsocket`, in the place of whatever lay there. `None` if it is
/// empty.
///
/// # Errors
/// As the operating system reports them: no such folder, a path that is too long, no permission.
// redis: anet.c, anetUnixServer
pub fn bind_unix(config: &Config) -> io::Result<Option<Acceptor>> {
    if config.unixsocket.is_empty() {
        return Ok(None);
    }
    let path = PathBuf::from(&config.unixsocket);
    // The socket of a process that was killed would be in the way; other trouble shows in a moment.
    let _ = fs::remove_file(&path);
    let backlog = i32::try_from(config.tcp_backlog).unwrap_or(i32::MAX);
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(&path)?)?;
    let file = SocketFile(path);
    if config.unixsocketperm != 0 {
        fs::set_permissions(&file.0, fs::Permissions::from_mode(config.unixsocketperm))?;
    }
    socket.listen(backlog)?;
    socket.set_nonblocking(true)?;
    let socket = UnixListener::from_std(OwnedFd::from(socket).into())?;
    Ok(Some(Acceptor(Listening::Unix { socket, file })))
}

/// Connects to the first address of `to` that answers, and shakes hands with whom it finds there.
pub(super) async fn dial(
    to: Endpoint,
    tls: Option<Tls>,
    keepalive: Duration,
) -> io::Result<Connection> {
    // A failed look-up becomes `NotFound`, which says more than the resolver's own kinds.
    let not_found = |error| io::Error::new(io::ErrorKind::NotFound, error);
    let addresses = lookup_host((to.host.as_str(), to.port)).await.map_err(not_found)?;
    let mut failure = io::Error::from(io::ErrorKind::NotFound);
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(socket) => match tls {
                None => return Connection::over_tcp(socket, address, keepalive),
                Some(tls) => {
                    prepare(&socket, keepalive)?;
                    return Connection::over_tls(tls.dialled(socket, address).await?, address);
                }
            },
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// An address of `bind` on which the server cannot listen.
#[derive(Debug)]
pub struct BindError {
    /// The address and port, as the configuration has them.
    pub address: String,
    /// Why not.
    pub error: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, error } = self;
        let error = os_text(error);
        write!(f, "Could not create server TCP listening socket {address}: bind: {error}")
    }
}

impl std::error::Error for BindError {}

/// Listens on every address of `bind`. An address that begins with `-` is left out if the host does
/// not have it; the result may be empty then. Port 0 is any free port.
///
/// # Errors
/// The first address that cannot be had.
pub fn bind_all(config: &Config) -> Result<Vec<Acceptor>, BindError> {
    let keepalive = config.tcp_keepalive;
    listen(config, config.port, |socket| Listening::Tcp { socket, keepalive })
}

/// As [`bind_all`], on `tls-port` and for clients that speak TLS.
///
/// # Errors
/// The first address that cannot be had.
pub fn bind_tls(config: &Config, tls: &Tls) -> Result<Vec<Acceptor>, BindError> {
    let keepalive = config.tcp_keepalive;
    listen(config, config.tls.port, |socket| Listening::Tls { socket, keepalive, tls: tls.clone() })
}

fn listen(
    config: &Config,
    port: u16,
    listening: impl Fn(TcpListener) -> Listening,
) -> Result<Vec<Acceptor>, BindError> {
    let mut acceptors = Vec::new();
    for written in &config.bind {
        let name = written.strip_prefix('-').unwrap_or(written);
        let may_be_missing = name.len() < written.len();
        match bind(name, port, config.tcp_backlog) {
            Ok(socket) => acceptors.push(Acceptor(listening(socket))),
            // Missing is one thing, taken by another process is something to hear about.
            Err(error) if may_be_missing && error.kind() != io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(BindError { address: format!("{name}:{port}"), error }),
        }
    }
    Ok(acceptors)
}

fn bind(name: &str, port: u16, backlog: u32) -> io::Result<TcpListener> {
    let address = resolve(name, port)?;
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => {
            let socket = TcpSocket::new_v6()?;
            // Or it would claim the port of the IPv4 address that is bound beside it.
            SockRef::from(&socket).set_only_v6(true)?;
            socket
        }
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(backlog)
}

fn resolve(name: &str, port: u16) -> io::Result<SocketAddr> {
    let any = match name {
        "*" => Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        "::*" => Some(IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
        _ => None,
    };
    if let Some(ip) = any {
        return Ok(SocketAddr::new(ip, port));
    }
    let missing = || io::Error::from(io::ErrorKind::AddrNotAvailable);
    (name, port).to_socket_addrs()?.next().ok_or_else(missing)
}
