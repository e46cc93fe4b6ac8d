//! One run: a scenario under a seed, in a thread of its own, from an empty world to a report.

use std::{
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    rc::Rc,
    task::Poll,
    thread,
    time::Duration,
};

use madsim::runtime::Runtime;
use repl_core::marks::Marks;

use crate::{
    alarm::{Alarm, within},
    evidence::Evidence,
    guard::{explain, guarded, keep_panics_of_this_thread},
    invariants::Broken,
    lab::Lab,
    record::Record,
    scenario::{Kind, Scenario},
    schedule::{Schedule, perform},
};
pub use crate::{evidence::Failure, invariants::Premises, trace::Keep};

/// A run that takes longer than this in virtual time will not end.
const VIRTUAL_LIMIT: Duration = Duration::from_secs(6 * 3600);

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Report {
    /// The scenario's name.
    pub scenario: String,
    /// The run's seed.
    pub seed: u64,
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
    /// Equal for two runs whose traces are equal, line by line.
    pub trace_hash: u64,
    /// The lines of the trace that were kept.
    pub trace: Vec<String>,
    /// How many lines the trace had.
    pub trace_line_count: u64,
    /// How long it took in virtual time.
    pub virtual_span: Duration,
    /// Client commands that were answered.
    pub command_count: u64,
    /// Faults of network, processes and clocks that the run met.
    pub fault_count: u64,
    /// How often each property's premise held.
    pub premises: Premises,
    /// How often the nodes took each decision of the protocol.
    pub marks: Marks,
    /// The run as data, if it was to be kept.
    pub record: Option<Record>,
}

/// Runs a scenario under a seed.
///
/// # Panics
/// When the operating system gives no thread.
#[must_use]
pub fn run(scenario: &Scenario, seed: u64, keep: Keep) -> Report {
    let run = Run { scenario: scenario.name.to_owned(), seed, keep };
    match scenario.kind {
        Kind::Family(_) => {
            let schedule = scenario.schedule(seed).expect("a family has schedules");
            run.in_a_thread(|lab| Box::pin(async move { perform(&lab, &schedule).await }))
        }
        Kind::Directed(work) => run.in_a_thread(work),
    }
}

/// Runs a schedule.
///
/// # Panics
/// When the operating system gives no thread.
#[must_use]
pub fn run_schedule(schedule: &Schedule, keep: Keep) -> Report {
    let schedule = schedule.clone();
    let run = Run { scenario: schedule.scenario.clone(), seed: schedule.seed, keep };
    run.in_a_thread(|lab| Box::pin(async move { perform(&lab, &schedule).await }))
}

/// What happens in a run.
type Work = Pin<Box<dyn Future<Output = ()>>>;

struct Run {
    scenario: String,
    seed: u64,
    keep: Keep,
}

impl Run {
    /// A fresh thread, because the seeds of the standard library's hash tables are per thread.
    fn in_a_thread(self, work: impl FnOnce(Lab) -> Work + Send + 'static) -> Report {
        thread::Builder::new()
            .name(format!("{} {}", self.scenario, self.seed))
            .spawn(move || self.here(work))
            .expect("a thread for a run")
            .join()
            .expect("a run catches its own panics")
    }

    fn here(self, work: impl FnOnce(Lab) -> Work) -> Report {
        let Self { scenario, seed, keep } = self;
        keep_panics_of_this_thread(replay_line(&scenario, seed));
        let evidence = Rc::new(Evidence::new(keep));
        let runtime = Runtime::with_seed_and_config(seed, madsim::Config::default());
        let ended = catch_unwind(AssertUnwindSafe(|| {
            runtime.block_on(simulate(work, seed, Rc::clone(&evidence)))
        }));
        let virtual_span = match ended {
            Ok(span) => span,
            // The lab itself, or an executor without anything to do.
            Err(panic) => {
                evidence.fail(None, explain(&*panic));
                Duration::from_nanos(evidence.now.get().as_nanos())
            }
        };
        let trace = evidence.trace.borrow();
        let mut premises = evidence.judge.borrow().premises();
        premises.insert("convergence", evidence.settled_count.get());
        premises.insert("core-liveness", evidence.core_write_count.get());
        premises.insert("answered", evidence.answered_count.get());
        Report {
            scenario,
            seed,
            failure: evidence.failure(),
            trace_hash: trace.hash(),
            trace: trace.lines().map(str::to_owned).collect(),
            trace_line_count: trace.line_count(),
            virtual_span,
            command_count: evidence.answered_count.get(),
            fault_count: evidence.fault_count.get(),
            premises,
            marks: evidence.marks.get(),
            record: evidence.recorder.as_ref().map(|recorder| recorder.borrow_mut().take()),
        }
    }
}

/// The line that repeats a run.
#[must_use]
pub fn replay_line(scenario: &str, seed: u64) -> String {
    format!("cargo sim replay {scenario} {seed}")
}

/// The whole run inside the simulation: the work, then convergence without being asked, then the
/// end of everything that still runs. Gives the virtual time of the first two.
async fn simulate(work: impl FnOnce(Lab) -> Work, seed: u64, evidence: Rc<Evidence>) -> Duration {
    let lab = Lab::new(seed, Rc::clone(&evidence));
    let watched = lab.clone();
    lab.world().spawn(async move { watched.watch().await });
    {
        let work = work(lab.clone());
        let work = async {
            work.await;
            lab.heal_all();
            lab.settle().await;
        };
        let work = async {
            if let Err(broken) = guarded(work).await {
                evidence.fail(None, broken);
            }
        };
        let work = until_failure(&evidence, work);
        if within(lab.world().net.time(), VIRTUAL_LIMIT, work).await.is_none() {
            evidence.fail(
                None,
                Broken {
                    property: "ends",
                    expected: format!("a scenario that ends within {VIRTUAL_LIMIT:?}"),
                    actual: "it still runs".to_owned(),
                },
            );
        }
    }
    let span = lab.elapsed();
    let broken_links = lab.world().net.with(|network, _| network.broken_count());
    evidence.fault_count.set(evidence.fault_count.get() + broken_links);
    lab.world().end();
    // Two turns of the executor: one to drop the tasks, one for what their drops have woken.
    for _ in 0..2 {
        Alarm::after(lab.world().net.time(), Duration::from_millis(1)).await;
    }
    span
}

/// What `work` resolves to, or `None` when the run fails before.
pub(crate) async fn until_failure<T>(
    evidence: &Evidence,
    work: impl Future<Output = T>,
) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(|cx| {
        if evidence.failed() {
            return Poll::Ready(None);
        }
        evidence.wake_on_failure(cx.waker());
        work.as_mut().poll(cx).map(Some)
    })
    .await
}
