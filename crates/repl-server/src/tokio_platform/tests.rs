//! What the driver relies on, checked on real sockets of this host.

use std::{future::poll_fn, io::IoSlice, task::Poll, time::Instant as StdInstant};

use repl_core::base::config::Config;

use super::*;
use crate::platform::{Listener as _, Stream as _};

fn platform() -> TokioPlatform {
    TokioPlatform::new(String::new(), Duration::from_secs(300))
}

/// A listener on a free port of the loopback address, and how to reach it.
fn listen() -> (Acceptor, Endpoint) {
    let config = Config { bind: vec!["127.0.0.1".into()], port: 0, ..Config::default() };
    let acceptor = bind_all(&config).expect("loopback has free ports").remove(0);
    let port = acceptor.local_addr().expect("bound").port();
    (acceptor, Endpoint { host: "127.0.0.1".into(), port })
}

async fn pair(platform: &TokioPlatform) -> (Connection, Connection) {
    let (mut acceptor, to) = listen();
    let dialled = platform.dial(to, Wire::Plain).await.expect("somebody listens");
    (dialled, acceptor.accept().await.expect("somebody dialled"))
}

async fn write(stream: &mut Connection, parts: &[&[u8]]) -> io::Result<usize> {
    let slices: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
    poll_fn(|cx| stream.poll_write(cx, &slices)).await
}

async fn read(stream: &mut Connection) -> io::Result<Vec<u8>> {
    let mut room = [0; 64];
    let count = poll_fn(|cx| stream.poll_read(cx, &mut room)).await?;
    Ok(room[..count].to_vec())
}

#[test]
fn bytes_come_back_from_an_echo_task() {
    let echoed = run(async {
        let platform = platform();
        let (mut client, mut server) = pair(&platform).await;
        platform.spawn(async move {
            let bytes = read(&mut server).await.expect("the client writes");
            write(&mut server, &[&bytes]).await.expect("the client reads");
        });
        write(&mut client, &[b"hello"]).await.expect("the server reads");
        let echoed = read(&mut client).await.expect("the server writes");
        assert_eq!(read(&mut client).await.expect("closed in order"), b"");
        echoed
    });
    assert_eq!(echoed.expect("a runtime"), b"hello");
}

#[test]
fn both_slices_of_a_write_leave_at_once_and_in_order() {
    run(async {
        let (mut client, mut server) = pair(&platform()).await;
        assert_eq!(write(&mut client, &[b"ab", b"", b"cde"]).await.expect("room"), 5);
        assert_eq!(read(&mut server).await.expect("written"), b"abcde");
    })
    .expect("a runtime");
}

#[test]
fn a_full_socket_makes_the_writer_wait() {
    run(async {
        let (mut client, mut server) = pair(&platform()).await;
        let block = vec![7; 1 << 20];
        let mut sent = 0;
        poll_fn(|cx| {
            loop {
                match client.poll_write(cx, &[IoSlice::new(&block)]) {
                    Poll::Ready(Ok(count)) => sent += count,
                    Poll::Ready(Err(error)) => panic!("{error}"),
                    Poll::Pending => return Poll::Ready(()),
                }
            }
        })
        .await;
        let mut received = 0;
        while received < sent {
            received += read(&mut server).await.expect("written").len();
        }
        assert_eq!(received, sent);
        assert!(write(&mut client, &[b"x"]).await.is_ok(), "there is room again");
    })
    .expect("a runtime");
}

#[test]
fn a_dial_nobody_answers_is_refused_and_an_unknown_name_not_found() {
    run(async {
        let (acceptor, to) = listen();
        drop(acceptor);
        let error = platform().dial(to, Wire::Plain).await.expect_err("nobody listens");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        let nowhere = Endpoint { host: "no-such-host.invalid".into(), port: 1 };
        let error = platform().dial(nowhere, Wire::Plain).await.expect_err("no such name");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    })
    .expect("a runtime");
}

#[test]
fn both_ends_know_each_other() {
    run(async {
        let (client, server) = pair(&platform()).await;
        let (client, server) = (client.peer(), server.peer());
        assert_eq!((client.ip.as_str(), server.ip.as_str()), ("127.0.0.1", "127.0.0.1"));
        assert_eq!(client.local, format!("127.0.0.1:{}", server.port));
        assert_eq!(server.local, format!("127.0.0.1:{}", client.port));
    })
    .expect("a runtime");
}

#[test]
fn a_port_in_use_is_an_error_in_the_words_of_redis() {
    run(async {
        let (_acceptor, to) = listen();
        for bind in ["127.0.0.1", "-127.0.0.1"] {
            let config = Config { bind: vec![bind.into()], port: to.port, ..Config::default() };
            let error = bind_all(&config).expect_err("the port is taken");
            let expect = format!(
                "Could not create server TCP listening socket {to}: bind: Address already in use"
            );
            assert_eq!(error.to_string(), expect);
        }
    })
    .expect("a runtime");
}

#[test]
fn an_address_that_may_be_missing_is_left_out() {
    run(async {
        // 192.0.2.0/24 is for documentation: no host has it.
        let bind = vec!["-192.0.2.1".into(), "127.0.0.1".into()];
        let config = Config { bind, port: 0, ..Config::default() };
        assert_eq!(bind_all(&config).expect("one is left").len(), 1);
        let config = Config { bind: vec!["192.0.2.1".into()], ..config };
        let error = bind_all(&config).expect_err("not an address of this host");
        assert_eq!(error.error.kind(), io::ErrorKind::AddrNotAvailable);
    })
    .expect("a runtime");
}

#[test]
fn sleep_ends_when_the_clock_reads_the_deadline_and_not_before() {
    run(async {
        let platform = platform();
        // Twice, because only the second deadline is far from the clock's origin.
        for _ in 0..2 {
            let begin = StdInstant::now();
            let at = platform.now().mono + Duration::from_millis(20);
            platform.sleep_until(at).await;
            assert!(platform.now().mono >= at);
            assert!(begin.elapsed() >= Duration::from_millis(20));
        }
        platform.sleep_until(Instant::ORIGIN).await;
    })
    .expect("a runtime");
}

#[test]
fn the_end_of_time_can_be_slept_for() {
    run(async {
        let platform = platform();
        let mut for_ever = std::pin::pin!(platform.sleep_until(Instant::from_nanos(u64::MAX)));
        let pending = poll_fn(|cx| Poll::Ready(for_ever.as_mut().poll(cx).is_pending())).await;
        assert!(pending);
    })
    .expect("a runtime");
}

#[test]
fn a_brief_sleep_ends_again_and_again_and_never_too_early() {
    run(async {
        let platform = platform();
        for micros in [50, 1, 100, 0, 300] {
            let until = platform.now().mono + Duration::from_micros(micros);
            platform.sleep_briefly(until).await;
            assert!(platform.now().mono >= until);
        }
    })
    .expect("a runtime");
}
