//! Clients that speak TLS as they should.

use std::{
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use repl_testbed::processes::free_port;
use rustls::{
    CipherSuite, HandshakeKind, ProtocolVersion,
    version::{TLS12, TLS13},
};

use super::{
    Authority, Secured,
    authority::Identity,
    client::{Secret, answers, config, redis_cli},
};
use crate::fixture::{server::Kind, wait_for};

pub(super) fn beside_plain_ones(kind: Kind) {
    let authority = Authority::new();
    let own = authority.issue("server");
    let secured = Secured::start(kind, &authority, &own, &[]);
    let mut plain = secured.server.client();
    plain.ok("SET k plain");
    let cli = |words: &[&str]| redis_cli(secured.port, &authority, Some(&own), words, b"");
    assert!(answers(&cli(&["GET", "k"]), "plain"));
    assert!(answers(&cli(&["SET", "k", "protected"]), "OK"));
    assert_eq!(plain.ask("GET k").text(), "protected");
    assert_eq!(secured.server.info("tcp_port"), secured.server.port().to_string());
    let shown = cli(&["CLIENT", "LIST"]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    let ends = format!("laddr=127.0.0.1:{}", secured.port);
    assert!(shown.contains(&ends), "{ends} is not in {shown}");
}

/// Who is served, by `tls-auth-clients` and the certificate that a client shows.
pub(super) fn are_authenticated(kind: Kind) {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let own = authority.issue("server");
    let (known, unknown) = (authority.issue("client"), stranger.issue("client"));
    for (wanted, none_is_served, unknown_is_served) in
        [("yes", false, false), ("optional", true, false), ("no", true, true)]
    {
        let secured = Secured::start(kind, &authority, &own, &[("tls-auth-clients", wanted)]);
        let is_served = |identity: Option<&Identity>| {
            answers(&redis_cli(secured.port, &authority, identity, &["PING"], b""), "PONG")
        };
        assert!(is_served(Some(&known)), "{wanted}: a good certificate");
        assert_eq!(is_served(None), none_is_served, "{wanted}: no certificate");
        assert_eq!(is_served(Some(&unknown)), unknown_is_served, "{wanted}: a bad certificate");
        let refused = [none_is_served, unknown_is_served].iter().filter(|served| !**served).count();
        wait_for("lines about those who were refused", || {
            let log = secured.log();
            let found = log.matches("Error accepting a client connection: ").count();
            if found == refused { Ok(()) } else { Err(log) }
        });
    }
}

pub(super) fn refuse_a_server(kind: Kind) {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let own = authority.issue("server");
    let secured = Secured::start(kind, &authority, &own, &[]);
    let output = redis_cli(secured.port, &stranger, Some(&own), &["PING"], b"");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("certificate verify failed"), "{text}");
}

/// A process that is killed when it is dropped.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(super) fn need_no_other_port(kind: Kind) {
    let authority = Authority::new();
    let own = authority.issue("server");
    let (port, trusted) = (free_port().to_string(), authority.file());
    let mut command = Command::new(kind.path());
    command.args(["--port", "0", "--tls-port", &port, "--bind", "127.0.0.1", "--save", ""]);
    command.args(["--tls-cert-file", &own.cert, "--tls-key-file", &own.key]);
    command.args(["--tls-ca-cert-file", &trusted]).stdin(Stdio::null()).stdout(Stdio::null());
    let _server = Killed(command.spawn().expect("it can be run"));
    let number: u16 = port.parse().expect("it was a number");
    wait_for("a server that shows its only port", || {
        let output = redis_cli(number, &authority, Some(&own), &["INFO", "server"], b"");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.contains(&format!("tcp_port:{port}\r\n")).then_some(()).ok_or(text)
    });
}

const WRITES: usize = 100_000;

