//! What operators ask: `TIME SLOWLOG LATENCY`.
//!
//! A command sees one instant from start to end, so that none of them is slow: the slow log and the
//! latency monitor are there, and empty.

use super::{
    CommandError, Data, Flags, Handler, Outcome, SessionError, Spec, at_most,
    subcommands::{Subcommand, container},
};
use crate::{
    base::number::parse_i64,
    resp::{Args, Reply},
};

const ANYTIME: Flags = Flags::LOADING.and(Flags::STALE);
const ADMIN: Flags = ANYTIME.and(Flags::ADMIN);

const SLOWLOG: Spec = Spec { group: "server", flags: ADMIN, ..Spec::PLAIN };
const LATENCY: Spec = Spec { flags: ADMIN.and(Flags::NOSCRIPT), tips: OF_EACH_NODE, ..SLOWLOG };

const OF_EACH_NODE: &[&str] =
    &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"];
const ALL_MUST_SUCCEED: &[&str] = &["request_policy:all_nodes", "response_policy:all_succeeded"];

const SLOWLOG_SUBCOMMANDS: &[Subcommand] = &[
    Subcommand::new(
        SLOWLOG,
        ("slowlog|get", "2.2.12"),
        -2,
        "[<count>]",
        "Shows the newest entries: 10, or as many as wanted, or with -1 all.",
        Handler::Data(slowlog_get),
    )
    .tips(&["request_policy:all_nodes", "nondeterministic_output"]),
    Subcommand::help(SLOWLOG, "slowlog|help", "6.2.0"),
    Subcommand::new(
        SLOWLOG,
        ("slowlog|len", "2.2.12"),
        2,
        "",
        "Counts the entries.",
        Handler::Data(|data, _| nothing(data, |reply| reply.int(0))),
    )
    .tips(&["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"]),
    Subcommand::new(
        SLOWLOG,
        ("slowlog|reset", "2.2.12"),
        2,
        "",
        "Forgets all entries.",
        Handler::Data(|data, _| nothing(data, |reply| reply.ok())),
    )
    .tips(ALL_MUST_SUCCEED),
];

const LATENCY_SUBCOMMANDS: &[Subcommand] = &[
    Subcommand::new(
        LATENCY,
        ("latency|doctor", "2.8.13"),
        2,
        "",
        "Explains in words what was slow.",
        Handler::Data(|data, _| nothing(data, |reply| reply.verbatim(b"txt", DISABLED.as_bytes()))),
    ),
    Subcommand::new(
        LATENCY,
        ("latency|graph", "2.8.13"),
        3,
        "<event>",
        "Draws how long an event took each time.",
        Handler::Data(|_, args| {
            Err(CommandError::Session(SessionError::NoLatencySamples(args.get(2))))
        }),
    ),
    Subcommand::help(LATENCY, "latency|help", "2.8.13"),
    Subcommand::new(
        LATENCY,
        ("latency|histogram", "7.0.0"),
        -2,
        "[<command> ...]",
        "Counts how many runs of commands took how long.",
        Handler::Data(|data, _| nothing(data, |reply| reply.map_len(0))),
    ),
    Subcommand::new(
        LATENCY,
        ("latency|history", "2.8.13"),
        3,
        "<event>",
        "Lists when an event was slow, and how slow.",
        Handler::Data(|data, _| nothing(data, |reply| reply.array_len(0))),
    ),
    Subcommand::new(
        LATENCY,
        ("latency|latest", "2.8.13"),
        2,
        "",
        "Shows for each event when it was slow last, and its worst time.",
        Handler::Data(|data, _| nothing(data, |reply| reply.array_len(0))),
    ),
    Subcommand::new(
        LATENCY,
        ("latency|reset", "2.8.13"),
        -2,
        "[<event> ...]",
        "Forgets what was slow: all events, or these.",
        Handler::Data(|data, _| nothing(data, |reply| reply.int(0))),
    )
    .tips(ALL_MUST_SUCCEED),
];

// redis: latency.c, createLatencyReport
const DISABLED: &str = "I'm sorry, Dave, I can't do that. Latency monitoring is disabled in \
    this Redis instance. You may use \"CONFIG SET latency-monitor-threshold <milliseconds>.\" \
    in order to enable it. If we weren't in a deep space mission I'd suggest to take a look at \
    https://redis.io/topics/latency-monitor.\n";

pub(super) const SPECS: &[Spec] = &[
    container("latency", "2.8.13", "server", "Tells what was slow.", LATENCY_SUBCOMMANDS),
    container(
        "slowlog",
        "2.2.12",
        "server",
        "Tells which commands were slow.",
        SLOWLOG_SUBCOMMANDS,
    ),
    Spec {
        name: "time",
        since: "2.6.0",
        arity: 1,
        flags: ANYTIME.and(Flags::FAST),
        group: "server",
        tips: &["nondeterministic_output"],
        summary: "Tells the time of the server.",
        handler: Handler::Data(time),
        ..Spec::PLAIN
    },
];

/// The reply of a command that has nothing to tell.
fn nothing(
    data: &mut Data<'_>,
    write: impl FnOnce(&mut Reply<'_>),
) -> Result<Outcome, CommandError<'static>> {
    write(&mut data.reply);
    Ok(Outcome::Unchanged)
}

fn time<'a>(data: &mut Data<'_>, _args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let (secs, millis) = (data.now.0.div_euclid(1000), data.now.0.rem_euclid(1000));
    data.reply.array_len(2);
    data.reply.bulk_int(secs);
    data.reply.bulk_int(millis * 1000);
    Ok(Outcome::Unchanged)
}

fn slowlog_get<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    at_most(3, "slowlog", args)?;
    if let Some(count) = args.try_get(2)
        && parse_i64(count).is_none_or(|count| count < -1)
    {
        return Err(CommandError::Session(SessionError::SlowlogCount));
    }
    data.reply.array_len(0);
    Ok(Outcome::Unchanged)
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;

    #[test]
    fn the_time_is_that_of_the_command() {
        Bench::new().check("TIME", "*2 $4 1000 $1 0", "");
    }

    /// Asked of redis-server 7.0.15.
    #[test]
    fn nothing_is_slow() {
        let mut bench = Bench::new();
        bench.check("SLOWLOG GET", "*0", "");
        bench.check("SLOWLOG LEN", ":0", "");
        bench.check("SLOWLOG RESET", "+OK", "");
        bench.check("SLOWLOG GET x", "-ERR count should be greater than or equal to -1", "");
        let too_many =
            "-ERR unknown subcommand or wrong number of arguments for 'get'. Try SLOWLOG HELP.";
        bench.check("SLOWLOG get 1 2", too_many, "");
        bench.check("LATENCY LATEST", "*0", "");
        bench.check("LATENCY RESET", ":0", "");
        bench.check("LATENCY GRAPH x", "-ERR No samples available for event 'x'", "");
    }
}
