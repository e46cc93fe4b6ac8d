//! What operators ask: `TIME SLOWLOG LATENCY`.
//!
//! A command sees one instant from start to end, so that none of them is slow: the slow log and the
//! latency monitor are there, and empty.

use super::{CommandError, Data, Flags, Handler, Keys, Outcome, SessionError, Spec, is_word};
use crate::{base::number::parse_i64, resp::Args};

const fn spec(name: &'static str, arity: i8, flags: Flags, summary: &'static str) -> Spec {
    Spec {
        name,
        arity,
        flags,
        keys: Keys::NONE,
        group: "server",
        categories: &[],
        summary,
        handler: Handler::Data(time),
    }
}

const ANYTIME: Flags = Flags::LOADING.and(Flags::STALE);
const ADMIN: Flags = ANYTIME.and(Flags::ADMIN);

pub(super) const SPECS: &[Spec] = &[
    Spec {
        handler: Handler::Data(latency),
        ..spec(
            "latency",
            -2,
            ADMIN.and(Flags::NOSCRIPT).and(Flags::CONTAINER),
            "A container for latency diagnostics commands",
        )
    },
    Spec {
        handler: Handler::Data(slowlog),
        ..spec("slowlog", -2, ADMIN.and(Flags::CONTAINER), "A container for slow log commands")
    },
    spec("time", 1, ANYTIME.and(Flags::FAST), "Return the current server time"),
];

fn time<'a>(data: &mut Data<'_>, _args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let (secs, millis) = (data.now.0.div_euclid(1000), data.now.0.rem_euclid(1000));
    data.reply.array_len(2);
    data.reply.bulk_int(secs);
    data.reply.bulk_int(millis * 1000);
    Ok(Outcome::Unchanged)
}

fn slowlog<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let asked = args.get(1);
    match args.len() {
        2 | 3 if is_word(asked, "GET") => {
            if let Some(count) = args.try_get(2)
                && parse_i64(count).is_none_or(|count| count < -1)
            {
                return Err(CommandError::Session(SessionError::SlowlogCount));
            }
            data.reply.array_len(0);
        }
        2 if is_word(asked, "LEN") => data.reply.int(0),
        2 if is_word(asked, "RESET") => data.reply.ok(),
        _ if is_word(asked, "GET") => {
            let error = SessionError::Subcommand { command: "SLOWLOG", asked };
            return Err(CommandError::Session(error));
        }
        _ if is_word(asked, "LEN") => return Err(CommandError::Arity("slowlog|len")),
        _ if is_word(asked, "RESET") => return Err(CommandError::Arity("slowlog|reset")),
        _ => return Err(CommandError::UnknownSubcommand { command: "SLOWLOG", asked }),
    }
    Ok(Outcome::Unchanged)
}

fn latency<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    // redis: latency.c, createLatencyReport
    const DISABLED: &str = "I'm sorry, Dave, I can't do that. Latency monitoring is disabled in \
        this Redis instance. You may use \"CONFIG SET latency-monitor-threshold <milliseconds>.\" \
        in order to enable it. If we weren't in a deep space mission I'd suggest to take a look at \
        https://redis.io/topics/latency-monitor.\n";
    let asked = args.get(1);
    match args.len() {
        2 if is_word(asked, "LATEST") => data.reply.array_len(0),
        2 if is_word(asked, "DOCTOR") => data.reply.verbatim(b"txt", DISABLED.as_bytes()),
        3 if is_word(asked, "HISTORY") => data.reply.array_len(0),
        3 if is_word(asked, "GRAPH") => {
            return Err(CommandError::Session(SessionError::NoLatencySamples(args.get(2))));
        }
        _ if is_word(asked, "RESET") => data.reply.int(0),
        _ if is_word(asked, "HISTOGRAM") => data.reply.map_len(0),
        _ if is_word(asked, "LATEST") => return Err(CommandError::Arity("latency|latest")),
        _ if is_word(asked, "DOCTOR") => return Err(CommandError::Arity("latency|doctor")),
        _ if is_word(asked, "HISTORY") => return Err(CommandError::Arity("latency|history")),
        _ if is_word(asked, "GRAPH") => return Err(CommandError::Arity("latency|graph")),
        _ => return Err(CommandError::UnknownSubcommand { command: "LATENCY", asked }),
    }
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
        bench.check("SLOWLOG FOO", "-ERR unknown subcommand 'FOO'. Try SLOWLOG HELP.", "");
        bench.check("LATENCY LATEST", "*0", "");
        bench.check("LATENCY RESET", ":0", "");
        bench.check("LATENCY GRAPH x", "-ERR No samples available for event 'x'", "");
    }
}
