//! The driver that moves bytes between a node and a [`Platform`](platform::Platform), and the
//! platform on tokio.
//!
//! The simulator uses [`driver`] and [`platform`] only. The rest makes the shipped server: where
//! its configuration comes from and goes to ([`args`], [`config_file`], [`config_rewrite`]), its
//! [`log`], its [`signals`] and its [`open_files`].

pub mod args;
#[cfg(test)]
mod config_docs;
pub mod config_file;
pub mod config_rewrite;
pub mod driver;
pub mod log;
pub mod open_files;
pub mod platform;
pub mod signals;
pub mod tokio_platform;

/// The name of the server, where Redis prints its own.
pub const NAME: &str = "repl-server";

/// The version of the server, where Redis prints its own.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
