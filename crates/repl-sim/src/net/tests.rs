//! Each behaviour of the network, in virtual time and without an executor.

use std::{
    io::{self, IoSlice},
    task::{Context, Poll, Waker},
    time::Duration,
};

use repl_core::base::time::Instant;

use super::{
    Breakage, ConnKey, Dials, HostId, Links, Network, Passage, Shape, Weather, conn::Side,
};

const PORT: u16 = 6379;
const LATENCY: Duration = Duration::from_millis(10);
const USER_TIMEOUT: Duration = Duration::from_secs(5);

/// Two hosts and a clock that the test turns.
struct Bench {
    network: Network,
    now: Instant,
    a: HostId,
    b: HostId,
}

impl Bench {
    fn new() -> Self {
        let mut shape = Shape::calm(LATENCY);
        (shape.window_bytes, shape.chop_once_in) = (1_000, 2);
        let mut network = Network::with_weather(
            1,
            Weather {
                shape,
                user_timeout: USER_TIMEOUT,
                dial_timeout: Duration::from_secs(3),
                resend_within: Duration::from_millis(200),
                links: Links::Alike,
            },
        );
        let (a, b) = (network.add_host("a", "10.0.0.1"), network.add_host("b", "10.0.0.2"));
        network.set_shape(a, b, shape);
        network.set_shape(b, a, shape);
        network.listen(b, PORT).expect("a fresh port");
        Self { network, now: Instant::ORIGIN, a, b }
    }

    /// Turns the clock, stopping at everything that is due.
    fn pass(&mut self, span: Duration) {
        let until = self.now + span;
        while let Some(due) = self.network.next_due().filter(|due| *due <= until) {
            self.now = due.max(self.now);
            self.network.handle_due(self.now);
        }
        self.now = until;
    }

    fn connected() -> (Self, ConnKey) {
        let mut bench = Self::new();
        let conn = bench.network.dial(bench.now, bench.a, bench.b, PORT);
        bench.pass(LATENCY * 2);
        assert!(matches!(bench.dialed(conn), Poll::Ready(Ok(()))));
        assert!(matches!(bench.accepted(), Poll::Ready(Ok(c)) if c == conn));
        (bench, conn)
    }

    fn dialed(&mut self, conn: ConnKey) -> Poll<io::Result<()>> {
        self.network.poll_dial(conn, &cx())
    }

    fn accepted(&mut self) -> Poll<io::Result<ConnKey>> {
        self.network.poll_accept(self.b, PORT, &cx())
    }

    fn write(&mut self, conn: ConnKey, side: Side, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.network.poll_write(self.now, conn, side, &cx(), &[IoSlice::new(bytes)])
    }

    fn read_once(&mut self, conn: ConnKey, side: Side) -> Poll<io::Result<Vec<u8>>> {
        let mut into = [0; 4096];
        let read = self.network.poll_read(self.now, conn, side, &cx(), &mut into)?;
        read.map(|count| Ok(into[..count].to_vec()))
    }

    /// Everything that can be read now.
    fn read(&mut self, conn: ConnKey, side: Side) -> Vec<u8> {
        let mut all = Vec::new();
        while let Poll::Ready(Ok(bytes)) = self.read_once(conn, side)
            && !bytes.is_empty()
        {
            all.extend(bytes);
        }
        all
    }

    fn both_ways(&mut self, passage: Passage) {
        self.network.set_passage(self.now, self.a, self.b, passage);
        self.network.set_passage(self.now, self.b, self.a, passage);
    }
}

fn cx() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

fn fails_with<T: std::fmt::Debug>(outcome: Poll<io::Result<T>>, kind: io::ErrorKind) {
    match outcome {
        Poll::Ready(Err(error)) => assert_eq!(error.kind(), kind),
        other @ (Poll::Ready(Ok(_)) | Poll::Pending) => panic!("expected {kind:?}, got {other:?}"),
    }
}

