//! What is on a disk, and what of it outlasts what.
//!
//! * The process dies: all that was written is left; of a write that was under way, any beginning.
//! * The power goes: what was synced is left. Of what was not, each write by itself: all, nothing,
//!   or some of its sectors. Of what was done to names since the folder was synced, any beginning.
//! * A sync fails: as if the power had gone for the writes before it; the process still reads them.
//!
//! A later sync does not bring back what an earlier one has lost: the kernel believes it clean.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use crate::draw::Draw;

/// What is written together or not at all.
const SECTOR_BYTES: usize = 512;

/// An error as the operating system would give it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    Missing,
    Broken,
    Full,
}

impl From<Trouble> for io::Error {
    fn from(trouble: Trouble) -> Self {
        // ENOENT, EIO, ENOSPC.
        Self::from_raw_os_error(match trouble {
            Trouble::Missing => 2,
            Trouble::Broken => 5,
            Trouble::Full => 28,
        })
    }
}

/// A file, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileId(u64);

/// See this file's header.
#[derive(Debug)]
pub(super) struct Model {
    draw: Draw,
    files: BTreeMap<FileId, Content>,
    names: BTreeMap<PathBuf, FileId>,
    durable_names: BTreeMap<PathBuf, FileId>,
    /// What was done to names since the folder was synced.
    name_changes: Vec<NameChange>,
    file_count: u64,
    bytes_left: Option<u64>,
    /// The write that is under way: the file, and how long it was before.
    under_way: Option<(FileId, usize)>,
}

#[derive(Debug, Default)]
struct Content {
    /// As processes see it.
    bytes: Vec<u8>,
    /// As it is without power.
    durable: Vec<u8>,
    unsynced: Vec<Change>,
}

#[derive(Debug)]
enum Change {
    Emptied,
    Written { at: usize, bytes: Vec<u8> },
}

#[derive(Debug)]
enum NameChange {
    Given(PathBuf, FileId),
    Taken(PathBuf),
    Renamed(PathBuf, PathBuf),
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<PathBuf, FileId>) {
        match self {
            Self::Given(path, file) => {
                names.insert(path.clone(), *file);
            }
            Self::Taken(path) => {
                names.remove(path);
            }
            Self::Renamed(from, to) => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
        }
    }
}

impl Content {
    fn change(&mut self, change: Change) {
        apply(&mut self.bytes, &change);
        self.unsynced.push(change);
    }

    fn sync(&mut self) {
        for change in self.unsynced.drain(..) {
            apply(&mut self.durable, &change);
        }
    }

    /// What is not synced meets its fate.
    fn lose(&mut self, draw: &mut Draw) {
        for change in self.unsynced.drain(..) {
            match (draw.between(0, 2), change) {
                (0, _) => {}
                (1, Change::Written { at, bytes }) => tear(&mut self.durable, at, &bytes, draw),
                (_, change) => apply(&mut self.durable, &change),
            }
        }
        self.bytes.clone_from(&self.durable);
    }
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Emptied => bytes.clear(),
        Change::Written { at, bytes: new } => put(bytes, *at, new),
    }
}

/// Bytes that were never written but lie before ones that were are zero.
fn put(bytes: &mut Vec<u8>, at: usize, new: &[u8]) {
    let end = at + new.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[at..end].copy_from_slice(new);
}

/// Some sectors of a write.
fn tear(bytes: &mut Vec<u8>, at: usize, new: &[u8], draw: &mut Draw) {
    let mut done = 0;
    while done < new.len() {
        let sector_end = (at + done) / SECTOR_BYTES * SECTOR_BYTES + SECTOR_BYTES;
        let part = &new[done..new.len().min(sector_end - at)];
        if draw.once_in(2) {
            put(bytes, at + done, part);
        }
        done += part.len();
    }
}

impl Model {
    /// An empty disk.
    pub(super) const fn new(draw: Draw) -> Self {
        Self {
            draw,
            files: BTreeMap::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            name_changes: Vec::new(),
            file_count: 0,
            bytes_left: None,
            under_way: None,
        }
    }

    /// Chance, for whoever decides what happens to this disk.
    pub(super) const fn draw(&mut self) -> &mut Draw {
        &mut self.draw
    }

    /// From now on so many bytes fit on it; `None` for any number.
    pub(super) const fn set_room(&mut self, bytes_left: Option<u64>) {
        self.bytes_left = bytes_left;
    }