pub(super) fn large_pipelines(kind: Kind) {
    let authority = Authority::new();
    let own = authority.issue("server");
    let secured = Secured::start(kind, &authority, &own, &[]);
    let lines: String =
        (0..WRITES).map(|number| format!("SET key:{number} value:{number}\r\n")).collect();
    let output = redis_cli(secured.port, &authority, Some(&own), &["--pipe"], lines.as_bytes());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains(&format!("errors: 0, replies: {WRITES}")), "{text}");
    let mut plain = secured.server.client();
    assert_eq!(plain.ask("DBSIZE").integer(), WRITES as i64);
    let last = WRITES - 1;
    assert_eq!(plain.ask(&format!("GET key:{last}")).text(), format!("value:{last}"));
}

/// Large and small values, so that records and writes end anywhere.
const SIZES: [usize; 6] = [1, 100, 16_383, 16_384, 70_000, 300_001];
const ROUNDS: usize = 40;

/// More than the sockets of both ends hold: most is written while nobody reads, and the last of it
/// right before the connection is closed.
pub(super) fn late_readers(kind: Kind) {
    let authority = Authority::new();
    let own = authority.issue("server");
    let secured = Secured::start(kind, &authority, &own, &[]);
    let mut plain = secured.server.client();
    let mut expected = Vec::new();
    for size in SIZES {
        let value = vec![b'a' + u8::try_from(size % 26).expect("26 letters"); size];
        plain.ask_words(&[b"SET", format!("k{size}").as_bytes(), &value]);
        expected.extend_from_slice(format!("${size}\r\n").as_bytes());
        expected.extend_from_slice(&value);
        expected.extend_from_slice(b"\r\n");
    }
    let mut expected = expected.repeat(ROUNDS);
    expected.extend_from_slice(b"+OK\r\n");
    let question: String = SIZES.iter().map(|size| format!("GET k{size}\r\n")).collect();
    for version in [&TLS12, &TLS13] {
        let mut client = Secret::connect(secured.port, &config(&authority, &own, &[version]))
            .expect("the certificate is good");
        let asked = client.send(format!("{}QUIT\r\n", question.repeat(ROUNDS)).as_bytes());
        asked.expect("it fits into the sockets");
        // Long enough for everything to be full: what happens then does not depend on it.
        thread::sleep(Duration::from_millis(300));
        let found = client.rest().expect("the end is announced");
        assert_eq!(found.len(), expected.len(), "bytes with {version:?}");
        assert!(found == expected, "other bytes with {version:?}");
    }
}

pub(super) fn protocols_and_ciphers(kind: Kind) {
    let authority = Authority::new();
    let own = authority.issue("server");
    let ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256";
    let older = Secured::start(
        kind,
        &authority,
        &own,
        &[("tls-ciphers", ciphers), ("tls-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256")],
    );
    let agreed = |port: u16, version| {
        let client = Secret::connect(port, &config(&authority, &own, &[version]));
        client.map(|client| client.agreed())
    };
    let suite = CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
    let found = agreed(older.port, &TLS12).expect("both are spoken");
    assert_eq!(found, (ProtocolVersion::TLSv1_2, suite));
    let found = agreed(older.port, &TLS13).expect("both are spoken");
    assert_eq!(found, (ProtocolVersion::TLSv1_3, CipherSuite::TLS13_CHACHA20_POLY1305_SHA256));
    let newer = Secured::start(kind, &authority, &own, &[("tls-protocols", "TLSv1.3")]);
    agreed(newer.port, &TLS13).expect("it is spoken");
    agreed(newer.port, &TLS12).expect_err("it is spoken no more");
}

pub(super) fn resumption(kind: Kind) {
    let authority = Authority::new();
    let own = authority.issue("server");
    let secured = Secured::start(kind, &authority, &own, &[]);
    for version in [&TLS12, &TLS13] {
        let config = config(&authority, &own, &[version]);
        for handshake in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let connected = Secret::connect(secured.port, &config);
            let mut client = connected.expect("the certificate is good");
            assert_eq!(client.handshake(), handshake, "{version:?}");
            // What it needs to resume comes with the first answer.
            assert_eq!(client.ask("PING").expect("it is served"), "+PONG", "{version:?}");
        }
    }
}
