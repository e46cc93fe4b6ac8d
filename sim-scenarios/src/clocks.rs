//! Clocks that disagree, drift and step, while keys expire.

use std::time::Duration;

use repl_sim::scenarios;

use crate::drill::{self, Load, Menu, Stage, Trouble, draw};

const CLOCKS: [(u64, Trouble); 8] = [
    (12, Trouble::Skew),
    (3, Trouble::Reset),
    (2, Trouble::Cut),
    (2, Trouble::Stall),
    (2, Trouble::CrashReplica),
    (3, Trouble::Promote),
    (2, Trouble::Strand),
    (2, Trouble::Graft),
];

scenarios! {
    /// Keys are set to expire, kept and prolonged in the last moment, on masters and replicas whose
    /// clocks are off, drift, and step forward and back.
    async fn skewed_clocks(lab: Lab) as Family seeds = 60 {
        let stage = Stage::new(&lab, draw(&lab, 2, 4)).await;
        for node in stage.nodes() {
            // Some agree to the millisecond, some are hours off.
            if lab.draw_number(0, 2) > 0 {
                let off = lab.draw_span(Duration::ZERO, Duration::from_secs(100));
                let millis = i64::try_from(off.as_millis()).expect("it is small");
                node.skew(if lab.draw_number(0, 1) == 0 { millis } else { -millis });
            }
        }
        let load = Load { ttl_racers: 3, ..Load::MIXED };
        drill::run(&lab, stage, Menu::of(&CLOCKS), load).await;
    }
}
