//! A connection for clients that are not the lab's own: the stream that libraries expect, over the
//! simulated network.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use repl_server::platform::Stream as _;
use send_wrapper::SendWrapper;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Peer;
use crate::net::stream::SimStream;

/// A TCP connection to a node, from a host of its own, in virtual time.
///
/// It is a stream as tokio's libraries want it and needs no tokio runtime. What is written leaves
/// without a flush; a cut link delays; a reset or a killed server is an error here as there.
/// Shutting it down closes it in both directions: there is no half-closed state.
///
/// # Panics
/// It is `Send` because libraries ask for it, and may be used, or dropped, only in the thread of
/// its run, which is the only one a simulation has.
#[derive(Debug)]
pub struct Connection(Option<SendWrapper<SimStream>>);

impl Peer {
    /// Connects to the node.
    ///
    /// # Errors
    /// `ConnectionRefused` while its process is dead, `TimedOut` while its machine is dark.
    pub async fn connect(&self) -> io::Result<Connection> {
        let (world, host) = (self.lab.world(), self.lab.add_client_host());
        let dial = world.net.dial(host, &self.machine.name, self.machine.config.port);
        Ok(Connection(Some(SendWrapper::new(dial.await?))))
    }
}

impl Connection {
    fn stream(&mut self) -> io::Result<&mut SimStream> {
        let stream = self.0.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        Ok(&mut *stream)
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(stream) = &mut self.0 else { return Poll::Ready(Ok(())) };
        stream.poll_read(cx, into.initialize_unfilled()).map_ok(|count| into.advance(count))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0 = None;
        Poll::Ready(Ok(()))
    }
}
