//! Files: what the driver needs of a disk, and how one file takes the place of another.
//!
//! `repl-server` implements [`Disk`] on the operating system, `repl-sim` on a disk that loses,
//! tears, fails and fills up. Whatever is to outlast a loss of power goes through [`replace`]: the
//! order of its steps is the only one that is simulated.

use std::{
    future::Future,
    io::{self, ErrorKind},
    path::Path,
};

/// How much is asked of a file at once.
const READ_BYTES: usize = 64 * 1024;

/// The files of a node's host. Operations of one node are done in the order in which they were
/// asked for.
pub trait Disk: 'static {
    /// An open file.
    type File: File;

    /// Opens a file to be read from its beginning.
    ///
    /// # Errors
    /// Missing, a folder, not permitted, broken: as the operating system reports it. The same goes
    /// for all operations here.
    fn open(&self, path: &Path) -> impl Future<Output = io::Result<Self::File>> + 'static;

    /// Creates a file to be written, or empties it. Who may read it is as for `like`, where that
    /// exists, from the first moment on.
    fn create(
        &self,
        path: &Path,
        like: &Path,
    ) -> impl Future<Output = io::Result<Self::File>> + 'static;

    /// Gives a file another name, in one step. A file of that name is gone.
    fn rename(&self, from: &Path, to: &Path) -> impl Future<Output = io::Result<()>> + 'static;

    /// Removes a file.
    fn remove(&self, path: &Path) -> impl Future<Output = io::Result<()>> + 'static;

    /// Ends when a loss of power can no longer undo what has been done to the names in the folder
    /// of `path`.
    fn sync_folder(&self, path: &Path) -> impl Future<Output = io::Result<()>> + 'static;
}

/// An open file.
pub trait File: 'static {
    /// How many bytes it had when it was opened; 0 if nobody could say.
    fn opened_with(&self) -> u64;

    /// The next bytes, at most `max` of them; none at the end.
    fn read(&mut self, max: usize) -> impl Future<Output = io::Result<Vec<u8>>>;

    /// Writes all of `bytes` behind what was written before.
    fn write_all(&mut self, bytes: Vec<u8>) -> impl Future<Output = io::Result<()>>;

    /// Ends when a loss of power can no longer undo what was written. After an error nothing that
    /// was written since the last success may be relied upon, not even by trying again.
    fn sync(&mut self) -> impl Future<Output = io::Result<()>>;
}

/// Everything in a file.
///
/// # Errors
/// As for [`Disk`].
pub async fn read_all<D: Disk>(disk: &D, path: &Path) -> io::Result<Vec<u8>> {
    let mut file = disk.open(path).await?;
    let mut all = Vec::new();
    loop {
        let part = file.read(READ_BYTES).await?;
        if part.is_empty() {
            return Ok(all);
        }
        all.extend(part);
    }
}

/// As [`read_all`]; nothing for a file that is missing.
///
/// # Errors
/// As for [`Disk`].
pub async fn read_if_present<D: Disk>(disk: &D, path: &Path) -> io::Result<Vec<u8>> {
    match read_all(disk, path).await {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        read => read,
    }
}

/// Gives the file at `target` the content that `fill` writes, in one step: whoever reads it, also
/// after a loss of power, finds the old content or the new one, and the new one once this has
/// ended well. Until then the new content is in `temporary`, in the same folder.
///
/// # Errors
/// As for [`Disk`], or what `fill` fails with: the old content is there then, unless the last step
/// failed, after which either may be.
pub async fn replace<D: Disk>(
    disk: &D,
    target: &Path,
    temporary: &Path,
    fill: impl AsyncFnOnce(&mut D::File) -> io::Result<()>,
) -> io::Result<()> {
    if let Err(error) = fill_and_rename(disk, target, temporary, fill).await {
        // Best effort: what is left is overwritten the next time.
        let _ = disk.remove(temporary).await;
        return Err(error);
    }
    disk.sync_folder(target).await
}

async fn fill_and_rename<D: Disk>(
    disk: &D,
    target: &Path,
    temporary: &Path,
    fill: impl AsyncFnOnce(&mut D::File) -> io::Result<()>,
) -> io::Result<()> {
    let mut file = disk.create(temporary, target).await?;
    fill(&mut file).await?;
    // Before the renaming, or a loss of power could leave the new name with nothing behind it.
    file.sync().await?;
    drop(file);
    disk.rename(temporary, target).await
}
