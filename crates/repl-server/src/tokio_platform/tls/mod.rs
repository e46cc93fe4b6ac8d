//! TLS: what of it a process has, and how a connected socket becomes a stream that is protected.
//!
//! rustls is a state machine that does no input or output, as the node is one: `stream` puts it
//! between a socket and the driver. Which files it is made of is read in `settings`. Nothing here
//! knows what the bytes mean.

mod ciphers;
mod farewell;
mod sessions;
mod settings;
mod stream;
mod trust;

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    io,
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
};

use repl_core::{
    base::config::{self, ConfigError, Reason},
    io::{ConfigChange, Level},
};
use rustls::{
    ClientConfig, ClientConnection, ServerConfig, ServerConnection, pki_types::ServerName,
};
use tokio::{net::TcpStream, task};

use self::farewell::Farewells;
pub use self::settings::TlsError;
pub(super) use self::stream::TlsStream;
use crate::log::Speaker;

/// The TLS of one process. Clones are handles to the same.
#[derive(Clone, Debug, Default)]
pub struct Tls(Rc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// What new connections are made with. Those that exist keep what they were made with.
    current: RefCell<Option<Settings>>,
    /// What that was made of.
    loaded: RefCell<config::Tls>,
    farewells: Rc<Farewells>,
    /// Whether the task runs that sees those off.
    attended: Cell<bool>,
    speaker: Speaker,
}

/// What the files of one configuration make.
#[derive(Clone, Debug)]
struct Settings {
    server: Arc<ServerConfig>,
    /// Missing when nobody is trusted: then nothing can be dialled.
    client: Option<Arc<ClientConfig>>,
}

impl Tls {
    /// TLS that is not set up yet, whose log lines come from `speaker`.
    pub(super) fn new(speaker: Speaker) -> Self {
        Self(Rc::new(Shared { speaker, ..Shared::default() }))
    }

    /// Reads the files that `wanted` names: connections that are made from now on are made with
    /// what is in them. With an error everything stays as it was.
    ///
    /// # Errors
    /// The first file or directive that will not do.
    ///
    /// # Panics
    /// Outside the runtime of [`run`](super::run).
    // redis: tls.c, tlsConfigure
    pub fn load(&self, wanted: &config::Tls) -> Result<(), TlsError> {
        let settings = settings::read(wanted)?;
        self.0.current.replace(Some(settings));
        self.0.loaded.replace(wanted.clone());
        if !self.0.attended.replace(true) {
            task::spawn_local(Farewells::attend(Rc::clone(&self.0.farewells)));
        }
        Ok(())
    }

    /// As `load`, if this change has anything to do with TLS. A file is read anew also under the
    /// name it had.
    ///
    /// # Errors
    /// With the first of its directives: the reason is in the log.
    // redis: config.c, applyTlsCfg and VOLATILE_CONFIG
    pub(super) fn renew(&self, change: &ConfigChange) -> Result<(), ConfigError> {
        let wanted = &change.config.tls;
        let mut names = change.names().filter(|name| name.starts_with("tls-")).peekable();
        let Some(first) = names.peek().cloned() else { return Ok(()) };
        let is_file = |name: String| name.ends_with("-file") || name.ends_with("-dir");
        if !wanted.is_wanted() || (*self.0.loaded.borrow() == *wanted && !names.any(is_file)) {
            return Ok(());
        }
        self.load(wanted).map_err(|error| {
            self.0.speaker.say(Level::Warning, &error.to_string());
            let text = "Unable to update TLS configuration. Check server logs.";
            ConfigError { name: first, reason: Reason::Refused(text.into()) }
        })
    }

    /// A client has connected. The handshake takes place while the stream is read.
    ///
    /// # Errors
    /// Nothing is loaded.
    pub(super) fn accept(&self, socket: TcpStream, from: SocketAddr) -> io::Result<TlsStream> {
        let config = self.0.current.borrow().as_ref().map(|settings| Arc::clone(&settings.server));
        let config = config.ok_or(io::ErrorKind::Unsupported)?;
        let session = ServerConnection::new(config).map_err(io::Error::other)?;
        Ok(self.stream(socket, session.into(), from))
    }

    /// Puts TLS upon a connection that was dialled, and waits for the end of the handshake.
    ///
    /// # Errors
    /// Nothing is loaded, or the peer will not do. The log has the reason.
    pub(super) async fn dialled(&self, socket: TcpStream, to: SocketAddr) -> io::Result<TlsStream> {
        let config = self.0.current.borrow().as_ref().and_then(|settings| settings.client.clone());
        let Some(config) = config else {
            let text = "TLS is wanted for the link to the master, but is not set up.";
            self.0.speaker.say(Level::Warning, text);
            return Err(io::ErrorKind::Unsupported.into());
        };
        // No name is looked at, and none is told.
        let name = ServerName::IpAddress(to.ip().into());
        let session = ClientConnection::new(config, name).map_err(io::Error::other)?;
        let mut stream = self.stream(socket, session.into(), to);
        poll_fn(|cx| stream.poll_handshake(cx)).await?;
        Ok(stream)
    }

    fn stream(
        &self,
        socket: TcpStream,
        session: rustls::Connection,
        peer: SocketAddr,
    ) -> TlsStream {
        let (farewells, speaker) = (Rc::clone(&self.0.farewells), self.0.speaker.clone());
        TlsStream::new(socket, session, peer, farewells, speaker)
    }
}

#[cfg(test)]
mod tests;
