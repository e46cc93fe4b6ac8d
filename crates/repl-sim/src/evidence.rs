//! What a run leaves behind: its trace, the judge's findings, the first failure, and counts. It
//! outlives the simulation, so that a run that panics can still be explained.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    task::Waker,
};

use repl_core::{base::time::Instant, marks::Marks};

use crate::{
    invariants::{Broken, Judge},
    lab::Decision,
    record::{Recorder, State, What},
    trace::{Keep, Trace},
};

/// Why a run failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The property that broke.
    pub property: String,
    /// Where, unless it is about the whole lab.
    pub node: Option<String>,
    /// When, in virtual time.
    pub at: Instant,
    /// What should have been.
    pub expected: String,
    /// What was.
    pub actual: String,
}

/// See this file's header.
#[derive(Debug)]
pub(crate) struct Evidence {
    pub(crate) trace: RefCell<Trace>,
    pub(crate) judge: RefCell<Judge>,
    /// The run as data, where it is asked for.
    pub(crate) recorder: Option<Rc<RefCell<Recorder>>>,
    /// Client commands that were answered.
    pub(crate) answered_count: Cell<u64>,
    /// Things that went wrong because the scenario wanted it.
    pub(crate) fault_count: Cell<u64>,
    /// Times the lab waited for quiescence and compared all datasets.
    pub(crate) settled_count: Cell<u64>,
    /// Writes that a core confirmed while something outside was broken.
    pub(crate) core_write_count: Cell<u64>,
    /// Inputs the nodes have handled.
    pub(crate) step_count: Cell<u64>,
    /// What the nodes have decided whose processes are over.
    pub(crate) marks: Cell<Marks>,
    /// The last virtual time anybody noted.
    pub(crate) now: Cell<Instant>,
    /// Every answer to `PSYNC`.
    pub(crate) decisions: RefCell<Vec<Decision>>,
    failure: RefCell<Option<Failure>>,
    /// The run's main task: it ends the run when something failed.
    main: RefCell<Option<Waker>>,
}

impl Evidence {
    pub(crate) fn new(keep: Keep) -> Self {
        Self {
            trace: RefCell::new(Trace::new(keep)),
            judge: RefCell::default(),
            recorder: (keep == Keep::Record).then(Rc::default),
            answered_count: Cell::new(0),
            fault_count: Cell::new(0),
            settled_count: Cell::new(0),
            core_write_count: Cell::new(0),
            step_count: Cell::new(0),
            marks: Cell::default(),
            now: Cell::new(Instant::ORIGIN),
            decisions: RefCell::default(),
            failure: RefCell::new(None),
            main: RefCell::new(None),
        }
    }

    /// Notes the first failure; later ones are its consequences.
    pub(crate) fn fail(&self, node: Option<&str>, broken: Broken) {
        let Broken { property, expected, actual } = broken;
        self.record(None, || What::Broken(property));
        self.trace.borrow_mut().lab(self.now.get(), format_args!("BROKEN {property}: {actual}"));
        let at = self.now.get();
        let node = node.map(str::to_owned);
        let property = property.to_owned();
        self.failure.borrow_mut().get_or_insert(Failure { property, node, at, expected, actual });
        if let Some(main) = self.main.borrow_mut().take() {
            main.wake();
        }
    }

    /// A process is over that has taken these decisions.
    pub(crate) fn add_marks(&self, of_process: &Marks) {
        let mut marks = self.marks.get();
        marks.add(of_process);
        self.marks.set(marks);
    }

    /// Something has happened now, before the next line of the trace; made only where it is kept.
    pub(crate) fn record(&self, node: Option<(usize, State)>, what: impl FnOnce() -> What) {
        if let Some(recorder) = &self.recorder {
            let line = self.trace.borrow().line_count();
            recorder.borrow_mut().push(self.now.get(), line, node, what());
        }
    }

    pub(crate) fn failed(&self) -> bool {
        self.failure.borrow().is_some()
    }

    pub(crate) fn failure(&self) -> Option<Failure> {
        self.failure.borrow().clone()
    }

    /// The main task wants to know of a failure.
    pub(crate) fn wake_on_failure(&self, main: &Waker) {
        *self.main.borrow_mut() = Some(main.clone());
    }
}
