//! The log: lines in Redis' shape, to standard output or a file.
//!
//! ```text
//! 4711:M 22 Nov 2026 07:15:00.123 * Ready to accept connections
//! pid :role, UTC                  level
//! ```
//! Lines are `tracing` events, so that a program that embeds the server can take them elsewhere.
//! The time is UTC: the standard library knows no time zones. Owns the shape, the filter and the
//! destination.

use std::{
    cell::Cell,
    fmt, fs, io,
    path::PathBuf,
    rc::Rc,
    sync::atomic::{AtomicU8, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use repl_core::{base::config::LogLevel, io::Level};
use tracing::{Event, Subscriber, field::Field};
use tracing_subscriber::{
    Layer as _,
    filter::dynamic_filter_fn,
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::Writer,
        writer::{BoxMakeWriter, MakeWriter},
    },
    layer::SubscriberExt as _,
    registry::LookupSpan,
};

/// Who speaks in a line of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A process that does not serve yet.
    Starting,
    /// A node that follows nobody.
    Master,
    /// A node that follows a master.
    Replica,
}

impl Role {
    /// The letter in the line.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self::Starting => 'C',
            Self::Master => 'M',
            Self::Replica => 'S',
        }
    }
}

/// Who speaks now, for all who write lines in the name of one node. Clones are handles to the same.
#[derive(Clone, Debug)]
pub struct Speaker(Rc<Cell<Role>>);

impl Speaker {
    /// Writes a line of the log.
    pub fn say(&self, level: Level, text: &str) {
        write(self.0.get(), level, text);
    }

    /// From now on it is this role that speaks.
    pub fn set(&self, role: Role) {
        self.0.set(role);
    }
}

impl Default for Speaker {
    fn default() -> Self {
        Self(Rc::new(Cell::new(Role::Master)))
    }
}

/// `loglevel`, as the number of its word. The subscriber is global, so is its threshold.
static THRESHOLD: AtomicU8 = AtomicU8::new(LogLevel::Notice as u8);

/// Lines quieter than `level` are dropped from now on.
pub fn set_threshold(level: LogLevel) {
    THRESHOLD.store(level as u8, Ordering::Relaxed);
}

/// Sends the log of this process to `logfile`, or to standard output if that is empty.
///
/// # Errors
/// The file cannot be opened, or another subscriber is installed already.
pub fn install(logfile: &str, level: LogLevel) -> io::Result<()> {
    let writer = if logfile.is_empty() {
        BoxMakeWriter::new(io::stdout)
    } else {
        let file = LogFile(PathBuf::from(logfile));
        file.open()?;
        BoxMakeWriter::new(file)
    };
    set_threshold(level);
    // Dynamic, so that the answer is not cached at the place of a line: the threshold may change.
    let audible = dynamic_filter_fn(|metadata, _| is_audible(*metadata.level()));
    let lines = tracing_subscriber::fmt::layer().event_format(RedisLine).with_writer(writer);
    let subscriber = tracing_subscriber::registry().with(lines.with_filter(audible));
    tracing::subscriber::set_global_default(subscriber).map_err(io::Error::other)
}

/// Writes a line of the log.
pub fn write(role: Role, level: Level, text: &str) {
    let role = role.letter();
    match level {
        Level::Debug => tracing::trace!(%role, "{text}"),
        Level::Verbose => tracing::debug!(%role, "{text}"),
        Level::Notice => tracing::info!(%role, "{text}"),
        Level::Warning => tracing::warn!(%role, "{text}"),
    }
}

/// What the operating system says about an error, without its number.
#[must_use]
pub fn os_text(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((words, _)) => words.to_owned(),
        None => text,
    }
}

/// Whether a line of this level is written now.
fn is_audible(level: tracing::Level) -> bool {
    let level = match level {
        tracing::Level::TRACE => LogLevel::Debug,
        tracing::Level::DEBUG => LogLevel::Verbose,
        tracing::Level::INFO => LogLevel::Notice,
        tracing::Level::WARN | tracing::Level::ERROR => LogLevel::Warning,
    };
    level as u8 >= THRESHOLD.load(Ordering::Relaxed)
}

const fn mark(level: tracing::Level) -> char {
    match level {
        tracing::Level::TRACE => '.',
        tracing::Level::DEBUG => '-',
        tracing::Level::INFO => '*',
        tracing::Level::WARN | tracing::Level::ERROR => '#',
    }
}

/// Opens the file anew for each line, as Redis does: whoever rotates logs needs to tell nobody.
struct LogFile(PathBuf);

impl LogFile {
    fn open(&self) -> io::Result<fs::File> {
        fs::OpenOptions::new().append(true).create(true).open(&self.0)
    }
}

impl<'a> MakeWriter<'a> for LogFile {
    type Writer = Box<dyn io::Write>;

