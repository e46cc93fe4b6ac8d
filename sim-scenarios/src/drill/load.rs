//! The load: clients at every node, so that whichever of them is the master takes writes and the
//! others are read.

use std::{future::Future, pin::Pin, time::Duration};

use repl_sim::{
    Lab,
    lab::{Client, Peer},
};

use super::{SPAN, draw};

/// Client commands that a run answers at least.
const COMMANDS: usize = 5_000;

/// Whether clients of replicas may write to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readers {
    /// They try, as everybody does, and are refused.
    Mixed,
    /// They only read: a write would be taken, and the replica would hold what its master does not.
    ReadOnly,
}

/// Who asks for what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Clients of each node.
    pub(crate) clients_per_node: usize,
    /// What those of nodes that begin as replicas do.
    pub(crate) readers: Readers,
    /// Clients of each node that set keys which are about to expire, and change their mind.
    pub(crate) ttl_racers: usize,
    /// At the most so many clients wait for elements in a run.
    pub(crate) waiters: usize,
    /// At the most so many clients listen to channels.
    pub(crate) listeners: usize,
}

type Work = Pin<Box<dyn Future<Output = ()>>>;

impl Load {
    /// Mixed commands from two clients of every node.
    pub(crate) const MIXED: Self = Self {
        clients_per_node: 2,
        readers: Readers::Mixed,
        ttl_racers: 0,
        waiters: 6,
        listeners: 4,
    };

    /// Begins to ask; what it gives back end when everything is answered.
    pub(super) fn begin(self, lab: &Lab, nodes: &[Peer]) -> Vec<Work> {
        let each = COMMANDS.div_ceil(nodes.len() * self.clients_per_node) + 1;
        let mut work: Vec<Work> = Vec::new();
        for (number, node) in nodes.iter().enumerate() {
            for _ in 0..self.clients_per_node {
                let mut client = node.client();
                let lab_of_client = lab.clone();
                let reads = self.readers == Readers::ReadOnly && number > 0;
                work.push(Box::pin(lab.in_background(async move {
                    if reads {
                        read(&lab_of_client, client, each).await;
                    } else {
                        client.work(each, SPAN).await;
                    }
                })));
            }
            for _ in 0..self.ttl_racers {
                let (lab_of_racer, client) = (lab.clone(), node.client());
                work.push(Box::pin(lab.in_background(race(lab_of_racer, client))));
            }
        }
        self.begin_to_wait(lab, nodes, &mut work);
        self.begin_to_listen(lab, nodes, &mut work);
        work
    }

    /// Some listen at whichever node.
    fn begin_to_listen(self, lab: &Lab, nodes: &[Peer], work: &mut Vec<Work>) {
        for _ in 0..draw(lab, 0, self.listeners) {
            let mut client = nodes[draw(lab, 0, nodes.len() - 1)].client();
            work.push(Box::pin(lab.in_background(async move { client.listen(SPAN).await })));
        }
    }

    /// Some wait at the first master, and some at whichever node.
    fn begin_to_wait(self, lab: &Lab, nodes: &[Peer], work: &mut Vec<Work>) {
        for _ in 0..draw(lab, 0, self.waiters) {
            let anywhere = self.readers == Readers::Mixed && draw(lab, 0, 2) > 0;
            let node = if anywhere { draw(lab, 0, nodes.len() - 1) } else { 0 };
            let mut client = nodes[node].client();
            work.push(Box::pin(lab.in_background(async move {
                client.wait_for_elements(SPAN).await;
            })));
        }
    }
}

/// Reads until so many requests were answered.
async fn read(lab: &Lab, mut client: Client, count: usize) {
    let pause = SPAN / u32::try_from(count).expect("it is small");
    let mut answered = 0;
    while answered < count {
        let key = format!("key:{}", lab.draw_number(0, 59));
        let request: &[&str] = match lab.draw_number(0, 5) {
            0 => &["EXISTS", &key],
            1 => &["PTTL", &key],
            2 => &["TYPE", &key],
            3 => &["DBSIZE"],
            _ => &["GET", &key],
        };
        answered += usize::from(client.call(request).await.is_ok());
        lab.pass(lab.draw_span(Duration::ZERO, pause * 2)).await;
    }
}

/// Sets keys that expire soon and, around the moment they do, keeps, prolongs or reads them.
async fn race(lab: Lab, mut client: Client) {
    while lab.elapsed() < SPAN {
        let key = format!("race:{}", lab.draw_number(0, 19));
        let millis = lab.draw_number(1, 3_000);
        let text = millis.to_string();
        let set: &[&str] = match lab.draw_number(0, 2) {
            0 => &["SET", &key, "soon", "PX", &text],
            1 => &["PSETEX", &key, &text, "soon"],
            _ => &["PEXPIRE", &key, &text],
        };
        // What is lost, or refused by a replica, is part of the race.
        let _ = client.call(set).await;
        lab.pass(Duration::from_millis(millis * lab.draw_number(80, 110) / 100)).await;
        let late: &[&str] = match lab.draw_number(0, 5) {
            0 => &["PERSIST", &key],
            1 => &["PEXPIRE", &key, "60000"],
            2 => &["APPEND", &key, "er"],
            3 => &["SET", &key, "kept", "KEEPTTL"],
            4 => &["EXISTS", &key],
            _ => &["PTTL", &key],
        };
        let _ = client.call(late).await;
    }
}
