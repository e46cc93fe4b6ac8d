//! Files that will do and files that will not, and streams on real sockets of this host.

use std::{
    env, fs,
    io::IoSlice,
    net::Shutdown,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
    task::Poll,
    time::Duration,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use repl_core::{
    base::{
        config::{AuthClients, Config},
        ids::Endpoint,
    },
    io::Wire,
};

use socket2::SockRef;
use tokio::net::TcpListener;

use super::*;
use crate::{
    platform::{Listener as _, Platform as _},
    tokio_platform::{TokioPlatform, bind_tls, run},
};

/// Files of one test: somebody who vouches, and a certificate he vouches for.
struct Files(PathBuf);

impl Files {
    fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let files = Self(env::temp_dir().join(format!("tls-{}-{number}", std::process::id())));
        fs::create_dir_all(files.0.join("hashed")).expect("the temporary folder can be written");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pair = || KeyPair::generate().expect("there is randomness");
        let issuer = CertifiedIssuer::self_signed(params, pair()).expect("it can sign");
        files.write("ca.crt", &issuer.pem());
        let key = pair();
        let cert = CertificateParams::default().signed_by(&key, &issuer).expect("it can sign");
        files.write("own.crt", &cert.pem());
        files.write("own.key", &key.serialize_pem());
        files.write("other.key", &pair().serialize_pem());
        files
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.0.join(name), content).expect("the temporary folder can be written");
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("temporary names are text").to_owned()
    }

    /// A configuration that will do.
    fn good(&self) -> config::Tls {
        config::Tls {
            cert_file: self.path("own.crt"),
            key_file: self.path("own.key"),
            ca_cert_file: self.path("ca.crt"),
            ..config::Tls::default()
        }
    }

    /// Reads the good configuration after a change, and says what the log would without the folder.
    fn read(&self, change: impl FnOnce(&mut config::Tls)) -> String {
        let mut wanted = self.good();
        change(&mut wanted);
        match settings::read(&wanted) {
            Ok(Settings { client: Some(_), .. }) => "both".into(),
            Ok(Settings { client: None, .. }) => "only a server".into(),
            Err(error) => error.to_string().replace(&self.path(""), ""),
        }
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn what_will_not_do_is_named_and_why() {
    let files = Files::new();
    files.write("rubbish", "rubbish");
    files.write("locked.key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n");
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n";
    files.write("old.key", old);
    let cert = "Failed to load certificate: ";
    let key = "Failed to load private key: ";
    let locked = "it is encrypted, which this server cannot read";
    let name = |file: &str| files.path(file);
    assert_eq!(files.read(|_| {}), "both");
    assert_eq!(files.read(|tls| tls.cert_file.clear()), "No tls-cert-file configured!");
    assert_eq!(files.read(|tls| tls.key_file.clear()), "No tls-key-file configured!");
    let found = files.read(|tls| tls.cert_file = name("missing"));
    assert_eq!(found, format!("{cert}missing: No such file or directory"));
    let found = files.read(|tls| tls.cert_file = name("rubbish"));
    assert_eq!(found, format!("{cert}rubbish: there is no certificate in it"));
    let found = files.read(|tls| tls.key_file = name("own.crt"));
    assert_eq!(found, format!("{key}own.crt: there is no key in it"));
    let found = files.read(|tls| tls.key_file = name("other.key"));
    assert_eq!(found, format!("{key}other.key: it is not the key of the certificate"));
    for file in ["locked.key", "old.key"] {
        let found = files.read(|tls| {
            tls.key_file = name(file);
            tls.key_file_pass = "secret".into();
        });
        assert_eq!(found, format!("{key}{file}: {locked}"));
    }
    let found = files.read(|tls| {
        tls.client_cert_file = name("own.crt");
        tls.client_key_file = name("locked.key");
    });
    assert_eq!(found, format!("{key}locked.key: {locked}"));
}

#[test]
fn somebody_must_be_trusted_unless_nobody_is_asked() {
    let files = Files::new();
    let nobody = |tls: &mut config::Tls| tls.ca_cert_file.clear();
    let needed = "tls-ca-cert-file or tls-ca-cert-dir is needed unless tls-auth-clients and \
                  tls-replication are 'no'";
    assert_eq!(files.read(nobody), needed);
    let found = files.read(|tls| {
        nobody(tls);
        tls.auth_clients = AuthClients::No;
    });
    assert_eq!(found, "only a server");
    let found = files.read(|tls| {
        nobody(tls);
        (tls.auth_clients, tls.replication) = (AuthClients::No, true);
    });
    assert_eq!(found, needed);
}

#[test]
fn of_a_folder_only_files_named_by_a_hash_are_trusted() {
    let files = Files::new();
    let folder = |tls: &mut config::Tls| {
        tls.ca_cert_file.clear();
        tls.ca_cert_dir = files.path("hashed");
    };
    let copy = |name: &str| {
        fs::copy(files.path("ca.crt"), files.path(name)).expect("it is there");
    };
    let failed = "Failed to configure CA certificate(s) file/directory: hashed: ";
    for name in ["hashed/ca.crt", "hashed/0123456.0", "hashed/01234567.r0", "hashed/01234567."] {
        copy(name);
        assert!(files.read(folder).starts_with(failed), "{name}");
    }
    copy("hashed/0123abCD.0");
    assert_eq!(files.read(folder), "both");
    files.write("hashed/0123abCD.1", "rubbish");
    let failed = failed.replace("hashed", "hashed/0123abCD.1");
    assert_eq!(files.read(folder), format!("{failed}there is no certificate in it"));
}

/// What a server has accepted and a client has dialled.
async fn pair(files: &Files) -> (TlsStream, TlsStream) {
    let tls = Tls::default();
    tls.load(&files.good()).expect("it is good");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
    let to = listener.local_addr().expect("bound");
    let socket = TcpStream::connect(to).await.expect("it listens");
    let (accepted, from) = listener.accept().await.expect("somebody connects");
    let mut accepted = tls.accept(accepted, from).expect("certificates are loaded");
    let greeted = task::spawn_local(async move {
        // The handshake takes place while it is read.
        let mut byte = [0];
        let count = poll_fn(|cx| accepted.poll_read(cx, &mut byte)).await;
        assert_eq!((count.expect("it is trusted"), byte), (1, *b"x"));
        accepted
    });
    let mut dialled = tls.dialled(socket, to).await.expect("it is trusted");
    let count = poll_fn(|cx| dialled.poll_write(cx, &[IoSlice::new(b"x")])).await;
    assert_eq!(count.expect("there is room"), 1);
    (greeted.await.expect("it does not panic"), dialled)
}

async fn read_to_end(stream: &mut TlsStream) -> io::Result<Vec<u8>> {
    let (mut found, mut room) = (Vec::new(), [0; 5000]);
    loop {
        match poll_fn(|cx| stream.poll_read(cx, &mut room)).await? {
            0 => return Ok(found),
            count => found.extend_from_slice(&room[..count]),
        }
    }
}

/// Writes until nothing more is taken: how much was.
async fn write_until_full(stream: &mut TlsStream, block: &[u8]) -> usize {
    let mut taken = 0;
    poll_fn(|cx| {
        loop {
            match stream.poll_write(cx, &[IoSlice::new(&block[..1000]), IoSlice::new(block)]) {
                Poll::Ready(Ok(count)) => taken += count,
                Poll::Ready(Err(error)) => panic!("{error}"),
                Poll::Pending => return Poll::Ready(()),
            }
        }
    })
    .await;
    taken
}

#[test]
fn what_a_full_socket_left_behind_is_seen_off_after_the_close() {
    run(async {
        let files = Files::new();
        let (mut accepted, mut dialled) = pair(&files).await;
        let taken = write_until_full(&mut accepted, &[7; 40_000]).await;
        drop(accepted);
        let found = read_to_end(&mut dialled).await.expect("the end is announced");
        assert_eq!(found.len(), taken);
    })
    .expect("a runtime");
}

#[test]
fn what_a_full_socket_left_behind_leaves_when_there_is_room() {
    run(async {
        let files = Files::new();
        let (mut accepted, mut dialled) = pair(&files).await;
        let taken = write_until_full(&mut accepted, &[7; 40_000]).await;
        task::spawn_local(async move {
            poll_fn(|cx| accepted.poll_flush(cx)).await.expect("the peer reads");
            // It stays, and nothing is written any more.
            std::future::pending::<()>().await;
        });
        let (mut left, mut room) = (taken, vec![0; 5000]);
        while left > 0 {
            let count = poll_fn(|cx| dialled.poll_read(cx, &mut room)).await.expect("more comes");
            left -= count;
        }
    })
    .expect("a runtime");
}

#[test]
fn a_peer_that_ends_without_a_word_is_an_error() {
    run(async {
        let files = Files::new();
        let (accepted, mut dialled) = pair(&files).await;
        SockRef::from(accepted.socket()).shutdown(Shutdown::Both).expect("it is connected");
        let error = read_to_end(&mut dialled).await.expect_err("nobody announced it");
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    })
    .expect("a runtime");
}

#[test]
fn nothing_is_accepted_or_dialled_before_there_are_certificates() {
    run(async {
        let platform = TokioPlatform::new(String::new(), Duration::ZERO);
        let config = Config { bind: vec!["127.0.0.1".into()], ..Config::default() };
        let mut acceptor = bind_tls(&config, platform.tls()).expect("a free port").remove(0);
        let port = acceptor.local_addr().expect("bound").port();
        let to = Endpoint { host: "127.0.0.1".into(), port };
        let dialled = platform.dial(to, Wire::Tls).await;
        let accepted = acceptor.accept().await;
        for error in [accepted.expect_err("no key"), dialled.expect_err("no trust")] {
            assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        }
    })
    .expect("a runtime");
}
