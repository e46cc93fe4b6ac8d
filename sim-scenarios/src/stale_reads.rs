//! What replicas tell their readers while they follow, lose and find their master, in every
//! configuration of it.

use std::time::Duration;

use repl_sim::{
    families,
    schedule::{Load, Readers, Trouble, Variety},
};

const STALE_READS: [(u64, Trouble); 11] = [
    (5, Trouble::Cut),
    (3, Trouble::CutOneWay),
    (3, Trouble::Stall),
    (3, Trouble::Thin),
    (2, Trouble::Refuse),
    (2, Trouble::Freeze),
    (3, Trouble::Reset),
    (3, Trouble::Ambush),
    (3, Trouble::BrokenSnapshot),
    (2, Trouble::TwoFresh),
    (3, Trouble::Repoint),
];

families! {
    /// Readers at replicas through cuts, first and later full syncs and promotions, with
    /// `replica-serve-stale-data`, `replica-read-only` and `min-replicas-to-write` drawn.
    fn stale_reads(plan: &mut Plan) seeds = 60 {
        let serve_stale = plan.pick(&[true, false]);
        let read_only = plan.pick(&[true, true, false]);
        let min_replicas = plan.pick(&[0, 1, 2]);
        let max_lag = Duration::from_secs(plan.draw(1, 10));
        plan.configure(|config| {
            config.replica_serve_stale_data = serve_stale;
            config.replica_read_only = read_only;
            config.min_replicas_to_write = min_replicas;
            config.min_replicas_max_lag = max_lag;
        });
        let mut kinds = STALE_READS.to_vec();
        let readers = if read_only {
            kinds.extend([(3, Trouble::Promote), (2, Trouble::Strand)]);
            Readers::Mixed
        } else {
            Readers::ReadOnly
        };
        plan.nodes(2, 4);
        plan.clients(Load { readers, ..Load::MIXED });
        plan.trouble(&kinds, Variety::All);
    }
}
