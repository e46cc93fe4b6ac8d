//! A dataset from a file: at the boot, and for `DEBUG RELOAD`.
//!
//! ```text
//!             Disk(Read) ...         Disk(ReadToEnd), or there is no file
//!  from_disk ----------> LOADING ------------------------------------------> serving
//!                           |  the file is damaged, or cannot be read
//!                           +--------------------------------------> Exit(1)
//! ```
//!
//! At the boot, commands that need the dataset are answered with `LOADING`, and no master is
//! dialled. The dataset is built beside the one in use, which is empty then.
//!
//! During `DEBUG RELOAD` nothing is executed at all, for clients or from our master: what was
//! written after the cut would be lost.

use alloc::{boxed::Box, format, vec::Vec};

use super::{
    Node,
    following::{Following, Resume},
    saves,
};
use crate::{
    base::{
        config::Config,
        ids::ConnId,
        rng::Seed,
        time::{Instant, Now},
    },
    command::CommandError,
    io::{DiskEvent, DiskRequest, Effect, Level, Parting, Scratch},
    keyspace::{DbIndex, Keyspace},
    marks::Mark,
    rdb::{Fed, RdbError, RdbErrorKind},
    repl::{About, Loader, replica::Link},
};

/// Expired keys are taken from a dataset that was loaded in batches of this many.
const EXPIRED_PER_BATCH: usize = 256;

/// A file on its way into a dataset.
#[derive(Debug)]
pub(super) struct Loading {
    purpose: Purpose,
    loader: Loader,
    pub(super) began: Now,
    /// Bytes of the file so far.
    pub(super) bytes: u64,
    /// Bytes that it has in all.
    pub(super) total: u64,
    /// When more of it is wanted, if it is read slowly on purpose.
    reads_at: Option<Instant>,
    end: End,
}

impl Loading {
    /// What the file says about itself, so far.
    pub(super) fn about(&self) -> &About {
        self.loader.about()
    }
}

/// What a file is loaded for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Boot,
    Reload,
}

/// Whether more is expected of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Ahead,
    /// The snapshot is complete.
    Reached,
    /// It is worthless, and that was said.
    Given,
}

/// What `DEBUG RELOAD` was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ReloadOptions {
    pub(super) merges: bool,
    pub(super) flushes_not: bool,
    pub(super) saves_not: bool,
}

/// `DEBUG RELOAD`, from the command to its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reload {
    asker: ConnId,
    options: ReloadOptions,
}

/// What loads were like, for `INFO`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LastLoad {
    pub(super) key_count: u64,
    pub(super) expired_count: u64,
}

impl Node {
    /// A node at its boot that asks for the file it may have left, and serves when that is loaded.
    pub fn from_disk(config: Config, seed: Seed, now: Now) -> Self {
        let mut node = Self::without_master(config, seed, now);
        if let Some(master) = node.config.replicaof.clone() {
            // It is a replica from the start, and dials when it knows what to ask for.
            let never = Instant::from_nanos(u64::MAX);
            node.following = Some(Following::waiting_until(never, master, now.mono));
        }
        node.begin_load(now, Purpose::Boot);
        node
    }

    fn begin_load(&mut self, now: Now, purpose: Purpose) {
        let path = self.data_path(&self.config.dbfilename);
        let loader = Loader::new(self.keyspace.empty_twin());
        let (reads_at, end) = (None, End::Ahead);
        let loading = Loading { purpose, loader, began: now, bytes: 0, total: 0, reads_at, end };
        self.loading = Some(Box::new(loading));
        self.file_is_read = true;
        self.effects.push_back(Effect::Disk(DiskRequest::Load { path }));
    }

    /// Whether commands that need the dataset are refused.
    #[inline]
    pub fn is_loading(&self) -> bool {
        self.loading.as_ref().is_some_and(|loading| loading.purpose == Purpose::Boot)
    }

    /// Bytes of the file so far that a booting node loads.
    pub fn loading_bytes(&self) -> Option<u64> {
        let loading = self.loading.as_ref().filter(|loading| loading.purpose == Purpose::Boot);
        loading.map(|loading| loading.bytes)
    }

    /// When the driver is to read on in the file, unless at once.
    pub fn file_reads_at(&self) -> Option<Instant> {
        self.loading.as_ref()?.reads_at
    }

    /// Whether nothing is executed until `DEBUG RELOAD` is over.
    #[inline]
    pub(super) fn is_reloading(&self) -> bool {
        self.reload.is_some()
    }

    /// Something became of a request to the disk.
    pub(super) fn on_disk(&mut self, now: Now, event: DiskEvent<'_>) {
        if matches!(event, DiskEvent::ReadToEnd | DiskEvent::Missing | DiskEvent::Unreadable(_)) {
            self.file_is_read = false;
        }
        match event {
            DiskEvent::Written => self.on_written(),
            DiskEvent::Saved(result) => self.on_saved(now, result),
            DiskEvent::Read { bytes, file_bytes } => self.on_file_bytes(now, bytes, file_bytes),
            DiskEvent::ReadToEnd => self.on_file_end(now),
            DiskEvent::Missing => match self.loading.as_ref().map(|loading| loading.purpose) {
                Some(Purpose::Boot) => {
                    self.loading = None;
                    self.marks.hit(Mark::LoadNoFile);
                    self.begin_to_serve(now);
                }
                Some(Purpose::Reload) => self.refuse_file("No such file or directory"),
                None => {}
            },
            DiskEvent::Unreadable(text) => self.refuse_file(text),
        }
    }

