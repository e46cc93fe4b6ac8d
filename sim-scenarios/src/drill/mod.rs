//! What the families share: nodes on a stage, a load on all of them, and a plan of steps that the
//! seed expands into before anything happens.
//!
//! A family says how many nodes there are, what may happen to them and how they are configured; the
//! rest is drawn. Every run has two phases: the properties hold while things go wrong, and when
//! everything is healed all nodes converge.

mod load;
mod menu;
mod stage;

use std::time::Duration;

use repl_sim::Lab;

pub(crate) use self::{
    load::{Load, Readers},
    menu::{Menu, Step, Switch, Trouble},
    stage::Stage,
};

/// How long things go wrong.
const SPAN: Duration = Duration::from_secs(58);

/// How old a run is when it begins to heal.
const HEALED_AT: Duration = Duration::from_secs(60);

/// A number of `low..=high` of the scenario's own stream, as an index.
pub(crate) fn draw(lab: &Lab, low: usize, high: usize) -> usize {
    usize::try_from(lab.draw_number(low as u64, high as u64)).expect("it is small")
}

/// One of `choices`.
pub(crate) fn pick<T: Copy>(lab: &Lab, choices: &[T]) -> T {
    choices[draw(lab, 0, choices.len() - 1)]
}

/// Carries a plan out under load, heals, and demands that all nodes converge.
pub(crate) async fn run(lab: &Lab, mut stage: Stage, menu: Menu, load: Load) {
    let plan = menu.plan(lab, stage.len(), SPAN);
    let clients = load.begin(lab, stage.nodes());
    for (wait, step) in plan {
        lab.pass(wait).await;
        stage.carry_out(step).await;
    }
    for client in clients {
        client.await;
    }
    lab.pass_until(HEALED_AT).await;
    lab.heal_all();
    stage.gather().await;
    lab.settle().await;
}
