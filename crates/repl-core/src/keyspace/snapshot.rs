//! Point-in-time snapshots without fork: a walk in hash order with a cut.
//!
//! Taking the cut costs nothing: it notes which directories exist. Then the walk visits segment
//! after segment in hash order. A write to a key the walk has not reached first saves the key's old
//! image in a queue that the walk hands out before it goes on. Each entry has one bit per snapshot
//! that says "my image is out, or I did not exist at the cut"; the walk skips such entries and
//! clears the bit, so that a finished walk leaves none.
//!
//! The walk may stop between any two entries. The bit makes that safe: entries of the segment under
//! the walk are marked as they are handed out and cleared when the segment is done.

use alloc::collections::VecDeque;

use super::{DbIndex, DirId, Entry, KeyHash, Keyspace, SNAPSHOTS_MAX};
use crate::{base::time::UnixMillis, value::View};

/// Names a snapshot under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotId(u8);

/// One key as it was at the cut.
#[derive(Clone, Copy, Debug)]
pub struct Image<'a> {
    /// The database it was in.
    pub db: DbIndex,
    /// Keys and keys with expiry of that database now: a hint for the reader's tables.
    pub sizes: (usize, usize),
    /// The key.
    pub key: &'a [u8],
    /// Its value.
    pub value: View<'a>,
    /// Its expiry.
    pub expires_at: Option<UnixMillis>,
}

/// What the visitor of a walk says after each image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walked {
    /// Go on.
    More,
    /// Enough for now.
    Enough,
}

/// What a snapshot still does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// Hand out images.
    Images,
    /// Nobody wants the images any more: clear the marks that are left.
    ClearMarks,
}

#[derive(Debug)]
pub(super) struct Snapshot {
    purpose: Purpose,
    /// The directories at the cut that have not been walked to the end, the current one first.
    parts: VecDeque<(DbIndex, DirId)>,
    /// Every key of the current part with a smaller hash is done.
    from: u64,
    /// Old images of keys that were written before the walk came to them.
    early: VecDeque<(DbIndex, Entry)>,
    early_bytes: usize,
}

impl Snapshot {
    pub(super) fn needs(&self, id: DirId) -> bool {
        self.parts.iter().any(|part| part.1 == id)
    }

    /// Whether the walk has yet to come to `hash` of directory `id`.
    fn is_ahead(&self, id: DirId, hash: KeyHash) -> bool {
        match self.parts.iter().position(|part| part.1 == id) {
            None => false,
            Some(0) => hash.bits() >= self.from,
            Some(_) => true,
        }
    }
}

impl Keyspace {
    pub(super) fn has_snapshots(&self) -> bool {
        self.snapshots.iter().any(Option::is_some)
    }

    /// The slots of the snapshots that must not take a new key at `hash` for an old one.
    pub(super) fn snapshots_ahead(
        &self,
        id: DirId,
        hash: KeyHash,
    ) -> impl Iterator<Item = u8> + use<> {
        let ahead = [0, 1].map(|slot: u8| {
            self.snapshots[usize::from(slot)].as_ref().is_some_and(|snapshot| {
                snapshot.purpose == Purpose::Images && snapshot.is_ahead(id, hash)
            })
        });
        (0..SNAPSHOTS_MAX as u8).filter(move |&slot| ahead[usize::from(slot)])
    }

    /// Before a write to `key`: saves its image for each snapshot that has not handed it out.
    pub(super) fn save_image(&mut self, id: DirId, hash: KeyHash, key: &[u8]) {
        for slot in self.snapshots_ahead(id, hash) {
            let directory =
                self.pool[id.0].as_mut().expect("a database's directory is in the pool");
            let image = directory.update(hash, key, |entry| {
                if entry.is_emitted(slot) {
                    return None;
                }
                let image = entry.clone();
                entry.mark_emitted(slot);
                Some(image)
            });
            if let Some(Some(image)) = image {
                let snapshot = self.snapshots[usize::from(slot)].as_mut().expect("it is under way");
                let part = snapshot.parts.iter().find(|part| part.1 == id).expect("it is ahead");
                snapshot.early_bytes += image.memory_bytes();
                snapshot.early.push_back((part.0, image));
            }
        }
    }

    /// Whether `begin_snapshot` would succeed.
    pub fn can_begin_snapshot(&self) -> bool {
        self.snapshots.iter().any(Option::is_none)
    }

    /// Takes a cut of all databases, in no time. `None` when two snapshots are under way.
    pub fn begin_snapshot(&mut self) -> Option<SnapshotId> {
        let slot = self.snapshots.iter().position(Option::is_none)?;
        let parts = self.indexes().filter(|&db| self.len(db) > 0).map(|db| (db, self.id(db)));
        self.snapshots[slot] = Some(Snapshot {
            purpose: Purpose::Images,
            parts: parts.collect(),
            from: 0,
            early: VecDeque::new(),
            early_bytes: 0,
        });
        Some(SnapshotId(slot as u8))
    }

