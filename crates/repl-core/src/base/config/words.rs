//! The directives whose value is several words: what the words mean, and how they are shown.
//!
//! Owns `save`, `replicaof`, `bind`, `client-output-buffer-limit` and a few that nobody reads yet.
//! The words come split; an empty value comes as no words at all.

use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::{str, time::Duration};

use super::{
    Config, Given, OutputLimit, ShutdownOptions, When,
    directive::{only, parse_choice, parse_memory, parse_text},
    error::Reason,
    events::EventClasses,
};
use crate::base::ids::Endpoint;

/// Redis binds no more addresses than this.
const BIND_ADDRESSES_MAX: usize = 16;

pub(super) fn show_save(config: &Config) -> String {
    let pairs: Vec<String> =
        config.save.iter().map(|(secs, changes)| format!("{secs} {changes}")).collect();
    pairs.join(" ")
}

/// `save 3600 1 300 100`. At boot the first line takes the place of the default and each other one
/// adds to the lines before it; `CONFIG SET` replaces them all.
pub(super) fn take_save(config: &mut Config, args: &[&[u8]], when: When) -> Result<(), Reason> {
    const INVALID: Reason = Reason::Other("Invalid save parameters");
    let mut points = Vec::new();
    let (pairs, rest) = args.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(INVALID);
    }
    for [secs, changes] in pairs {
        let secs = parse_plain(secs).filter(|secs| *secs > 0).ok_or(INVALID)?;
        points.push((secs, parse_plain(changes).ok_or(INVALID)?));
    }
    if when == When::Running || points.is_empty() || config.save_given == Given::No {
        config.save.clear();
    }
    config.save_given = Given::Yes;
    config.save.append(&mut points);
    Ok(())
}

pub(super) fn show_replicaof(config: &Config) -> String {
    config.replicaof.as_ref().map_or_else(String::new, |to| format!("{} {}", to.host, to.port))
}

/// `replicaof HOST PORT`, or `replicaof no one`.
pub(super) fn take_replicaof(config: &mut Config, args: &[&[u8]], _: When) -> Result<(), Reason> {
    let [host, port] = args else { return Err(Reason::WrongArgumentCount) };
    if host.eq_ignore_ascii_case(b"no") && port.eq_ignore_ascii_case(b"one") {
        config.replicaof = None;
        return Ok(());
    }
    let port = str::from_utf8(port).ok().and_then(|port| port.parse().ok());
    let port = port.ok_or(Reason::Other("Invalid master port"))?;
    config.replicaof = Some(Endpoint { host: parse_text(host)?.to_owned(), port });
    Ok(())
}

pub(super) fn show_octal(number: u32) -> String {
    format!("{number:o}")
}

/// A number from 0 to `max` in base eight.
pub(super) fn octal(args: &[&[u8]], max: u32) -> Result<u32, Reason> {
    let text = str::from_utf8(only(args)?).map_err(|_| Reason::NotOctal)?;
    let number = i64::from_str_radix(text, 8).map_err(|_| Reason::NotOctal)?;
    u32::try_from(number).ok().filter(|number| *number <= max).ok_or(Reason::NotWithinOctal(max))
}

pub(super) fn show_bind(config: &Config) -> String {
    config.bind.join(" ")
}

/// `bind ADDRESS...`: `*` is every IPv4 address, `::*` every IPv6 one, and a leading `-` allows an
/// address to be missing.
pub(super) fn take_bind(config: &mut Config, args: &[&[u8]], _: When) -> Result<(), Reason> {
    if args.len() > BIND_ADDRESSES_MAX {
        return Err(Reason::Other("Too many bind addresses specified."));
    }
    let addresses: Result<Vec<String>, Reason> =
        args.iter().map(|arg| parse_text(arg).map(str::to_owned)).collect();
    config.bind = addresses?;
    Ok(())
}