    fn on_file_bytes(&mut self, now: Now, bytes: &[u8], file_bytes: u64) {
        let pace = self.load_pace(now);
        let Some(loading) = &mut self.loading else { return };
        let keys_before = loading.loader.key_count();
        let start = loading.bytes;
        loading.bytes += bytes.len() as u64;
        loading.total = file_bytes;
        let fed = match loading.end {
            End::Given => return,
            End::Reached => Ok(Fed::Done { consumed: 0 }),
            End::Ahead => loading.loader.feed(bytes),
        };
        let keys = loading.loader.key_count() - keys_before;
        loading.reads_at = pace.next(u32::try_from(keys).unwrap_or(u32::MAX));
        let consumed = match fed {
            Ok(Fed::More) => return,
            Ok(Fed::Done { consumed }) => consumed,
            Err(error) => return self.refuse_snapshot(error),
        };
        loading.end = End::Reached;
        if consumed < bytes.len() {
            let at = start + consumed as u64;
            self.refuse_snapshot(RdbError { at, kind: RdbErrorKind::TrailingBytes });
        }
    }

    fn on_file_end(&mut self, now: Now) {
        let Some(loading) = &self.loading else { return };
        match loading.end {
            End::Given => {}
            End::Ahead => {
                if let Err(error) = loading.loader.finish() {
                    self.refuse_snapshot(error);
                }
            }
            End::Reached => self.on_loaded(now),
        }
    }

    /// The file holds no snapshot that could be loaded.
    fn refuse_snapshot(&mut self, error: RdbError) {
        let RdbError { at, kind } = error;
        let text = if kind == RdbErrorKind::UnexpectedEnd {
            "Short read or OOM loading DB. Unrecoverable error, aborting now.".into()
        } else {
            format!("{kind}")
        };
        self.log(Level::Warning, text);
        self.refuse_file(&format!("Internal error in RDB reading offset {at} -> {kind}"));
    }

    /// Nothing can be loaded. A node that has left something behind must not begin without it.
    // redis: server.c, loadDataFromDisk
    fn refuse_file(&mut self, text: &str) {
        let Some(loading) = &mut self.loading else { return };
        loading.end = End::Given;
        let purpose = loading.purpose;
        self.log(Level::Warning, text.into());
        self.marks.hit(Mark::LoadRefused);
        match purpose {
            Purpose::Boot => {
                let text = "Fatal error loading the DB, check server logs. Exiting.";
                self.log(Level::Warning, text.into());
                self.effects.push_back(Effect::Exit(1));
            }
            Purpose::Reload => {
                self.loading = None;
                self.end_reload("ERR Error trying to load the RDB dump, check server logs.");
            }
        }
    }

    fn on_loaded(&mut self, now: Now) {
        let Some(loading) = self.loading.take() else { return };
        let Loading { purpose, loader, began, .. } = *loading;
        let key_count = loader.key_count();
        let (keyspace, about) = loader.into_parts();
        match purpose {
            Purpose::Boot => {
                self.keyspace.replace_with(keyspace);
                let expired_count = self.restore(now, &about);
                let key_count = key_count - expired_count;
                self.last_load = LastLoad { key_count, expired_count };
                self.log_load(now, began, &about);
                self.begin_to_serve(now);
            }
            Purpose::Reload => {
                self.last_load = LastLoad { key_count, expired_count: 0 };
                self.log_load(now, began, &about);
                self.install_reload(now, keyspace);
            }
        }
    }

    /// Takes the place in a history that the file names. A master deletes what has expired and
    /// tells of it, so that replicas that go on from the file delete it, too: how many keys.
    fn restore(&mut self, now: Now, about: &About) -> u64 {
        let place = about.place();
        if place.is_none() {
            self.history.note_file_without_place();
        }
        if self.following.is_some() {
            if let Some(place) = place {
                self.history.restore_as_replica(place);
                self.marks.hit(Mark::LoadAsReplica);
            }
            return 0;
        }
        if let Some(place) = place {
            self.history.restore_as_master(place);
            self.marks.hit(Mark::LoadAsMaster);
        }
        let mut count = 0;
        while let Some((db, keys)) = self.keyspace.next_expired(now.wall, EXPIRED_PER_BATCH) {
            count += keys.len() as u64;
            keys.iter().for_each(|key| self.drop_expired(db, key));
        }
        if count > 0 {
            self.grown = true;
            self.marks.hit(Mark::LoadExpired);
        }
        count
    }

