//! The node over the wire: protocol cases between nodes, and between a node and scripted peers, in virtual
//! time and without a runtime. A file per theme; `net` plays the driver and the network, `script` the peers.
#![allow(missing_docs, unreachable_pub, reason = "a test binary has no API")]

mod full_sync;
mod net;
mod partial;
mod rogue;
mod script;
mod stream;
