//! Mutants: known bugs kept as patches, each of which the sweep must find within so many seeds.
//!
//! A mutant is `ci/mutants/NAME.patch` and a line of `ci/mutants/table.txt`. One at a time is
//! applied to a copy of the tree, built, and swept; the product's own code is never touched. A
//! simulator that no longer finds them proves nothing, however green it is.

use std::{collections::BTreeMap, fs, path::Path};

use crate::{
    json,
    shell::{self, Failure, Outcome},
    simulation::{Build, repl_sim},
};

pub(crate) mod scratch;
pub(crate) mod table;

use table::Mutant;

/// Where patches and table are.
const FOLDER: &str = "ci/mutants";

/// Whether failures are made smaller, to see how small they get: minutes more for each mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failures {
    Kept,
    Shrunk,
}

/// Hunts the mutants named in `names`, or all of them. `--shrink` among the names has the sweep
/// make the failures smaller.
///
/// # Errors
/// A name is not in the table, a patch does not apply, a mutant does not build, or is not found by
/// the property that should find it. Every mutant is tried before the failure is told.
pub fn run(root: &Path, names: &[String]) -> Outcome {
    let (options, names): (Vec<String>, Vec<String>) =
        names.iter().cloned().partition(|name| name == "--shrink");
    let failures = if options.is_empty() { Failures::Kept } else { Failures::Shrunk };
    hunt(root, &names, |tree, seeds| sweep(tree, seeds, failures))
}

/// As [`run`], with the sweep as a parameter: (the mutated tree, seeds per scenario) -> its JSON
/// lines.
fn hunt(
    root: &Path,
    names: &[String],
    sweep: impl Fn(&Path, u64) -> Result<String, Failure>,
) -> Outcome {
    let table = root.join(FOLDER).join("table.txt");
    let text = fs::read_to_string(&table)
        .map_err(|error| Failure::io(&table.display().to_string(), &error))?;
    let mutants = table::parse(&text)?;
    if let Some(name) = names.iter().find(|name| mutants.iter().all(|m| m.name != **name)) {
        return Err(Failure::new(format!("no mutant `{name}` in {FOLDER}/table.txt")));
    }
    scratch::strays(root, FOLDER, mutants.iter().map(|mutant| mutant.name.as_str()))?;
    let wanted = |mutant: &&Mutant| names.is_empty() || names.contains(&mutant.name);
    let mut lines = Vec::new();
    let mut escaped = Vec::new();
    let mut fewest = Vec::new();
    for mutant in mutants.iter().filter(wanted) {
        let hunted = scratch::mutated(root, mutant)
            .and_then(|tree| sweep(&tree, mutant.seeds_max))
            .and_then(|text| judge(mutant, &text));
        match hunted {
            Ok(catches) => {
                fewest.extend(catches.iter().filter_map(|catch| catch.events).min());
                lines.extend(catches.into_iter().map(|catch| catch.row(mutant)));
            }
            Err(failure) => {
                lines.push(format!("{:<34} NOT FOUND: {failure}", mutant.name));
                escaped.push(mutant.name.as_str());
            }
        }
    }
    println!(
        "{:<34} {:<32} {:>6}  {:<24} {:>6}  replay",
        "mutant", "scenario", "seeds", "property", "events"
    );
    for line in &lines {
        println!("{line}");
    }
    fewest.sort_unstable();
    if let Some(median) = fewest.get(fewest.len() / 2) {
        println!("smallest schedules of {} mutants: {median} events in the median", fewest.len());
    }
    if escaped.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("{} not found: {}", escaped.len(), escaped.join(", "))))
}

/// Builds the simulator of a mutated tree and sweeps every scenario.
fn sweep(tree: &Path, seeds: u64, failures: Failures) -> Result<String, Failure> {
    let seeds = seeds.to_string();
    let mut arguments =
        vec!["sweep", "--from", "1", "--seeds", &seeds, "--first-failure", "--json"];
    if failures == Failures::Kept {
        arguments.push("--no-shrink");
    }
    // As `cargo test` builds it: nearly as fast, and built in a tenth of the time.
    let mut command = repl_sim(tree, Build::Debug, &arguments);
    command.env("CARGO_TARGET_DIR", scratch::target(tree));
    eprintln!("ci: {}", shell::shown(&command));
    // 0: nothing found; 1: a property broke. Everything else decides nothing.
    let (_, text) = shell::read_any(&mut command, |status| status == 0 || status == 1)?;
    Ok(text)
}

