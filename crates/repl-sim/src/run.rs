//! One run: a scenario under a seed, in a thread of its own, from an empty world to a report.

use std::{
    any::Any,
    cell::RefCell,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    rc::Rc,
    sync::Once,
    task::Poll,
    thread,
    time::Duration,
};

use madsim::runtime::Runtime;

use crate::{
    alarm::{Alarm, within},
    evidence::Evidence,
    invariants::Broken,
    lab::Lab,
    scenario::Scenario,
};
pub use crate::{evidence::Failure, invariants::Premises, trace::Keep};

/// A run that takes longer than this in virtual time will not end.
const VIRTUAL_LIMIT: Duration = Duration::from_secs(6 * 3600);

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Report {
    /// The scenario's name.
    pub scenario: &'static str,
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
    /// How often each property's premise held.
    pub premises: Premises,
}

/// Runs a scenario under a seed.
///
/// A fresh thread, because the seeds of the standard library's hash tables are per thread.
///
/// # Panics
/// When the operating system gives no thread.
#[must_use]
pub fn run(scenario: &Scenario, seed: u64, keep: Keep) -> Report {
    keep_panic_messages();
    let scenario = *scenario;
    thread::Builder::new()
        .name(format!("{} {seed}", scenario.name))
        .spawn(move || run_here(&scenario, seed, keep))
        .expect("a thread for a run")
        .join()
        .expect("a run catches its own panics")
}

fn run_here(scenario: &Scenario, seed: u64, keep: Keep) -> Report {
    PANIC.set(Some(Panicked { replay: replay_line(scenario.name, seed), ..Panicked::default() }));
    let evidence = Rc::new(Evidence::new(keep));
    let runtime = Runtime::with_seed_and_config(seed, madsim::Config::default());
    let ended = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(simulate(scenario, seed, Rc::clone(&evidence)))
    }));
    let virtual_span = match ended {
        Ok(span) => span,
        Err(panic) => {
            evidence.fail(None, explain(&*panic));
            Duration::from_nanos(evidence.now.get().as_nanos())
        }
    };
    let trace = evidence.trace.borrow();
    let mut premises = evidence.judge.borrow().premises();
    premises.insert("convergence", evidence.settled_count.get());
    premises.insert("answered", evidence.answered_count.get());
    Report {
        scenario: scenario.name,
        seed,
        failure: evidence.failure(),
        trace_hash: trace.hash(),
        trace: trace.lines().map(str::to_owned).collect(),
        trace_line_count: trace.line_count(),
        virtual_span,
        command_count: evidence.answered_count.get(),
        premises,
    }
}

/// The line that repeats a run.
#[must_use]
pub fn replay_line(scenario: &str, seed: u64) -> String {
    format!("cargo run -q --release -p sim-scenarios -- replay {scenario} {seed}")
}

/// The whole run inside the simulation: the scenario, then convergence without being asked, then the end of
/// everything that still runs. Gives the virtual time of the first two.
async fn simulate(scenario: &Scenario, seed: u64, evidence: Rc<Evidence>) -> Duration {
    let lab = Lab::new(seed, Rc::clone(&evidence));
    {
        let scenario = (scenario.run)(lab.clone());
        let work = async {
            scenario.await;
            lab.heal_all();
            lab.settle().await;
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
    lab.world().end();
    // Two turns of the executor: one to drop the tasks, one for what their drops have woken.
    for _ in 0..2 {
        Alarm::after(lab.world().net.time(), Duration::from_millis(1)).await;
    }
    span
}

async fn until_failure(evidence: &Evidence, work: impl Future<Output = ()>) {
    let mut work = pin!(work);
    poll_fn(|cx| {
        if evidence.failed() {
            return Poll::Ready(());
        }
        evidence.wake_on_failure(cx.waker());
        work.as_mut().poll(cx)
    })
    .await;
}

// ---------------------------------------------------------------------------------------------- panics

/// The last panic of a thread that runs a scenario.
#[derive(Clone, Default)]
struct Panicked {
    replay: String,
    message: String,
    location: String,
}

thread_local! {
    static PANIC: RefCell<Option<Panicked>> = const { RefCell::new(None) };
}

/// Panics in a run are findings, not messages for the terminal: they are kept for the report. Where the build
/// aborts on panic nothing can be kept, and the replay line is printed instead.
fn keep_panic_messages() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let default = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let kept = PANIC.with_borrow_mut(|panic| match panic {
                Some(panic) => {
                    panic.message = payload_text(info.payload());
                    panic.location = info.location().map(ToString::to_string).unwrap_or_default();
                    Some(panic.replay.clone())
                }
                None => None,
            });
            match kept {
                Some(replay) if cfg!(panic = "abort") => {
                    default(info);
                    eprintln!("replay with:  {replay}");
                }
                Some(_) => {}
                None => default(info),
            }
        }));
    });
}

fn explain(panic: &(dyn Any + Send)) -> Broken {
    let kept = PANIC.with_borrow(Clone::clone).unwrap_or_default();
    let message = if kept.message.is_empty() { payload_text(panic) } else { kept.message };
    let in_node = ["repl-core", "repl-server"].iter().any(|part| kept.location.contains(part));
    Broken {
        property: if in_node { "no-panic" } else { "scenario" },
        expected: format!("no panic at {}", kept.location),
        actual: message,
    }
}

fn payload_text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}
