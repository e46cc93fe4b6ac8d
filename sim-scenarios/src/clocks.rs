//! Clocks that disagree, drift and step, while keys expire.

use repl_sim::{
    families,
    schedule::{Load, Trouble, Variety},
};

const CLOCKS: [(u64, Trouble); 10] = [
    (12, Trouble::Skew),
    (4, Trouble::Drift),
    (2, Trouble::Freeze),
    (3, Trouble::Reset),
    (2, Trouble::Cut),
    (2, Trouble::Stall),
    (2, Trouble::CrashReplica),
    (3, Trouble::Promote),
    (2, Trouble::Strand),
    (2, Trouble::Graft),
];

families! {
    /// Keys are set to expire, kept and prolonged in the last moment, on masters and replicas whose
    /// clocks are off, drift, and step forward and back.
    fn skewed_clocks(plan: &mut Plan) seeds = 60 {
        plan.nodes(2, 4);
        plan.skew_clocks(100_000);
        plan.clients(Load { ttl_racers: 3, ..Load::MIXED });
        plan.trouble(&CLOCKS, Variety::All);
    }
}
