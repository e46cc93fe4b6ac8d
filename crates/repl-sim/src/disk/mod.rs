//! The disk of a simulated machine: takes its time, and fails, fills up or loses its power when it
//! is told to.
//!
//! What is on it is the business of the [`model`]; this file is when, and who hears of it. A disk
//! outlasts the processes of its machine.

mod model;

use std::{
    cell::RefCell,
    future::{Future, pending},
    io,
    path::Path,
    rc::Rc,
    time::Duration,
};

use repl_server::disk::{Disk, File};

use self::model::{FileId, Model, Trouble};
use crate::{
    alarm::Alarm,
    draw::Draw,
    machine::{Crash, Machine},
    world::World,
};

/// How long an operation takes at most.
const SPAN_MAX: Duration = Duration::from_millis(20);

/// What goes wrong with a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskFault {
    /// So many more bytes can be written.
    Full(u64),
    /// The operation after so many more fails with an error of input or output.
    Fails(u64),
    /// The process or the power is lost in the middle of the operation after so many more.
    Loses(u64, Crash),
}

/// What stays of a machine's disk while its processes come and go.
#[derive(Debug)]
pub(crate) struct Platter(RefCell<State>);

#[derive(Debug)]
struct State {
    model: Model,
    operation_count: u64,
    fails_at: Option<u64>,
    loses_at: Option<(u64, Crash)>,
}

/// What becomes of an operation.
enum Fate {
    Done,
    Fails,
    Loses(Crash),
}

impl Platter {
    /// An empty disk whose chances hang on the machine's name.
    pub(crate) fn new(seed: u64, machine: &str) -> Self {
        Self(RefCell::new(State {
            model: Model::new(Draw::new(seed, &format!("disk {machine}"))),
            operation_count: 0,
            fails_at: None,
            loses_at: None,
        }))
    }

    /// Arranges for something to go wrong.
    pub(crate) fn harm(&self, fault: DiskFault) {
        let mut state = self.0.borrow_mut();
        let next = state.operation_count + 1;
        match fault {
            DiskFault::Full(bytes) => state.model.set_room(Some(bytes)),
            DiskFault::Fails(after) => state.fails_at = Some(next + after),
            DiskFault::Loses(after, crash) => state.loses_at = Some((next + after, crash)),
        }
    }

    /// Nothing goes wrong any more. What was lost stays lost.
    pub(crate) fn heal(&self) {
        let mut state = self.0.borrow_mut();
        state.model.set_room(None);
        state.fails_at = None;
        state.loses_at = None;
    }

    /// The process that used the disk is gone, or the power is.
    pub(crate) fn lose(&self, crash: Crash) {
        let mut state = self.0.borrow_mut();
        match crash {
            Crash::Process => state.model.lose_process(),
            Crash::Power => state.model.lose_power(),
        }
    }

    /// A bit of a file turns.
    ///
    /// # Errors
    /// There is no such file.
    pub(crate) fn rot(&self, path: &Path) -> io::Result<()> {
        self.0.borrow_mut().model.rot(path).map_err(io::Error::from)
    }

    /// What is in a file.
    pub(crate) fn content(&self, path: &Path) -> Option<Vec<u8>> {
        self.0.borrow().model.content(path).map(<[u8]>::to_vec)
    }
}

impl State {
    fn begin(&mut self) -> Fate {
        self.operation_count += 1;
        let now = self.operation_count;
        if self.fails_at == Some(now) {
            return Fate::Fails;
        }
        match self.loses_at {
            Some((at, crash)) if at == now => Fate::Loses(crash),
            Some(_) | None => Fate::Done,
        }
    }
}

/// A machine's disk, as one process has it.
#[derive(Clone, Debug)]
pub(crate) struct SimDisk {
    world: Rc<World>,
    machine: Rc<Machine>,
}

/// An open file, and how far it was read.
#[derive(Debug)]
pub(crate) struct SimFile {
    disk: SimDisk,
    file: FileId,
    read_bytes: usize,
    opened_with: u64,
}

