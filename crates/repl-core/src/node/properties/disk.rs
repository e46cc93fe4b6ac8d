//! A disk for the node of these properties: it does what it is asked, fails, or takes its time, as
//! the choices say.

use alloc::vec::Vec;

use arbitrary::{Result, Unstructured};

use crate::{
    io::{DiskEvent, DiskRequest, Piece, SaveFailure, SaveStep},
    node::Node,
};

/// The longest piece of a file that is read at once.
const READ_BYTES_MAX: usize = 300;

/// What the node hears.
pub(super) enum Answer {
    Event(DiskEvent<'static>),
    Bytes(Vec<u8>),
}

/// See this file's header.
#[derive(Debug, Default)]
pub(super) struct Disk {
    file: Option<Vec<u8>>,
    request: Option<DiskRequest>,
    temporary: Vec<u8>,
    read_bytes: usize,
}

impl Disk {
    /// The node asks for one thing at a time.
    pub(super) fn ask(&mut self, request: DiskRequest) {
        let before = self.request.replace(request);
        assert_eq!(before, None, "nothing else was asked for");
        self.temporary.clear();
        self.read_bytes = 0;
    }

    /// The process is gone, and with it what it asked for.
    pub(super) fn forget(&mut self) {
        self.request = None;
    }

    /// What becomes of the request next; `None` without one.
    pub(super) fn next(
        &mut self,
        node: &Node,
        choices: &mut Unstructured<'_>,
    ) -> Result<Option<Answer>> {
        let fails = choices.ratio(1, 16)?;
        Ok(match &self.request {
            None => None,
            Some(DiskRequest::Save { .. }) if fails => {
                self.request = None;
                Some(Answer::Event(failed()))
            }
            Some(DiskRequest::Save { .. }) => Some(Answer::Event(self.save(node))),
            Some(DiskRequest::Load { .. }) => {
                let count = choices.int_in_range(1..=READ_BYTES_MAX)?;
                Some(self.load(count))
            }
        })
    }

    /// The same for a file that is read at once.
    pub(super) fn next_of_load(&mut self) -> Option<Answer> {
        matches!(self.request, Some(DiskRequest::Load { .. })).then(|| self.load(usize::MAX))
    }

    fn save(&mut self, node: &Node) -> DiskEvent<'static> {
        match node.snapshot_piece() {
            Piece::Bytes(bytes) => {
                assert!(!bytes.is_empty(), "a piece is not empty");
                self.temporary.extend_from_slice(&bytes);
                DiskEvent::Written
            }
            Piece::End => {
                self.file = Some(core::mem::take(&mut self.temporary));
                self.request = None;
                DiskEvent::Saved(Ok(()))
            }
            Piece::Abandoned => {
                self.request = None;
                failed()
            }
        }
    }

    fn load(&mut self, count: usize) -> Answer {
        let Some(file) = &self.file else {
            self.request = None;
            return Answer::Event(DiskEvent::Missing);
        };
        let rest = &file[self.read_bytes..];
        let bytes = rest[..rest.len().min(count)].to_vec();
        self.read_bytes += bytes.len();
        if bytes.is_empty() {
            self.request = None;
            return Answer::Event(DiskEvent::ReadToEnd);
        }
        Answer::Bytes(bytes)
    }
}

fn failed() -> DiskEvent<'static> {
    let (step, text) = (SaveStep::Write, "No space left on device".into());
    DiskEvent::Saved(Err(SaveFailure { step, text }))
}
