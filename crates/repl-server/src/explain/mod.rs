//! `repl-server explain FILE`: what the log of a Redis, a Valkey or this server tells of
//! resynchronisations: what happened, why, and which directive would have saved it.
//!
//! Reads line by line and keeps no more than a line and what `story` remembers, whatever the size
//! of the log. Knows nothing of a running server.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod line;
mod story;

use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, Write},
};

use repl_core::io::Reason;

use self::story::{Finding, Story};
use crate::log;

/// More of a line is not looked at. Redis cuts its own at 1024 bytes.
const LINE_BYTES_MAX: usize = 4096;

/// Why there is no explanation.
#[derive(Debug)]
pub enum ExplainError {
    /// The file cannot be opened or read.
    Read(io::Error),
    /// It holds bytes that no log holds; in which line.
    Binary(u64),
    /// What was found cannot be printed.
    Write(io::Error),
}

impl fmt::Display for ExplainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => write!(f, "{}", log::os_text(error)),
            Self::Binary(number) => write!(f, "line {number} is not text: this is no log"),
            Self::Write(error) => write!(f, "cannot print: {}", log::os_text(error)),
        }
    }
}

/// Explains the log at `path`, or standard input for `-`, on `out`.
///
/// # Errors
/// The log cannot be read, is none, or `out` does not take the text.
pub fn explain(path: &std::path::Path, out: &mut impl Write) -> Result<(), ExplainError> {
    if path.as_os_str() == "-" {
        return explain_lines(&mut io::stdin().lock(), out);
    }
    let file = File::open(path).map_err(ExplainError::Read)?;
    explain_lines(&mut BufReader::new(file), out)
}

/// Explains what `log` holds.
///
/// # Errors
/// As [`explain`].
pub fn explain_lines(log: &mut impl BufRead, out: &mut impl Write) -> Result<(), ExplainError> {
    let (mut story, mut summary) = (Story::default(), Summary::default());
    let mut bytes = Vec::new();
    while read_line(log, &mut bytes).map_err(ExplainError::Read)? == More::Yes {
        summary.line_count += 1;
        if bytes.contains(&0) {
            return Err(ExplainError::Binary(summary.line_count));
        }
        let text = String::from_utf8_lossy(&bytes);
        let (when, text) = line::split(text.trim_end());
        let found = line::event(&text).and_then(|event| story.on(when, event));
        summary.tell(found, out)?;
    }
    summary.tell(story.end(), out)?;
    write!(out, "{summary}").map_err(ExplainError::Write)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum More {
    Yes,
    No,
}

/// Reads the next line into `line`, of a long one the beginning.
fn read_line(log: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<More> {
    line.clear();
    let mut more = More::No;
    loop {
        let buffer = log.fill_buf()?;
        if buffer.is_empty() {
            return Ok(more);
        }
        more = More::Yes;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let piece = buffer.get(..end.unwrap_or(buffer.len())).unwrap_or_default();
        let room = LINE_BYTES_MAX.saturating_sub(line.len());
        line.extend(piece.iter().take(room));
        let consumed = end.map_or(buffer.len(), |end| end + 1);
        log.consume(consumed);
        if end.is_some() {
            return Ok(more);
        }
    }
}

/// What was found in all.
#[derive(Debug, Default)]
struct Summary {
    line_count: u64,
    partial_count: u64,
    full: BTreeMap<Reason, u64>,
}

impl Summary {
    fn tell(&mut self, found: Option<Finding>, out: &mut impl Write) -> Result<(), ExplainError> {
        let Some(found) = found else { return Ok(()) };
        match found.full {
            Some(reason) => *self.full.entry(reason).or_default() += 1,
            None => self.partial_count += 1,
        }
        writeln!(out, "{found}").map_err(ExplainError::Write)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let full_count: u64 = self.full.values().sum();
        let Self { line_count, partial_count, .. } = self;
        if full_count + partial_count == 0 {
            return writeln!(f, "No resynchronisation in {line_count} lines.");
        }
        writeln!(f, "\n{full_count} full and {partial_count} partial in {line_count} lines")?;
        for (reason, count) in &self.full {
            let (word, directive) = (reason.word(), story::directive(*reason));
            writeln!(f, "{}", format!("{count:>6}  {word:<28}{directive}").trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
