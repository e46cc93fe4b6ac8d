//! `doctor`: whether a seed is one run wherever and whenever it is made.
//!
//! The reference is a run of this process, alone. It is compared with the same seed in another
//! process, in another process while all cores are busy, in a sweep on several threads, and in the
//! other build (debug for release, release for debug) where that is there. What differs is run
//! again with its whole trace, and the first event that differs is shown with those before it.

use std::{
    collections::BTreeMap,
    hint,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use super::{BROKEN, Problem, find, lacks_value, number, say};
use crate::{
    run::{Keep, run},
    scenario::Scenario,
    sweep::{self, Order, Shard, Until},
};

/// How many lines before the first difference are shown.
const LINES_BEFORE: usize = 8;

/// How often a run that once differed is made again, to see where.
const ATTEMPTS: usize = 20;

/// What is examined.
#[derive(Debug)]
pub(super) struct Exam {
    scenarios: Vec<Scenario>,
    seed_count: u64,
}

impl Exam {
    pub(super) fn parse(scenarios: &[Scenario], options: &[&str]) -> Result<Self, Problem> {
        let mut exam = Self { scenarios: scenarios.to_vec(), seed_count: 3 };
        let mut options = options.iter();
        while let Some(option) = options.next() {
            let mut value = || options.next().copied().ok_or_else(|| lacks_value(option));
            match *option {
                "--seeds" => exam.seed_count = number(value()?)?,
                "--scenario" => exam.scenarios = vec![*find(scenarios, value()?)?],
                other => return Err(Problem::usage(&format!("{other:?} is no option of doctor"))),
            }
        }
        if exam.seed_count == 0 || exam.scenarios.is_empty() {
            return Err(Problem::undecided("there is nothing to examine"));
        }
        Ok(exam)
    }

    fn seeds(&self) -> std::ops::Range<u64> {
        0..self.seed_count
    }
}

/// Where a seed is run once more.
#[derive(Clone, Debug)]
enum Place {
    /// In a process of this program.
    Process(PathBuf),
    /// The same, while every core has something else to do.
    BusyProcess(PathBuf),
    /// In this process, on so many threads at once.
    Sweep(usize),
}

/// Hashes of traces, by scenario and seed.
type Hashes = BTreeMap<(&'static str, u64), u64>;

/// Compares all places with the reference.
pub(super) fn examine(exam: &Exam) -> Result<ExitCode, Problem> {
    let own = std::env::current_exe().map_err(|error| {
        Problem::undecided(&format!("this program is not to be found: {error}"))
    })?;
    let threads = 2 * thread::available_parallelism().map_or(1, usize::from);
    let mut places = vec![
        ("another process".to_owned(), Place::Process(own.clone())),
        ("another process, all cores busy".to_owned(), Place::BusyProcess(own.clone())),
        (format!("a sweep on {threads} threads"), Place::Sweep(threads)),
    ];
    match other_build(&own) {
        Ok((name, path)) => places.push((format!("the {name} build"), Place::Process(path))),
        Err(why) => say(&format!("skipped: {why}")),
    }
    let alone = alone(exam);
    let mut differences = 0;
    for (name, place) in &places {
        let there = hashes(exam, place)?;
        let differing: Vec<_> =
            alone.iter().filter(|(run, hash)| there.get(run) != Some(hash)).collect();
        let runs = alone.len();
        if differing.is_empty() {
            say(&format!("{name}: {runs} runs, the same traces"));
        }
        // One run of a scenario is enough to look into.
        let mut looked_into = "";
        for ((scenario, seed), _) in differing {
            differences += 1;
            if *scenario != looked_into {
                say(&format!(
                    "DIFFERS {scenario} seed {seed}: alone in this process, and in {name}"
                ));
                say(&shown(find(&exam.scenarios, scenario)?, *seed, place)?);
                looked_into = scenario;
            }
        }
    }
    if differences == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    say(&format!("{differences} runs differ from the same seed elsewhere"));
    Ok(ExitCode::from(BROKEN))
}

/// The reference: one run after another, in this process.
fn alone(exam: &Exam) -> Hashes {
    let runs = exam.scenarios.iter().flat_map(|one| exam.seeds().map(move |seed| (one, seed)));
    runs.map(|(one, seed)| ((one.name, seed), run(one, seed, Keep::Tail).trace_hash)).collect()
}

/// Every run at another place.
fn hashes(exam: &Exam, place: &Place) -> Result<Hashes, Problem> {
    match place {
        Place::Process(program) => in_processes(exam, program),
        Place::BusyProcess(program) => while_busy(|| in_processes(exam, program)),
        Place::Sweep(threads) => {
            let names: BTreeMap<&str, &'static str> =
                exam.scenarios.iter().map(|scenario| (scenario.name, scenario.name)).collect();
            let order = Order {
                scenarios: &exam.scenarios,
                seeds: exam.seeds(),
                shard: Shard::WHOLE,
                jobs: *threads,
                until: Until::LastSeed,
                interrupted: &AtomicBool::new(false),
            };
            let mut hashes = Hashes::new();
            sweep::sweep(&order, |report| {
                hashes.insert((names[report.scenario.as_str()], report.seed), report.trace_hash);
            });
            Ok(hashes)
        }
    }
}

/// A process per scenario prints the hashes of its seeds.
fn in_processes(exam: &Exam, program: &Path) -> Result<Hashes, Problem> {
    let mut hashes = Hashes::new();
    for scenario in &exam.scenarios {
        let mut words = vec!["hash".to_owned(), scenario.name.to_owned()];
        words.extend(exam.seeds().map(|seed| seed.to_string()));
        for line in printed(program, &words)? {
            let fields: Vec<&str> = line.split(' ').collect();
            let [_, seed, hash] = fields[..] else { continue };
            if let (Ok(seed), Ok(hash)) = (seed.parse(), u64::from_str_radix(hash, 16)) {
                hashes.insert((scenario.name, seed), hash);
            }
        }
    }
    Ok(hashes)
}

/// What a process of `program` prints, whatever the property that breaks in it.
fn printed(program: &Path, words: &[String]) -> Result<Vec<String>, Problem> {
    let output = Command::new(program).args(words).stdin(Stdio::null()).output();
    let shown = program.display();
    let output = output
        .map_err(|error| Problem::undecided(&format!("{shown} cannot be started: {error}")))?;
    match output.status.code() {
        Some(0 | 1) => {
            let text = String::from_utf8_lossy(&output.stdout);
            Ok(text.lines().map(str::to_owned).collect())
        }
        Some(_) | None => {
            let why = String::from_utf8_lossy(&output.stderr);
            let why = why.lines().next().unwrap_or_default();
            Err(Problem::undecided(&format!("{shown} ended with {}: {why}", output.status)))
        }
    }
}

/// Does `work` while more threads than there are cores turn in circles.
fn while_busy<T>(work: impl FnOnce() -> T) -> T {
    let is_over = AtomicBool::new(false);
    let threads = 2 * thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    hint::spin_loop();
                }
            });
        }
        let done = work();
        is_over.store(true, Ordering::Relaxed);
        done
    })
}