    /// Bytes held back for `id` because keys were written before the walk came to them.
    pub fn snapshot_backlog_bytes(&self, id: SnapshotId) -> usize {
        self.snapshots[usize::from(id.0)].as_ref().map_or(0, |snapshot| snapshot.early_bytes)
    }

    /// Hands out images until `visit` has enough or the snapshot is complete; then the snapshot is
    /// over. Returns `Walked::Enough` when everything was handed out.
    ///
    /// # Panics
    /// When `id` is not under way.
    pub fn walk_snapshot(
        &mut self,
        id: SnapshotId,
        mut visit: impl FnMut(Image<'_>) -> Walked,
    ) -> Walked {
        let slot = id.0;
        let mut snapshot =
            self.snapshots[usize::from(slot)].take().expect("the snapshot is under way");
        let done = self.walk(&mut snapshot, slot, &mut visit);
        if done == Walked::More {
            self.snapshots[usize::from(slot)] = Some(snapshot);
        }
        done
    }

    /// `Enough` when nothing is left.
    fn walk(
        &mut self,
        snapshot: &mut Snapshot,
        slot: u8,
        visit: &mut impl FnMut(Image<'_>) -> Walked,
    ) -> Walked {
        while let Some((db, entry)) = snapshot.early.pop_front() {
            snapshot.early_bytes -= entry.memory_bytes();
            let sizes = (self.len(db), self.volatile_len(db));
            if visit(image(db, sizes, &entry)) == Walked::Enough {
                return Walked::More;
            }
        }
        while let Some(&(db, id)) = snapshot.parts.front() {
            let directory = self.pool[id.0].as_mut().expect("a walked directory stays in the pool");
            let sizes = (directory.len(), directory.volatile_len());
            let (entries, next) = directory.walk_mut(snapshot.from);
            for entry in entries {
                if entry.is_emitted(slot) {
                    continue;
                }
                entry.mark_emitted(slot);
                if snapshot.purpose == Purpose::Images
                    && visit(image(db, sizes, entry)) == Walked::Enough
                {
                    return Walked::More;
                }
            }
            for entry in directory.walk_mut(snapshot.from).0 {
                entry.clear_emitted(slot);
            }
            match next {
                Some(at) => snapshot.from = at,
                None => {
                    snapshot.parts.pop_front();
                    snapshot.from = 0;
                    self.release(snapshot, id);
                }
            }
        }
        Walked::Enough
    }

    /// Nobody wants the rest of this snapshot. Its images are freed; its marks are cleared by
    /// `clear_snapshot_marks`, until when it still counts as under way.
    pub fn abandon_snapshot(&mut self, id: SnapshotId) {
        if let Some(snapshot) = &mut self.snapshots[usize::from(id.0)] {
            snapshot.purpose = Purpose::ClearMarks;
            snapshot.early = VecDeque::new();
            snapshot.early_bytes = 0;
        }
    }

    /// Clears marks of abandoned snapshots in up to `segments` segments; whether more are left.
    pub fn clear_snapshot_marks(&mut self, mut segments: usize) -> bool {
        for slot in 0..SNAPSHOTS_MAX {
            let abandoned = self.snapshots[slot].take_if(|s| s.purpose == Purpose::ClearMarks);
            let Some(mut snapshot) = abandoned else { continue };
            while let Some(&(_, id)) = snapshot.parts.front() {
                if segments == 0 {
                    self.snapshots[slot] = Some(snapshot);
                    return true;
                }
                segments -= 1;
                let directory =
                    self.pool[id.0].as_mut().expect("a walked directory stays in the pool");
                let (entries, next) = directory.walk_mut(snapshot.from);
                entries.for_each(|entry| entry.clear_emitted(slot as u8));
                match next {
                    Some(at) => snapshot.from = at,
                    None => {
                        snapshot.parts.pop_front();
                        snapshot.from = 0;
                        self.release(&snapshot, id);
                    }
                }
            }
        }
        false
    }

    /// Frees directory `id` if no database and no snapshot needs it any more.
    fn release(&mut self, walker: &Snapshot, id: DirId) {
        let used = self.databases.contains(&id)
            || walker.needs(id)
            || self.snapshots.iter().flatten().any(|snapshot| snapshot.needs(id));
        if !used {
            let directory = self.pool[id.0].take();
            self.garbage.extend(directory);
        }
    }
}

fn image(db: DbIndex, sizes: (usize, usize), entry: &Entry) -> Image<'_> {
    let (key, value, expires_at) = (entry.key(), entry.view(), entry.expires_at());
    Image { db, sizes, key, value, expires_at }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::rng::{Rng, Seed},
        keyspace::KeyHasher,
        value::{Collection, End, List, Shape},
    };
    use alloc::{collections::BTreeMap, vec::Vec};

    type Model = BTreeMap<(u32, Vec<u8>), Vec<u8>>;

