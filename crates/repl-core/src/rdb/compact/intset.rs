//! ```text
//! u32 bytes per integer  u32 integers  { integer }
//! ```

use super::{Compact, Items, Read, array, take};
use crate::{rdb::error::RdbErrorKind, value::Item};

pub(in crate::rdb) const FORMAT: Compact =
    Compact { open, malformed: RdbErrorKind::MalformedIntset };

fn open(blob: &[u8]) -> Option<Items<'_>> {
    let mut rest = blob;
    let width = u32::from_le_bytes(array(&mut rest)?) as usize;
    let left = u32::from_le_bytes(array(&mut rest)?) as usize;
    let read = match width {
        2 => read::<2>,
        4 => read::<4>,
        8 => read::<8>,
        _ => return None,
    };
    (rest.len().is_multiple_of(width) && rest.len() / width == left).then_some(Items {
        rest,
        left: Some(left),
        read,
    })
}

fn read<'a, const WIDTH: usize>(rest: &mut &'a [u8]) -> Option<Read<'a>> {
    if rest.is_empty() {
        return Some(Read::End);
    }
    let bytes = take(rest, WIDTH)?;
    // Extended to eight bytes by the sign, which is in the last one.
    let sign = if *bytes.last()? >= 0x80 { 0xff } else { 0 };
    let mut number = [sign; 8];
    number.get_mut(..WIDTH)?.copy_from_slice(bytes);
    Some(Read::Item(Item::Int(i64::from_le_bytes(number))))
}
