//! Links that break and come back, at any byte of the handshake, of the snapshot and of the stream.

use repl_sim::{
    families,
    schedule::{Load, Trouble, Variety},
};

const DISCONNECTS: [(u64, Trouble); 17] = [
    (4, Trouble::Cut),
    (3, Trouble::CutOneWay),
    (3, Trouble::Stall),
    (2, Trouble::Slow),
    (3, Trouble::Thin),
    (2, Trouble::Isolate),
    (2, Trouble::Refuse),
    (2, Trouble::Hang),
    (4, Trouble::Reset),
    (3, Trouble::HalfOpen),
    (6, Trouble::Ambush),
    (3, Trouble::Freeze),
    (2, Trouble::ReadSlowly),
    (2, Trouble::CrashReplica),
    (2, Trouble::Stop),
    (3, Trouble::BrokenSnapshot),
    (3, Trouble::TwoFresh),
];

families! {
    /// Cuts, stalls, thin lines, resets, half-open connections, closed doors, and processes that
    /// stand still, read slowly or end, on a master with replicas and replicas of replicas.
    fn disconnects(plan: &mut Plan) seeds = 60 {
        plan.nodes(2, 4);
        plan.huge_offsets();
        plan.clients(Load::MIXED);
        plan.trouble(&DISCONNECTS, Variety::Swarm);
    }
}
