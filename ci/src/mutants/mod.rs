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
pub(crate) const FOLDER: &str = "ci/mutants";

/// Where those are that nothing is improved for.
const FROZEN: &str = "ci/mutants/frozen";

/// How a mutant is hunted.
trait Hunter {
    /// Seeds `from..=to` of every scenario of the tree, as JSON lines.
    fn sweep(&self, tree: &Path, from: u64, to: u64) -> Result<String, Failure>;

    /// How many events are left when the first of these failures is made smaller, if that is wanted
    /// and can be done: what is left has to fail once more by the same property.
    fn shrink(
        &self,
        tree: &Path,
        mutant: &Mutant,
        catches: &[Catch],
    ) -> Result<Option<usize>, Failure>;
}

/// The simulator of the tree.
struct Simulator {
    failures: Failures,
}

/// Whether failures are made smaller, to see how small they get: half a minute more for each
/// mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failures {
    Kept,
    Shrunk,
}

/// A mutant is sought among so many seeds at first, then among more: most are found by a few.
const ROUNDS: [u64; 2] = [5, 30];

/// Hunts the mutants named in `names`, or all of them. `--shrink` among the names has a failure of
/// each made smaller, `--frozen` means those that nothing was improved for.
///
/// # Errors
/// A name is not in the table, a patch does not apply, a mutant does not build, or is not found by
/// the property that should find it, or a failure that was made smaller is none. Every mutant is
/// tried before the failure is told.
pub fn run(root: &Path, names: &[String]) -> Outcome {
    let (options, names): (Vec<String>, Vec<String>) =
        names.iter().cloned().partition(|name| ["--shrink", "--frozen"].contains(&name.as_str()));
    let has = |option: &str| options.iter().any(|one| one == option);
    let failures = if has("--shrink") { Failures::Shrunk } else { Failures::Kept };
    let folder = if has("--frozen") { FROZEN } else { FOLDER };
    hunt(root, folder, &names, &Simulator { failures })
}

/// As [`run`], with the simulator as a parameter.
fn hunt(root: &Path, folder: &str, names: &[String], hunter: &impl Hunter) -> Outcome {
    let table = root.join(folder).join("table.txt");
    let text = fs::read_to_string(&table)
        .map_err(|error| Failure::io(&table.display().to_string(), &error))?;
    let mutants = table::parse(&text)?;
    if let Some(name) = names.iter().find(|name| mutants.iter().all(|m| m.name != **name)) {
        return Err(Failure::new(format!("no mutant `{name}` in {folder}/table.txt")));
    }
    scratch::strays(root, folder, mutants.iter().map(|mutant| mutant.name.as_str()))?;
    let wanted = |mutant: &&Mutant| names.is_empty() || names.contains(&mutant.name);
    let mut escaped = Vec::new();
    let mut sizes = Vec::new();
    println!("| mutant | soonest | by | as soon in scenarios | events |\n|---|---|---|---|---|");
    for mutant in mutants.iter().filter(wanted) {
        let caught = scratch::planted(root, folder, &mutant.name)
            .and_then(|tree| catch(&tree, mutant, hunter));
        match caught {
            Ok((row, size)) => {
                println!("{row}");
                sizes.extend(size);
            }
            Err(failure) => {
                println!("| {} | **not found**: {failure} | | | |", mutant.name);
                escaped.push(mutant.name.as_str());
            }
        }
    }
    sizes.sort_unstable();
    if let Some(median) = sizes.get(sizes.len() / 2) {
        println!("\nsmallest schedules of {} mutants: {median} events in the median", sizes.len());
    }
    if escaped.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("{} not found: {}", escaped.len(), escaped.join(", "))))
}