impl SimDisk {
    pub(crate) const fn new(world: Rc<World>, machine: Rc<Machine>) -> Self {
        Self { world, machine }
    }

    fn model<T>(&self, work: impl FnOnce(&mut Model) -> T) -> T {
        work(&mut self.machine.disk.0.borrow_mut().model)
    }

    /// Does `work` as one operation, or what is left of it.
    async fn operate<T>(
        self,
        work: impl FnOnce(&mut Model) -> Result<T, Trouble>,
        fail: impl FnOnce(&mut Model),
    ) -> io::Result<T> {
        let fate = self.machine.disk.0.borrow_mut().begin();
        let span = self.model(|model| model.draw().span(Duration::ZERO, SPAN_MAX));
        let done = match fate {
            Fate::Done => self.model(work),
            Fate::Fails => {
                self.model(fail);
                Err(Trouble::Broken)
            }
            Fate::Loses(crash) => {
                // Before it, or when it is done and nobody has been told.
                if self.model(|model| model.draw().once_in(2)) {
                    let _ = self.model(work);
                }
                self.machine.crash(&self.world, crash);
                return pending().await;
            }
        };
        Alarm::after(self.world.net.time(), span).await;
        self.model(Model::write_is_over);
        done.map_err(io::Error::from)
    }
}

impl Disk for SimDisk {
    type File = SimFile;

    fn open(&self, path: &Path) -> impl Future<Output = io::Result<SimFile>> + 'static {
        let (disk, path) = (self.clone(), path.to_owned());
        async move {
            let file = disk.clone().operate(|model| model.open(&path), |_| {}).await?;
            let opened_with = disk.model(|model| model.length(file));
            Ok(SimFile { disk, file, read_bytes: 0, opened_with })
        }
    }

    fn create(&self, path: &Path, _: &Path) -> impl Future<Output = io::Result<SimFile>> + 'static {
        let (disk, path) = (self.clone(), path.to_owned());
        async move {
            let file = disk.clone().operate(|model| Ok(model.create(&path)), |_| {}).await?;
            Ok(SimFile { disk, file, read_bytes: 0, opened_with: 0 })
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> impl Future<Output = io::Result<()>> + 'static {
        let (from, to) = (from.to_owned(), to.to_owned());
        self.clone().operate(move |model| model.rename(&from, &to), |_| {})
    }

    fn remove(&self, path: &Path) -> impl Future<Output = io::Result<()>> + 'static {
        let path = path.to_owned();
        self.clone().operate(move |model| model.remove(&path), |_| {})
    }

    fn sync_folder(&self, _: &Path) -> impl Future<Output = io::Result<()>> + 'static {
        let sync = |model: &mut Model| {
            model.sync_folder();
            Ok(())
        };
        self.clone().operate(sync, |_| {})
    }
}

impl File for SimFile {
    fn opened_with(&self) -> u64 {
        self.opened_with
    }

    async fn read(&mut self, max: usize) -> io::Result<Vec<u8>> {
        let (file, at) = (self.file, self.read_bytes);
        let read = |model: &mut Model| {
            // A read may give less than there is.
            let some = model.draw().between(1, max.max(1) as u64);
            Ok(model.read(file, at, usize::try_from(some).unwrap_or(max)))
        };
        let bytes = self.disk.clone().operate(read, |_| {}).await?;
        self.read_bytes += bytes.len();
        Ok(bytes)
    }

    async fn write_all(&mut self, bytes: Vec<u8>) -> io::Result<()> {
        let file = self.file;
        self.disk.clone().operate(move |model| model.write(file, &bytes), |_| {}).await
    }

    async fn sync(&mut self) -> io::Result<()> {
        let file = self.file;
        let sync = |model: &mut Model| {
            model.sync(file);
            Ok(())
        };
        self.disk.clone().operate(sync, |model| model.fail_sync(file)).await
    }
}
