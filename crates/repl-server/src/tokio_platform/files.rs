//! Files of the operating system, on a thread that may wait for a disk.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::task;

use crate::disk::{Disk, File};

/// The file system of this process.
#[derive(Clone, Copy, Debug)]
pub struct HostDisk;

/// An open file.
#[derive(Debug)]
pub struct HostFile {
    file: Arc<fs::File>,
    opened_with: u64,
}

/// Does `work` on the thread for files. There is one, so that everything is done in order.
async fn elsewhere<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    task::spawn_blocking(work).await.unwrap_or_else(|error| Err(error.into()))
}

/// The folder that `path` is in.
fn folder(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or_else(|| Path::new(".")).to_owned()
}

fn create(path: &Path, like: &Path) -> io::Result<fs::File> {
    let file = fs::File::create(path)?;
    if let Ok(known) = fs::metadata(like) {
        // Before anything is in it: there may be passwords.
        file.set_permissions(known.permissions())?;
    }
    Ok(file)
}

impl Disk for HostDisk {
    type File = HostFile;

    fn open(&self, path: &Path) -> impl Future<Output = io::Result<HostFile>> + 'static {
        let path = path.to_owned();
        async { elsewhere(move || HostFile::to_read(&path)).await }
    }

    fn create(
        &self,
        path: &Path,
        like: &Path,
    ) -> impl Future<Output = io::Result<HostFile>> + 'static {
        let (path, like) = (path.to_owned(), like.to_owned());
        async move { elsewhere(move || HostFile::to_write(&path, &like)).await }
    }

    fn rename(&self, from: &Path, to: &Path) -> impl Future<Output = io::Result<()>> + 'static {
        let (from, to) = (from.to_owned(), to.to_owned());
        elsewhere(|| fs::rename(from, to))
    }

    fn remove(&self, path: &Path) -> impl Future<Output = io::Result<()>> + 'static {
        let path = path.to_owned();
        elsewhere(|| fs::remove_file(path))
    }

    fn sync_folder(&self, path: &Path) -> impl Future<Output = io::Result<()>> + 'static {
        let folder = folder(path);
        elsewhere(|| fs::File::open(folder)?.sync_all())
    }
}

impl HostFile {
    fn to_read(path: &Path) -> io::Result<Self> {
        let file = fs::File::open(path)?;
        let opened_with = file.metadata().map_or(0, |known| known.len());
        Ok(Self { file: Arc::new(file), opened_with })
    }

    fn to_write(path: &Path, like: &Path) -> io::Result<Self> {
        Ok(Self { file: Arc::new(create(path, like)?), opened_with: 0 })
    }
}

impl File for HostFile {
    fn opened_with(&self) -> u64 {
        self.opened_with
    }

    async fn read(&mut self, max: usize) -> io::Result<Vec<u8>> {
        let file = Arc::clone(&self.file);
        elsewhere(move || {
            let mut bytes = vec![0; max];
            let count = (&*file).read(&mut bytes)?;
            bytes.truncate(count);
            Ok(bytes)
        })
        .await
    }

    async fn write_all(&mut self, bytes: Vec<u8>) -> io::Result<()> {
        let file = Arc::clone(&self.file);
        elsewhere(move || (&*file).write_all(&bytes)).await
    }

    async fn sync(&mut self) -> io::Result<()> {
        let file = Arc::clone(&self.file);
        elsewhere(move || file.sync_all()).await
    }
}
