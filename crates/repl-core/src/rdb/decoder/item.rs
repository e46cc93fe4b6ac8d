//! Reads one item: the signature, an opcode with its arguments, or the checksum. Knows what the
//! opcodes mean, but not how the bytes came here.

use core::ops::RangeInclusive;

use super::{
    Decoder, Dialect, Sink, State,
    cursor::{Cursor, Halt},
    skip::Skip,
};
use crate::{
    base::time::UnixMillis,
    rdb::{
        error::RdbErrorKind,
        format::{opcode, value_type},
    },
};

/// Versions after the signature `REDIS`: up to Redis 8.8.
const REDIS_VERSIONS: RangeInclusive<u32> = 1..=14;
/// Versions after the signature `VALKEY`: Valkey 9. Before, Valkey wrote Redis' versions.
const VALKEY_VERSIONS: RangeInclusive<u32> = 80..=80;
/// The first version that ends with a checksum.
const CHECKSUM_SINCE: u32 = 5;

impl Decoder {
    /// Reads the next item and tells the sink about it. Returns what the item after it is.
    ///
    /// Changes nothing before the item is complete, since an incomplete one is read again.
    pub(super) fn item(
        &mut self,
        cursor: &mut Cursor<'_>,
        sink: &mut impl Sink,
    ) -> Result<State, Halt> {
        match self.state {
            State::Signature => self.signature(cursor),
            State::Item => self.opcode(cursor, sink),
            State::Element => self.element(cursor, sink),
            State::Skip(skip) => Ok(inside(skip.part(cursor, self.limits.string_max_bytes)?)),
            State::Checksum => self.checksum(cursor),
            State::Done | State::Failed(_) => unreachable!("nothing is read after the end"),
        }
    }

    fn signature(&mut self, cursor: &mut Cursor<'_>) -> Result<State, Halt> {
        let signature: [u8; 9] = cursor.array()?;
        let (dialect, digits, versions) = match &signature {
            [b'R', b'E', b'D', b'I', b'S', digits @ ..] => {
                (Dialect::Redis, &digits[..], REDIS_VERSIONS)
            }
            [b'V', b'A', b'L', b'K', b'E', b'Y', digits @ ..] => {
                (Dialect::Valkey, &digits[..], VALKEY_VERSIONS)
            }
            _ => return Err(RdbErrorKind::WrongSignature.into()),
        };
        let version = leading_number(digits);
        if !versions.contains(&version) {
            return Err(RdbErrorKind::UnsupportedVersion(version).into());
        }
        (self.dialect, self.version) = (dialect, version);
        Ok(State::Item)
    }

    fn opcode(&mut self, cursor: &mut Cursor<'_>, sink: &mut impl Sink) -> Result<State, Halt> {
        match cursor.byte()? {
            value_type::STRING => self.string(cursor, sink)?,
            opcode::EXPIRE_TIME_MS => {
                self.expire_at(i64::from_le_bytes(cursor.array()?));
            }
            opcode::EXPIRE_TIME => {
                let seconds = i32::from_le_bytes(cursor.array()?);
                self.expire_at(i64::from(seconds) * 1000);
            }
            // How recently or often a key was used is of no use to us: we do not evict.
            opcode::IDLE => _ = cursor.len()?,
            opcode::FREQ => _ = cursor.byte()?,
            opcode::AUX => self.aux(cursor, sink)?,
            opcode::SELECT_DB => sink.select_db(cursor.len()?)?,
            opcode::RESIZE_DB => {
                let (keys, expires) = (cursor.len()?, cursor.len()?);
                sink.resize_db(keys, expires);
            }
            opcode::SLOT_INFO => _ = (cursor.len()?, cursor.len()?, cursor.len()?),
            opcode::FUNCTION2 => {
                let code = cursor.text(self.limits.string_max_bytes)?;
                sink.function(code.expand(&mut self.scratch[0])?)?;
            }
            opcode::FUNCTION_PRE_GA => return Err(RdbErrorKind::PreReleaseFunctions.into()),
            opcode::MODULE_AUX => {
                // The module's id, and when the value was saved, which is written as a part.
                let _head = (cursor.len()?, cursor.len()?, cursor.len()?);
                return Ok(State::Skip(Skip::MODULE_VALUE));
            }
            opcode::SLOT_IMPORT_OR_KEY_META => return self.slot_import_or_key_meta(cursor),
            opcode::EOF if self.version < CHECKSUM_SINCE => return Ok(State::Done),
            opcode::EOF => return Ok(State::Checksum),
            code => return self.value(code, cursor, sink),
        }
        self.shrink_scratch();
        Ok(State::Item)
    }

    /// The next key expires at `millis`.
    fn expire_at(&mut self, millis: i64) {
        // redis: rdb.c, rdbLoadRioWithLoadingCtx keeps -1 for a key that does not expire.
        self.expires_at = (millis != -1).then_some(UnixMillis(millis));
    }

    fn aux(&mut self, cursor: &mut Cursor<'_>, sink: &mut impl Sink) -> Result<(), Halt> {
        let name = cursor.text(self.limits.string_max_bytes)?;
        let value = cursor.text(self.limits.string_max_bytes)?;
        let [first, second] = &mut self.scratch;
        sink.aux(name.expand(first)?, value.expand(second)?);
        Ok(())
    }

    fn slot_import_or_key_meta(&self, cursor: &mut Cursor<'_>) -> Result<State, Halt> {
        let skip = match self.dialect {
            Dialect::Redis => Skip::key_meta(cursor.len()?),
            Dialect::Valkey => {
                let _name = cursor.text(self.limits.string_max_bytes)?;
                Skip::slot_ranges(cursor.len()?)
            }
        };
        Ok(inside(skip))
    }

    fn checksum(&self, cursor: &mut Cursor<'_>) -> Result<State, Halt> {
        let stored = u64::from_le_bytes(cursor.array()?);
        // Zero says that the writer did not compute one.
        if stored != 0 && stored != self.crc {
            return Err(RdbErrorKind::WrongChecksum { stored, computed: self.crc }.into());
        }
        Ok(State::Done)
    }
}

/// What comes next: another part of what is passed over, or else an item.
fn inside(skip: Option<Skip>) -> State {
    skip.map_or(State::Item, State::Skip)
}

/// The number that `text` begins with, zero for none. Four digits at most, so it cannot overflow.
fn leading_number(text: &[u8]) -> u32 {
    text.iter()
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0, |number, digit| number * 10 + u32::from(digit - b'0'))
}
