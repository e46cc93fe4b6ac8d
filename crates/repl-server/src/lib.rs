//! The driver that moves bytes between a node and a [`Platform`](platform::Platform), and the
//! platform on tokio.
//!
//! The simulator uses [`driver`], [`platform`], [`disk`] and what reads and writes a configuration
//! file ([`config_file`], [`config_rewrite`]). The rest makes the shipped server: its [`args`], its
//! [`log`], its [`explain`], its [`signals`] and its [`open_files`].

pub mod args;
#[cfg(test)]
mod config_docs;
pub mod config_file;
pub mod config_rewrite;
pub mod disk;
pub mod driver;
pub mod explain;
pub mod inspect;
pub mod log;
pub mod open_files;
pub mod platform;
pub mod signals;
pub mod tokio_platform;

/// The name of the server, where Redis prints its own.
pub const NAME: &str = "repl-server";

/// The version of the server, where Redis prints its own.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
