//! An ordinary client that is to be served all the while, and the memory of the server.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    abusers::Arena,
    fixture::{
        client::{Client, Reply},
        wait_for,
    },
};

/// How long resident memory must not have grown to count as settled.
const SETTLED_AFTER: Duration = Duration::from_millis(200);

/// How the ordinary client was served.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Served {
    /// Answers.
    pub(crate) count: u64,
    /// The longest time from a request to its answer.
    pub(crate) worst: Duration,
}

/// Looks on.
pub(crate) struct Watch {
    pid: u32,
    ends: Arc<AtomicBool>,
    peak: Arc<AtomicU64>,
    customer: thread::JoinHandle<Served>,
}

impl Watch {
    /// Begins to ask, and to look at the memory of process `pid`.
    pub(crate) fn start(arena: &Arena, pid: u32) -> Self {
        let (ends, peak) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (until, highest, mut client) = (ends.clone(), peak.clone(), arena.known_client());
        let customer = thread::spawn(move || {
            let mut served = Served::default();
            while !until.load(Ordering::Relaxed) {
                ask(&mut client, &mut served);
                highest.fetch_max(resident_bytes(pid), Ordering::Relaxed);
            }
            served
        });
        Self { pid, ends, peak, customer }
    }

    /// The server's resident memory, as soon as it stands still.
    pub(crate) fn settled_rss(&self) -> u64 {
        let mut last = (Instant::now(), 0);
        wait_for("memory that stands still", || {
            let rss = resident_bytes(self.pid);
            if rss > last.1 {
                last = (Instant::now(), rss);
            }
            if last.0.elapsed() >= SETTLED_AFTER { Ok(rss) } else { Err(rss) }
        })
    }

    /// The server's resident memory, as soon as it is at most `bound`.
    #[track_caller]
    pub(crate) fn rss_below(&self, bound: u64) -> u64 {
        wait_for(&format!("resident memory of at most {bound} bytes"), || {
            let rss = resident_bytes(self.pid);
            if rss <= bound { Ok(rss) } else { Err(rss) }
        })
    }

    /// The peak is sought from here on.
    pub(crate) fn forget_peak(&self) {
        self.peak.store(0, Ordering::Relaxed);
    }

    /// The most memory that was resident at any look.
    pub(crate) fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed).max(resident_bytes(self.pid))
    }

    /// Ends the look-out. A customer who was not answered, or wrongly, fails the test.
    pub(crate) fn end(self) -> Served {
        self.ends.store(true, Ordering::Relaxed);
        self.customer.join().expect("the ordinary client is served")
    }
}

/// A write, a read of it, and a read of a value that others are asking for as well.
fn ask(client: &mut Client, served: &mut Served) {
    let number = served.count.to_string();
    let bulk = |text: &str| Reply::Bulk(text.as_bytes().to_vec());
    let questions = [
        (format!("SET mine {number}"), Reply::Simple("OK".into())),
        ("GET mine".to_owned(), bulk(&number)),
        ("GETRANGE big 0 2".to_owned(), bulk("xxx")),
    ];
    for (question, answer) in questions {
        let asked_at = Instant::now();
        assert_eq!(client.ask(&question), answer, "{question}");
        served.worst = served.worst.max(asked_at.elapsed());
        served.count += 1;
    }
}

/// `VmRSS` of a process, in bytes.
fn resident_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the server lives");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.expect("Linux tells the resident memory") << 10
}
