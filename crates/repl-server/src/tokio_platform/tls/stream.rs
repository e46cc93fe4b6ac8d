//! A socket with TLS on it, as the driver sees it: bytes in, bytes out.
//!
//! What is written is encrypted at once. What of that the socket does not take is held back, at
//! most as much as rustls' buffer holds, and leaves before anything else is taken. So the driver
//! may change its mind about what it has not been told was taken, as with a plain socket.

use std::{
    io::{self, ErrorKind, IoSlice, Read, Write},
    net::SocketAddr,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker, ready},
};

use repl_core::io::Level;
use rustls::Connection as Session;
use tokio::{
    io::{AsyncRead as _, AsyncWrite as _, ReadBuf},
    net::TcpStream,
};

use super::farewell::Farewells;
use crate::log::Speaker;

/// A connection that is protected, or is about to be.
#[derive(Debug)]
pub(in super::super) struct TlsStream {
    /// There until the drop.
    channel: Option<Channel>,
    peer: SocketAddr,
    /// What has failed behind bytes that were good, or in a write.
    failure: Option<io::Error>,
    farewells: Rc<Farewells>,
    speaker: Speaker,
}

/// A socket and the TLS on it.
#[derive(Debug)]
pub(super) struct Channel {
    socket: TcpStream,
    session: Session,
}

/// How far a poll for ciphertext has come.
enum Fed {
    /// There is more to look at.
    Some,
    /// Nothing comes any more.
    End,
}

impl TlsStream {
    pub(super) fn new(
        socket: TcpStream,
        session: Session,
        peer: SocketAddr,
        farewells: Rc<Farewells>,
        speaker: Speaker,
    ) -> Self {
        let channel = Some(Channel { socket, session });
        Self { channel, peer, failure: None, farewells, speaker }
    }

    /// The socket below.
    pub(in super::super) fn socket(&self) -> &TcpStream {
        &self.channel.as_ref().expect("only the drop takes it").socket
    }

    fn channel(&mut self) -> &mut Channel {
        self.channel.as_mut().expect("only the drop takes it")
    }

