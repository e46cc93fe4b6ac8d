//! What only the host knows: memory, processor time, names. Read from `/proc`; zero where there is
//! none.

use std::{cell::RefCell, env, fs, io, time::Duration};

use repl_core::{
    base::config::{Config, ConfigError, Reason},
    io::{ConfigChange, HostFacts},
};

use super::tls::Tls;
use crate::{log::os_text, open_files};

/// Facts are not read more often than this: the node's deadlines may be much closer together.
const FRESH_FOR: Duration = Duration::from_millis(50);

/// Linux reports processor time to user space in hundredths of a second, on every architecture.
const TICK_MICROS: u64 = 10_000;

/// Linux' page size on the architectures this server is built for, in bytes.
const PAGE_BYTES: u64 = 4096;

/// Reads the host's facts, and remembers them for a moment.
#[derive(Debug)]
pub(super) struct Host {
    /// The facts, and when they were read.
    known: RefCell<(HostFacts, Option<Duration>)>,
}

impl Host {
    pub(super) fn new(config_file: String) -> Self {
        let executable = env::current_exe().unwrap_or_default();
        let facts = HostFacts {
            pid: std::process::id(),
            os: os(),
            executable: executable.to_string_lossy().into_owned(),
            config_file,
            clients_max: open_files::clients_max(),
            ..HostFacts::default()
        };
        Self { known: RefCell::new((facts, None)) }
    }

    /// The facts at `now`, a reading of any clock that does not go back.
    pub(super) fn facts(&self, now: Duration) -> HostFacts {
        let mut known = self.known.borrow_mut();
        let (facts, read_at) = &mut *known;
        if read_at.is_none_or(|at| now.saturating_sub(at) >= FRESH_FOR) {
            *read_at = Some(now);
            facts.used_memory_rss = resident_bytes().unwrap_or(0);
            facts.used_memory = allocated_bytes().unwrap_or(facts.used_memory_rss);
            (facts.cpu_user_micros, facts.cpu_sys_micros) = cpu_micros().unwrap_or((0, 0));
        }
        facts.clone()
    }
}

/// Puts what of `change` is the host's business into force: the folder first, from which the names
/// of certificates may be relative.
///
/// # Errors
/// What cannot be had. Everything is as it was then.
pub(super) fn apply(change: &ConfigChange, tls: &Tls) -> Result<Config, ConfigError> {
    let before = env::current_dir();
    let moves = change.names().any(|name| name == "dir");
    let config = change.config.clone();
    let config = if moves { enter_folder(config)? } else { config };
    tls.renew(change).inspect_err(|_| {
        if let Ok(folder) = before {
            // It was there a moment ago.
            let _ = env::set_current_dir(folder);
        }
    })?;
    Ok(config)
}

/// Enters `dir`, and lets the configuration have the whole name of that folder.
///
/// # Errors
/// As the operating system reports them: the process stays where it is.
pub fn enter_folder(mut config: Config) -> Result<Config, ConfigError> {
    let enter = || -> io::Result<_> {
        env::set_current_dir(&config.dir)?;
        env::current_dir()
    };
    match enter() {
        Ok(folder) => {
            config.dir = folder.to_string_lossy().into_owned();
            Ok(config)
        }
        Err(error) => {
            Err(ConfigError { name: "dir".into(), reason: Reason::Refused(os_text(&error)) })
        }
    }
}

/// `Linux 6.1.0 x86_64`.
fn os() -> String {
    let read = |name: &str| fs::read_to_string(format!("/proc/sys/kernel/{name}"));
    let kind = read("ostype").unwrap_or_else(|_| env::consts::OS.to_owned());
    let release = read("osrelease").unwrap_or_default();
    format!("{} {} {}", kind.trim(), release.trim(), env::consts::ARCH)
}

/// The second number of `/proc/self/statm`: pages in memory.
fn resident_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(pages.saturating_mul(PAGE_BYTES))
}

/// `jemalloc-bg-thread`: whether a thread of the allocator returns freed memory to the system.
/// Without one, memory stays until the server allocates again: after a burst of clients, for ever.
#[cfg(feature = "jemalloc")]
pub(super) fn set_background_thread(on: bool) {
    // An allocator without such threads goes on as before.
    let _ = tikv_jemalloc_ctl::background_thread::write(on);
}

/// The system's allocator has no such thread.
#[cfg(not(feature = "jemalloc"))]
pub(super) fn set_background_thread(_on: bool) {}

/// Bytes the allocator has handed out.
#[cfg(feature = "jemalloc")]
fn allocated_bytes() -> Option<u64> {
    // Statistics stand still until the epoch advances.
    tikv_jemalloc_ctl::epoch::advance().ok()?;
    let bytes = tikv_jemalloc_ctl::stats::allocated::read().ok()?;
    u64::try_from(bytes).ok()
}

/// Bytes the allocator has handed out: the system's does not tell.
#[cfg(not(feature = "jemalloc"))]
fn allocated_bytes() -> Option<u64> {
    None
}

/// Processor time in user space and in the kernel: fields 14 and 15 of `/proc/self/stat`.
fn cpu_micros() -> Option<(u64, u64)> {
    parse_cpu_micros(&fs::read_to_string("/proc/self/stat").ok()?)
}

fn parse_cpu_micros(stat: &str) -> Option<(u64, u64)> {
    // The second field is the program's name in parentheses and may hold anything, also a
    // parenthesis.
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok().map(|n| n.saturating_mul(TICK_MICROS));
    Some((next()?, next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_found_behind_any_program_name() {
        let stat = "17 (a) b 9 9) R 1 2 3 4 5 6 7 8 9 10 250 3 0 0 20 0";
        assert_eq!(parse_cpu_micros(stat), Some((2_500_000, 30_000)));
        assert_eq!(parse_cpu_micros("17 (x"), None);
    }

    #[test]
    fn facts_are_read_again_only_after_a_while() {
        let host = Host::new("/a.conf".into());
        let facts = host.facts(Duration::from_secs(1));
        assert_eq!(facts.pid, std::process::id());
        assert_eq!(facts.config_file, "/a.conf");
        host.known.borrow_mut().0.used_memory_rss = 7;
        assert_eq!(host.facts(Duration::from_millis(1049)).used_memory_rss, 7);
        assert_ne!(host.facts(Duration::from_millis(1050)).used_memory_rss, 7);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn linux_tells_memory_and_processor_time() {
        assert!(resident_bytes().is_some_and(|bytes| bytes > 100_000));
        assert!(cpu_micros().is_some());
        assert!(os().starts_with("Linux "));
    }
}
