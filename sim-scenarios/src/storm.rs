//! The storm: how many nodes, how they are configured and which kinds of trouble exist at all is
//! drawn from the seed; whatever comes of it, the properties hold, and what is healed converges.

use std::time::Duration;

use repl_sim::{Lab, scenarios};

use crate::drill::{self, Load, Menu, Stage, Trouble, draw, pick};

const ANYTHING: [(u64, Trouble); 20] = [
    (4, Trouble::Cut),
    (3, Trouble::CutOneWay),
    (3, Trouble::Stall),
    (2, Trouble::Slow),
    (2, Trouble::Thin),
    (4, Trouble::Reset),
    (3, Trouble::HalfOpen),
    (4, Trouble::Ambush),
    (3, Trouble::Skew),
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
fn configure(lab: &Lab) {
    let secs = Duration::from_secs;
    let backlog_ttl = secs(pick(lab, &[0, 2, 8, 3_600]));
    let hard = pick(lab, &[0, 0, 400_000, 1_000_000]);
    let soft = pick(lab, &[0, 0, 200_000]);
    let max_replicas = u32::try_from(draw(lab, 0, 2)).expect("it is small");
    lab.configure(|config| {
        config.repl_backlog_ttl = backlog_ttl;
        config.output_limit_replica.hard_bytes = hard;
        config.output_limit_replica.soft_bytes = soft;
        config.output_limit_replica.soft_after = secs(5);
        config.repl_diskless_sync_max_replicas = max_replicas;
    });
}

scenarios! {
    /// Two to five nodes, any directives, any trouble: every property holds, and what is healed
    /// converges.
    async fn storm(lab: Lab) as Family seeds = 60 {
        configure(&lab);
        let menu = Menu::of(&ANYTHING).swarm(&lab);
        let stage = Stage::new(&lab, draw(&lab, 2, 5)).await;
        let load = Load { ttl_racers: draw(&lab, 0, 1), ..Load::MIXED };
        drill::run(&lab, stage, menu, load).await;
    }
}
