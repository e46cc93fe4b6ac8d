//! Snapshots: the RDB format of Redis 7.0 to 8.8 and Valkey 8 and 9. Knows bytes, times and values,
//! nothing of the keyspace they come from and go to.
//!
//! ```text
//! "REDIS0010"
//! 250 name value            facts: who wrote it, at which replication offset   Encoder::aux
//! 254 db                    the keys that follow belong to this database       Encoder::select_db
//! 251 keys expires          how many there will be                             Encoder::resize_db
//! (252 i64 ms)  type key .. a key, its value, perhaps its expiry               Encoder::value
//! 255 crc64                 the end                                            Encoder::end
//! ```
//!
//! A length takes 1, 2, 5 or 9 bytes. A string is a length and its bytes, a small integer, or LZF.
//! The [`Encoder`] writes what all of these servers load, the [`Decoder`] reads what any of them
//! sends.

mod compact;
mod crc64;
mod decoder;
mod dump;
mod encoder;
mod error;
mod format;
mod lzf;
#[cfg(any(test, feature = "arbitrary"))]
pub mod sample;
#[cfg(test)]
mod tests;

pub use self::{
    decoder::{Decoder, Fed, Limits, Sink},
    dump::{DumpError, Restored, dump, restore},
    encoder::{Checksum, Compression, Encoder, Options},
    error::{RdbError, RdbErrorKind},
};
