//! The clients of a schedule. Whichever node is the master takes their writes, and the others are
//! read.

use std::{future::Future, pin::Pin, time::Duration};

use super::{NodeId, Schedule, Task};
use crate::lab::{Client, Lab};

/// Clients stop asking so long before everything is healed: what they asked for has been heard of.
const QUIET_BEFORE_HEALING: Duration = Duration::from_secs(2);

pub(super) type Work = Pin<Box<dyn Future<Output = ()>>>;

/// Begins to ask; what it gives back for each client, with the node that is asked, ends when
/// everything is answered.
pub(super) fn begin(
    lab: &Lab,
    schedule: &Schedule,
    mut client: impl FnMut(usize) -> Option<Client>,
) -> Vec<(NodeId, Work)> {
    let until = schedule.heals_at.saturating_sub(QUIET_BEFORE_HEALING);
    let mut work: Vec<(NodeId, Work)> = Vec::new();
    for (index, customer) in schedule.clients.iter().enumerate() {
        let Some(client) = client(index) else { continue };
        let task = perform(lab.clone(), client, customer.task, until);
        work.push((customer.node, Box::pin(lab.in_background(task))));
    }
    work
}

async fn perform(lab: Lab, mut client: Client, task: Task, until: Duration) {
    match task {
        Task::Work(count) => client.work(count as usize, until).await,
        Task::Read(count) => client.read(count as usize, until).await,
        Task::Sip(rate) => client.sip(rate, until).await,
        Task::Race => client.race_expiries(&lab, until).await,
        Task::Wait => client.wait_for_elements(until).await,
        Task::Listen => client.listen(until).await,
    }
}
