//! Where a piece of work takes place, and what a world cannot do.

use std::fmt;

use tokio::{runtime, task::LocalSet};

use crate::{Program, Testbed, processes::Processes};

/// Where nodes live.
#[derive(Clone, Debug)]
pub enum World {
    /// In a simulation: virtual time, and everything that happens follows from the seed.
    Simulated {
        /// The seed.
        seed: u64,
    },
    /// On this machine: real processes, the loopback device, real time.
    Processes(Program),
}

/// What not every world can do. Who needs it says so, and is skipped elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Turning the clock of one node.
    Skew,
}

impl World {
    /// Simulated nodes under a seed.
    #[must_use]
    pub const fn simulated(seed: u64) -> Self {
        Self::Simulated { seed }
    }

    /// Processes of a program, each on a free port of the loopback device.
    #[must_use]
    pub const fn processes(program: Program) -> Self {
        Self::Processes(program)
    }

    /// Why this world cannot give what is needed, if so.
    #[must_use]
    pub fn lacks(&self, need: Need) -> Option<&'static str> {
        match (self, need) {
            (Self::Simulated { .. }, Need::Skew) => None,
            (Self::Processes(_), Need::Skew) => Some("processes share the clock of their machine"),
        }
    }

    /// Does `work` in this world with an empty testbed and gives what it gives. Then links are
    /// healed, and every replica must become as its master; everything is taken down at the end.
    ///
    /// # Panics
    /// When `work` does, or a property of the simulation does not hold: with the seed and the end
    /// of the trace. Also when nothing can be simulated, in a build without `--cfg madsim`.
    #[track_caller]
    pub fn run<T: Send>(&self, work: impl AsyncFnOnce(Testbed) -> T + Send) -> T {
        match self {
            #[cfg(madsim)]
            Self::Simulated { seed } => {
                let done = repl_sim::simulated(*seed, async |lab| {
                    lab.configure(crate::testbed::as_redis);
                    work(Testbed::simulated(lab)).await
                });
                done.unwrap_or_else(|failed| panic!("{failed}"))
            }
            #[cfg(not(madsim))]
            Self::Simulated { .. } => panic!(
                "built without `--cfg madsim`, nothing can be simulated: run cargo inside the \
                 workspace and without RUSTFLAGS in the environment"
            ),
            Self::Processes(program) => {
                let processes = Processes::new(program.clone());
                let runtime = runtime::Builder::new_current_thread().enable_all().build();
                let runtime = runtime.expect("the system gives sockets and timers");
                LocalSet::new().block_on(&runtime, async {
                    let testbed = Testbed::of_processes(processes);
                    let done = work(testbed.clone()).await;
                    testbed.heal_all();
                    testbed.settle().await;
                    done
                })
            }
        }
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Simulated { .. } => f.write_str("simulated"),
            Self::Processes(program) => f.write_str(program.name()),
        }
    }
}
