//! The numbers of the format, shared by both directions.

/// The version we write: what every server since Redis 7.0 loads.
pub(super) const MAGIC: &[u8; 9] = b"REDIS0010";
/// The same, as a number: behind the values of `DUMP`.
pub(super) const VERSION: u16 = 10;

/// What may stand where an entry could begin.
pub(super) mod opcode {
    /// Valkey: `SLOT_IMPORT`. Redis: `KEY_META`.
    pub(in crate::rdb) const SLOT_IMPORT_OR_KEY_META: u8 = 243;
    pub(in crate::rdb) const SLOT_INFO: u8 = 244;
    pub(in crate::rdb) const FUNCTION2: u8 = 245;
    pub(in crate::rdb) const FUNCTION_PRE_GA: u8 = 246;
    pub(in crate::rdb) const MODULE_AUX: u8 = 247;
    pub(in crate::rdb) const IDLE: u8 = 248;
    pub(in crate::rdb) const FREQ: u8 = 249;
    pub(in crate::rdb) const AUX: u8 = 250;
    pub(in crate::rdb) const RESIZE_DB: u8 = 251;
    pub(in crate::rdb) const EXPIRE_TIME_MS: u8 = 252;
    pub(in crate::rdb) const EXPIRE_TIME: u8 = 253;
    pub(in crate::rdb) const SELECT_DB: u8 = 254;
    pub(in crate::rdb) const EOF: u8 = 255;
}

/// The types of values.
pub(super) mod value_type {
    pub(in crate::rdb) const STRING: u8 = 0;
    pub(in crate::rdb) const LIST: u8 = 1;
    pub(in crate::rdb) const SET: u8 = 2;
    pub(in crate::rdb) const ZSET: u8 = 3;
    pub(in crate::rdb) const HASH: u8 = 4;
    pub(in crate::rdb) const ZSET_2: u8 = 5;
    pub(in crate::rdb) const LIST_ZIPLIST: u8 = 10;
    pub(in crate::rdb) const SET_INTSET: u8 = 11;
    pub(in crate::rdb) const ZSET_ZIPLIST: u8 = 12;
    pub(in crate::rdb) const HASH_ZIPLIST: u8 = 13;
    pub(in crate::rdb) const LIST_QUICKLIST: u8 = 14;
    pub(in crate::rdb) const HASH_LISTPACK: u8 = 16;
    pub(in crate::rdb) const ZSET_LISTPACK: u8 = 17;
    pub(in crate::rdb) const LIST_QUICKLIST_2: u8 = 18;
    pub(in crate::rdb) const SET_LISTPACK: u8 = 20;
}

/// The length of a score as text, where that is not a length.
pub(super) mod score_text {
    pub(in crate::rdb) const NAN: u8 = 253;
    pub(in crate::rdb) const INFINITY: u8 = 254;
    pub(in crate::rdb) const NEG_INFINITY: u8 = 255;
}

/// What a node of a quicklist contains.
pub(super) mod list_node {
    /// One element.
    pub(in crate::rdb) const PLAIN: u64 = 1;
    pub(in crate::rdb) const LISTPACK: u64 = 2;
}

/// The low six bits of a length that says how a string is encoded.
pub(super) mod string_encoding {
    pub(in crate::rdb) const INT8: u8 = 0;
    pub(in crate::rdb) const INT16: u8 = 1;
    pub(in crate::rdb) const INT32: u8 = 2;
    pub(in crate::rdb) const LZF: u8 = 3;
}

/// The first byte of a length, by its high bits.
pub(super) mod length {
    /// Six bits: the length.
    pub(in crate::rdb) const BITS6: u8 = 0b00;
    /// Six bits and the next byte, big-endian.
    pub(in crate::rdb) const BITS14: u8 = 0b01;
    /// [`U32`] or [`U64`].
    pub(in crate::rdb) const WORD: u8 = 0b10;
    /// Not a length but one of [`super::string_encoding`].
    pub(in crate::rdb) const ENCODED: u8 = 0b11;
    /// The whole first byte: four bytes follow, big-endian.
    pub(in crate::rdb) const U32: u8 = 0x80;
    /// The whole first byte: eight bytes follow, big-endian.
    pub(in crate::rdb) const U64: u8 = 0x81;
}
