//! The room of buffers that are used over and over: what a busy moment made of it is given back.
//!
//! A buffer grows by doubling while it is filled, and keeps its room when it is emptied, so that a
//! steady stream allocates nothing. That room is looked at now and then, and not at each use: who
//! needs it again has it for the whole time between.

use alloc::vec::Vec;

/// An idle buffer may have so much room that holds nothing: less is not worth a copy.
const IDLE_BYTES_MAX: usize = 1024;

/// A buffer in use keeps so much.
const BUSY_BYTES_KEPT: usize = 64 * 1024;

/// Whether a buffer is used at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It has not been for a while: its next user allocates anew.
    Idle,
    /// It may be needed again in a moment.
    Busy,
}

/// Gives back room that holds nothing: of an idle buffer all of it, of one that is in use what is
/// more than twice what it holds, 64 KB at least.
// redis: server.c, clientsCronResizeQueryBuffer
pub fn free_spare(buffer: &mut Vec<u8>, used: Use) {
    match used {
        Use::Idle if buffer.capacity() - buffer.len() > IDLE_BYTES_MAX => buffer.shrink_to_fit(),
        Use::Busy if buffer.capacity() / 2 > buffer.len().max(BUSY_BYTES_KEPT) => {
            buffer.shrink_to(BUSY_BYTES_KEPT);
        }
        Use::Idle | Use::Busy => {}
    }
}