    fn bytes(value: View<'_>) -> Vec<u8> {
        match value {
            View::String(string) => string.to_vec(),
            View::List(list) => list.iter().flatten().copied().collect(),
            View::Set(_) | View::SortedSet(_) | View::Hash(_) => {
                unreachable!("these tests write none")
            }
        }
    }

    fn contents(keyspace: &Keyspace) -> Model {
        keyspace
            .indexes()
            .flat_map(|db| {
                keyspace.iter(db).map(move |e| ((db.0, e.key().to_vec()), bytes(e.view())))
            })
            .collect()
    }

    fn random_write(keyspace: &mut Keyspace, rng: &mut Rng) {
        let db = DbIndex(rng.below(2) as u32);
        let key = rng.below(3_000).to_le_bytes();
        let hash = keyspace.hash(&key);
        match rng.below(100) {
            0 if rng.below(50) == 0 => {
                keyspace.flush(db);
            }
            1 if rng.below(5) == 0 => keyspace.swap(DbIndex(0), DbIndex(1)),
            1..20 => {
                let to = (DbIndex(rng.below(2) as u32), rng.below(3_000).to_le_bytes());
                if rng.below(2) == 0 {
                    keyspace.copy((db, &key), (to.0, &to.1));
                } else {
                    keyspace.relocate((db, &key), (to.0, &to.1));
                }
            }
            0..40 => {
                keyspace.remove(db, hash, &key);
            }
            40..60 => {
                let tail = rng.bits().to_le_bytes();
                let push = |entry: &mut Entry| {
                    entry.change(&key, |list: &mut List| {
                        list.push(&Shape::default(), End::Right, &tail)
                    })
                };
                if keyspace.update(db, hash, &key, push) != Some(Ok(())) {
                    let mut list = List::new();
                    list.push(&Shape::default(), End::Left, &tail);
                    keyspace.set_value(db, hash, &key, list.into_value(), None);
                }
            }
            _ => {
                let value = rng.bits().to_le_bytes();
                keyspace.set(db, hash, &key, &value[..rng.below(9) as usize], None);
            }
        }
    }

    fn step(keyspace: &mut Keyspace, id: SnapshotId, into: &mut Model, limit: u64) -> Walked {
        let mut left = limit;
        keyspace.walk_snapshot(id, |image| {
            let old = into.insert((image.db.0, image.key.to_vec()), bytes(image.value));
            assert!(old.is_none(), "no key is handed out twice");
            left -= 1;
            if left == 0 { Walked::Enough } else { Walked::More }
        })
    }

    #[test]
    fn two_overlapping_snapshots_see_their_cuts_whatever_is_written_meanwhile() {
        for seed in 0..40 {
            let mut rng = Rng::new(Seed::from_u64(seed), "snapshot");
            let mut keyspace = Keyspace::new(KeyHasher::new(seed), 2);
            for _ in 0..rng.below(6_000) {
                random_write(&mut keyspace, &mut rng);
            }
            let mut running: Vec<(SnapshotId, Model, Model)> = Vec::new();
            for _ in 0..400 {
                if rng.below(20) == 0
                    && let Some(id) = keyspace.begin_snapshot()
                {
                    running.push((id, contents(&keyspace), Model::new()));
                }
                for _ in 0..rng.below(30) {
                    random_write(&mut keyspace, &mut rng);
                }
                if !running.is_empty() {
                    let at = rng.below(running.len() as u64) as usize;
                    let limit = 1 + rng.below(400);
                    let (id, cut, seen) = &mut running[at];
                    if rng.below(60) == 0 {
                        keyspace.abandon_snapshot(*id);
                        while keyspace.clear_snapshot_marks(1) {}
                        running.remove(at);
                    } else if step(&mut keyspace, *id, seen, limit) == Walked::Enough {
                        assert_eq!(seen, cut, "seed {seed}");
                        running.remove(at);
                    }
                }
            }
            for (id, cut, mut seen) in running {
                while step(&mut keyspace, id, &mut seen, 50) == Walked::More {}
                assert_eq!(seen, cut, "seed {seed}");
            }
            for db in keyspace.indexes() {
                assert!(keyspace.iter(db).all(|e| !e.is_emitted(0) && !e.is_emitted(1)));
            }
            assert_eq!(keyspace.pool.iter().flatten().count(), 2, "detached directories are freed");
        }
    }

    #[test]
    fn a_third_snapshot_has_to_wait() {
        let mut keyspace = Keyspace::new(KeyHasher::new(0), 1);
        let first = keyspace.begin_snapshot().expect("none is under way");
        assert!(keyspace.begin_snapshot().is_some());
        assert!(keyspace.begin_snapshot().is_none());
        keyspace.abandon_snapshot(first);
        keyspace.clear_snapshot_marks(usize::MAX);
        assert!(keyspace.begin_snapshot().is_some());
    }
}
