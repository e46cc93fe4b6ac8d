//! From the bytes of a snapshot to a dataset and what the snapshot says of its origin: for full
//! syncs and for files.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

use alloc::string::String;

use super::history::{OFFSET_LIMIT, Place};
use crate::{
    base::{
        ids::ReplId,
        number::{parse_i64, parse_u64},
        time::UnixMillis,
    },
    keyspace::{DbIndex, KeyHash, Keyspace},
    rdb::{Decoder, Fed, Limits, RdbError, RdbErrorKind, Sink},
    value::Value,
};

/// No version of any server has a longer name.
const VERSION_BYTES_MAX: usize = 64;

/// What a snapshot says of its origin, as far as anybody here asks. Nobody has checked it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// `redis-ver`: what wrote it.
    pub version: Option<String>,
    /// `ctime`: when, in seconds since the epoch.
    pub ctime: Option<i64>,
    /// `used-mem`: bytes of memory that its server took.
    pub used_memory: Option<u64>,
    /// `repl-stream-db`, if there is such a database.
    pub stream_db: Option<DbIndex>,
    replid: Option<ReplId>,
    offset: Option<u64>,
}

impl About {
    /// Where in a history the dataset stands, if the snapshot says all of it.
    // redis: server.c, loadDataFromDisk
    pub fn place(&self) -> Option<Place> {
        let offset = self.offset.filter(|offset| *offset < OFFSET_LIMIT)?;
        Some(Place { replid: self.replid?, offset, stream_db: self.stream_db? })
    }
}

/// A snapshot on its way into a keyspace that nobody uses yet.
#[derive(Debug)]
pub struct Loader {
    decoder: Decoder,
    target: Target,
}

/// Where decoded keys go.
#[derive(Debug)]
struct Target {
    keyspace: Keyspace,
    db: DbIndex,
    about: About,
    key_count: u64,
}

impl Loader {
    /// A loader into `keyspace`, which is empty.
    pub fn new(keyspace: Keyspace) -> Self {
        // The limits of whoever wrote it count, not ours.
        let limits = Limits { string_max_bytes: u64::from(u32::MAX) };
        Self {
            decoder: Decoder::new(limits).with_shape(keyspace.shape()),
            target: Target { keyspace, db: DbIndex(0), about: About::default(), key_count: 0 },
        }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// The snapshot is worthless. So is what was loaded of it.
    pub fn feed(&mut self, input: &[u8]) -> Result<Fed, RdbError> {
        self.decoder.feed(input, &mut self.target)
    }

    /// Says that no more bytes will come.
    ///
    /// # Errors
    /// The snapshot is not complete.
    pub fn finish(&self) -> Result<(), RdbError> {
        self.decoder.finish()
    }

    /// Keys so far.
    pub fn key_count(&self) -> u64 {
        self.target.key_count
    }

    /// What the snapshot has said of its origin so far.
    pub fn about(&self) -> &About {
        &self.target.about
    }

    /// The dataset, and what the snapshot said of its origin.
    pub fn into_parts(self) -> (Keyspace, About) {
        (self.target.keyspace, self.target.about)
    }
}

impl Sink for Target {
    fn aux(&mut self, name: &[u8], value: &[u8]) {
        let about = &mut self.about;
        match name {
            b"redis-ver" | b"valkey-ver" => {
                let version = value.get(..VERSION_BYTES_MAX).unwrap_or(value);
                about.version = Some(String::from_utf8_lossy(version).into_owned());
            }
            b"ctime" => about.ctime = parse_i64(value),
            b"used-mem" => about.used_memory = parse_u64(value),
            b"repl-stream-db" => {
                about.stream_db = parse_i64(value).and_then(|db| self.keyspace.database(db));
            }
            b"repl-id" => about.replid = ReplId::parse(value),
            b"repl-offset" => about.offset = parse_u64(value),
            _ => {}
        }
    }

    fn select_db(&mut self, db: u64) -> Result<(), RdbErrorKind> {
        let number = i64::try_from(db).unwrap_or(i64::MAX);
        self.db = self.keyspace.database(number).ok_or(RdbErrorKind::TooManyDatabases(db))?;
        Ok(())
    }

    fn resize_db(&mut self, _keys: u64, _expires: u64) {}

    fn string(
        &mut self,
        key: &[u8],
        value: &[u8],
        expires_at: Option<UnixMillis>,
    ) -> Result<(), RdbErrorKind> {
        let hash = self.new_key(key)?;
        self.keyspace.set(self.db, hash, key, value, expires_at);
        Ok(())
    }

    fn value(
        &mut self,
        key: &[u8],
        value: Value,
        expires_at: Option<UnixMillis>,
    ) -> Result<(), RdbErrorKind> {
        let hash = self.new_key(key)?;
        self.keyspace.set_value(self.db, hash, key, value, expires_at);
        Ok(())
    }

    fn function(&mut self, _code: &[u8]) -> Result<(), RdbErrorKind> {
        Err(RdbErrorKind::UnusableFunctions)
    }
}

impl Target {
    /// A key that must not be there yet. One whose time has passed is a key like others: whoever
    /// owns the dataset says when a key is gone.
    fn new_key(&mut self, key: &[u8]) -> Result<KeyHash, RdbErrorKind> {
        let hash = self.keyspace.hash(key);
        match self.keyspace.find(self.db, hash, key) {
            Some(_) => Err(RdbErrorKind::DuplicateKey),
            None => {
                self.key_count += 1;
                Ok(hash)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::{
        keyspace::KeyHasher,
        rdb::{Checksum, Compression, Encoder, Options},
    };

    fn place(aux: &[(&str, &str)]) -> Option<(u64, u32)> {
        let mut out = Vec::new();
        let options = Options { compression: Compression::Off, checksum: Checksum::Off };
        let mut encoder = Encoder::new(options);
        encoder.header(&mut out);
        for (name, value) in aux {
            encoder.aux(&mut out, name.as_bytes(), value.as_bytes());
        }
        encoder.end(&mut out);
        let mut loader = Loader::new(Keyspace::new(KeyHasher::new(1), 2));
        assert!(matches!(loader.feed(&out), Ok(Fed::Done { .. })));
        let place = loader.into_parts().1.place()?;
        Some((place.offset, place.stream_db.0))
    }

    #[test]
    fn a_place_in_a_history_is_whole_or_none() {
        let id = ("repl-id", "0123456789012345678901234567890123456789");
        let (db, offset) = (("repl-stream-db", "1"), ("repl-offset", "7"));
        assert_eq!(place(&[db, id, offset]), Some((7, 1)));
        assert_eq!(place(&[db, id]), None);
        assert_eq!(place(&[db, offset]), None);
        assert_eq!(place(&[id, offset]), None);
        assert_eq!(place(&[("repl-stream-db", "-1"), id, offset]), None);
        assert_eq!(place(&[("repl-stream-db", "2"), id, offset]), None, "there are two");
        assert_eq!(place(&[db, id, ("repl-offset", "0")]), Some((0, 1)), "nothing told yet");
        assert_eq!(
            place(&[db, id, ("repl-offset", "18446744073709551615")]),
            None,
            "nobody was there"
        );
        assert_eq!(place(&[db, ("repl-id", "short"), offset]), None);
    }
}
