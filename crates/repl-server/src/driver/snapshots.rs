//! Snapshot files: the node says what is in them and when, here they are written and read, a piece
//! at a time, while everybody else is served.

use std::{
    future::poll_fn,
    io::{self, ErrorKind},
    path::Path,
    rc::Rc,
    task::{Poll, Waker},
};

use repl_core::io::{DiskEvent, DiskRequest, Input, Piece, SaveFailure, SaveStep};

use super::Shared;
use crate::{
    disk::{Disk, File as _, replace},
    log::os_text,
    platform::{Event, Platform},
};

/// How much of a file is read at once.
const READ_BYTES: usize = 64 * 1024;

impl<P: Platform> Shared<P> {
    /// Does what the node wants of the disk.
    pub(super) async fn serve_disk(shared: Rc<Self>, request: DiskRequest) {
        match request {
            DiskRequest::Save { target, temporary } => {
                let saved = Self::save(&shared, Path::new(&target), Path::new(&temporary)).await;
                Self::tell(&shared, DiskEvent::Saved(saved)).await;
            }
            DiskRequest::Load { path } => match Self::load(&shared, Path::new(&path)).await {
                Ok(()) => Self::tell(&shared, DiskEvent::ReadToEnd).await,
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    Self::tell(&shared, DiskEvent::Missing).await;
                }
                Err(error) => {
                    Self::tell(&shared, DiskEvent::Unreadable(&os_text(&error))).await;
                }
            },
        }
    }

    async fn tell(shared: &Rc<Self>, event: DiskEvent<'_>) {
        shared.awake().await;
        Self::handle(shared, Input::Disk(event), Event::Woken);
        if shared.may_accept() {
            shared.doors.borrow_mut().drain(..).for_each(Waker::wake);
        }
    }

    /// Clients are not answered, with `LOADING`, before so much of a file is loaded: a small one is
    /// not worth an error.
    fn may_accept(&self) -> bool {
        let node = self.node.borrow();
        let silent = node.config().loading_process_events_interval_bytes;
        node.loading_bytes().is_none_or(|bytes| bytes >= silent)
    }

    /// Ends when connections may be accepted.
    pub(super) async fn doors_are_open(&self) {
        poll_fn(|cx| {
            if self.may_accept() {
                return Poll::Ready(());
            }
            self.doors.borrow_mut().push(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// At most one piece is in memory here, and one with the node.
    async fn save(shared: &Rc<Self>, target: &Path, temporary: &Path) -> Result<(), SaveFailure> {
        let mut step = SaveStep::Open;
        let disk = shared.platform.disk();
        let replaced = replace(&disk, target, temporary, async |file: &mut _| {
            step = SaveStep::Write;
            loop {
                let piece = shared.node.borrow().snapshot_piece();
                match piece {
                    Piece::Bytes(bytes) => file.write_all(bytes.into()).await?,
                    Piece::End => return Ok(()),
                    Piece::Abandoned => return Err(ErrorKind::Interrupted.into()),
                }
                Self::tell(shared, DiskEvent::Written).await;
            }
        })
        .await;
        replaced.map_err(|error: io::Error| SaveFailure { step, text: os_text(&error) })
    }

    async fn load(shared: &Rc<Self>, path: &Path) -> io::Result<()> {
        let mut file = shared.platform.disk().open(path).await?;
        loop {
            let bytes = file.read(READ_BYTES).await?;
            if bytes.is_empty() {
                return Ok(());
            }
            let (bytes, file_bytes) = (&bytes[..], file.opened_with());
            Self::tell(shared, DiskEvent::Read { bytes, file_bytes }).await;
            let reads_at = shared.node.borrow().file_reads_at();
            if let Some(at) = reads_at {
                shared.platform.sleep_until(at).await;
            }
        }
    }
}
