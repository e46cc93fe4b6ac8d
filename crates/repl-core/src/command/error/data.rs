//! What goes wrong with keys and values: errors whose text is always the same.

/// Why a key or a value cannot be what the command wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataError {
    /// An integer that does not fit 32 bits where it must.
    NotInt32,
    /// Not a floating-point number.
    NotFloat,
    /// `INCRBYFLOAT` would leave the range of finite numbers.
    NotFinite,
    /// `SETRANGE` before the beginning.
    OffsetOutOfRange,
    /// `COMMAND GETKEYS` of a command that does not exist.
    NoSuchCommand,
    /// `COMMAND GETKEYS` of a command that names no keys.
    NoKeyArguments,
    /// `COMMAND GETKEYS` with fewer or more arguments than the command takes.
    KeysOfWrongArity,
    /// `COMMAND GETKEYS` with arguments among which no keys can be told.
    KeysNotFound,
    /// A key that must exist does not.
    NoSuchKey,
    /// `COPY` or `MOVE` of a key to itself.
    SameObject,
    /// `SWAPDB` with a first number that is none.
    InvalidFirstDb,
    /// `SWAPDB` with a second number that is none.
    InvalidSecondDb,
    /// A scan with a cursor that is no number.
    InvalidCursor,
    /// `OBJECT FREQ`: how often a key is used is not counted.
    FrequencyNotTracked,
    /// `RESTORE` over a key that exists.
    BusyKey,
    /// `RESTORE` with a negative time to live.
    InvalidTtl,
    /// `RESTORE` with a negative idle time.
    InvalidIdleTime,
    /// `RESTORE` with a frequency out of range.
    InvalidFrequency,
    /// `RESTORE` of what no `DUMP` of a server we know gave.
    WrongPayload,
    /// `RESTORE` of a value that cannot be read.
    BadDataFormat,
    /// `LCS` of something other than strings.
    LcsNeedsStrings,
    /// `LCS` with `LEN` and `IDX`.
    LcsLenAndIndexes,
    /// `LCS` of strings whose table would be longer than `proto-max-bulk-len`.
    LcsTableTooLarge,
    /// `LCS` without memory for its table.
    LcsWithoutMemory,
    /// An index beyond the ends of a list.
    IndexOutOfRange,
    /// A number beyond what the command can count to.
    OutOfRange,
    /// The one 64-bit integer without a counterpart of the other sign.
    OutOfSymmetricRange,
    /// A count that must not be negative.
    NotPositive,
    /// Fewer keys than their announced number.
    TooFewKeys,
    /// `LPOS` with rank zero.
    RankZero,
    /// `HINCRBY` of a value that is no integer.
    HashNotInteger,
    /// `HINCRBYFLOAT` of a value that is no number.
    HashNotFloat,
    /// `HINCRBYFLOAT` by infinity.
    IncrementNotFinite,
    /// `SORT` of something that is no number.
    ScoreNotDouble,
    /// `ZADD` with `NX` and `XX`.
    NxWithXx,
    /// `ZADD` with more than one of `GT`, `LT` and `NX`.
    GtWithLtOrNx,
    /// `ZADD` with `INCR` and several members.
    SeveralIncrements,
    /// `ZADD` that would add infinity to its opposite.
    ScoreNotANumber,
    /// A range of scores with an end that is no number.
    ScoreRangeNotFloat,
    /// A range of members with an end that is not marked as one.
    LexRangeInvalid,
    /// `ZRANGE` with `LIMIT` by ranks.
    LimitWithoutRange,
    /// `ZRANGE` with `WITHSCORES` by members.
    ScoresByLex,
    /// `WEIGHTS` that are no numbers.
    WeightNotFloat,
}

impl DataError {
    /// The text of the reply without the leading `-`.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::NotInt32 => {
                "ERR value is out of range, value must between -2147483648 and 2147483647"
            }
            Self::NotFloat => "ERR value is not a valid float",
            Self::NotFinite => "ERR increment would produce NaN or Infinity",
            Self::OffsetOutOfRange => "ERR offset is out of range",
            Self::NoSuchCommand => "ERR Invalid command specified",
            Self::NoKeyArguments => "ERR The command has no key arguments",
            Self::KeysOfWrongArity => "ERR Invalid number of arguments specified for command",
            Self::KeysNotFound => "ERR Invalid arguments specified for command",
            Self::NoSuchKey => "ERR no such key",
            Self::SameObject => "ERR source and destination objects are the same",
            Self::InvalidFirstDb => "ERR invalid first DB index",
            Self::InvalidSecondDb => "ERR invalid second DB index",
            Self::InvalidCursor => "ERR invalid cursor",
            Self::FrequencyNotTracked => {
                "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please \
                 note that when switching between policies at runtime LRU and LFU data will take \
                 some time to adjust."
            }
            Self::BusyKey => "BUSYKEY Target key name already exists.",
            Self::InvalidTtl => "ERR Invalid TTL value, must be >= 0",
            Self::InvalidIdleTime => "ERR Invalid IDLETIME value, must be >= 0",
            Self::InvalidFrequency => "ERR Invalid FREQ value, must be >= 0 and <= 255",
            Self::WrongPayload => "ERR DUMP payload version or checksum are wrong",
            Self::BadDataFormat => "ERR Bad data format",
            Self::LcsNeedsStrings => "ERR The specified keys must contain string values",
            Self::LcsLenAndIndexes => {
                "ERR If you want both the length and indexes, please just use IDX."
            }
            Self::LcsTableTooLarge => {
                "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len"
            }
            Self::LcsWithoutMemory => {
                "ERR Insufficient memory, failed allocating transient memory for LCS"
            }
            Self::IndexOutOfRange => "ERR index out of range",
            Self::OutOfRange => "ERR value is out of range",
            Self::OutOfSymmetricRange => {
                "ERR value is out of range, value must between -9223372036854775807 and \
                 9223372036854775807"
            }
            Self::NotPositive => "ERR value is out of range, must be positive",
            Self::TooFewKeys => "ERR Number of keys can't be greater than number of args",
            Self::RankZero => {
                "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second \
                 ... or use negative to start from the end of the list"
            }
            Self::HashNotInteger => "ERR hash value is not an integer",
            Self::HashNotFloat => "ERR hash value is not a float",
            Self::IncrementNotFinite => "ERR value is NaN or Infinity",
            Self::NxWithXx => "ERR XX and NX options at the same time are not compatible",
            Self::GtWithLtOrNx => {
                "ERR GT, LT, and/or NX options at the same time are not compatible"
            }
            Self::SeveralIncrements => "ERR INCR option supports a single increment-element pair",
            Self::ScoreNotANumber => "ERR resulting score is not a number (NaN)",
            Self::ScoreRangeNotFloat => "ERR min or max is not a float",
            Self::LexRangeInvalid => "ERR min or max not valid string range item",
            Self::LimitWithoutRange => {
                "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or \
                 BYLEX"
            }
            Self::ScoresByLex => {
                "ERR syntax error, WITHSCORES not supported in combination with BYLEX"
            }
            Self::WeightNotFloat => "ERR weight value is not a float",
            Self::ScoreNotDouble => "ERR One or more scores can't be converted into double",
        }
    }
}
