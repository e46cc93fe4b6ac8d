//! The whole node: clients, replicas, a master, the network and both clocks, all played by the
//! fuzzer.
#![no_main]

use arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;
use repl_core::node::properties;

fuzz_target!(|data: &[u8]| {
    // Choices that run out are no failure: what was checked until then counts.
    let _ran_out = properties::any_inputs(&mut Unstructured::new(data));
});
