//! `CONFIG SET` of what TLS is made of, while clients are connected.

use std::{fs, sync::Arc};

use rustls::{ClientConfig, version::TLS13};

use super::{
    Authority, Secured,
    authority::Identity,
    client::{Secret, answers, config, redis_cli},
};
use crate::fixture::{
    client::{Client, Reply, encode},
    server::{Kind, Server},
    wait_for,
};

/// Sets directives, and what came of it.
fn set(client: &mut Client, directives: &[(&str, &str)]) -> Reply {
    let mut words = vec![b"CONFIG".as_slice(), b"SET"];
    words.extend(directives.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]));
    client.ask_words(&words)
}

fn ok() -> Reply {
    Reply::Simple("OK".to_owned())
}

/// Two who vouch, and what clients of each are set up with.
struct Two {
    authorities: [Authority; 2],
    identities: [Identity; 2],
    configs: [Arc<ClientConfig>; 2],
}

impl Two {
    fn new() -> Self {
        let authorities = [Authority::new(), Authority::new()];
        let identities = authorities.each_ref().map(|authority| authority.issue("server"));
        let configs = [0, 1].map(|one| config(&authorities[one], &identities[one], &[&TLS13]));
        Self { authorities, identities, configs }
    }

    /// Whether clients of the first and of the second trust the server, and are trusted.
    fn served(&self, port: u16) -> [bool; 2] {
        self.configs.each_ref().map(|config| {
            let asked = Secret::connect(port, config).and_then(|mut client| client.ask("PING"));
            asked.is_ok_and(|answer| answer == "+PONG")
        })
    }
}

pub(super) fn under_open_connections(kind: Kind) {
    let two = Two::new();
    let [before, after] = &two.identities;
    let secured = Secured::start(kind, &two.authorities[0], before, &[]);
    let mut plain = secured.server.client();
    let mut early = Secret::connect(secured.port, &two.configs[0]).expect("it is trusted");
    assert_eq!(two.served(secured.port), [true, false]);
    let (trusted, folder) = (two.authorities[1].file(), secured.server.folder());
    let files = [
        ("tls-cert-file", after.cert.as_str()),
        ("tls-key-file", &after.key),
        ("tls-ca-cert-file", &trusted),
    ];
    assert_eq!(set(&mut plain, &files), ok());
    assert_eq!(two.served(secured.port), [false, true]);
    assert_eq!(early.ask("PING").expect("it was there before"), "+PONG");
    // Other files under the same names, which are relative.
    assert_eq!(set(&mut plain, &[("tls-auth-clients", "no")]), ok());
    let files = [("tls-cert-file", "own.crt"), ("tls-key-file", "own.key")];
    for (identity, served) in [(before, [true, false]), (after, [false, true])] {
        fs::copy(&identity.cert, folder.join("own.crt")).expect("both are there");
        fs::copy(&identity.key, folder.join("own.key")).expect("both are there");
        assert_eq!(set(&mut plain, &files), ok());
        assert_eq!(two.served(secured.port), served);
    }
    assert_eq!(early.ask("PING").expect("it was there before"), "+PONG");
}

const REFUSED: &str = "Unable to update TLS configuration. Check server logs.";

pub(super) fn bad_files(kind: Kind) {
    let two = Two::new();
    let [own, other] = &two.identities;
    let rubbish = two.authorities[0].write("rubbish", "this is no certificate");
    let secured = Secured::start(kind, &two.authorities[0], own, &[("hz", "10")]);
    let mut plain = secured.server.client();
    let shown = |client: &mut Client| client.ask("CONFIG GET tls-*");
    let before = shown(&mut plain);
    for (name, value) in [
        ("tls-cert-file", "/nowhere/at/all"),
        ("tls-cert-file", rubbish.as_str()),
        ("tls-cert-file", ""),
        // Good, but not for the key.
        ("tls-cert-file", other.cert.as_str()),
        ("tls-key-file", other.key.as_str()),
        ("tls-key-file", own.cert.as_str()),
        ("tls-ca-cert-file", "/nowhere/at/all"),
        ("tls-protocols", "TLSv7"),
        ("tls-ciphers", "NONSENSE"),
    ] {
        let found = set(&mut plain, &[("hz", "77"), (name, value)]);
        let expected =
            format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {REFUSED}");
        assert_eq!(found, Reply::Error(expected), "{name} {value}");
        assert_eq!(shown(&mut plain), before, "{name} {value}");
        assert_eq!(two.served(secured.port), [true, false], "{name} {value}");
    }
    assert_eq!(plain.ask("CONFIG GET hz").array()[1].clone().text(), "10");
}

pub(super) fn of_whom_to_ask(kind: Kind) {
    let authority = Authority::new();
    let own = authority.issue("server");
    let secured = Secured::start(kind, &authority, &own, &[]);
    let is_served = || answers(&redis_cli(secured.port, &authority, None, &["PING"], b""), "PONG");
    for (wanted, served) in [("optional", true), ("yes", false), ("no", true)] {
        assert_eq!(set(&mut secured.server.client(), &[("tls-auth-clients", wanted)]), ok());
        assert_eq!(is_served(), served, "{wanted}");
    }
}

/// Two clients set different things in one turn of the server: both are in force afterwards.
pub(super) fn by_two_at_once(kind: Kind) {
    let two = Two::new();
    let [before, after] = &two.identities;
    let options = [("tls-auth-clients", "no")];
    let secured = Secured::start(kind, &two.authorities[0], before, &options);
    let mut clients = [(); 3].map(|()| secured.server.client());
    let asked = [
        encode(&[b"DEBUG", b"SLEEP", b"0.3"]),
        encode(&[
            b"CONFIG",
            b"SET",
            b"tls-cert-file",
            after.cert.as_bytes(),
            b"tls-key-file",
            after.key.as_bytes(),
        ]),
        encode(&[b"CONFIG", b"SET", b"tls-protocols", b"TLSv1.3"]),
    ];
    for (client, bytes) in clients.iter_mut().zip(&asked) {
        client.send(bytes).expect("it is connected");
    }
    for client in &mut clients {
        assert_eq!(client.reply().expect("it is answered"), ok());
    }
    assert_eq!(two.served(secured.port), [false, true]);
    let older = config(&two.authorities[1], after, &[&rustls::version::TLS12]);
    assert!(Secret::connect(secured.port, &older).is_err(), "it is spoken no more");
}

/// A replica that knew no TLS learns it.
pub(super) fn of_replication(kind: Kind) {
    let authority = Authority::new();
    let (own, other) = (authority.issue("master"), authority.issue("replica"));
    let master = Secured::start(Kind::Redis, &authority, &own, &[]);
    let replica = Server::start(kind, &[]);
    let mut client = replica.client();
    let refused = format!(
        "ERR CONFIG SET failed (possibly related to argument 'tls-replication') - {REFUSED}"
    );
    assert_eq!(set(&mut client, &[("tls-replication", "yes")]), Reply::Error(refused));
    let trusted = authority.file();
    let directives = [
        ("tls-replication", "yes"),
        ("tls-cert-file", other.cert.as_str()),
        ("tls-key-file", &other.key),
        ("tls-ca-cert-file", &trusted),
    ];
    assert_eq!(set(&mut client, &directives), ok());
    replica.follow(master.port);
    wait_for("a link", || match replica.info("master_link_status") {
        status if status == "up" => Ok(()),
        status => Err(status),
    });
}