/// The same program in the other profile of the same workspace.
fn other_build(own: &Path) -> Result<(&'static str, PathBuf), String> {
    let (folder, file) = own
        .parent()
        .zip(own.file_name())
        .ok_or_else(|| format!("{} is in no folder", own.display()))?;
    let other = match folder.file_name().and_then(|name| name.to_str()) {
        Some("release") => "debug",
        Some("debug") => "release",
        Some(_) | None => return Err(format!("{} is no build of cargo", own.display())),
    };
    let path = folder.with_file_name(other).join(file);
    if path.is_file() {
        Ok((other, path))
    } else {
        Err(format!("there is no {other} build at {}", path.display()))
    }
}

/// The first event of a run that is another one elsewhere.
fn shown(scenario: &Scenario, seed: u64, place: &Place) -> Result<String, Problem> {
    for _ in 0..ATTEMPTS {
        let here = run(scenario, seed, Keep::All).trace;
        for there in traces(scenario, seed, place)? {
            if let Some(difference) = first_difference(&here, &there) {
                return Ok(difference);
            }
        }
    }
    Ok(format!("  made {ATTEMPTS} times more, it was the same run: the hash alone differed"))
}

/// Whole traces of a run elsewhere: one, or as many as are made at once.
fn traces(scenario: &Scenario, seed: u64, place: &Place) -> Result<Vec<Vec<String>>, Problem> {
    let words = ["replay".to_owned(), scenario.name.to_owned(), seed.to_string()];
    let of_process = |program: &Path| {
        let mut lines = printed(program, &words)?;
        // What the command itself says at the end.
        lines.retain(|line| !line.starts_with("passed: "));
        Ok(vec![lines])
    };
    match place {
        Place::Process(program) => of_process(program),
        Place::BusyProcess(program) => while_busy(|| of_process(program)),
        Place::Sweep(threads) => Ok(thread::scope(|scope| {
            let runs: Vec<_> = (0..*threads)
                .map(|_| scope.spawn(|| run(scenario, seed, Keep::All).trace))
                .collect();
            runs.into_iter().map(|run| run.join().expect("a run catches its own panics")).collect()
        })),
    }
}

/// Both lines where two traces part, with some that they share; `None` when they do not part.
fn first_difference(here: &[String], there: &[String]) -> Option<String> {
    let shared = here.iter().zip(there).take_while(|(one, other)| one == other).count();
    if shared == here.len() && shared == there.len() {
        return None;
    }
    let mut text = format!("  the first event that differs is line {} of the trace:\n", shared + 1);
    for line in &here[shared.saturating_sub(LINES_BEFORE)..shared] {
        text += &format!("         {line}\n");
    }
    let ended = "(the trace has ended)";
    text += &format!("  here   {}\n", here.get(shared).map_or(ended, String::as_str));
    text += &format!("  there  {}", there.get(shared).map_or(ended, String::as_str));
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn the_first_event_that_differs_is_named_with_those_before() {
        let one = lines("1 2 3 4 5 6 7 8 9 10 11");
        assert_eq!(first_difference(&one, &one), None);
        let other = lines("1 2 3 4 5 6 7 8 9 ten 11");
        let text = first_difference(&one, &other).expect("the tenth differs");
        assert!(text.starts_with("  the first event that differs is line 10 of the trace:\n"));
        assert!(text.contains("\n         2\n") && !text.contains("\n         1\n"), "{text}");
        assert!(text.ends_with("  here   10\n  there  ten"), "{text}");
        let text = first_difference(&one, &one[..9]).expect("one is longer");
        assert!(text.ends_with("  here   10\n  there  (the trace has ended)"), "{text}");
    }

    #[test]
    fn an_exam_of_nothing_is_refused() {
        let why = |options: &[&str]| Exam::parse(&[], options).expect_err("nothing").why;
        assert_eq!(why(&[]), "there is nothing to examine");
        assert_eq!(why(&["--seeds"]), "--seeds needs a value");
        assert_eq!(why(&["--quick"]), "\"--quick\" is no option of doctor");
    }

    #[test]
    fn the_other_build_lies_beside_this_one() {
        let why = other_build(Path::new("/nowhere/target/debug/repl-sim")).expect_err("no build");
        assert_eq!(why, "there is no release build at /nowhere/target/release/repl-sim");
        assert!(other_build(Path::new("/usr/bin/repl-sim")).is_err());
    }
}