/// Redis 7.0 still calls the replicas' class `slave` here.
pub(super) fn show_output_limits(config: &Config) -> String {
    let show = |class: &str, limit: &OutputLimit| {
        let secs = limit.soft_after.as_secs();
        format!("{class} {} {} {secs}", limit.hard_bytes, limit.soft_bytes)
    };
    [
        show("normal", &config.output_limit_normal),
        show("slave", &config.output_limit_replica),
        show("pubsub", &config.output_limit_pubsub),
    ]
    .join(" ")
}

/// `client-output-buffer-limit CLASS HARD SOFT SECONDS...`: classes that are not named keep their
/// limits.
pub(super) fn take_output_limits(
    config: &mut Config,
    args: &[&[u8]],
    _: When,
) -> Result<(), Reason> {
    let (limits, rest) = args.as_chunks::<4>();
    if !rest.is_empty() {
        let text = "Wrong number of arguments in buffer limit configuration.";
        return Err(Reason::Other(text));
    }
    for [class, hard, soft, secs] in limits {
        let limit = parse_output_limit(hard, soft, secs).ok_or(Reason::Other(
            "Error in hard, soft or soft_seconds setting in buffer limit configuration.",
        ));
        *output_limit_of(config, class)? = limit?;
    }
    Ok(())
}

fn output_limit_of<'a>(
    config: &'a mut Config,
    class: &[u8],
) -> Result<&'a mut OutputLimit, Reason> {
    match class.to_ascii_lowercase().as_slice() {
        b"normal" => Ok(&mut config.output_limit_normal),
        b"replica" | b"slave" => Ok(&mut config.output_limit_replica),
        b"pubsub" => Ok(&mut config.output_limit_pubsub),
        _ => {
            let text = "Invalid client class specified in buffer limit configuration.";
            Err(Reason::Other(text))
        }
    }
}

fn parse_output_limit(hard: &[u8], soft: &[u8], secs: &[u8]) -> Option<OutputLimit> {
    Some(OutputLimit {
        hard_bytes: parse_memory(hard)?,
        soft_bytes: parse_memory(soft)?,
        soft_after: Duration::from_secs(parse_plain(secs)?),
    })
}

/// A number as C's `strtoll` reads it where Redis calls that: a plus sign and leading zeros are
/// fine.
fn parse_plain(value: &[u8]) -> Option<u64> {
    str::from_utf8(value).ok()?.parse().ok()
}

/// `notify-keyspace-events`: one word, in which a space is a letter like any other that is wrong.
pub(super) fn take_event_classes(
    config: &mut Config,
    args: &[&[u8]],
    when: When,
) -> Result<(), Reason> {
    let letters = match (args, when) {
        ([], _) => b"",
        ([letters], _) => *letters,
        (_, When::Running) => b" ",
        (_, When::Boot) => return Err(Reason::WrongArgumentCount),
    };
    config.notify_keyspace_events = EventClasses::parse(letters)?;
    Ok(())
}

const SHUTDOWN_WORDS: &[&str] = &["default", "save", "nosave", "now", "force"];

/// `shutdown-on-sigterm`, `shutdown-on-sigint`: `default`, or options of `SHUTDOWN`.
pub(super) fn shutdown_options(args: &[&[u8]]) -> Result<ShutdownOptions, Reason> {
    if args.is_empty() {
        return Err(Reason::NotOneOf(SHUTDOWN_WORDS));
    }
    let chosen: Result<Vec<&str>, Reason> =
        args.iter().map(|arg| parse_choice(arg, SHUTDOWN_WORDS)).collect();
    let chosen = chosen?;
    if chosen.contains(&"save") && chosen.contains(&"nosave") {
        let text = "shutdown options SAVE and NOSAVE can't be used simultaneously";
        return Err(Reason::Other(text));
    }
    Ok(ShutdownOptions {
        saves: chosen.contains(&"save"),
        saves_not: chosen.contains(&"nosave"),
        now: chosen.contains(&"now"),
        force: chosen.contains(&"force"),
    })
}

