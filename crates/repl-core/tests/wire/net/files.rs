//! The disk of a node, played by the test: nothing becomes of a request until the test says what.

use repl_core::{
    Node,
    base::{config::Config, rng::Seed},
    io::{DiskEvent, DiskRequest, Input, Piece, SaveFailure, SaveStep},
};

use super::{Host, Net};

/// How much of a file a node is given at once.
const READ_BYTES: usize = 100;

impl Net {
    /// What a node wants of its disk, if anything.
    pub(crate) fn request(&self, name: &str) -> Option<&DiskRequest> {
        self.host(name).requests.first()
    }

    /// The node's snapshot file.
    pub(crate) fn file(&self, name: &str) -> Option<Vec<u8>> {
        self.host(name).file.clone()
    }

    /// Puts a snapshot file on the node's disk.
    pub(crate) fn put_file(&mut self, name: &str, file: Vec<u8>) {
        let at = self.host_at(name);
        self.hosts[at].file = Some(file);
    }

    /// The disk takes one piece of what the node saves: false when that was the last.
    pub(crate) fn write_piece(&mut self, name: &str, into: &mut Vec<u8>) -> bool {
        let at = self.host_at(name);
        let Piece::Bytes(bytes) = self.hosts[at].node.snapshot_piece() else { return false };
        into.extend_from_slice(&bytes);
        self.handle(at, Input::Disk(DiskEvent::Written));
        true
    }

    /// The disk does what the node has asked for to save, from where it is to the end.
    pub(crate) fn finish_save(&mut self, name: &str, mut written: Vec<u8>) {
        while self.write_piece(name, &mut written) {}
        let at = self.host_at(name);
        let request = self.hosts[at].requests.remove(0);
        assert!(matches!(request, DiskRequest::Save { .. }), "{request:?}");
        let result = match self.hosts[at].node.snapshot_piece() {
            Piece::Abandoned => Err(failure(SaveStep::Write, "Interrupted system call")),
            Piece::Bytes(_) | Piece::End => {
                self.hosts[at].file = Some(written);
                Ok(())
            }
        };
        self.handle(at, Input::Disk(DiskEvent::Saved(result)));
        self.settle();
    }

    /// The disk saves what the node has asked for.
    pub(crate) fn save(&mut self, name: &str) {
        self.settle();
        self.finish_save(name, Vec::new());
    }

    /// The disk fails at what the node has asked for to save.
    pub(crate) fn fail_save(&mut self, name: &str, step: SaveStep, text: &str) {
        self.settle();
        let at = self.host_at(name);
        self.hosts[at].requests.remove(0);
        self.handle(at, Input::Disk(DiskEvent::Saved(Err(failure(step, text)))));
        self.settle();
    }

    /// The disk gives the node the file that it has asked for.
    pub(crate) fn load(&mut self, name: &str) {
        let at = self.host_at(name);
        let request = self.hosts[at].requests.remove(0);
        assert!(matches!(request, DiskRequest::Load { .. }), "{request:?}");
        match self.hosts[at].file.clone() {
            None => self.handle(at, Input::Disk(DiskEvent::Missing)),
            Some(file) => {
                let file_bytes = file.len() as u64;
                for bytes in file.chunks(READ_BYTES) {
                    self.handle(at, Input::Disk(DiskEvent::Read { bytes, file_bytes }));
                }
                self.handle(at, Input::Disk(DiskEvent::ReadToEnd));
            }
        }
        self.settle();
    }

    /// Another process takes the place of the node's, and asks for its file.
    pub(crate) fn reboot(&mut self, name: &str, config: Config) {
        self.hang_up(name);
        let at = self.host_at(name);
        let seed = Seed::from_u64(0xf00 + self.rng.below(1 << 20));
        let node = Node::from_disk(config, seed, self.now);
        let host = &mut self.hosts[at];
        let file = host.file.take();
        *host = Host { file, ..Host::new(name, node) };
        self.drain(at);
    }

    /// As [`reboot`](Self::reboot), and loads.
    pub(crate) fn restart(&mut self, name: &str, config: Config) {
        self.reboot(name, config);
        self.load(name);
    }
}

fn failure(step: SaveStep, text: &str) -> SaveFailure {
    SaveFailure { step, text: text.into() }
}
