//! Clients with TLS: Redis' own, and one that can be looked into.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    process::{Command, Output, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use rustls::{
    CipherSuite, ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion, RootCertStore,
    StreamOwned, SupportedProtocolVersion,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};

use super::authority::{Authority, Identity, NAME};

/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// What `redis-cli` says to a server behind TLS on `port`, when it trusts `authority`, shows
/// `identity` and is given these words and this input.
#[track_caller]
pub(super) fn redis_cli(
    port: u16,
    authority: &Authority,
    identity: Option<&Identity>,
    words: &[&str],
    input: &[u8],
) -> Output {
    let mut command = Command::new("redis-cli");
    command.args(["-p", &port.to_string(), "--tls", "--cacert", &authority.file()]);
    if let Some(identity) = identity {
        command.args(["--cert", &identity.cert, "--key", &identity.key]);
    }
    let command = command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().expect("redis-cli comes with Redis");
    let mut stdin = child.stdin.take().expect("it is piped");
    thread::scope(|scope| {
        // It may end before it has read everything.
        scope.spawn(move || stdin.write_all(input));
        child.wait_with_output().expect("it ends")
    })
}

/// Whether it was answered with exactly this line.
pub(super) fn answers(output: &Output, line: &str) -> bool {
    String::from_utf8_lossy(&output.stdout).trim_end() == line
}

/// What a client of this process is set up with. Sessions are resumed by those that share one.
pub(super) fn config(
    authority: &Authority,
    identity: &Identity,
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(authority.certificate())).expect("it is a certificate");
    let chain = CertificateDer::pem_file_iter(&identity.cert).expect("the file is there");
    let chain = chain.collect::<Result<Vec<_>, _>>().expect("it holds certificates");
    let key = PrivateKeyDer::from_pem_file(&identity.key).expect("it holds a key");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .expect("there are ciphers for each")
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .expect("the key is that of the certificate");
    Arc::new(config)
}

/// A client of this process.
pub(super) struct Secret {
    stream: BufReader<StreamOwned<ClientConnection, TcpStream>>,
}

impl Secret {
    /// Connects and waits for the end of the handshake.
    pub(super) fn connect(port: u16, config: &Arc<ClientConfig>) -> io::Result<Self> {
        let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        socket.set_read_timeout(Some(ANSWER_WITHIN))?;
        socket.set_write_timeout(Some(ANSWER_WITHIN))?;
        let name = ServerName::try_from(NAME).expect("it is a name");
        let session = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(session, socket);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Sends an inline command and reads the first line of the answer.
    pub(super) fn ask(&mut self, line: &str) -> io::Result<String> {
        self.send(format!("{line}\r\n").as_bytes())?;
        let mut answer = String::new();
        self.stream.read_line(&mut answer)?;
        Ok(answer.trim_end().to_owned())
    }

    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Everything up to the end, which is an error unless the server has announced it.
    pub(super) fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.stream.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// What was agreed on.
    pub(super) fn agreed(&self) -> (ProtocolVersion, CipherSuite) {
        let session = &self.stream.get_ref().conn;
        let version = session.protocol_version().expect("the handshake is over");
        let suite = session.negotiated_cipher_suite().expect("the handshake is over");
        (version, suite.suite())
    }

    pub(super) fn handshake(&self) -> HandshakeKind {
        self.stream.get_ref().conn.handshake_kind().expect("the handshake is over")
    }
}