    /// What a process would read in the file of this name.
    pub(super) fn content(&self, path: &Path) -> Option<&[u8]> {
        Some(&self.files[self.names.get(path)?].bytes)
    }

    pub(super) fn open(&self, path: &Path) -> Result<FileId, Trouble> {
        self.names.get(path).copied().ok_or(Trouble::Missing)
    }

    pub(super) fn create(&mut self, path: &Path) -> FileId {
        if let Ok(file) = self.open(path) {
            self.content_mut(file).change(Change::Emptied);
            return file;
        }
        self.file_count += 1;
        let file = FileId(self.file_count);
        self.files.insert(file, Content::default());
        self.change_names(NameChange::Given(path.to_owned(), file));
        file
    }

    /// Bytes of the file from `at` on, at most `max` of them.
    pub(super) fn read(&self, file: FileId, at: usize, max: usize) -> Vec<u8> {
        let bytes = &self.files[&file].bytes;
        let start = at.min(bytes.len());
        bytes[start..bytes.len().min(start.saturating_add(max))].to_vec()
    }

    /// How many bytes are in a file.
    pub(super) fn length(&self, file: FileId) -> u64 {
        self.files[&file].bytes.len() as u64
    }

    /// Writes at the end of the file. What does not fit is not written.
    pub(super) fn write(&mut self, file: FileId, bytes: &[u8]) -> Result<(), Trouble> {
        let fits =
            self.bytes_left.map_or(usize::MAX, |left| usize::try_from(left).unwrap_or(usize::MAX));
        let fitting = &bytes[..bytes.len().min(fits)];
        if let Some(left) = &mut self.bytes_left {
            *left -= fitting.len() as u64;
        }
        let at = self.files[&file].bytes.len();
        self.under_way = Some((file, at));
        self.content_mut(file).change(Change::Written { at, bytes: fitting.to_vec() });
        if fitting.len() < bytes.len() { Err(Trouble::Full) } else { Ok(()) }
    }

    /// The process has been told how its write went.
    pub(super) const fn write_is_over(&mut self) {
        self.under_way = None;
    }

    pub(super) fn sync(&mut self, file: FileId) {
        self.content_mut(file).sync();
    }

