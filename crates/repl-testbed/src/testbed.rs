//! The testbed: the words that are about more than one node.

use std::{
    fmt::Debug,
    future::{Future, poll_fn},
    pin::pin,
    rc::Rc,
    task::Poll,
    time::Duration,
};

use crate::{
    Decision, Peer,
    peer::Place,
    processes::{Node, PATIENCE, POLL_EVERY, Processes, Proxy},
};

/// How long a simulated cluster may take, in virtual time, to do what is waited for.
#[cfg(madsim)]
const VIRTUAL_PATIENCE: Duration = Duration::from_secs(600);

/// A handle to the nodes of one piece of work and to what lies between them.
#[derive(Clone, Debug)]
pub struct Testbed(Kind);

#[derive(Clone, Debug)]
enum Kind {
    #[cfg(madsim)]
    Simulated(repl_sim::Lab),
    Processes(Rc<Processes>),
}

/// Two nodes and what can be done to the link between them.
enum Pair<'a> {
    #[cfg(madsim)]
    Simulated(&'a repl_sim::Lab, &'a repl_sim::lab::Peer, &'a repl_sim::lab::Peer),
    Processes(&'a Processes, &'a Node, &'a Node),
}

impl Testbed {
    #[cfg(madsim)]
    pub(crate) const fn simulated(lab: repl_sim::Lab) -> Self {
        Self(Kind::Simulated(lab))
    }

    pub(crate) const fn of_processes(processes: Rc<Processes>) -> Self {
        Self(Kind::Processes(processes))
    }

    /// Gives directives to the nodes that are started from now on. The others are as Redis has
    /// them, but `repl-diskless-sync-delay 0`, `repl-ping-replica-period 1`,
    /// `enable-debug-command yes`, and nothing is saved.
    ///
    /// # Panics
    /// A simulated node refuses a directive at once, a process when it is started.
    pub fn configure(&self, directives: &[(&str, &str)]) {
        match &self.0 {
            #[cfg(madsim)]
            Kind::Simulated(lab) => lab.configure(|config| {
                for (name, value) in directives {
                    let taken = config.set(
                        name.as_bytes(),
                        &[value.as_bytes()],
                        repl_core::base::config::When::Boot,
                    );
                    taken.unwrap_or_else(|error| panic!("{name} {value}: {error:?}"));
                }
            }),
            Kind::Processes(processes) => processes.configure(directives),
        }
    }

    /// Starts `N` nodes, all masters, named `n1`, `n2`, ...
    ///
    /// # Panics
    /// When a process does not start.
    pub async fn peers<const N: usize>(&self) -> [Peer; N] {
        match &self.0 {
            #[cfg(madsim)]
            Kind::Simulated(lab) => {
                let peers = lab.peers().await;
                peers.map(|peer| Peer::new(self.clone(), Place::Simulated(peer)))
            }
            Kind::Processes(processes) => std::array::from_fn(|_| {
                let (processes, node) = (Rc::clone(processes), processes.start_node());
                Peer::new(self.clone(), Place::Process { processes, node })
            }),
        }
    }

    /// Ends every connection between the two; until it is healed none is made.
    ///
    /// # Panics
    /// As every word about two nodes: when they are not of one testbed.
    pub fn cut(&self, a: &Peer, b: &Peer) {
        match self.pair(a, b) {
            #[cfg(madsim)]
            Pair::Simulated(lab, a, b) => {
                lab.reset(a, b);
                lab.cut(a, b);
            }
            Pair::Processes(all, a, b) => all.each_link(a, b, Proxy::cut),
        }
    }

    /// Resets every connection between the two; new ones are made at once.
    pub fn reset(&self, a: &Peer, b: &Peer) {
        match self.pair(a, b) {
            #[cfg(madsim)]
            Pair::Simulated(lab, a, b) => lab.reset(a, b),
            Pair::Processes(all, a, b) => all.each_link(a, b, Proxy::reset),
        }
    }

    /// Holds up everything between the two; nothing is lost.
    pub fn stall(&self, a: &Peer, b: &Peer) {
        match self.pair(a, b) {
            #[cfg(madsim)]
            Pair::Simulated(lab, a, b) => lab.stall(a, b),
            Pair::Processes(all, a, b) => all.each_link(a, b, Proxy::stall),
        }
    }

    /// Lets so many bytes a second pass between the two, each way.
    pub fn slow(&self, a: &Peer, b: &Peer, bytes_per_second: u64) {
        match self.pair(a, b) {
            #[cfg(madsim)]
            Pair::Simulated(lab, a, b) => lab.slow(a, b, Duration::ZERO, bytes_per_second),
            Pair::Processes(all, a, b) => {
                all.each_link(a, b, |proxy| proxy.slow(bytes_per_second));
            }
        }
    }

    /// Resets the connections between the two as soon as so many more bytes of `from` have arrived.
    pub fn break_after(&self, from: &Peer, to: &Peer, bytes: u64) {
        match self.pair(from, to) {
            #[cfg(madsim)]
            Pair::Simulated(lab, from, to) => {
                lab.break_after(from, to, bytes, repl_sim::lab::Breakage::Reset);
            }
            Pair::Processes(all, from, to) => all.break_after(from, to, bytes),
        }
    }

    /// Ends a cut, a stall or a slowness between the two.
    pub fn heal(&self, a: &Peer, b: &Peer) {
        match self.pair(a, b) {
            #[cfg(madsim)]
            Pair::Simulated(lab, a, b) => lab.heal(a, b),
            Pair::Processes(all, a, b) => all.each_link(a, b, Proxy::heal),
        }
    }

    /// Heals everything.
    pub fn heal_all(&self) {
        match &self.0 {
            #[cfg(madsim)]
            Kind::Simulated(lab) => lab.heal_all(),
            Kind::Processes(processes) => processes.heal_all(),
        }
    }

    /// Waits until every replica that reaches its master has its link up and stands at its master's
    /// offset of its master's history.
    ///
    /// # Panics
    /// When that takes too long: in a simulation a time that follows from the directives, with
    /// processes [`PATIENCE`].
    pub async fn settle(&self) {
        match &self.0 {
            #[cfg(madsim)]
            Kind::Simulated(lab) => lab.settle().await,
            Kind::Processes(processes) => {
                self.until("replicas that are as their masters", async || {
                    for (replica, master) in processes.followers() {
                        let node = |node| {
                            let processes = Rc::clone(processes);
                            Peer::new(self.clone(), Place::Process { processes, node })
                        };
                        node(replica).compare_to(&node(master)).await?;
                    }
                    Ok::<_, String>(())
                })
                .await;
            }
        }
    }

    /// Lets time pass: virtual time, or real time.
    pub async fn pass(&self, span: Duration) {
        match &self.0 {
            #[cfg(madsim)]
            Kind::Simulated(lab) => lab.pass(span).await,
            Kind::Processes(_) => tokio::time::sleep(span).await,
        }
    }

    /// What `work` resolves to, or `None` when it takes longer than `limit`.
    pub async fn within<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
        let (mut work, mut limit) = (pin!(work), pin!(self.pass(limit)));
        poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending => limit.as_mut().poll(cx).map(|()| None),
        })
        .await
    }

    /// Looks again and again until `look` finds what it looks for, and gives it.
    ///
    /// # Panics
    /// When it did not within [`patience`](Self::patience): with what was waited for and the last
    /// thing seen instead.
    pub async fn until<T, Other: Debug>(
        &self,
        what: &str,
        mut look: impl AsyncFnMut() -> Result<T, Other>,
    ) -> T {
        let mut seen = None;
        let found = self.within(self.patience(), async {
            loop {
                match look().await {
                    Ok(found) => return found,
                    Err(other) => seen = Some(other),
                }
                self.pass(POLL_EVERY).await;
            }
        });
        match found.await {
            Some(found) => found,
            None => panic!("waited in vain for {what}; last seen: {seen:?}"),
        }
    }

    /// Far longer than anything takes that is going to happen.
    #[must_use]
    pub const fn patience(&self) -> Duration {
        match &self.0 {
            #[cfg(madsim)]
            Kind::Simulated(_) => VIRTUAL_PATIENCE,
            Kind::Processes(_) => PATIENCE,
        }
    }

    /// Runs `work` beside the rest until it ends or the testbed does.
    pub fn in_background(&self, work: impl Future<Output = ()> + 'static) {
        match &self.0 {
            #[cfg(madsim)]
            Kind::Simulated(lab) => drop(lab.in_background(work)),
            Kind::Processes(_) => drop(tokio::task::spawn_local(work)),
        }
    }

    fn pair<'a>(&'a self, a: &'a Peer, b: &'a Peer) -> Pair<'a> {
        match (&self.0, a.place(), b.place()) {
            #[cfg(madsim)]
            (Kind::Simulated(lab), Place::Simulated(a), Place::Simulated(b)) => {
                Pair::Simulated(lab, a, b)
            }
            (
                Kind::Processes(processes),
                Place::Process { node: a, .. },
                Place::Process { node: b, .. },
            ) => Pair::Processes(processes, a, b),
            #[cfg(madsim)]
            (Kind::Simulated(_) | Kind::Processes(_), _, _) => {
                panic!("nodes of two testbeds have no link between them")
            }
        }
    }

    /// Every answer to `PSYNC` so far, in their order.
    #[must_use]
    pub fn decisions(&self) -> Vec<Decision> {
        match &self.0 {
            #[cfg(madsim)]
            Kind::Simulated(lab) => lab.decisions().into_iter().map(simulated_decision).collect(),
            Kind::Processes(processes) => processes.decisions(),
        }
    }
}

#[cfg(madsim)]
fn simulated_decision(decision: repl_sim::lab::Decision) -> Decision {
    use crate::Verdict;
    Decision {
        // Nobody else asks: the clients of a testbed are clients.
        replica: decision.replica.unwrap_or_else(|| "somebody".to_owned()),
        master: decision.master,
        asked: decision.asked.map(|(replid, offset)| (replid.to_string(), offset)),
        replid: decision.replid.to_string(),
        verdict: match decision.verdict {
            repl_core::io::Verdict::Continue => Verdict::Continue,
            repl_core::io::Verdict::Full(_) => Verdict::Full,
        },
    }
}

/// The directives of a simulated node as those of a process.
#[cfg(madsim)]
pub(crate) fn as_redis(config: &mut repl_core::base::config::Config) {
    use repl_core::base::config::{Access, Config};
    *config = Config {
        // Nodes are dialled from other hosts, without passwords.
        protected_mode: false,
        enable_debug_command: Access::Yes,
        repl_diskless_sync_delay: Duration::ZERO,
        repl_ping_replica_period: Duration::from_secs(1),
        ..Config::default()
    };
}