/// Hunts one mutant in a tree that has it. Gives its row of the table, and the size of its smallest
/// schedule.
fn catch(
    tree: &Path,
    mutant: &Mutant,
    hunter: &impl Hunter,
) -> Result<(String, Option<usize>), Failure> {
    let (mut lines, mut from) = (String::new(), 1);
    let rounds = ROUNDS.into_iter().filter(|to| *to < mutant.seeds_max);
    let mut found = Err(Failure::new("no seeds"));
    for to in rounds.chain([mutant.seeds_max]) {
        lines += &hunter.sweep(tree, from, to)?;
        found = judge(mutant, to, &lines);
        if found.is_ok() {
            break;
        }
        from = to + 1;
    }
    let catches = found?;
    let soonest = catches.iter().min_by_key(|catch| (!mutant.expects(&catch.property), catch.seed));
    let soonest = soonest.ok_or_else(|| Failure::new("nothing was caught"))?;
    let size = hunter.shrink(tree, mutant, &catches)?;
    let Catch { scenario, seed, property } = soonest;
    let (count, name) = (catches.len(), &mutant.name);
    let events = size.map_or_else(|| "-".to_owned(), |size| size.to_string());
    Ok((format!("| {name} | {scenario}, seed {seed} | {property} | {count} | {events} |"), size))
}

impl Simulator {
    /// The simulator's command in the tree, as `cargo test` builds it: nearly as fast, and built in
    /// a tenth of the time.
    fn read(tree: &Path, arguments: &[&str]) -> Result<(i32, String), Failure> {
        let mut command = repl_sim(tree, Build::Debug, arguments);
        command.env("CARGO_TARGET_DIR", scratch::target(tree));
        eprintln!("ci: {}", shell::shown(&command));
        // 0: nothing found; 1: a property broke. Everything else decides nothing.
        shell::read_any(&mut command, |status| status == 0 || status == 1)
    }
}

impl Hunter for Simulator {
    fn sweep(&self, tree: &Path, from: u64, to: u64) -> Result<String, Failure> {
        let (from, seeds) = (from.to_string(), (to + 1 - from).to_string());
        let range = ["sweep", "--from", &from, "--seeds", &seeds];
        let how = ["--first-failure", "--no-shrink", "--json"];
        Self::read(tree, &[&range[..], &how].concat()).map(|(_, text)| text)
    }

    fn shrink(
        &self,
        tree: &Path,
        mutant: &Mutant,
        catches: &[Catch],
    ) -> Result<Option<usize>, Failure> {
        if self.failures == Failures::Kept {
            return Ok(None);
        }
        let (_, listed) = Self::read(tree, &["list"])?;
        let Some(catch) = first_of_a_family(mutant, catches, &listed) else { return Ok(None) };
        let seed = catch.seed.to_string();
        let path = tree.with_file_name(format!("{}.schedule", mutant.name));
        let file = path.display().to_string();
        Self::read(tree, &["shrink", &catch.scenario, &seed, "--out", &file])?;
        let (status, text) = Self::read(tree, &["replay", &file])?;
        if status != 1 || !text.contains(&catch.property) {
            return Err(Failure::new(format!("{file} does not break {}", catch.property)));
        }
        let schedule = fs::read_to_string(&path).map_err(|error| Failure::io(&file, &error))?;
        Ok(Some(schedule.lines().filter(|line| line.starts_with("at ")).count()))
    }
}

/// The catch with the smallest seed that comes as a schedule: what a directed scenario does cannot
/// be made less. `listed` names the families, those with the shortest runs first.
fn first_of_a_family<'a>(mutant: &Mutant, catches: &'a [Catch], listed: &str) -> Option<&'a Catch> {
    let place = |catch: &Catch| {
        let mut lines = listed.lines().map(|line| line.split_whitespace().take(2));
        lines.position(|words| words.eq([&*catch.scenario, "family"]))
    };
    let families = catches.iter().filter_map(|catch| Some((place(catch)?, catch)));
    let first = families
        .min_by_key(|(place, catch)| (!mutant.expects(&catch.property), catch.seed, *place));
    first.map(|(_, catch)| catch)
}