#[test]
fn bytes_leave_without_a_flush_and_arrive_after_the_latency_in_order() {
    let (mut bench, conn) = Bench::connected();
    for piece in [b"one".as_slice(), b"two", b"three"] {
        assert!(bench.write(conn, Side::Dialer, piece).is_ready());
    }
    bench.pass(LATENCY - Duration::from_nanos(1));
    assert!(bench.read_once(conn, Side::Acceptor).is_pending());
    bench.pass(Duration::from_nanos(1));
    assert_eq!(bench.read(conn, Side::Acceptor), b"onetwothree");
}

#[test]
fn one_write_arrives_in_many_pieces_and_many_writes_in_one() {
    let (mut bench, conn) = Bench::connected();
    let usual = bench.network.shape(bench.a, bench.b);
    let jittery = Shape { jitter: Duration::from_millis(5), ..usual };
    bench.network.set_shape(bench.a, bench.b, jittery);
    let (mut chopped, mut coalesced) = (false, false);
    for _ in 0..50 {
        for _ in 0..4 {
            assert!(bench.write(conn, Side::Dialer, b"0123456789").is_ready());
        }
        let mut sizes = Vec::new();
        for _ in 0..40 {
            bench.pass(Duration::from_millis(1));
            let piece = bench.read(conn, Side::Acceptor);
            sizes.extend((!piece.is_empty()).then_some(piece.len()));
        }
        chopped |= sizes.iter().any(|size| size % 10 != 0);
        coalesced |= sizes.iter().any(|&size| size > 10);
        assert_eq!(sizes.iter().sum::<usize>(), 40);
    }
    assert!(chopped && coalesced);
}

#[test]
fn a_writer_waits_while_the_reader_does_not_read() {
    let (mut bench, conn) = Bench::connected();
    assert!(matches!(bench.write(conn, Side::Dialer, &[7; 5_000]), Poll::Ready(Ok(1_000))));
    bench.pass(Duration::from_secs(60));
    assert!(bench.write(conn, Side::Dialer, b"more").is_pending());
    assert_eq!(bench.read(conn, Side::Acceptor).len(), 1_000);
    assert!(bench.write(conn, Side::Dialer, b"more").is_ready());
}

#[test]
fn bandwidth_spreads_bytes_over_time() {
    let (mut bench, conn) = Bench::connected();
    let thin = Shape { bytes_per_second: 1_000, ..Shape::calm(LATENCY) };
    bench.network.set_shape(bench.a, bench.b, thin);
    assert!(bench.write(conn, Side::Dialer, &[7; 1_000]).is_ready());
    bench.pass(Duration::from_millis(990));
    assert!(bench.read(conn, Side::Acceptor).len() < 1_000);
    bench.pass(Duration::from_millis(30));
    assert!(!bench.network.conns.is_empty());
    assert!(bench.network.next_due().is_none_or(|due| due > bench.now));
}

#[test]
fn a_stall_delays_and_loses_nothing() {
    let (mut bench, conn) = Bench::connected();
    bench.both_ways(Passage::Stalled);
    assert!(bench.write(conn, Side::Dialer, b"late").is_ready());
    bench.pass(Duration::from_secs(4));
    assert!(bench.read(conn, Side::Acceptor).is_empty());
    bench.both_ways(Passage::Open);
    bench.pass(Duration::ZERO);
    assert_eq!(bench.read(conn, Side::Acceptor), b"late");
}

#[test]
fn a_short_cut_is_repaired_by_sending_again() {
    let (mut bench, conn) = Bench::connected();
    bench.both_ways(Passage::Cut);
    assert!(bench.write(conn, Side::Dialer, b"lost once").is_ready());
    bench.pass(Duration::from_secs(2));
    bench.both_ways(Passage::Open);
    assert!(bench.read(conn, Side::Acceptor).is_empty());
    bench.pass(Duration::from_millis(200) + LATENCY);
    assert_eq!(bench.read(conn, Side::Acceptor), b"lost once");
}

