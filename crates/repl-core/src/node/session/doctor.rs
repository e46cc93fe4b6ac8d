//! `LATENCY DOCTOR`: the words of the doctor, which people know, about the events that happen here.

use alloc::{format, string::String};

use super::super::{
    Node,
    measure::{Event, Series},
};
use crate::base::time::Now;

const DISABLED: &str = "I'm sorry, Dave, I can't do that. Latency monitoring is disabled in this \
    Redis instance. You may use \"CONFIG SET latency-monitor-threshold <milliseconds>.\" in order \
    to enable it. If we weren't in a deep space mission I'd suggest to take a look at \
    https://redis.io/topics/latency-monitor.\n";
const HEALTHY: &str = "Dave, no latency spike was observed during the lifetime of this Redis \
    instance, not in the slightest bit. I honestly think you ought to sit down calmly, take a \
    stress pill, and think things over.\n";
const SPIKES: &str = "Dave, I have observed latency spikes in this Redis instance. You don't mind \
    talking about it, do you Dave?\n\n";
const INSPECT: &str = "- Check your Slow Log to understand what are the commands you are running \
    which are too slow to execute. Please check https://redis.io/commands/slowlog for more \
    information.\n";
const SCHEDULER: &str = "- The system is slow to execute Redis code paths not containing system \
    calls. This usually means the system does not provide Redis CPU time to run for long periods. \
    You should try to:\n  \
    1) Lower the system load.\n  \
    2) Use a computer / VM just for Redis if you are running other software in the same system.\n  \
    3) Check if you have a \"noisy neighbour\" problem.\n  \
    4) Check with 'redis-cli --intrinsic-latency 100' what is the intrinsic latency in your \
    system.\n";
const FREQUENCY: &str = "- In order to make the Redis keys expiring process more incremental, try \
    to set the 'hz' configuration parameter to 100 using 'CONFIG SET hz 100'.\n";
const LARGE: &str = "- Deleting, expiring or evicting (because of maxmemory policy) large objects \
    is a blocking operation. If you have very large objects that are often deleted, expired, or \
    evicted, try to fragment those objects into multiple smaller objects.\n";

impl Node {
    // redis: latency.c, createLatencyReport
    pub(super) fn latency_report(&self, now: Now) -> String {
        let threshold = self.config.latency_monitor_threshold;
        let mut text = String::new();
        for (number, (event, series)) in self.measure.events.iter().enumerate() {
            if number == 0 {
                text.push_str(SPIKES);
            }
            text.push_str(&format!("{}. {}", number + 1, line(event, series, now.wall.as_secs())));
        }
        if text.is_empty() {
            return if threshold == 0 { DISABLED.into() } else { HEALTHY.into() };
        }
        let has = |wanted| self.measure.events.iter().any(|(event, _)| event == wanted);
        let advice =
            self.advice(has(Event::Command), has(Event::FastCommand), has(Event::ExpireCycle));
        if advice.is_empty() {
            text.push_str(
                "\nWhile there are latency events logged, I'm not able to suggest any easy fix. \
                 Please use the Redis community to get some help, providing this report in your \
                 help request.\n",
            );
        } else {
            text.push_str("\nI have a few advices for you:\n\n");
            text.push_str(&advice);
        }
        text
    }

    fn advice(&self, commands: bool, fast_commands: bool, expiry: bool) -> String {
        let mut text = String::new();
        let micros = self.config.latency_monitor_threshold.saturating_mul(1000);
        match u64::try_from(self.config.slowlog_log_slower_than) {
            _ if !commands => {}
            Err(_) => text.push_str(&format!(
                "- There are latency issues with potentially slow commands you are using. Try to \
                 enable the Slow Log Redis feature using the command 'CONFIG SET \
                 slowlog-log-slower-than {micros}'. If the Slow log is disabled Redis is not able \
                 to log slow commands execution for you.\n"
            )),
            Ok(slower) if slower / 1000 > self.config.latency_monitor_threshold => {
                text.push_str(&format!(
                    "- Your current Slow Log configuration only logs events that are slower than \
                     your configured latency monitor threshold. Please use 'CONFIG SET \
                     slowlog-log-slower-than {micros}'.\n"
                ));
            }
            Ok(_) => {}
        }
        let others = [
            (commands, INSPECT),
            (fast_commands, SCHEDULER),
            (expiry && self.config.hz < 100, FREQUENCY),
            (commands || expiry, LARGE),
        ];
        others.iter().filter(|(holds, _)| *holds).for_each(|(_, words)| text.push_str(words));
        text
    }
}

/// What is said about one kind of event.
// redis: latency.c, analyzeLatencyForEvent
fn line(event: Event, series: &Series, now: i64) -> String {
    let count = series.samples.len() as u64;
    let average = series.samples.iter().map(|(_, millis)| *millis).sum::<u64>() / count;
    let deviation =
        series.samples.iter().map(|(_, millis)| millis.abs_diff(average)).sum::<u64>() / count;
    let first = series.samples.front().map_or(now, |(at, _)| *at);
    let period = (now - first).max(1) as f64 / count as f64;
    format!(
        "{}: {count} latency spikes (average {average}ms, mean deviation {deviation}ms, period \
         {period:.2} sec). Worst all time event {}ms.\n",
        event.name(),
        series.max
    )
}