pub(super) fn show_shutdown_options(options: ShutdownOptions) -> String {
    let ShutdownOptions { saves, saves_not, now, force } = options;
    let chosen = [("save", saves), ("nosave", saves_not), ("now", now), ("force", force)];
    let shown: Vec<&str> =
        chosen.into_iter().filter(|(_, is_set)| *is_set).map(|(word, _)| word).collect();
    if shown.is_empty() { "default".to_owned() } else { shown.join(" ") }
}

pub(super) fn show_percentiles(config: &Config) -> String {
    config.latency_tracking_info_percentiles.clone()
}

/// `latency-tracking-info-percentiles`: numbers from 0 to 100.
pub(super) fn take_percentiles(config: &mut Config, args: &[&[u8]], _: When) -> Result<(), Reason> {
    config.latency_tracking_info_percentiles = percentiles(args)?;
    Ok(())
}

fn percentiles(args: &[&[u8]]) -> Result<String, Reason> {
    let mut shown = Vec::new();
    for arg in args {
        let number: f64 = str::from_utf8(arg)
            .ok()
            .and_then(|text| text.parse().ok())
            .ok_or(Reason::Other("Invalid latency-tracking-info-percentiles parameters"))?;
        if !(0.0..=100.0).contains(&number) {
            return Err(Reason::Other(
                "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]",
            ));
        }
        shown.push(number.to_string());
    }
    Ok(shown.join(" "))
}

/// `oom-score-adj-values`: three numbers from -2000 to 2000.
pub(super) fn oom_scores(args: &[&[u8]]) -> Result<String, Reason> {
    let [_, _, _] = args else { return Err(Reason::WrongArgumentCount) };
    let mut shown = Vec::new();
    for arg in args {
        let score = str::from_utf8(arg).ok().and_then(|text| text.parse::<i32>().ok());
        let score = score.filter(|score| (-2000..=2000).contains(score)).ok_or(Reason::Other(
            "Invalid oom-score-adj-values, elements must be between -2000 and 2000.",
        ))?;
        shown.push(score.to_string());
    }
    Ok(shown.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&[u8]> {
        text.split_ascii_whitespace().map(str::as_bytes).collect()
    }

    #[test]
    fn save_lines_add_up_at_boot_and_replace_when_running() {
        let mut config = Config::default();
        take_save(&mut config, &words("60 1"), When::Boot).expect("a valid pair");
        take_save(&mut config, &words("70 2"), When::Boot).expect("a valid pair");
        assert_eq!(show_save(&config), "60 1 70 2");
        take_save(&mut config, &words("5 0 +8 05"), When::Running).expect("valid pairs");
        assert_eq!(show_save(&config), "5 0 8 5");
        take_save(&mut config, &[], When::Boot).expect("nothing clears");
        assert_eq!(show_save(&config), "");
        for bad in ["abc", "60", "60 1 70", "60 -1", "0 1"] {
            take_save(&mut config, &words(bad), When::Running).expect_err(bad);
        }
    }

    #[test]
    fn output_limits_name_the_classes_they_change() {
        let mut config = Config::default();
        let args = words("replica 1mb 1mb 60 PUBSUB 1k 1kb 3");
        take_output_limits(&mut config, &args, When::Running).expect("valid limits");
        let shown = "normal 0 0 0 slave 1048576 1048576 60 pubsub 1000 1024 3";
        assert_eq!(show_output_limits(&config), shown);
        for bad in ["normal 0 0", "master 0 0 0", "normal a 0 0", "normal 0 0 -1"] {
            take_output_limits(&mut config, &words(bad), When::Running).expect_err(bad);
        }
    }

    #[test]
    fn shutdown_options_and_percentiles_are_shown_as_redis_shows_them() {
        let options = shutdown_options(&words("force SAVE now")).map(show_shutdown_options);
        assert_eq!(options.as_deref(), Ok("save now force"));
        assert!(shutdown_options(&words("save nosave")).is_err());
        assert_eq!(percentiles(&words("50.0 99.90 1e1")).as_deref(), Ok("50 99.9 10"));
        assert!(percentiles(&words("150")).is_err());
        assert!(percentiles(&words("NaN")).is_err());
    }
}
