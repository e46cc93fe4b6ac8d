//! The driver that moves bytes between a node and a [`Platform`](platform::Platform), and the platform on tokio.

pub mod driver;
pub mod platform;
