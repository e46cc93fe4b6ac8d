//! What can be wrong with a snapshot, in Redis' own words where it has them.

use core::{error, fmt};

/// A snapshot that cannot be loaded, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RdbError {
    /// The byte of the stream at which the faulty field begins, or the item (an opcode or a key
    /// with its value) when the fault is in its meaning.
    pub at: u64,
    /// What is wrong there.
    pub kind: RdbErrorKind,
}

/// What is wrong with a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RdbErrorKind {
    /// It begins neither with `REDIS` nor with `VALKEY`.
    WrongSignature,
    /// A version that nobody we know of writes.
    UnsupportedVersion(u32),
    /// A length that begins with this byte.
    UnknownLength(u8),
    /// A string encoding other than three integers and LZF.
    UnknownStringEncoding(u8),
    /// A string longer than [`Limits::string_max_bytes`](super::Limits), as announced.
    StringTooLong(u64),
    /// A compressed string that is not LZF or not of the announced length.
    MalformedLzf,
    /// A type of value that cannot be loaded.
    UnsupportedType(u8),
    /// A listpack whose lengths do not fit each other.
    MalformedListpack,
    /// A ziplist whose lengths do not fit each other.
    MalformedZiplist,
    /// A set of integers whose lengths do not fit each other.
    MalformedIntset,
    /// A node of a list that is neither an element nor a listpack.
    UnknownListNode(u64),
    /// A score that is no number.
    NotANumber,
    /// A score as text that no number is written like.
    MalformedScore,
    /// A member of a set or a field of a hash that is there already.
    DuplicateElement,
    /// Functions in the format of the release candidates of Redis 7.0.
    PreReleaseFunctions,
    /// Something other than the six parts that a module's value is made of.
    UnknownModulePart(u64),
    /// The bytes are not those that were saved.
    WrongChecksum {
        /// What the snapshot says.
        stored: u64,
        /// What its bytes give.
        computed: u64,
    },
    /// The input ended before the snapshot did.
    UnexpectedEnd,
    /// The file goes on behind its snapshot.
    TrailingBytes,
    /// Said by a [`Sink`](super::Sink): there are only so many databases.
    TooManyDatabases(u64),
    /// Said by a [`Sink`](super::Sink): the key is there already.
    DuplicateKey,
    /// Said by a [`Sink`](super::Sink): the library of functions cannot be used.
    UnusableFunctions,
}

impl fmt::Display for RdbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at byte {} of the RDB)", self.kind, self.at)
    }
}

impl fmt::Display for RdbErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongSignature => f.write_str("Wrong signature trying to load DB from file"),
            Self::UnsupportedVersion(version) => {
                write!(f, "Can't handle RDB format version {version}")
            }
            Self::UnknownLength(byte) => write!(f, "Unknown length encoding {byte:#04x}"),
            Self::UnknownStringEncoding(code) => {
                write!(f, "Unknown RDB string encoding type {code}")
            }
            Self::StringTooLong(bytes) => {
                write!(f, "A string of {bytes} bytes exceeds the limit for strings")
            }
            Self::MalformedLzf => f.write_str("Invalid LZF compressed string"),
            Self::UnsupportedType(code) => write!(f, "Unknown RDB encoding type {code}"),
            Self::MalformedListpack => f.write_str("Listpack integrity check failed."),
            Self::MalformedZiplist => f.write_str("Ziplist integrity check failed."),
            Self::MalformedIntset => f.write_str("Intset integrity check failed."),
            Self::UnknownListNode(code) => {
                write!(f, "Quicklist integrity check failed: node of kind {code}")
            }
            Self::NotANumber => f.write_str("Zset with NAN score detected"),
            Self::MalformedScore => f.write_str("Zset with a score that is no number"),
            Self::DuplicateElement => f.write_str("Duplicate set members or hash fields detected"),
            Self::PreReleaseFunctions => f.write_str("Pre-release function format not supported."),
            Self::UnknownModulePart(code) => write!(f, "Unknown part {code} of a module's value"),
            Self::WrongChecksum { stored, computed } => {
                write!(f, "Wrong RDB checksum expected: ({computed:x}) but got ({stored:x}).")
            }
            Self::UnexpectedEnd => f.write_str("Unexpected EOF reading RDB file"),
            Self::TrailingBytes => f.write_str("There are bytes behind the end of the RDB"),
            Self::TooManyDatabases(count) => write!(
                f,
                "Data file was created with a Redis server configured to handle more than {count} \
                 databases"
            ),
            Self::DuplicateKey => f.write_str("RDB has a duplicated key"),
            Self::UnusableFunctions => f.write_str("Failed loading functions"),
        }
    }
}

impl error::Error for RdbError {}
