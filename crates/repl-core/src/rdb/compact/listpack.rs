//! ```text
//! u32 bytes  u16 elements  { encoding, data, size read backwards }  0xff
//! ```

use super::{Compact, Items, Read, array, count, int24, take};
use crate::{rdb::error::RdbErrorKind, value::Item};

pub(in crate::rdb) const FORMAT: Compact =
    Compact { open, malformed: RdbErrorKind::MalformedListpack };

fn open(blob: &[u8]) -> Option<Items<'_>> {
    let mut rest = blob;
    let bytes = u32::from_le_bytes(array(&mut rest)?);
    let left = count(array(&mut rest)?);
    (bytes as usize == blob.len()).then_some(Items { rest, left, read })
}

fn read<'a>(rest: &mut &'a [u8]) -> Option<Read<'a>> {
    let before = rest.len();
    let first = *take(rest, 1)?.first()?;
    let low = usize::from(first);
    let item = match first {
        0x00..=0x7f => Item::Int(i64::from(first)),
        0x80..=0xbf => Item::Bytes(take(rest, low & 0x3f)?),
        0xc0..=0xdf => {
            let [second] = array(rest)?;
            // Thirteen bits with a sign.
            let number = u16::from_be_bytes([first & 0x1f, second]) << 3;
            Item::Int(i64::from(number as i16 >> 3))
        }
        0xe0..=0xef => {
            let [second] = array(rest)?;
            Item::Bytes(take(rest, (low & 0x0f) << 8 | usize::from(second))?)
        }
        0xf0 => {
            let length = u32::from_le_bytes(array(rest)?) as usize;
            Item::Bytes(take(rest, length)?)
        }
        0xf1 => Item::Int(i16::from_le_bytes(array(rest)?).into()),
        0xf2 => Item::Int(int24(rest)?),
        0xf3 => Item::Int(i32::from_le_bytes(array(rest)?).into()),
        0xf4 => Item::Int(i64::from_le_bytes(array(rest)?)),
        0xff => return Some(Read::End),
        0xf5..=0xfe => return None,
    };
    // Seven bits per byte of the size.
    let size_bytes = match before - rest.len() {
        0..=127 => 1,
        128..=16_382 => 2,
        16_383..=2_097_150 => 3,
        2_097_151..=268_435_454 => 4,
        _ => 5,
    };
    take(rest, size_bytes)?;
    Some(Read::Item(item))
}
