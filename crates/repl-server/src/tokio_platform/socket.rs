//! TCP on tokio: connections, dialling, listening.

use std::{
    fmt, io,
    io::IoSlice,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use repl_core::{base::config::Config, base::ids::Endpoint, io::PeerInfo};
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncRead as _, AsyncWrite as _, ReadBuf},
    net::{TcpListener, TcpSocket, TcpStream, lookup_host},
};

use crate::{
    log::os_text,
    platform::{Listener, Stream},
};

/// Probes without an answer after which a connection is dead.
const PROBES: u32 = 3;

/// A connected socket.
#[derive(Debug)]
pub struct TcpConnection {
    socket: TcpStream,
    peer: PeerInfo,
}

impl TcpConnection {
    fn new(socket: TcpStream, remote: SocketAddr, keepalive: Duration) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        if !keepalive.is_zero() {
            // redis: anet.c, anetKeepAlive: probes a third of the time apart.
            let apart = (keepalive / PROBES).max(Duration::from_secs(1));
            let probing =
                TcpKeepalive::new().with_time(keepalive).with_interval(apart).with_retries(PROBES);
            SockRef::from(&socket).set_tcp_keepalive(&probing)?;
        }
        let local = socket.local_addr()?;
        let remote = plain(remote);
        let peer = PeerInfo {
            ip: remote.ip().to_string(),
            port: remote.port(),
            local: plain(local).to_string(),
        };
        Ok(Self { socket, peer })
    }
}

/// An IPv4 address that came by way of an IPv6 socket is shown as what it is.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

impl Stream for TcpConnection {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut room = ReadBuf::new(into);
        let polled = Pin::new(&mut self.socket).poll_read(cx, &mut room);
        polled.map_ok(|()| room.filled().len())
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let socket = Pin::new(&mut self.socket);
        match from {
            [one] => socket.poll_write(cx, one),
            several => socket.poll_write_vectored(cx, several),
        }
    }

    fn peer(&self) -> PeerInfo {
        self.peer.clone()
    }
}

/// A listening socket.
#[derive(Debug)]
pub struct TcpAcceptor {
    socket: TcpListener,
    keepalive: Duration,
}

impl TcpAcceptor {
    /// Where it listens: tells the port when port 0 was asked for.
    ///
    /// # Errors
    /// As the operating system reports them.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

impl Listener for TcpAcceptor {
    type Stream = TcpConnection;

    async fn accept(&mut self) -> io::Result<Self::Stream> {
        let (socket, remote) = self.socket.accept().await?;
        TcpConnection::new(socket, remote, self.keepalive)
    }
}

/// Connects to the first address of `to` that answers.
pub(super) async fn dial(to: Endpoint, keepalive: Duration) -> io::Result<TcpConnection> {
    // A failed look-up becomes `NotFound`, which says more than the resolver's own kinds.
    let not_found = |error| io::Error::new(io::ErrorKind::NotFound, error);
    let addresses = lookup_host((to.host.as_str(), to.port)).await.map_err(not_found)?;
    let mut failure = io::Error::from(io::ErrorKind::NotFound);
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(socket) => return TcpConnection::new(socket, address, keepalive),
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
pub fn bind_all(config: &Config) -> Result<Vec<TcpAcceptor>, BindError> {
    let mut acceptors = Vec::new();
    for written in &config.bind {
        let name = written.strip_prefix('-').unwrap_or(written);
        let may_be_missing = name.len() < written.len();
        match bind(name, config) {
            Ok(acceptor) => acceptors.push(acceptor),
            // Missing is one thing, taken by another process is something to hear about.
            Err(error) if may_be_missing && error.kind() != io::ErrorKind::AddrInUse => {}
            Err(error) => {
                let address = format!("{name}:{}", config.port);
                return Err(BindError { address, error });
            }
        }
    }
    Ok(acceptors)
}

fn bind(name: &str, config: &Config) -> io::Result<TcpAcceptor> {
    let address = resolve(name, config.port)?;
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
    let socket = socket.listen(config.tcp_backlog)?;
    Ok(TcpAcceptor { socket, keepalive: config.tcp_keepalive })
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
