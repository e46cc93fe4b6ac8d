//! Who comes to the port for TLS and speaks something else, or nothing.

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    time::Duration,
};

use super::{
    Authority, Secured,
    client::{Secret, config},
};
use crate::fixture::{PATIENCE, server::Kind, wait_for};

/// The beginning of a handshake: a record of 512 bytes is announced, and it holds a ClientHello.
const HALF_A_HELLO: [u8; 13] =
    [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03, 0x11, 0x22];

fn connect(port: u16) -> TcpStream {
    let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("it listens");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    socket
}

/// What a stranger hears who says `bytes`, up to the end.
fn heard(port: u16, bytes: &[u8]) -> Vec<u8> {
    let mut socket = connect(port);
    // It may be closed already.
    let _ = socket.write_all(bytes);
    let mut found = Vec::new();
    match socket.read_to_end(&mut found) {
        Err(error) if error.kind() != io::ErrorKind::ConnectionReset => panic!("no end: {error}"),
        Ok(_) | Err(_) => found,
    }
}

pub(super) fn rubbish(kind: Kind) {
    let authority = Authority::new();
    let own = authority.issue("server");
    let secured = Secured::start(kind, &authority, &own, &[]);
    let config = config(&authority, &own, &[&rustls::version::TLS13]);
    let mut friend = Secret::connect(secured.port, &config).expect("the certificate is good");
    let (mut long, mut no_hello) = (HALF_A_HELLO.to_vec(), HALF_A_HELLO.to_vec());
    long.extend_from_slice(&[0x16; 70_000]);
    no_hello.resize(517, 0xff);
    let rubbish: [&[u8]; 6] = [
        b"PING\r\n",
        b"*1\r\n$4\r\nPING\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        &[0; 1000],
        &long,
        &no_hello,
    ];
    for bytes in rubbish {
        let answer = heard(secured.port, bytes);
        let is_alert = answer.is_empty() || answer[0] == 0x15;
        assert!(is_alert, "{:?} is answered with {answer:?}", &bytes[..4]);
    }
    // They go in the middle of it.
    for end in 0..HALF_A_HELLO.len() {
        connect(secured.port).write_all(&HALF_A_HELLO[..end]).expect("it listens");
    }
    wait_for("lines about those who did not go by themselves", || {
        let found = secured.log().matches("Error accepting a client connection: ").count();
        if found >= rubbish.len() { Ok(()) } else { Err(found) }
    });
    assert_eq!(friend.ask("PING").expect("it is served"), "+PONG");
    wait_for("their end", || {
        let found = secured.server.count("connected_clients");
        if found == 2 { Ok(()) } else { Err(found) }
    });
    Secret::connect(secured.port, &config).expect("others are still served");
}

pub(super) fn silence(kind: Kind) {
    let authority = Authority::new();
    let own = authority.issue("server");
    let secured = Secured::start(kind, &authority, &own, &[]);
    let config = config(&authority, &own, &[&rustls::version::TLS13]);
    let mut silent: Vec<TcpStream> = (0..50).map(|_| connect(secured.port)).collect();
    for socket in &mut silent[25..] {
        socket.write_all(&HALF_A_HELLO).expect("it listens");
    }
    // Nobody waits for them, and they are counted.
    let mut friend = Secret::connect(secured.port, &config).expect("the certificate is good");
    assert_eq!(friend.ask("PING").expect("it is served"), "+PONG");
    assert_eq!(secured.server.count("connected_clients"), 52);
    secured.server.client().ok("CONFIG SET timeout 1");
    for socket in &mut silent {
        let mut byte = [0];
        let found = socket.read(&mut byte).expect("the end comes");
        assert_eq!(found, 0, "nothing but the end");
    }
}

pub(super) fn too_many(kind: Kind) {
    let authority = Authority::new();
    let own = authority.issue("server");
    let secured = Secured::start(kind, &authority, &own, &[]);
    let config = config(&authority, &own, &[&rustls::version::TLS13]);
    let mut plain = secured.server.client();
    plain.ok("CONFIG SET maxclients 2");
    let mut silent = connect(secured.port);
    wait_for("a client that says nothing", || {
        let found = plain.ask("INFO clients").text();
        found.contains("connected_clients:2\r\n").then_some(()).ok_or(found)
    });
    // Nothing is written before hands were shaken: the connection just ends.
    assert_eq!(heard(secured.port, b""), b"");
    assert!(Secret::connect(secured.port, &config).is_err());
    silent.set_read_timeout(Some(Duration::from_millis(10))).expect("a timeout can be set");
    silent.read(&mut [0]).expect_err("it stays, and hears nothing");
    drop(silent);
    wait_for("room for another", || Secret::connect(secured.port, &config).map(drop));
}
