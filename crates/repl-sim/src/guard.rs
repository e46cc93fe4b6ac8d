//! Panics of tasks as findings: a task that panics is over, and whoever asked hears the message.
//!
//! madsim would print the panic and end the simulation; here the evidence keeps it and the run ends
//! in order.

use std::{
    any::Any,
    cell::RefCell,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Once,
    task::Poll,
};

use crate::invariants::Broken;

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

/// What `task` resolves to, or the panic it ended with.
pub(crate) async fn guarded<T>(task: impl Future<Output = T>) -> Result<T, Broken> {
    let mut task = pin!(task);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| task.as_mut().poll(cx))) {
        Ok(Poll::Ready(done)) => Poll::Ready(Ok(done)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(panic) => Poll::Ready(Err(explain(&*panic))),
    })
    .await
}

/// From now on, panics of this thread are kept instead of printed. Where the build aborts on panic
/// nothing can be kept, and `replay` is printed instead.
pub(crate) fn keep_panics_of_this_thread(replay: String) {
    PANIC.set(Some(Panicked { replay, ..Panicked::default() }));
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let default = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let kept = PANIC.with_borrow_mut(|panic| {
                let panic = panic.as_mut()?;
                panic.message = payload_text(info.payload());
                panic.location = info.location().map(ToString::to_string).unwrap_or_default();
                Some(panic.replay.clone())
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

/// A panic as a property that does not hold.
pub(crate) fn explain(panic: &(dyn Any + Send)) -> Broken {
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
