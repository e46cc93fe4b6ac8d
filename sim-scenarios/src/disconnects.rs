//! Links that break and come back, at any byte of the handshake, of the snapshot and of the stream.

use repl_sim::{
    families,
    schedule::{Load, Trouble, Variety},
};

const DISCONNECTS: [(u64, Trouble); 11] = [
    (4, Trouble::Cut),
    (3, Trouble::CutOneWay),
    (3, Trouble::Stall),
    (2, Trouble::Slow),
    (3, Trouble::Thin),
    (4, Trouble::Reset),
    (3, Trouble::HalfOpen),
    (6, Trouble::Ambush),
    (2, Trouble::CrashReplica),
    (3, Trouble::BrokenSnapshot),
    (3, Trouble::TwoFresh),
];

families! {
    /// Cuts, stalls, thin lines, resets and half-open connections on a master with replicas and
    /// replicas of replicas.
    fn disconnects(plan: &mut Plan) seeds = 60 {
        plan.nodes(2, 4);
        plan.clients(Load::MIXED);
        plan.trouble(&DISCONNECTS, Variety::Swarm);
    }
}
