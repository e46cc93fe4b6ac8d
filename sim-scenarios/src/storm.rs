//! The storm: how many nodes, how they are configured and which kinds of trouble exist at all is
//! drawn from the seed; whatever comes of it, the properties hold, and what is healed converges.

use repl_sim::{
    families,
    schedule::{Load, Trouble, Variety},
};

const ANYTHING: [(u64, Trouble); 29] = [
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
    (1, Trouble::FailOver),
    (3, Trouble::Chain),
    (1, Trouble::Repoint),
];

families! {
    /// Two to five nodes, any directives, any trouble: every property holds, and what is healed
    /// converges.
    fn storm(plan: &mut Plan) seeds = 60 {
        plan.tighten();
        plan.nodes(2, 5);
        plan.vary();
        plan.huge_offsets();
        let ttl_racers = plan.pick(&[0, 1]);
        plan.clients(Load { ttl_racers, sippers: 2, ..Load::MIXED });
        plan.trouble(&ANYTHING, Variety::Swarm);
    }

    /// The storm over three to five nodes, and then a core of two at least is healed, a master
    /// among them, and everything else stays broken for good: the core converges and serves.
    fn core_liveness(plan: &mut Plan) seeds = 40 {
        plan.configure(|config| config.repl_backlog_size = 65_536);
        plan.nodes(3, 5);
        plan.vary();
        plan.core();
        plan.clients(Load::MIXED);
        plan.trouble(&ANYTHING, Variety::Swarm);
    }
}
