//! The `repl-sim` command as a process: what it says when something is wrong, its exit codes, and
//! what an interrupted sweep keeps.
#![cfg(all(madsim, target_os = "linux"))]

use std::{
    env, fs,
    path::PathBuf,
    process::{Command, Output, Stdio},
    thread,
    time::Duration,
};

const PASSED: Option<i32> = Some(0);
const UNDECIDED: Option<i32> = Some(2);
const BAD_USAGE: Option<i32> = Some(3);

fn repl_sim(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_repl-sim"));
    command.args(words).stdin(Stdio::null());
    command
}

fn output(words: &[&str]) -> Output {
    repl_sim(words).output().expect("the command starts")
}

fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A file below the temporary folder, taken away when dropped.
struct Scrap(PathBuf);

impl Scrap {
    fn new(name: &str, text: &str) -> Self {
        let path = env::temp_dir().join(format!("repl-sim-{}-{name}", std::process::id()));
        fs::write(&path, text).expect("the temporary folder can be written");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("the temporary folder has a plain name")
    }
}

impl Drop for Scrap {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn an_unknown_scenario_is_bad_usage_everywhere() {
    for words in [
        &["run", "nobody"][..],
        &["replay", "nobody", "1"],
        &["sweep", "--scenario", "nobody"],
        &["coverage", "--scenario", "nobody"],
        &["doctor", "--scenario", "nobody"],
    ] {
        let output = output(words);
        assert_eq!(output.status.code(), BAD_USAGE, "{words:?}");
        let complaint = complaint(&output);
        let expected = "repl-sim: there is no scenario \"nobody\" (see `list`)\n";
        assert!(complaint.starts_with(expected), "{words:?}: {complaint}");
    }
}

#[test]
fn a_broken_or_missing_schedule_is_named_with_the_reason() {
    let broken = Scrap::new("broken.schedule", "# It broke.\nscenario storm\nevent nonsense\n");
    let output_of = output(&["replay", broken.path()]);
    assert_eq!(output_of.status.code(), UNDECIDED);
    let said = complaint(&output_of);
    assert!(said.starts_with(&format!("repl-sim: {}: ", broken.path())), "{said}");
    assert!(said.contains("line "), "{said}");
    let output_of = output(&["replay", "/nowhere/at/all.schedule"]);
    assert_eq!(output_of.status.code(), UNDECIDED);
    let said = complaint(&output_of);
    assert!(said.contains("/nowhere/at/all.schedule cannot be read: No such file"), "{said}");
}

#[test]
fn a_full_disk_is_told() {
    let scenario = "cut_heals_within_backlog";
    let report = output(&["report", scenario, "0", "--out", "/dev/full"]);
    assert_eq!(report.status.code(), UNDECIDED);
    let said = complaint(&report);
    assert!(said.contains("/dev/full cannot be written: No space left on device"), "{said}");
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has one");
    let list = repl_sim(&["list"]).stdout(full).output().expect("the command starts");
    assert_eq!(list.status.code(), UNDECIDED);
    let said = complaint(&list);
    assert!(said.contains("standard output cannot be written: No space left"), "{said}");
}

#[test]
fn a_closed_pipe_is_no_error() {
    let mut child = repl_sim(&["list"]).stdout(Stdio::piped()).spawn().expect("it starts");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("it ends").code(), PASSED);
}

/// A file of `/proc/PID`.
fn proc(pid: u32, file: &str) -> String {
    fs::read_to_string(format!("/proc/{pid}/{file}")).expect("the process runs")
}

/// Whether the process has a handler for SIGINT.
fn catches_interrupts(pid: u32) -> bool {
    let status = proc(pid, "status");
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 << 1 != 0)
}

/// Processor time that the process has used, in ticks of a hundredth of a second.
fn ticks(pid: u32) -> u64 {
    let stat = proc(pid, "stat");
    let (_, fields) = stat.rsplit_once(')').expect("the name is in brackets");
    fields.split_whitespace().nth(11).and_then(|ticks| ticks.parse().ok()).expect("utime")
}

#[test]
fn an_interrupted_sweep_tells_what_it_has_found() {
    let words =
        ["sweep", "--scenario", "cut_heals_within_backlog", "--seeds", "10000000", "--json"];
    let mut command = repl_sim(&words);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command starts");
    let pid = child.id();
    // A run takes a few hundredths of a second: by then some are over.
    while !catches_interrupts(pid) || ticks(pid) < 200 {
        assert!(child.try_wait().expect("it is ours").is_none(), "it ended early");
        thread::sleep(Duration::from_millis(20));
    }
    let killed = Command::new("kill").args(["-INT", &pid.to_string()]).status();
    assert!(killed.expect("there is kill").success());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), UNDECIDED, "nothing broke, and not everything was run");
    assert!(complaint(&output).contains("interrupted: this is what was found until then"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let summary = said.lines().find(|line| line.starts_with("{\"summary\": {\"runs\": "));
    let runs = summary.unwrap_or_else(|| panic!("no totals in {said}"));
    assert!(!runs.starts_with("{\"summary\": {\"runs\": 0,"), "{runs}");
}
