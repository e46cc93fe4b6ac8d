//! The arguments of a request: where they lie, and the view of them that a command gets.
//!
//! [`Argv`] is the scratch that all connections share; [`Args`] is a cheap copy that borrows from
//! it and from the bytes received. Must not know how a request is written.

use alloc::vec::Vec;
use core::fmt;

use super::request::LINE_MAX;

/// Scratch space beyond this many arguments is given back after use.
const SPANS_KEPT: usize = 1024;

/// One argument, in bytes from the start of the request or of the unquoted text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Where the bytes that the spans speak of lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Home {
    /// In the buffer that was parsed, from this index on.
    Buffer { from: usize },
    /// In [`Argv::text`].
    #[default]
    Text,
}

/// The arguments of the request found last. One for all connections: it keeps its capacity.
#[derive(Debug, Default)]
pub struct Argv {
    pub(super) spans: Vec<Span>,
    /// Arguments that do not lie in a buffer: those of inline requests, with quotes and escapes
    /// undone.
    pub(super) text: Vec<u8>,
    home: Home,
}

impl Argv {
    /// No arguments.
    #[must_use]
    pub const fn new() -> Self {
        Self { spans: Vec::new(), text: Vec::new(), home: Home::Text }
    }

    /// The arguments. `buf` is the buffer that was given to [`Parser::next`](super::Parser::next).
    #[must_use]
    pub fn view<'a>(&'a self, buf: &'a [u8]) -> Args<'a> {
        let bytes = match self.home {
            Home::Buffer { from } => buf.get(from..).unwrap_or_default(),
            Home::Text => &self.text,
        };
        Args { bytes, spans: &self.spans }
    }

    /// Copies `args` into this scratch, as if they had been received: for commands that the node
    /// makes up itself. The view of them needs no buffer.
    pub fn fill<'a>(&mut self, args: impl IntoIterator<Item = &'a [u8]>) {
        self.start_in_text();
        for arg in args {
            let start = self.text.len();
            self.text.extend_from_slice(arg);
            self.spans.push(Span { start, end: self.text.len() });
        }
    }

    /// No arguments yet; those to come lie behind `from` in the buffer being parsed.
    #[inline]
    pub(super) fn start_in_buffer(&mut self, from: usize) {
        self.clear();
        self.home = Home::Buffer { from };
    }

    /// No arguments yet; those to come lie in `text`.
    pub(super) fn start_in_text(&mut self) {
        self.clear();
        self.home = Home::Text;
    }

    #[inline]
    fn clear(&mut self) {
        self.spans.clear();
        self.text.clear();
        if self.spans.capacity() > SPANS_KEPT {
            self.spans.shrink_to(SPANS_KEPT);
        }
        if self.text.capacity() > LINE_MAX {
            self.text.shrink_to(LINE_MAX);
        }
    }
}

/// The arguments of one request, borrowed. The first is the command's name.
#[derive(Clone, Copy)]
pub struct Args<'a> {
    bytes: &'a [u8],
    spans: &'a [Span],
}

impl<'a> Args<'a> {
    /// How many, the name included.
    #[must_use]
    pub const fn len(self) -> usize {
        self.spans.len()
    }

    /// Whether there are none; never the case for a parsed request.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.spans.is_empty()
    }

    /// The argument at `index`; the name is at 0.
    ///
    /// # Panics
    /// When there are not that many: a command's arity is checked before its handler runs.
    #[must_use]
    pub fn get(self, index: usize) -> &'a [u8] {
        self.slice(self.spans[index])
    }

    /// The argument at `index`, if there are that many.
    #[must_use]
    pub fn try_get(self, index: usize) -> Option<&'a [u8]> {
        self.spans.get(index).map(|&span| self.slice(span))
    }

    /// The command's name as it was sent.
    ///
    /// # Panics
    /// When there are no arguments at all.
    #[must_use]
    pub fn name(self) -> &'a [u8] {
        self.get(0)
    }

    /// Without the first `count`; none when there are no more than that.
    #[must_use]
    pub fn skip(self, count: usize) -> Self {
        Self { bytes: self.bytes, spans: self.spans.get(count..).unwrap_or_default() }
    }

    /// All of them, in order.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = &'a [u8]> + ExactSizeIterator + Clone {
        self.spans.iter().map(move |&span| self.slice(span))
    }

    fn slice(self, span: Span) -> &'a [u8] {
        // The parser made the span from these bytes; another buffer is a mistake of the caller.
        self.bytes.get(span.start..span.end).expect("the buffer that was parsed is the one viewed")
    }
}

impl fmt::Debug for Args<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        for arg in self.iter() {
            list.entry(&format_args!("\"{}\"", arg.escape_ascii()));
        }
        list.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_arguments_look_like_received_ones() {
        let mut argv = Argv::new();
        argv.fill([&b"DEL"[..], b"", b"\xff"]);
        let args = argv.view(b"any buffer");
        assert_eq!((args.name(), args.len(), args.get(2)), (&b"DEL"[..], 3, &b"\xff"[..]));
        assert_eq!((args.try_get(1), args.try_get(3)), (Some(&b""[..]), None));
        assert!(args.skip(1).iter().eq([&b""[..], b"\xff"]));
        assert!(args.skip(4).is_empty());
        assert_eq!(std::format!("{args:?}"), r#"["DEL", "", "\xff"]"#);
    }

    #[test]
    fn room_for_a_huge_request_is_given_back() {
        let mut argv = Argv::new();
        argv.fill((0..1_000_000).map(|_| &b"x"[..]));
        argv.start_in_buffer(0);
        assert!(argv.spans.capacity() <= SPANS_KEPT && argv.text.capacity() <= LINE_MAX);
    }
}