    fn make_writer(&'a self) -> Self::Writer {
        match self.open() {
            Ok(file) => Box::new(file),
            // There is nowhere to complain to, and a server does not die of its log.
            Err(_) => Box::new(io::sink()),
        }
    }
}

/// Formats an event as a line of Redis' log.
struct RedisLine;

impl<S, N> FormatEvent<S, N> for RedisLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut parts = Parts { role: Role::Starting.letter().to_string(), text: String::new() };
        event.record(&mut parts);
        let Parts { role, text } = parts;
        let pid = std::process::id();
        let time = Timestamp(SystemTime::now());
        let mark = mark(*event.metadata().level());
        writeln!(writer, "{pid}:{role} {time} {mark} {text}")
    }
}

/// What a line is made of.
struct Parts {
    role: String,
    text: String,
}

impl tracing::field::Visit for Parts {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "role" => self.role = format!("{value:?}"),
            "message" => self.text = format!("{value:?}"),
            _ => {}
        }
    }
}

/// `22 Nov 2026 07:15:00.123`, in UTC.
struct Timestamp(SystemTime);

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        // A clock set before 1970 is wrong anyway: it shows as the epoch.
        let since = self.0.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (days, secs) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
        let (year, month, day) = civil_date(days);
        let (hour, minute, second) = (secs / 3600, secs / 60 % 60, secs % 60);
        let (month, millis) = (MONTHS[month], since.subsec_millis());
        write!(f, "{day:02} {month} {year} {hour:02}:{minute:02}:{second:02}.{millis:03}")
    }
}

/// Year, month counted from zero and day of the month of a day counted from 1970-01-01.
fn civil_date(days: u64) -> (u64, usize, u64) {
    const LENGTHS: [u64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    // The Gregorian calendar repeats every 400 years, which are 146,097 days.
    let (mut year, mut left) = (1970 + days / 146_097 * 400, days % 146_097);
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    while left >= 365 + u64::from(is_leap(year)) {
        left -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    for (month, length) in LENGTHS.into_iter().enumerate() {
        let length = length + u64::from(month == 1 && is_leap(year));
        if left < length {
            return (year, month, left + 1);
        }
        left -= length;
    }
    unreachable!("the days left are fewer than those of the year")
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, Mutex},
        time::Duration,
    };

    use super::*;

    fn shown(millis: u64) -> String {
        Timestamp(UNIX_EPOCH + Duration::from_millis(millis)).to_string()
    }

    #[test]
    fn times_are_shown_in_utc() {
        assert_eq!(shown(0), "01 Jan 1970 00:00:00.000");
        assert_eq!(shown(951_782_400_000), "29 Feb 2000 00:00:00.000");
        assert_eq!(shown(1_795_331_700_123), "22 Nov 2026 07:15:00.123");
        assert_eq!(shown(4_107_542_399_999), "28 Feb 2100 23:59:59.999");
        assert_eq!(shown(4_107_542_400_000), "01 Mar 2100 00:00:00.000");
        assert_eq!(shown(253_402_300_799_000), "31 Dec 9999 23:59:59.000");
    }

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("one thread writes").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_has_pid_role_time_mark_and_text() {
        let captured = Captured::default();
        let sink = captured.clone();
        let lines = tracing_subscriber::fmt::layer()
            .event_format(RedisLine)
            .with_writer(move || sink.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
            write(Role::Master, Level::Warning, "hello {world}");
            write(Role::Replica, Level::Debug, "quiet");
        });
        let text = String::from_utf8(captured.0.lock().expect("one thread").clone()).expect("text");
        let [first, second] = text.lines().collect::<Vec<_>>()[..] else { panic!("{text}") };
        let pid = std::process::id();
        assert!(first.starts_with(&format!("{pid}:M ")), "{first}");
        assert!(first.ends_with(" # hello {world}"), "{first}");
        assert!(second.starts_with(&format!("{pid}:S ")), "{second}");
        assert!(second.ends_with(" . quiet"), "{second}");
    }

    #[test]
    fn the_threshold_can_change_while_the_server_runs() {
        let audible = || {
            [
                tracing::Level::TRACE,
                tracing::Level::DEBUG,
                tracing::Level::INFO,
                tracing::Level::WARN,
            ]
            .map(is_audible)
        };
        set_threshold(LogLevel::Warning);
        assert_eq!(audible(), [false, false, false, true]);
        set_threshold(LogLevel::Verbose);
        assert_eq!(audible(), [false, true, true, true]);
        set_threshold(LogLevel::Notice);
        assert_eq!(audible(), [false, false, true, true]);
    }

    #[test]
    fn the_number_of_an_error_is_not_shown() {
        let error = io::Error::from_raw_os_error(2);
        assert_eq!(os_text(&error), "No such file or directory");
    }
}