    /// Ready when both ends have agreed, as far as this end can know.
    pub(super) fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let channel = self.channel();
            if !channel.session.is_handshaking() {
                // The peer waits for the last of our messages.
                return channel.poll_out(cx);
            }
            ready!(channel.poll_out(cx))?;
            match ready!(self.poll_feed(cx)) {
                Ok(Fed::Some) => {}
                Ok(Fed::End) => {
                    let error = io::Error::from(ErrorKind::UnexpectedEof);
                    self.tell(&error);
                    return Poll::Ready(Err(error));
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Fills `into` with what there is, be it in one record or in many.
    pub(in super::super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut filled = 0;
        let ended = loop {
            if let Some(failure) = self.failure.take() {
                break Err(failure);
            }
            match self.channel().session.reader().read(&mut into[filled..]) {
                Ok(0) => break Ok(()),
                Ok(count) => {
                    filled += count;
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => {
                    self.tell_if_early(&error);
                    break Err(error);
                }
            }
            match self.poll_feed(cx) {
                Poll::Ready(Ok(Fed::Some | Fed::End)) => {}
                Poll::Ready(Err(error)) => break Err(error),
                Poll::Pending if filled == 0 => return Poll::Pending,
                Poll::Pending => break Ok(()),
            }
        };
        match ended {
            Err(error) if filled == 0 => Poll::Ready(Err(error)),
            Err(error) => {
                self.failure = Some(error);
                Poll::Ready(Ok(filled))
            }
            Ok(()) => Poll::Ready(Ok(filled)),
        }
    }

    /// Slices share records: one for each would cost more than the bytes of a short reply.
    ///
    /// Before the handshake is over, what is written waits for its end: this is said to have left,
    /// so that a client that is refused and never shakes hands does not stay.
    // redis: networking.c, acceptCommonHandler: "nothing is written and the connection will just
    // drop"
    pub(in super::super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let channel = self.channel();
        ready!(channel.poll_out(cx))?;
        let count = channel.session.writer().write_vectored(from)?;
        if let Poll::Ready(Err(error)) = channel.poll_out(cx) {
            self.failure = Some(error);
        }
        // Full, that is: the end of the handshake makes room, and wakes who reads.
        if count == 0 { Poll::Pending } else { Poll::Ready(Ok(count)) }
    }

    /// Sees off what is held back.
    pub(in super::super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.channel().poll_out(cx)
    }

    /// Has TLS look at some more of what came, and answer it.
    fn poll_feed(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Fed>> {
        let channel = self.channel();
        let mut wire = Wire { socket: &mut channel.socket, cx };
        let fed = match channel.session.read_tls(&mut wire) {
            Ok(0) => Fed::End,
            Ok(_) => Fed::Some,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Poll::Pending,
            Err(error) => {
                self.tell_if_early(&error);
                return Poll::Ready(Err(error));
            }
        };
        let looked = channel.session.process_new_packets();
        // What cannot leave now leaves with the next poll. The peer of a failed handshake learns
        // why, if it can.
        let answered = channel.poll_out(cx);
        if let Err(error) = looked {
            let error = io::Error::new(ErrorKind::InvalidData, error);
            self.tell(&error);
            return Poll::Ready(Err(error));
        }
        match answered {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(fed)),
        }
    }

    fn tell_if_early(&mut self, error: &io::Error) {
        if self.channel().session.is_handshaking() {
            self.tell(error);
        }
    }

    /// The log has the reason: the node is only told that the connection is gone.
    // redis: networking.c, clientAcceptHandler
    fn tell(&mut self, error: &io::Error) {
        let peer = self.peer;
        let session = &self.channel().session;
        let (level, text) = match session {
            Session::Client(_) => (
                Level::Warning,
                format!("Error condition on socket for SYNC: {error} (addr={peer})"),
            ),
            Session::Server(session) if session.is_handshaking() => {
                let text = format!("Error accepting a client connection: {error} (addr={peer})");
                (Level::Warning, text)
            }
            Session::Server(_) => {
                (Level::Verbose, format!("TLS error on the connection of {peer}: {error}"))
            }
        };
        self.speaker.say(level, &text);
    }
}

impl Drop for TlsStream {
    fn drop(&mut self) {
        let Some(mut channel) = self.channel.take() else { return };
        if !channel.session.is_handshaking() {
            channel.session.send_close_notify();
        }
        // A plain socket would have its last bytes in the system's buffer, and be forgotten.
        if channel.poll_out(&mut Context::from_waker(Waker::noop())).is_pending() {
            self.farewells.see_off(channel);
        }
    }
}

impl Channel {
    /// Sends what TLS wants to send, until nothing is left.
    pub(super) fn poll_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut Wire { socket: &mut self.socket, cx }) {
                Ok(0) => return Poll::Ready(Err(ErrorKind::WriteZero.into())),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Poll::Pending,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// A socket as rustls uses it: what would wait is an error, and the task is woken later.
struct Wire<'a, 'b> {
    socket: &'a mut TcpStream,
    cx: &'a mut Context<'b>,
}

fn at_once<T>(polled: Poll<io::Result<T>>) -> io::Result<T> {
    match polled {
        Poll::Ready(done) => done,
        Poll::Pending => Err(ErrorKind::WouldBlock.into()),
    }
}

impl Read for Wire<'_, '_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut room = ReadBuf::new(into);
        at_once(Pin::new(&mut *self.socket).poll_read(self.cx, &mut room))?;
        Ok(room.filled().len())
    }
}

impl Write for Wire<'_, '_> {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        at_once(Pin::new(&mut *self.socket).poll_write(self.cx, from))
    }

    fn write_vectored(&mut self, from: &[IoSlice<'_>]) -> io::Result<usize> {
        at_once(Pin::new(&mut *self.socket).poll_write_vectored(self.cx, from))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