#[test]
fn a_long_cut_times_the_writer_out_and_an_idle_reader_notices_nothing() {
    let (mut bench, conn) = Bench::connected();
    bench.both_ways(Passage::Cut);
    assert!(bench.write(conn, Side::Dialer, b"never").is_ready());
    bench.pass(USER_TIMEOUT - Duration::from_millis(1));
    assert!(bench.read_once(conn, Side::Dialer).is_pending());
    bench.pass(Duration::from_millis(1));
    fails_with(bench.read_once(conn, Side::Dialer), io::ErrorKind::TimedOut);
    fails_with(bench.write(conn, Side::Dialer, b"x"), io::ErrorKind::TimedOut);
    assert!(bench.read_once(conn, Side::Acceptor).is_pending());
    // After the heal the host answers what it does not know with a reset.
    bench.network.close(bench.now, conn, Side::Dialer);
    bench.both_ways(Passage::Open);
    assert!(bench.write(conn, Side::Acceptor, b"hello?").is_ready());
    bench.pass(LATENCY * 2);
    fails_with(bench.read_once(conn, Side::Acceptor), io::ErrorKind::ConnectionReset);
}

#[test]
fn a_one_way_cut_passes_the_other_way_and_holds_its_acknowledgements() {
    let (mut bench, conn) = Bench::connected();
    bench.network.set_passage(bench.now, bench.a, bench.b, Passage::Cut);
    assert!(bench.write(conn, Side::Acceptor, &[1; 1_000]).is_ready());
    bench.pass(LATENCY);
    assert_eq!(bench.read(conn, Side::Dialer).len(), 1_000);
    assert!(bench.write(conn, Side::Acceptor, b"no room").is_pending());
    bench.pass(USER_TIMEOUT);
    fails_with(bench.write(conn, Side::Acceptor, b"x"), io::ErrorKind::TimedOut);
}

#[test]
fn a_forged_reset_fails_both_ends_and_loses_what_was_under_way() {
    let (mut bench, conn) = Bench::connected();
    assert!(bench.write(conn, Side::Dialer, b"arrived").is_ready());
    bench.pass(LATENCY);
    assert!(bench.write(conn, Side::Dialer, b"under way").is_ready());
    bench.network.reset_between(bench.now, bench.a, bench.b);
    assert_eq!(bench.read(conn, Side::Acceptor), b"arrived");
    fails_with(bench.read_once(conn, Side::Acceptor), io::ErrorKind::ConnectionReset);
    fails_with(bench.write(conn, Side::Dialer, b"x"), io::ErrorKind::ConnectionReset);
}

#[test]
fn an_orderly_close_ends_the_stream_behind_the_data() {
    let (mut bench, conn) = Bench::connected();
    assert!(bench.write(conn, Side::Dialer, b"last words").is_ready());
    bench.network.close(bench.now, conn, Side::Dialer);
    bench.pass(LATENCY);
    assert_eq!(bench.read(conn, Side::Acceptor), b"last words");
    assert!(matches!(bench.read_once(conn, Side::Acceptor), Poll::Ready(Ok(b)) if b.is_empty()));
    bench.network.close(bench.now, conn, Side::Acceptor);
    assert_eq!(bench.network.conns.len(), 0);
}

#[test]
fn writing_to_a_closed_peer_brings_a_reset() {
    let (mut bench, conn) = Bench::connected();
    bench.network.close(bench.now, conn, Side::Acceptor);
    bench.pass(LATENCY);
    assert!(bench.write(conn, Side::Dialer, b"anybody?").is_ready());
    bench.pass(LATENCY * 2);
    fails_with(bench.write(conn, Side::Dialer, b"x"), io::ErrorKind::ConnectionReset);
}

#[test]
fn closing_with_unread_data_is_a_reset() {
    let (mut bench, conn) = Bench::connected();
    assert!(bench.write(conn, Side::Dialer, b"unread").is_ready());
    bench.pass(LATENCY);
    bench.network.close(bench.now, conn, Side::Acceptor);
    bench.pass(LATENCY);
    fails_with(bench.read_once(conn, Side::Dialer), io::ErrorKind::ConnectionReset);
}

