//! Type 0, a string: the key and the value make one item.

use super::{
    Decoder, Sink,
    cursor::{Cursor, Halt},
};

impl Decoder {
    /// Reads a key and its string, of which the type is read already.
    pub(super) fn string(
        &mut self,
        cursor: &mut Cursor<'_>,
        sink: &mut impl Sink,
    ) -> Result<(), Halt> {
        let key = cursor.text(self.limits.string_max_bytes)?;
        let value = cursor.text(self.limits.string_max_bytes)?;
        let [first, second] = &mut self.scratch;
        let (key, value) = (key.expand(first)?, value.expand(second)?);
        sink.string(key, value, self.expires_at.take())?;
        Ok(())
    }
}