/// How one scenario found a mutant.
#[derive(Debug, PartialEq, Eq)]
struct Catch {
    scenario: String,
    seed: u64,
    property: String,
}

/// The first catch of each scenario, from the JSON lines of sweeps of the seeds `1..=seeds`.
fn judge(mutant: &Mutant, seeds: u64, lines: &str) -> Result<Vec<Catch>, Failure> {
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
        if text("outcome") != "failed" {
            continue;
        }
        let Ok(seed) = text("seed").parse() else {
            return Err(Failure::new(format!("no seed in `{line}`")));
        };
        let catch = Catch { scenario: text("scenario"), seed, property: text("property") };
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
        return Err(Failure::new(format!("no alarm in {seeds} seeds")));
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

        /// Hunts with sweeps that find what the mutated file says, by `property`, at seed 4.
        fn hunt(&self, names: &[&str], property: &'static str) -> Result<u32, String> {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            let reader = Reader { property, sweeps: Cell::new(0) };
            hunt(&self.0, FOLDER, &names, &reader).map_err(|failure| failure.to_string())?;
            Ok(reader.sweeps.get())
        }
    }

    /// Reads the mutated file instead of running it.
    struct Reader {
        property: &'static str,
        sweeps: Cell<u32>,
    }

    impl Hunter for Reader {
        fn sweep(&self, tree: &Path, from: u64, to: u64) -> Result<String, Failure> {
            self.sweeps.set(self.sweeps.get() + 1);
            assert!(to <= 9, "no more than the table allows");
            let text = fs::read_to_string(tree.join("node.txt")).expect("it was copied");
            let alarm = format!(
                "{{\"scenario\": \"s\", \"seed\": 7, \"outcome\": \"failed\", \
                 \"property\": \"{}\", \"replay\": \"r\"}}\n",
                self.property
            );
            let is_found = text.contains("four") && (from..=to).contains(&7);
            Ok(if is_found { alarm } else { String::new() } + "{\"summary\": {}}\n")
        }

        fn shrink(&self, _: &Path, _: &Mutant, all: &[Catch]) -> Result<Option<usize>, Failure> {
            assert_eq!(all[0].seed, 7);
            Ok(Some(1))
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
        assert_eq!(tree.hunt(&[], "order"), Ok(2), "five seeds, and then all nine");
        assert_eq!(tree.hunt(&["flip"], "order"), Ok(2));
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
        let failure = judge(&mutants[0], 9, &lines).expect_err("a sweep that was cut off");
        assert!(failure.to_string().contains("without a summary"), "{failure}");
        let catches = judge(&mutants[0], 9, &(lines + "{\"summary\": {}}")).expect("b found it");
        assert_eq!(catches.iter().map(|c| (&*c.scenario, c.seed)).collect::<Vec<_>>(), [("b", 3)]);
        let failure = judge(&mutants[0], 9, "panicked").expect_err("no JSON");
        assert!(failure.to_string().contains("no JSON object"), "{failure}");
    }

    #[test]
    fn the_first_failure_of_a_family_is_made_smaller() {
        let mutants = table::parse("flip | order | 9 | Why.").expect("a line of the table");
        let catch = |scenario: &str, seed, property: &str| Catch {
            scenario: scenario.to_owned(),
            seed,
            property: property.to_owned(),
        };
        let listed =
            "zest   family    Short.\nstorm  family    Long.\nalone  directed  A family.\n";
        let first = |catches: &[Catch]| {
            let first = first_of_a_family(&mutants[0], catches, listed);
            first.map(|catch| (catch.scenario.clone(), catch.seed))
        };
        assert_eq!(first(&[catch("alone", 1, "order")]), None);
        let both = [catch("storm", 2, "order"), catch("zest", 2, "order"), catch("storm", 1, "no")];
        assert_eq!(first(&both), Some(("zest".to_owned(), 2)));
    }
}