#[test]
fn killed_processes_end_their_connections_after_the_latency_and_refuse() {
    let (mut bench, conn) = Bench::connected();
    assert!(bench.write(conn, Side::Acceptor, b"last words").is_ready());
    bench.network.kill_processes(bench.now, bench.b);
    assert!(bench.read_once(conn, Side::Dialer).is_pending());
    bench.pass(LATENCY);
    assert_eq!(bench.read(conn, Side::Dialer), b"last words");
    assert!(matches!(bench.read_once(conn, Side::Dialer), Poll::Ready(Ok(b)) if b.is_empty()));
    let again = bench.network.dial(bench.now, bench.a, bench.b, PORT);
    bench.pass(LATENCY * 2);
    fails_with(bench.dialed(again), io::ErrorKind::ConnectionRefused);
}

#[test]
fn killed_processes_that_had_something_to_read_reset() {
    let (mut bench, conn) = Bench::connected();
    assert!(bench.write(conn, Side::Dialer, b"unread").is_ready());
    bench.pass(LATENCY);
    bench.network.kill_processes(bench.now, bench.b);
    bench.pass(LATENCY);
    fails_with(bench.read_once(conn, Side::Dialer), io::ErrorKind::ConnectionReset);
}

#[test]
fn a_link_that_refuses_or_loses_dials_keeps_its_connections() {
    let (mut bench, conn) = Bench::connected();
    let (a, b) = (bench.a, bench.b);
    bench.network.set_dials(a, b, Dials::Refused);
    assert!(!bench.network.is_whole());
    let refused = bench.network.dial(bench.now, a, b, PORT);
    bench.pass(LATENCY * 2);
    fails_with(bench.dialed(refused), io::ErrorKind::ConnectionRefused);
    bench.network.set_dials(a, b, Dials::Lost);
    let lost = bench.network.dial(bench.now, a, b, PORT);
    bench.pass(Duration::from_secs(3));
    fails_with(bench.dialed(lost), io::ErrorKind::TimedOut);
    let late = bench.network.dial(bench.now, a, b, PORT);
    bench.pass(Duration::from_secs(1));
    assert!(bench.dialed(late).is_pending());
    assert!(bench.write(conn, Side::Dialer, b"still here").is_ready());
    bench.pass(LATENCY);
    assert_eq!(bench.read(conn, Side::Acceptor), b"still here");
    bench.network.restore_shape(bench.now, a, b);
    bench.pass(Duration::from_millis(200) + LATENCY * 2);
    assert!(matches!(bench.dialed(late), Poll::Ready(Ok(()))));
    assert!(bench.network.is_whole());
}

#[test]
fn a_slow_reader_takes_so_many_bytes_a_second_and_is_woken_for_each_of_them() {
    let (mut bench, conn) = Bench::connected();
    let (a, b) = (bench.a, bench.b);
    bench.network.set_reads_per_second(b, 100);
    assert!(matches!(bench.write(conn, Side::Dialer, &[7; 1_000]), Poll::Ready(Ok(1_000))));
    bench.pass(LATENCY);
    let mut taken = 0;
    for _ in 0..500 {
        taken += bench.read(conn, Side::Acceptor).len();
        assert!(bench.network.next_due().is_some(), "nobody wakes it");
        bench.pass(Duration::from_millis(10));
    }
    assert!((480..=520).contains(&taken), "{taken} bytes in five seconds");
    assert!(bench.network.dialled_count(a, b) == 1 && bench.network.reads_per_second(b) == 100);
    bench.network.set_reads_per_second(b, 0);
    taken += bench.read(conn, Side::Acceptor).len();
    assert_eq!(taken, 1_000);
}

#[test]
fn a_link_of_single_bytes_is_read_byte_by_byte() {
    let (mut bench, conn) = Bench::connected();
    let usual = bench.network.shape(bench.a, bench.b);
    bench.network.set_shape(bench.a, bench.b, Shape { piece: 1, ..usual });
    assert!(bench.write(conn, Side::Dialer, &[7; 40]).is_ready());
    bench.pass(LATENCY);
    for _ in 0..40 {
        let read = bench.read_once(conn, Side::Acceptor);
        assert!(matches!(read, Poll::Ready(Ok(bytes)) if bytes.len() == 1));
    }
}

