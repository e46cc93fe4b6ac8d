//! What replicas tell their readers while they follow, lose and find their master, in every
//! configuration of it.

use std::time::Duration;

use repl_sim::scenarios;

use crate::drill::{self, Load, Menu, Readers, Stage, Trouble, draw, pick};

const STALE_READS: [(u64, Trouble); 9] = [
    (5, Trouble::Cut),
    (3, Trouble::CutOneWay),
    (3, Trouble::Stall),
    (3, Trouble::Thin),
    (3, Trouble::Reset),
    (3, Trouble::Ambush),
    (3, Trouble::BrokenSnapshot),
    (2, Trouble::TwoFresh),
    (3, Trouble::Repoint),
];

scenarios! {
    /// Readers at replicas through cuts, first and later full syncs and promotions, with
    /// `replica-serve-stale-data`, `replica-read-only` and `min-replicas-to-write` drawn.
    async fn stale_reads(lab: Lab) as Family seeds = 60 {
        let serve_stale = pick(&lab, &[true, false]);
        let read_only = pick(&lab, &[true, true, false]);
        let min_replicas = u32::try_from(draw(&lab, 0, 2)).expect("it is small");
        let max_lag = lab.draw_span(Duration::from_secs(1), Duration::from_secs(10));
        lab.configure(|config| {
            config.replica_serve_stale_data = serve_stale;
            config.replica_read_only = read_only;
            config.min_replicas_to_write = min_replicas;
            config.min_replicas_max_lag = Duration::from_secs(max_lag.as_secs());
        });
        let mut kinds = STALE_READS.to_vec();
        let readers = if read_only {
            kinds.extend([(3, Trouble::Promote), (2, Trouble::Strand)]);
            Readers::Mixed
        } else {
            Readers::ReadOnly
        };
        let stage = Stage::new(&lab, draw(&lab, 2, 4)).await;
        let load = Load { readers, ..Load::MIXED };
        drill::run(&lab, stage, Menu::of(&kinds), load).await;
    }
}