    /// What was written since the last sync will not outlast a loss of power, or not all of it.
    pub(super) fn fail_sync(&mut self, file: FileId) {
        let content = self.files.get_mut(&file).expect("an open file exists");
        let seen = content.bytes.clone();
        content.lose(&mut self.draw);
        content.bytes = seen;
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> Result<(), Trouble> {
        self.open(from)?;
        self.change_names(NameChange::Renamed(from.to_owned(), to.to_owned()));
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &Path) -> Result<(), Trouble> {
        self.open(path)?;
        self.change_names(NameChange::Taken(path.to_owned()));
        Ok(())
    }

    pub(super) fn sync_folder(&mut self) {
        self.durable_names.clone_from(&self.names);
        self.name_changes.clear();
    }

    /// A process is gone; the kernel stays.
    pub(super) fn lose_process(&mut self) {
        let Some((file, before)) = self.under_way.take() else { return };
        let content = self.files.get_mut(&file).expect("an open file exists");
        let Some(Change::Written { bytes, .. }) = content.unsynced.last_mut() else { return };
        let kept = self.draw.index(bytes.len() + 1);
        bytes.truncate(kept);
        content.bytes.truncate(before + kept);
    }

    /// Everything that is not on the disk itself is gone.
    pub(super) fn lose_power(&mut self) {
        self.under_way = None;
        let kept = self.draw.index(self.name_changes.len() + 1);
        for change in &self.name_changes[..kept] {
            change.apply(&mut self.durable_names);
        }
        self.name_changes.clear();
        self.names.clone_from(&self.durable_names);
        for content in self.files.values_mut() {
            content.lose(&mut self.draw);
        }
        let named: Vec<FileId> = self.names.values().copied().collect();
        self.files.retain(|file, _| named.contains(file));
    }

    /// A bit of a file turns, and nobody is told. Nothing for an empty file.
    pub(super) fn rot(&mut self, path: &Path) -> Result<(), Trouble> {
        let file = self.open(path)?;
        let content = self.files.get_mut(&file).expect("a named file exists");
        if content.durable.is_empty() {
            return Ok(());
        }
        let place = self.draw.index(content.durable.len());
        let bit = 1 << self.draw.index(8);
        content.durable[place] ^= bit;
        if let Some(byte) = content.bytes.get_mut(place) {
            *byte ^= bit;
        }
        Ok(())
    }

    fn content_mut(&mut self, file: FileId) -> &mut Content {
        self.files.get_mut(&file).expect("an open file exists")
    }

    fn change_names(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.name_changes.push(change);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What different seeds make of the same story, sorted and without repetitions.
    fn outcomes(story: impl Fn(&mut Model)) -> Vec<Option<Vec<u8>>> {
        let mut outcomes: Vec<_> = (0..500)
            .map(|seed| {
                let mut model = Model::new(Draw::new(seed, "disk"));
                story(&mut model);
                model.content(Path::new("a")).map(<[u8]>::to_vec)
            })
            .collect();
        outcomes.sort();
        outcomes.dedup();
        outcomes
    }

    fn written(model: &mut Model, name: &str, bytes: &[u8]) -> FileId {
        let file = model.create(Path::new(name));
        model.write(file, bytes).expect("there is room");
        model.write_is_over();
        file
    }

    #[test]
    fn what_is_synced_with_its_name_outlasts_a_loss_of_power() {
        let kept = outcomes(|model| {
            let file = written(model, "a", b"all");
            model.sync(file);
            model.sync_folder();
            model.lose_power();
        });
        assert_eq!(kept, [Some(b"all".to_vec())]);
    }

    #[test]
    fn a_name_that_is_not_synced_may_go_and_what_is_behind_it_may_go_alone() {
        let kept = outcomes(|model| {
            written(model, "a", b"all");
            model.lose_power();
        });
        assert_eq!(kept, [None, Some(Vec::new()), Some(b"all".to_vec())]);
    }

    #[test]
    fn a_long_write_may_be_torn_at_any_sector() {
        let kept = outcomes(|model| {
            let file = model.create(Path::new("a"));
            model.sync(file);
            model.sync_folder();
            model.write(file, &[7; 3 * SECTOR_BYTES]).expect("there is room");
            model.lose_power();
        });
        // The last sector that is kept gives the length, each one before it is there or zero.
        assert_eq!(kept.len(), 8);
        assert!(kept.contains(&Some([vec![0; SECTOR_BYTES], vec![7; SECTOR_BYTES]].concat())));
    }

    #[test]
    fn a_process_that_dies_takes_a_part_of_its_last_write_with_it_and_no_more() {
        let kept = outcomes(|model| {
            let file = written(model, "a", b"12");
            model.write(file, b"34").expect("there is room");
            model.lose_process();
        });
        let texts = ["12", "123", "1234"].map(|text| Some(text.as_bytes().to_vec()));
        assert_eq!(kept, texts);
    }

    #[test]
    fn a_failed_sync_loses_what_no_later_one_brings_back() {
        let kept = outcomes(|model| {
            let file = model.create(Path::new("a"));
            model.sync_folder();
            model.write(file, b"12").expect("there is room");
            model.fail_sync(file);
            assert_eq!(model.content(Path::new("a")), Some(&b"12"[..]), "the process reads it");
            model.sync(file);
            model.lose_power();
        });
        assert_eq!(kept, [Some(Vec::new()), Some(b"12".to_vec())]);
    }

    #[test]
    fn a_replaced_file_is_the_old_one_or_the_new_one() {
        let kept = outcomes(|model| {
            let old = written(model, "a", b"old");
            model.sync(old);
            model.sync_folder();
            let new = written(model, "b", b"new");
            model.sync(new);
            model.rename(Path::new("b"), Path::new("a")).expect("it exists");
            model.lose_power();
        });
        assert_eq!(kept, [Some(b"new".to_vec()), Some(b"old".to_vec())]);
    }

    #[test]
    fn a_full_disk_takes_what_fits() {
        let mut model = Model::new(Draw::new(1, "disk"));
        let file = model.create(Path::new("a"));
        model.set_room(Some(5));
        assert_eq!(model.write(file, b"123"), Ok(()));
        assert_eq!(model.write(file, b"456"), Err(Trouble::Full));
        assert_eq!(model.content(Path::new("a")), Some(&b"12345"[..]));
    }

    #[test]
    fn rot_turns_one_bit_of_what_is_durable() {
        let mut model = Model::new(Draw::new(1, "disk"));
        let file = written(&mut model, "a", &[0; 64]);
        model.sync(file);
        model.rot(Path::new("a")).expect("it exists");
        let ones: u32 = model.read(file, 0, 64).iter().map(|byte| byte.count_ones()).sum();
        assert_eq!(ones, 1);
        assert_eq!(model.rot(Path::new("b")), Err(Trouble::Missing));
    }
}