/// How one scenario found a mutant.
#[derive(Debug, PartialEq, Eq)]
struct Catch {
    scenario: String,
    seed: u64,
    property: String,
    replay: String,
    /// Of the smallest schedule that was found.
    events: Option<u64>,
}

impl Catch {
    fn row(&self, mutant: &Mutant) -> String {
        let Self { scenario, seed, property, replay, events } = self;
        let events = events.map_or_else(|| "-".to_owned(), |events| events.to_string());
        let name = &mutant.name;
        format!("{name:<34} {scenario:<32} {seed:>6}  {property:<24} {events:>6}  {replay}")
    }
}

/// The first catch of each scenario, from the JSON lines of a sweep that began at seed one.
fn judge(mutant: &Mutant, lines: &str) -> Result<Vec<Catch>, Failure> {
    let mut first: BTreeMap<String, Catch> = BTreeMap::new();
    let mut complete = false;
    for line in lines.lines().filter(|line| !line.trim().is_empty()) {
        let Some(fields) = json::object(line) else {
            return Err(Failure::new(format!(
                "the sweep printed `{line}`, which is no JSON object"
            )));
        };
        if fields.contains_key("summary") {
            complete = true;
            continue;
        }
        let text = |name: &str| fields.get(name).cloned().unwrap_or_default();
        if text("outcome") == "shrunk" {
            if let Some(catch) = first.get_mut(&text("scenario")) {
                catch.events = text("events").parse().ok();
            }
            continue;
        }
        if text("outcome") != "failed" {
            continue;
        }
        let Ok(seed) = text("seed").parse() else {
            return Err(Failure::new(format!("no seed in `{line}`")));
        };
        let catch = Catch {
            scenario: text("scenario"),
            seed,
            property: text("property"),
            replay: text("replay"),
            events: None,
        };
        let known = first.get(&catch.scenario);
        if known.is_none_or(|known| known.seed > seed) {
            first.insert(catch.scenario.clone(), catch);
        }
    }
    if !complete {
        return Err(Failure::new("the sweep ended without a summary"));
    }
    let catches: Vec<Catch> = first.into_values().collect();
    if catches.is_empty() {
        return Err(Failure::new(format!("no alarm in {} seeds", mutant.seeds_max)));
    }
    if !catches.iter().any(|catch| mutant.expects(&catch.property)) {
        let fired: Vec<&str> = catches.iter().map(|catch| catch.property.as_str()).collect();
        let expected = mutant.properties.join(" or ");
        return Err(Failure::new(format!("{} fired, not {expected}", fired.join(", "))));
    }
    Ok(catches)
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, env, path::PathBuf, process::Command};

    use super::*;

    /// A tree under version control with one file and one mutant of it, taken away when dropped.
    struct Tree(PathBuf);

    impl Tree {
        fn new(name: &str) -> Self {
            let folder = env::temp_dir().join(format!("ci-mutants-{}-{name}", std::process::id()));
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir_all(folder.join(FOLDER)).expect("the temporary folder is ours");
            let tree = Self(folder);
            tree.write("node.txt", "one\ntwo\nthree\n");
            tree.write("ci/mutants/table.txt", "flip | order | 9 | Two becomes four.\n");
            let patch =
                "--- a/node.txt\n+++ b/node.txt\n@@ -1,3 +1,3 @@\n one\n-two\n+four\n three\n";
            tree.write("ci/mutants/flip.patch", patch);
            let git = Command::new("git").args(["init", "-q"]).current_dir(&tree.0).status();
            assert!(git.expect("git runs").success());
            tree.write(".gitignore", "/target\n");
            tree
        }

        fn write(&self, path: &str, text: &str) {
            fs::write(self.0.join(path), text).expect("the temporary folder is ours");
        }

        /// Hunts with a sweep that finds what the mutated file says, by `property`.
        fn hunt(&self, names: &[&str], property: &str) -> Result<u32, String> {
            let sweeps = Cell::new(0);
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            let sweep = |tree: &Path, seeds: u64| {
                sweeps.set(sweeps.get() + 1);
                assert_eq!(seeds, 9);
                let text = fs::read_to_string(tree.join("node.txt")).expect("it was copied");
                let alarm = format!(
                    "{{\"scenario\": \"s\", \"seed\": 4, \"outcome\": \"failed\", \
                     \"property\": \"{property}\", \"replay\": \"r\"}}\n"
                );
                let alarm = if text.contains("four") { alarm } else { String::new() };
                Ok(alarm + "{\"summary\": {}}\n")
            };
            hunt(&self.0, &names, sweep).map_err(|failure| failure.to_string())?;
            Ok(sweeps.get())
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_mutant_is_planted_in_a_copy_and_found() {
        let tree = Tree::new("found");
        assert_eq!(tree.hunt(&[], "order"), Ok(1));
        assert_eq!(tree.hunt(&["flip"], "order"), Ok(1));
        let original = fs::read_to_string(tree.0.join("node.txt")).expect("it is there");
        assert_eq!(original, "one\ntwo\nthree\n");
    }

    #[test]
    fn a_mutant_that_nothing_or_the_wrong_property_finds_is_a_failure() {
        let tree = Tree::new("escapes");
        tree.write(
            "ci/mutants/flip.patch",
            "--- a/node.txt\n+++ b/node.txt\n@@ -3 +3 @@\n-three\n+3\n",
        );
        assert_eq!(tree.hunt(&[], "order"), Err("1 not found: flip".to_owned()));
        let tree = Tree::new("wrong");
        assert_eq!(tree.hunt(&[], "luck"), Err("1 not found: flip".to_owned()));
    }

    #[test]
    fn a_patch_that_no_longer_applies_is_a_failure() {
        let tree = Tree::new("stale");
        tree.write("node.txt", "one\n2\nthree\n");
        assert_eq!(tree.hunt(&[], "order"), Err("1 not found: flip".to_owned()));
    }

    #[test]
    fn a_name_or_patch_without_line_is_refused() {
        let tree = Tree::new("names");
        let failure = tree.hunt(&["flop"], "order").expect_err("there is no such mutant");
        assert!(failure.contains("no mutant `flop`"), "{failure}");
        tree.write("ci/mutants/stray.patch", "");
        let failure = tree.hunt(&[], "order").expect_err("a patch has no line");
        assert!(failure.contains("stray.patch has no line"), "{failure}");
    }

    #[test]
    fn the_first_seed_of_each_scenario_counts() {
        let mutants = table::parse("flip | order, luck | 9 | Why.").expect("a line of the table");
        let line = |scenario: &str, seed: u64, outcome: &str| {
            format!(
                "{{\"scenario\": \"{scenario}\", \"seed\": {seed}, \"outcome\": \"{outcome}\", \
                 \"property\": \"luck\", \"replay\": \"r\"}}\n"
            )
        };
        let lines = line("b", 7, "failed") + &line("b", 3, "failed") + &line("a", 1, "passed");
        let failure = judge(&mutants[0], &lines).expect_err("a sweep that was cut off");
        assert!(failure.to_string().contains("without a summary"), "{failure}");
        let catches = judge(&mutants[0], &(lines + "{\"summary\": {}}")).expect("b found it");
        assert_eq!(catches.iter().map(|c| (&*c.scenario, c.seed)).collect::<Vec<_>>(), [("b", 3)]);
        let shrunk = "{\"scenario\": \"b\", \"outcome\": \"shrunk\", \"events\": 2}\n";
        let lines = line("b", 3, "failed") + "{\"summary\": {}}\n" + shrunk;
        let catches = judge(&mutants[0], &lines).expect("b found it");
        assert_eq!(catches[0].events, Some(2));
        let failure = judge(&mutants[0], "panicked").expect_err("no JSON");
        assert!(failure.to_string().contains("no JSON object"), "{failure}");
    }
}
