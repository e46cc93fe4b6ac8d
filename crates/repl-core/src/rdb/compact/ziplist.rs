//! ```text
//! u32 bytes  u32 last element  u16 elements  { size of the one before, encoding, data }  0xff
//! ```

use super::{Compact, Items, Read, array, count, int24, take};
use crate::{rdb::error::RdbErrorKind, value::Item};

pub(in crate::rdb) const FORMAT: Compact =
    Compact { open, malformed: RdbErrorKind::MalformedZiplist };

fn open(blob: &[u8]) -> Option<Items<'_>> {
    let mut rest = blob;
    let bytes = u32::from_le_bytes(array(&mut rest)?);
    let _last_at: [u8; 4] = array(&mut rest)?;
    let left = count(array(&mut rest)?);
    (bytes as usize == blob.len()).then_some(Items { rest, left, read })
}

fn read<'a>(rest: &mut &'a [u8]) -> Option<Read<'a>> {
    match array(rest)? {
        [0xff] => return Some(Read::End),
        [0xfe] => _ = take(rest, 4)?,
        [_] => {}
    }
    let [first] = array(rest)?;
    let item = match first {
        0x00..=0x3f => Item::Bytes(take(rest, usize::from(first))?),
        0x40..=0x7f => {
            let [second] = array(rest)?;
            Item::Bytes(take(rest, usize::from(first & 0x3f) << 8 | usize::from(second))?)
        }
        0x80 => {
            let length = u32::from_be_bytes(array(rest)?) as usize;
            Item::Bytes(take(rest, length)?)
        }
        0xc0 => Item::Int(i16::from_le_bytes(array(rest)?).into()),
        0xd0 => Item::Int(i32::from_le_bytes(array(rest)?).into()),
        0xe0 => Item::Int(i64::from_le_bytes(array(rest)?)),
        0xf0 => Item::Int(int24(rest)?),
        0xfe => Item::Int(i8::from_le_bytes(array(rest)?).into()),
        // Four bits hold zero to twelve, counted from one.
        0xf1..=0xfd => Item::Int(i64::from(first & 0x0f) - 1),
        _ => return None,
    };
    Some(Read::Item(item))
}
