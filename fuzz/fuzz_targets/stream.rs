//! The stream of a hostile master, after a proper handshake and full sync.
#![no_main]

use arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;
use repl_core::node::properties;

/// Every byte is an input of its own: longer streams only cost time.
const BYTES_MAX: usize = 512;

fuzz_target!(|data: &[u8]| {
    properties::any_stream_bytes(&data[..data.len().min(BYTES_MAX)]);
    let _ran_out = properties::any_stream(&mut Unstructured::new(data));
});
