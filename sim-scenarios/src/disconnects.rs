//! Links that break and come back, at any byte of the handshake, of the snapshot and of the stream.

use repl_sim::scenarios;

use crate::drill::{self, Load, Menu, Stage, Trouble, draw};

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

scenarios! {
    /// Cuts, stalls, thin lines, resets and half-open connections on a master with replicas and
    /// replicas of replicas.
    async fn disconnects(lab: Lab) as Family seeds = 60 {
        let menu = Menu::of(&DISCONNECTS).swarm(&lab);
        let stage = Stage::new(&lab, draw(&lab, 2, 4)).await;
        drill::run(&lab, stage, menu, Load::MIXED).await;
    }
}