    fn drop_expired(&mut self, db: DbIndex, key: &[u8]) {
        let hash = self.keyspace.hash(key);
        self.keyspace.remove(db, hash, key);
        self.unit.push(db, [b"DEL".as_slice(), key]);
        // Without a history nobody can go on from here, and there is nobody to tell.
        self.history.feed_apart(&self.unit);
        self.unit.clear();
    }

    /// What is there is all there is.
    fn begin_to_serve(&mut self, now: Now) {
        self.no_replicas_since = now.mono;
        self.log(Level::Notice, "Ready to accept connections".into());
        let Some(booted) = self.following.take() else { return };
        self.follow(now, booted.master);
        // It was named before the boot, for all we know long before.
        if let Some(following) = &mut self.following {
            following.consent = booted.consent;
        }
    }

    fn log_load(&mut self, now: Now, began: Now, about: &About) {
        if let Some(version) = &about.version {
            self.log(Level::Notice, format!("Loading RDB produced by version {version}"));
        }
        if let Some(ctime) = about.ctime {
            let age = now.wall.as_secs().saturating_sub(ctime).max(0);
            self.log(Level::Notice, format!("RDB age {age} seconds"));
        }
        if let Some(bytes) = about.used_memory {
            let megabytes = bytes as f64 / (1024.0 * 1024.0);
            let text = format!("RDB memory usage when created {megabytes:.2} Mb");
            self.log(Level::Notice, text);
        }
        let LastLoad { key_count, expired_count } = self.last_load;
        let text =
            format!("Done loading RDB, keys loaded: {key_count}, keys expired: {expired_count}.");
        self.log(Level::Notice, text);
        let secs = now.mono.since(began.mono).as_secs_f64();
        self.log(Level::Notice, format!("DB loaded from disk: {secs:.3} seconds"));
    }

    // ---- DEBUG RELOAD ----

    /// `DEBUG RELOAD`: saves, unless that is not wanted, and loads. The client waits.
    ///
    /// # Errors
    /// Something else is being saved or loaded.
    pub(super) fn begin_reload(
        &mut self,
        now: Now,
        asker: ConnId,
        options: ReloadOptions,
    ) -> Result<(), CommandError<'static>> {
        // What is left of a file that was refused would be taken for the next one.
        if self.is_loading() || self.file_is_read {
            return Err(CommandError::Loading);
        }
        if !self.can_begin_save() {
            return Err(CommandError::SaveUnderWay);
        }
        self.reload = Some(Reload { asker, options });
        if options.saves_not {
            self.begin_load(now, Purpose::Reload);
        } else {
            self.begin_save(now, saves::Purpose::Reload, Vec::from([asker]));
        }
        Ok(())
    }

    pub(super) fn on_reload_saved(&mut self, now: Now, outcome: saves::Outcome) {
        match outcome {
            saves::Outcome::Good if self.is_reloading() => self.begin_load(now, Purpose::Reload),
            saves::Outcome::Good | saves::Outcome::Failed => self.end_reload("ERR"),
        }
    }

    /// The file takes the place of the dataset, or is added to it.
    fn install_reload(&mut self, now: Now, loaded: Keyspace) {
        let Some(Reload { options, .. }) = self.reload else { return };
        if options.flushes_not {
            if !options.merges && self.keyspace.shares_a_key_with(&loaded) {
                return self.refuse_reload();
            }
            self.keyspace.merge(&loaded);
        } else {
            self.drop_loading_replicas(now);
            self.keyspace.replace_with(loaded);
        }
        if options.saves_not || options.flushes_not {
            // The dataset is none that the history describes.
            self.leave_history(now);
        }
        self.log(Level::Warning, "DB reloaded by DEBUG RELOAD".into());
        self.end_reload("");
    }

    fn refuse_reload(&mut self) {
        let kind = RdbErrorKind::DuplicateKey;
        self.log(Level::Warning, format!("Internal error in RDB reading -> {kind}"));
        self.end_reload("ERR Error trying to load the RDB dump, check server logs.");
    }

    /// Nothing is held back any more; who asked is answered, with an error if there is one.
    pub(super) fn end_reload(&mut self, error: &str) {
        let Some(Reload { asker, .. }) = self.reload.take() else { return };
        if error.is_empty() {
            self.answer_savers(&[asker], saves::Outcome::Good);
        } else if self.wait_of(asker).is_some() {
            self.break_wait(asker, error);
        }
        self.release_paused();
        self.wake_link();
    }

    /// The connection of the link is read again.
    pub(super) fn wake_link(&mut self) {
        let conn = self.following.as_ref().and_then(|following| following.link.conn());
        if let Some(conn) = conn {
            self.wake(conn);
        }
    }

    /// The dataset is none of our history: whoever wants it needs all of it, and so do we.
    fn leave_history(&mut self, now: Now) {
        self.history.forget(Parting::Debug);
        self.drop_replicas(now, Mark::ReloadDropsReplicas);
        if self.following.is_none() {
            return;
        }
        self.drop_link(now);
        if let Some(following) = &mut self.following {
            following.resume = Resume::FromScratch(Scratch::Reloaded);
            following.link = Link::Waiting { retry_at: now.mono };
        }
        self.dial(now);
    }
}
