//! Writes that are numbered, from a thread of its own, with what was promised of each.

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::fixture::{
    client::{Client, Reply, encode},
    server::Server,
    wait_for,
};

/// Numbers that are written at once, before it is asked who has them.
const BATCH: u64 = 16;

/// Between two batches, and two attempts to connect: others want the processor as well.
const PAUSE: Duration = Duration::from_millis(2);

/// How many replicas had acknowledged everything up to a number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Promise {
    pub(super) number: u64,
    pub(super) replicas: i64,
}

#[derive(Debug, Default)]
struct Shared {
    port: AtomicU16,
    ended: AtomicBool,
    /// The list that is written to just now.
    page: AtomicU64,
    promises: Mutex<Vec<Promise>>,
}

/// See this file's header. It ends when it is dropped.
#[derive(Debug)]
pub(super) struct Journal {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Journal {
    pub(super) fn on(server: &Server) -> Self {
        let shared = Arc::new(Shared { port: server.port().into(), ..Shared::default() });
        let seen = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            let mut number = 0;
            while !seen.ended.load(Ordering::Relaxed) {
                // A server that is gone, or on its way: try again, or elsewhere.
                let _ = write(&seen, &mut number);
                thread::sleep(PAUSE);
            }
        });
        Self { shared, thread: Some(thread) }
    }

    /// From here on another server gets it.
    pub(super) fn move_to(&self, server: &Server) {
        self.shared.port.store(server.port(), Ordering::Relaxed);
    }

    /// Begins another list, and forgets what was promised of the one before.
    pub(super) fn turn_over(&self) {
        self.shared.page.fetch_add(1, Ordering::Relaxed);
        self.promises().clear();
    }

    /// Waits until `count` more batches were promised to be with at least one replica.
    #[track_caller]
    pub(super) fn flow(&self, count: usize) {
        let kept = || self.promises().iter().filter(|promise| promise.replicas > 0).count();
        let end = kept() + count;
        wait_for("the journal to flow", || match kept() {
            kept if kept >= end => Ok(()),
            kept => Err(kept),
        });
    }

    pub(super) fn promised(&self) -> Vec<Promise> {
        self.promises().clone()
    }

    fn promises(&self) -> std::sync::MutexGuard<'_, Vec<Promise>> {
        self.shared.promises.lock().expect("nobody panics while holding it")
    }

    /// The numbers that a server has of the list of just now.
    #[track_caller]
    pub(super) fn read(&self, server: &Server) -> Vec<u64> {
        let page = self.shared.page.load(Ordering::Relaxed);
        let numbers = server.client().ask(&format!("LRANGE journal:{page} 0 -1")).array();
        let numbers = numbers.into_iter().map(|number| number.text().parse());
        numbers.collect::<Result<_, _>>().expect("numbers were written")
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || thread::panicking(), "the journal failed");
        }
    }
}

/// Over one connection, as long as it lasts and is the right one.
fn write(shared: &Shared, number: &mut u64) -> io::Result<()> {
    let port = shared.port.load(Ordering::Relaxed);
    let mut client = Client::connect(port)?;
    while !shared.ended.load(Ordering::Relaxed) && shared.port.load(Ordering::Relaxed) == port {
        let page = shared.page.load(Ordering::Relaxed);
        let key = format!("journal:{page}");
        let mut bytes = Vec::new();
        for _ in 0..BATCH {
            *number += 1;
            bytes.extend(encode(&[b"RPUSH", key.as_bytes(), number.to_string().as_bytes()]));
        }
        bytes.extend(encode(&[b"WAIT", b"1", b"100"]));
        client.send(&bytes)?;
        for _ in 0..BATCH {
            if !matches!(client.reply()?, Reply::Integer(_)) {
                return Err(io::ErrorKind::PermissionDenied.into());
            }
        }
        let Reply::Integer(replicas) = client.reply()? else {
            return Err(io::ErrorKind::PermissionDenied.into());
        };
        let mut promises = shared.promises.lock().expect("nobody panics while holding it");
        if shared.page.load(Ordering::Relaxed) == page {
            promises.push(Promise { number: *number, replicas });
        }
        drop(promises);
        thread::sleep(PAUSE);
    }
    Ok(())
}
