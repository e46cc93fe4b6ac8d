//! What operators ask: `TIME`, and `SLOWLOG` and `LATENCY`, which the node answers.

use super::{
    CommandError, Data, Flags, Handler, LatencyCommand, NodeCommand, Outcome, SlowlogCommand, Spec,
    subcommands::{Subcommand, container},
};
use crate::resp::Args;

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
        Handler::Node(NodeCommand::Slowlog(SlowlogCommand::Get)),
    )
    .tips(&["request_policy:all_nodes", "nondeterministic_output"]),
    Subcommand::help(SLOWLOG, "slowlog|help", "6.2.0"),
    Subcommand::new(
        SLOWLOG,
        ("slowlog|len", "2.2.12"),
        2,
        "",
        "Counts the entries.",
        Handler::Node(NodeCommand::Slowlog(SlowlogCommand::Len)),
    )
    .tips(&["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"]),
    Subcommand::new(
        SLOWLOG,
        ("slowlog|reset", "2.2.12"),
        2,
        "",
        "Forgets all entries.",
        Handler::Node(NodeCommand::Slowlog(SlowlogCommand::Reset)),
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
        Handler::Node(NodeCommand::Latency(LatencyCommand::Doctor)),
    ),
    Subcommand::new(
        LATENCY,
        ("latency|graph", "2.8.13"),
        3,
        "<event>",
        "Draws how long an event took each time.",
        Handler::Node(NodeCommand::Latency(LatencyCommand::Graph)),
    ),
    Subcommand::help(LATENCY, "latency|help", "2.8.13"),
    Subcommand::new(
        LATENCY,
        ("latency|histogram", "7.0.0"),
        -2,
        "[<command> ...]",
        "Counts how many runs of commands took how long.",
        Handler::Node(NodeCommand::Latency(LatencyCommand::Histogram)),
    ),
    Subcommand::new(
        LATENCY,
        ("latency|history", "2.8.13"),
        3,
        "<event>",
        "Lists when an event was slow, and how slow.",
        Handler::Node(NodeCommand::Latency(LatencyCommand::History)),
    ),
    Subcommand::new(
        LATENCY,
        ("latency|latest", "2.8.13"),
        2,
        "",
        "Shows for each event when it was slow last, and its worst time.",
        Handler::Node(NodeCommand::Latency(LatencyCommand::Latest)),
    ),
    Subcommand::new(
        LATENCY,
        ("latency|reset", "2.8.13"),
        -2,
        "[<event> ...]",
        "Forgets what was slow: all events, or these.",
        Handler::Node(NodeCommand::Latency(LatencyCommand::Reset)),
    )
    .tips(ALL_MUST_SUCCEED),
];

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

fn time<'a>(data: &mut Data<'_>, _args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let (secs, millis) = (data.now.0.div_euclid(1000), data.now.0.rem_euclid(1000));
    data.reply.array_len(2);
    data.reply.bulk_int(secs);
    data.reply.bulk_int(millis * 1000);
    Ok(Outcome::Unchanged)
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;

    #[test]
    fn the_time_is_that_of_the_command() {
        Bench::new().check("TIME", "*2 $4 1000 $1 0", "");
    }
}