#[test]
fn what_a_card_gathers_arrives_together() {
    let (mut bench, conn) = Bench::connected();
    let usual = bench.network.shape(bench.a, bench.b);
    let gather = Duration::from_millis(100);
    bench.network.set_shape(bench.a, bench.b, Shape { gather, ..usual });
    let mut pieces = 0;
    for _ in 0..100 {
        assert!(bench.write(conn, Side::Dialer, b"0123456789").is_ready());
        bench.pass(Duration::from_millis(10));
        pieces += usize::from(!bench.read(conn, Side::Acceptor).is_empty());
    }
    assert!((8..=11).contains(&pieces), "{pieces} in a second");
}

#[test]
fn what_comes_after_a_reset_is_not_read_though_nobody_has_looked_yet() {
    let (mut bench, conn) = Bench::connected();
    assert!(bench.write(conn, Side::Acceptor, b"arrived").is_ready());
    bench.pass(LATENCY);
    assert!(bench.write(conn, Side::Acceptor, b"lost").is_ready());
    bench.network.reset_at(bench.now, bench.a, bench.b);
    assert!(bench.write(conn, Side::Acceptor, b"behind a gap").is_ready());
    bench.pass(LATENCY * 2);
    fails_with(bench.read_once(conn, Side::Acceptor), io::ErrorKind::ConnectionReset);
    assert_eq!(bench.read(conn, Side::Dialer), b"arrived");
    fails_with(bench.read_once(conn, Side::Dialer), io::ErrorKind::ConnectionReset);
}

#[test]
fn a_tail_is_rare_and_holds_up_what_is_behind_it() {
    let (mut bench, conn) = Bench::connected();
    let usual = bench.network.shape(bench.a, bench.b);
    let late_by = Duration::from_secs(2);
    let shape = Shape { late_once_in: 20, late_by, chop_once_in: u64::MAX, ..usual };
    bench.network.set_shape(bench.a, bench.b, shape);
    let mut late = 0;
    for _ in 0..400 {
        assert!(bench.write(conn, Side::Dialer, b"x").is_ready());
        bench.pass(LATENCY);
        late += usize::from(bench.read(conn, Side::Acceptor).is_empty());
        bench.pass(late_by);
        bench.read(conn, Side::Acceptor);
    }
    assert!((8..=40).contains(&late), "{late} of 400");
}

#[test]
fn a_kill_behind_a_cut_is_silence() {
    let (mut bench, conn) = Bench::connected();
    bench.both_ways(Passage::Cut);
    bench.network.kill_processes(bench.now, bench.b);
    bench.pass(Duration::from_secs(60));
    assert!(bench.read_once(conn, Side::Dialer).is_pending());
}

#[test]
fn a_power_loss_is_silence_until_the_writer_times_out() {
    let (mut bench, conn) = Bench::connected();
    bench.network.power_off(bench.now, bench.b);
    bench.pass(Duration::from_secs(60));
    assert!(bench.read_once(conn, Side::Dialer).is_pending());
    assert!(bench.write(conn, Side::Dialer, b"hello?").is_ready());
    bench.pass(USER_TIMEOUT);
    fails_with(bench.read_once(conn, Side::Dialer), io::ErrorKind::TimedOut);
}

#[test]
fn a_host_that_is_back_resets_what_it_does_not_remember() {
    let (mut bench, conn) = Bench::connected();
    bench.network.power_off(bench.now, bench.b);
    assert!(bench.write(conn, Side::Dialer, b"hello?").is_ready());
    bench.pass(Duration::from_secs(1));
    bench.network.power_on(bench.now, bench.b);
    bench.pass(Duration::from_secs(1));
    fails_with(bench.read_once(conn, Side::Dialer), io::ErrorKind::ConnectionReset);
}

#[test]
fn a_dial_is_refused_where_nobody_listens_and_hangs_behind_a_cut() {
    let mut bench = Bench::new();
    let refused = bench.network.dial(bench.now, bench.a, bench.b, 1);
    bench.pass(LATENCY * 2);
    fails_with(bench.dialed(refused), io::ErrorKind::ConnectionRefused);

    bench.both_ways(Passage::Cut);
    let hanging = bench.network.dial(bench.now, bench.a, bench.b, PORT);
    bench.pass(Duration::from_secs(2));
    assert!(bench.dialed(hanging).is_pending());
    bench.pass(Duration::from_secs(1));
    fails_with(bench.dialed(hanging), io::ErrorKind::TimedOut);
}

