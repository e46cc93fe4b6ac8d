//! The lab for programs that are not scenarios of a registry: inside a simulation of their own, or
//! in one that is made for them.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    thread,
    time::Duration,
};

use madsim::runtime::Runtime;

use crate::{
    alarm::Alarm,
    evidence::{Evidence, Failure},
    guard::{explain, guarded, keep_panics_of_this_thread},
    lab::Lab,
    run::until_failure,
    trace::Keep,
};

/// How many of the last lines of the trace are shown.
const TRACE_LINES: usize = 40;

/// A run in which something did not hold.
#[derive(Clone, Debug)]
pub struct Failed {
    /// The run's seed.
    pub seed: u64,
    /// What did not hold.
    pub failure: Failure,
    /// The last lines of the trace.
    pub trace: Vec<String>,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure { property, node, at, expected, actual } = &self.failure;
        let node = node.as_deref().unwrap_or("the lab");
        let seconds = at.as_nanos() as f64 / 1e9;
        writeln!(
            f,
            "seed {}: {property} broke, {node} at {seconds:.6} virtual seconds",
            self.seed
        )?;
        writeln!(f, "expected   {expected}")?;
        writeln!(f, "actual     {actual}")?;
        let skipped = self.trace.len().saturating_sub(TRACE_LINES);
        self.trace[skipped..].iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl std::error::Error for Failed {}

/// What is changed in a run that must not matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Twin {
    /// Another number cuts what is sent into other segments, which also arrive at other times.
    pub segments: u64,
    /// Another number has the executor ask tasks in another order.
    pub polls: u64,
}

/// Does `work` with an empty lab in the madsim simulation that runs now, and takes the lab down
/// when it is done.
///
/// The network, the clocks and the directives follow from `seed`; the executor keeps its own. The
/// properties are checked at every input of every node, and the first that does not hold ends the
/// work where it stands.
///
/// # Errors
/// A property did not hold, or a node panicked.
///
/// # Panics
/// Outside a simulation, and when `work` does.
pub async fn embedded<T>(seed: u64, work: impl AsyncFnOnce(Lab) -> T) -> Result<T, Box<Failed>> {
    let evidence = Rc::new(Evidence::new(Keep::Tail));
    let lab = Lab::new(seed, Rc::clone(&evidence));
    let done = until_failure(&evidence, work(lab.clone())).await;
    take_down(&lab).await;
    finished(seed, &evidence, done)
}

/// Does `work` with an empty lab, in a simulation and a thread of its own: whatever `seed` does, it
/// does again. When the work is done, links are healed and every replica must become as its master.
///
/// # Errors
/// A property did not hold, or somebody panicked, `work` included.
///
/// # Panics
/// When the operating system gives no thread.
pub fn simulated<T: Send>(
    seed: u64,
    work: impl AsyncFnOnce(Lab) -> T + Send,
) -> Result<T, Box<Failed>> {
    simulated_twin(seed, Twin::default(), work)
}

/// As [`simulated`], with something changed that must not matter: what `work` gives must be the
/// same for every `twin`, as far as it names nothing that hangs on the time at which something
/// arrives.
///
/// # Errors
/// As there.
///
/// # Panics
/// As there.
pub fn simulated_twin<T: Send>(
    seed: u64,
    twin: Twin,
    work: impl AsyncFnOnce(Lab) -> T + Send,
) -> Result<T, Box<Failed>> {
    // A fresh thread, because the seeds of the standard library's hash tables are per thread.
    thread::scope(|scope| {
        let run = thread::Builder::new().name(format!("seed {seed}"));
        let run = run.spawn_scoped(scope, || simulated_here(seed, twin, work));
        run.expect("a thread for a run").join().expect("a run catches its own panics")
    })
}

fn simulated_here<T>(
    seed: u64,
    twin: Twin,
    work: impl AsyncFnOnce(Lab) -> T,
) -> Result<T, Box<Failed>> {
    keep_panics_of_this_thread(format!("seed {seed}"));
    let evidence = Rc::new(Evidence::new(Keep::Tail));
    let order = seed.wrapping_add(twin.polls);
    let runtime = Runtime::with_seed_and_config(order, madsim::Config::default());
    let ended = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            let lab = Lab::new(seed, Rc::clone(&evidence));
            lab.world().net.with(|network, _| network.cut_otherwise(seed, twin.segments));
            let work = guarded(async {
                let done = work(lab.clone()).await;
                lab.heal_all();
                lab.settle().await;
                done
            });
            let done = until_failure(&evidence, work).await;
            take_down(&lab).await;
            done
        })
    }));
    let done = match ended {
        Ok(Some(Ok(done))) => Some(done),
        Ok(Some(Err(broken))) => {
            evidence.fail(None, broken);
            None
        }
        Ok(None) => None,
        // The lab itself, or an executor without anything to do.
        Err(panic) => {
            evidence.fail(None, explain(&*panic));
            None
        }
    };
    finished(seed, &evidence, done)
}

/// Ends everything that still runs.
async fn take_down(lab: &Lab) {
    lab.world().end();
    // Two turns of the executor: one to drop the tasks, one for what their drops have woken.
    for _ in 0..2 {
        Alarm::after(lab.world().net.time(), Duration::from_millis(1)).await;
    }
}

fn finished<T>(seed: u64, evidence: &Evidence, done: Option<T>) -> Result<T, Box<Failed>> {
    match (evidence.failure(), done) {
        (None, Some(done)) => Ok(done),
        (None, None) => unreachable!("a run without a failure ends its work"),
        (Some(failure), _) => {
            let trace = evidence.trace.borrow().lines().map(str::to_owned).collect();
            Err(Box::new(Failed { seed, failure, trace }))
        }
    }
}
