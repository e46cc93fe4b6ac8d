//! What is read only to be passed over: values of modules and slots of a cluster. They are lists of
//! any length, so they are taken one part at a time and never gathered.
//!
//! ```text
//! module value   parts, then 0; a part is 1 int, 2 uint, 3 f32, 4 f64 or 5 string, and its data
//! KEY_META       count, then that often: u32 class, module value      (Redis 8.6)
//! SLOT_IMPORT    name, count, then that often: first slot, last slot  (Valkey 9)
//! ```

use super::cursor::{Cursor, Halt};
use crate::rdb::error::RdbErrorKind;

/// The inside of something that is passed over: what the next part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Skip {
    /// A part of a module's value; so many values with their classes come after this value.
    ModulePart {
        /// Values after this one.
        values_left: u64,
    },
    /// A class and the value of it.
    KeyMeta {
        /// Values that are left, at least one.
        values_left: u64,
    },
    /// A range of slots.
    SlotRange {
        /// Ranges that are left, at least one.
        ranges_left: u64,
    },
}

impl Skip {
    /// The single value of `MODULE_AUX`.
    pub(super) const MODULE_VALUE: Self = Self::ModulePart { values_left: 0 };

    /// So many values with classes; `None` for zero, when nothing is inside.
    pub(super) const fn key_meta(values_left: u64) -> Option<Self> {
        if values_left == 0 { None } else { Some(Self::KeyMeta { values_left }) }
    }

    /// So many ranges of slots; `None` for zero, when nothing is inside.
    pub(super) const fn slot_ranges(ranges_left: u64) -> Option<Self> {
        if ranges_left == 0 { None } else { Some(Self::SlotRange { ranges_left }) }
    }

    /// Reads one part. `None` when it was the last one.
    pub(super) fn part(
        self,
        cursor: &mut Cursor<'_>,
        string_max: u64,
    ) -> Result<Option<Self>, Halt> {
        match self {
            Self::KeyMeta { values_left } => {
                let _class: [u8; 4] = cursor.array()?;
                Ok(Some(Self::ModulePart { values_left: values_left - 1 }))
            }
            Self::SlotRange { ranges_left } => {
                let _first = cursor.len()?;
                let _last = cursor.len()?;
                Ok(Self::slot_ranges(ranges_left - 1))
            }
            Self::ModulePart { values_left } => {
                let at = cursor.position();
                match cursor.len()? {
                    0 => return Ok(Self::key_meta(values_left)),
                    1 | 2 => _ = cursor.len()?,
                    3 => _ = cursor.take(4)?,
                    4 => _ = cursor.take(8)?,
                    5 => _ = cursor.text(string_max)?,
                    code => {
                        return Err(Halt::Bad { at, kind: RdbErrorKind::UnknownModulePart(code) });
                    }
                }
                Ok(Some(self))
            }
        }
    }
}
