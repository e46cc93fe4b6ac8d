//! The node over the wire: protocol cases between nodes, and between a node and scripted peers, in
//! virtual time and without a runtime. A file per theme; `net` plays the driver and the network,
//! `script` the peers.

mod blocking;
mod channels;
mod config;
mod debug;
mod empty_master;
mod explain;
mod failover;
mod full_sync;
mod limits;
mod measures;
mod net;
mod partial;
mod reports;
mod rogue;
mod roles;
mod saving;
mod script;
mod session;
mod shutdown;
mod silence;
mod slow_syncs;
mod sorted_sets;
mod stream;
mod waiting;
