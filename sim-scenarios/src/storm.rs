//! The one random scenario: the seed expands into a plan of faults, the plan is carried out under
//! load, then everything is healed and must converge.
//!
//! The plan is data before anything happens: what a step does depends on the seed alone, never on
//! the run.

use std::time::Duration;

use repl_sim::{
    Lab,
    lab::{Crash, Peer},
    scenarios,
};

const NODES: usize = 3;
const CLIENTS: u64 = 4;
const STORM: Duration = Duration::from_secs(60);

/// One thing that goes wrong, or that an operator does.
#[derive(Clone, Copy, Debug)]
enum Step {
    Cut(usize, usize),
    CutOneWay(usize, usize),
    Stall(usize, usize),
    Slow(usize, usize, Duration),
    Reset(usize, usize),
    Heal(usize, usize),
    Skew(usize, i64),
    Crash(usize, Crash),
    /// This node becomes the master of all others.
    Promote(usize),
    /// The first follows the second, whatever that one is.
    Chain(usize, usize),
}

/// Steps and how long to wait before each.
fn plan(lab: &Lab) -> Vec<(Duration, Step)> {
    let mut plan = Vec::new();
    let mut at = Duration::ZERO;
    while at < STORM {
        let wait = lab.draw_span(Duration::from_millis(50), Duration::from_secs(4));
        at += wait;
        plan.push((wait, step(lab)));
    }
    plan
}

fn step(lab: &Lab) -> Step {
    let index = |low: usize, high: usize| {
        usize::try_from(lab.draw_number(low as u64, high as u64)).expect("it is small")
    };
    let a = index(0, NODES - 1);
    let b = (a + index(1, NODES - 1)) % NODES;
    match lab.draw_number(0, 24) {
        0..=2 => Step::Cut(a, b),
        3..=4 => Step::CutOneWay(a, b),
        5..=6 => Step::Stall(a, b),
        7 => Step::Slow(a, b, lab.draw_span(Duration::ZERO, Duration::from_millis(200))),
        8..=10 => Step::Reset(a, b),
        11..=17 => Step::Heal(a, b),
        18..=19 => {
            let millis = i64::try_from(lab.draw_number(0, 40_000)).expect("it is small");
            Step::Skew(a, millis - 20_000)
        }
        20 => Step::Crash(a, Crash::Process),
        21 => Step::Crash(a, Crash::Power),
        22..=23 => Step::Promote(a),
        _ => Step::Chain(a, b),
    }
}

async fn carry_out(lab: &Lab, nodes: &[Peer; NODES], master: &mut usize, step: Step) {
    match step {
        Step::Cut(a, b) => lab.cut(&nodes[a], &nodes[b]),
        Step::CutOneWay(a, b) => lab.cut_one_way(&nodes[a], &nodes[b]),
        Step::Stall(a, b) => lab.stall(&nodes[a], &nodes[b]),
        Step::Slow(a, b, latency) => lab.slow(&nodes[a], &nodes[b], latency, 0),
        Step::Reset(a, b) => lab.reset(&nodes[a], &nodes[b]),
        Step::Heal(a, b) => lab.heal(&nodes[a], &nodes[b]),
        Step::Skew(a, millis) => nodes[a].skew(millis),
        Step::Crash(a, crash) => {
            nodes[a].crash(crash);
            lab.pass(Duration::from_secs(1)).await;
            nodes[a].restart().await;
            if a != *master {
                nodes[a].follow(&nodes[*master]).await;
            }
        }
        Step::Promote(a) => {
            *master = a;
            nodes[a].promote().await;
            follow_all(nodes, a).await;
        }
        // A ring would never have a master.
        Step::Chain(a, b) if a != *master && b != *master => {
            nodes[b].follow(&nodes[*master]).await;
            nodes[a].follow(&nodes[b]).await;
        }
        Step::Chain(..) => {}
    }
}

async fn follow_all(nodes: &[Peer; NODES], master: usize) {
    for (index, node) in nodes.iter().enumerate() {
        if index != master {
            node.follow(&nodes[master]).await;
        }
    }
}

scenarios! {
    /// Three nodes under load and a random plan of faults keep every property, and converge
    /// afterwards.
    async fn storm(lab: Lab) seeds = 100 {
        let plan = plan(&lab);
        let nodes: [Peer; NODES] = lab.peers().await;
        let mut master = 0;
        follow_all(&nodes, master).await;
        let mut load = Vec::new();
        for number in 0..CLIENTS {
            // Most clients talk to the first master, one to another node, which may become a
            // master.
            let node = if number == 0 { &nodes[1] } else { &nodes[0] };
            let mut client = node.client();
            load.push(lab.in_background(async move { client.work(400, STORM).await }));
        }
        for (wait, step) in plan {
            lab.pass(wait).await;
            carry_out(&lab, &nodes, &mut master, step).await;
        }
        for client in load {
            client.await;
        }
        lab.heal_all();
        follow_all(&nodes, master).await;
        lab.settle().await;
    }
}