#[test]
fn a_dial_during_a_short_cut_succeeds_after_the_heal() {
    let mut bench = Bench::new();
    bench.both_ways(Passage::Cut);
    let conn = bench.network.dial(bench.now, bench.a, bench.b, PORT);
    bench.pass(Duration::from_secs(1));
    bench.both_ways(Passage::Open);
    bench.pass(Duration::from_secs(1));
    assert!(matches!(bench.dialed(conn), Poll::Ready(Ok(()))));
}

#[test]
fn a_half_closed_reply_path_hangs_the_dial() {
    let mut bench = Bench::new();
    bench.network.set_passage(bench.now, bench.b, bench.a, Passage::Cut);
    let conn = bench.network.dial(bench.now, bench.a, bench.b, PORT);
    bench.pass(Duration::from_secs(2));
    assert!(bench.dialed(conn).is_pending());
    assert!(bench.accepted().is_ready());
}

#[test]
fn a_link_breaks_at_its_byte() {
    for breakage in [Breakage::Cut, Breakage::CutOneWay, Breakage::Stall] {
        let (mut bench, conn) = Bench::connected();
        bench.network.break_after(bench.a, bench.b, 123, breakage);
        assert!(matches!(bench.write(conn, Side::Dialer, &[7; 500]), Poll::Ready(Ok(500))));
        bench.pass(LATENCY * 3);
        assert_eq!(bench.read(conn, Side::Acceptor).len(), 123, "{breakage:?}");
        assert_eq!(bench.network.broken_count(), 1);
        let (a, b, now) = (bench.a, bench.b, bench.now);
        bench.network.set_passage(now, a, b, Passage::Open);
        bench.network.set_passage(now, b, a, Passage::Open);
        bench.pass(Duration::from_secs(1));
        let rest = bench.read(conn, Side::Acceptor).len();
        assert_eq!(123 + rest, 500, "{breakage:?}");
    }
}

#[test]
fn a_reset_at_a_byte_lets_the_bytes_before_it_be_read() {
    let (mut bench, conn) = Bench::connected();
    bench.network.break_after(bench.a, bench.b, 123, Breakage::Reset);
    assert!(matches!(bench.write(conn, Side::Dialer, &[7; 500]), Poll::Ready(Ok(500))));
    bench.pass(LATENCY * 3);
    assert_eq!(bench.read(conn, Side::Acceptor).len(), 123);
    fails_with(bench.read_once(conn, Side::Acceptor), io::ErrorKind::ConnectionReset);
}

#[test]
fn the_other_end_of_a_half_open_connection_finds_out_when_it_writes() {
    let (mut bench, conn) = Bench::connected();
    bench.network.reset_at(bench.now, bench.a, bench.b);
    fails_with(bench.read_once(conn, Side::Dialer), io::ErrorKind::ConnectionReset);
    bench.network.close(bench.now, conn, Side::Dialer);
    bench.pass(Duration::from_secs(60));
    assert!(bench.read_once(conn, Side::Acceptor).is_pending(), "it hears nothing");
    assert!(matches!(bench.write(conn, Side::Acceptor, b"ping"), Poll::Ready(Ok(4))));
    bench.pass(LATENCY * 3);
    fails_with(bench.read_once(conn, Side::Acceptor), io::ErrorKind::ConnectionReset);
}

#[test]
fn what_a_slow_line_holds_hurries_when_it_is_fast_again() {
    let (mut bench, conn) = Bench::connected();
    let usual = bench.network.shape(bench.a, bench.b);
    let thin = Shape { bytes_per_second: 10, ..usual };
    bench.network.set_shape(bench.a, bench.b, thin);
    assert!(matches!(bench.write(conn, Side::Dialer, &[7; 500]), Poll::Ready(Ok(500))));
    bench.pass(Duration::from_secs(1));
    assert!(bench.read(conn, Side::Acceptor).len() < 500);
    bench.network.restore_shape(bench.now, bench.a, bench.b);
    bench.pass(Duration::from_secs(1));
    assert!(!bench.read(conn, Side::Acceptor).is_empty());
}
