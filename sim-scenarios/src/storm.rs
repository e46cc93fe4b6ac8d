//! The storm: how many nodes, how they are configured and which kinds of trouble exist at all is
//! drawn from the seed; whatever comes of it, the properties hold, and what is healed converges.

use std::time::Duration;

use repl_sim::{
    families,
    schedule::{Load, Plan, Trouble, Variety},
};

const ANYTHING: [(u64, Trouble); 28] = [
    (4, Trouble::Cut),
    (3, Trouble::CutOneWay),
    (3, Trouble::Stall),
    (2, Trouble::Slow),
    (2, Trouble::Thin),
    (2, Trouble::Isolate),
    (2, Trouble::Refuse),
    (2, Trouble::Hang),
    (4, Trouble::Reset),
    (3, Trouble::HalfOpen),
    (4, Trouble::Ambush),
    (3, Trouble::Freeze),
    (2, Trouble::ReadSlowly),
    (3, Trouble::Skew),
    (2, Trouble::Drift),
    (1, Trouble::Lull),
    (2, Trouble::Stop),
    (2, Trouble::CrashReplica),
    (1, Trouble::Crash),
    (2, Trouble::BrokenSnapshot),
    (2, Trouble::TwoFresh),
    (3, Trouble::Promote),
    (2, Trouble::Strand),
    (2, Trouble::Graft),
    (1, Trouble::PromoteByMulti),
    (1, Trouble::Planned),
    (3, Trouble::Chain),
    (1, Trouble::Repoint),
];

/// Directives at their least, or wide open.
fn configure(plan: &mut Plan) {
    let secs = Duration::from_secs;
    let backlog_ttl = secs(plan.pick(&[0, 2, 8, 3_600]));
    let hard = plan.pick(&[0, 0, 400_000, 1_000_000]);
    let soft = plan.pick(&[0, 0, 200_000]);
    let max_replicas = plan.pick(&[0, 1, 2]);
    plan.configure(|config| {
        config.repl_backlog_ttl = backlog_ttl;
        config.output_limit_replica.hard_bytes = hard;
        config.output_limit_replica.soft_bytes = soft;
        config.output_limit_replica.soft_after = secs(5);
        config.repl_diskless_sync_max_replicas = max_replicas;
    });
}

families! {
    /// Two to five nodes, any directives, any trouble: every property holds, and what is healed
    /// converges.
    fn storm(plan: &mut Plan) seeds = 60 {
        configure(plan);
        plan.nodes(2, 5);
        let ttl_racers = plan.pick(&[0, 1]);
        plan.clients(Load { ttl_racers, sippers: 2, ..Load::MIXED });
        plan.trouble(&ANYTHING, Variety::Swarm);
    }
}
