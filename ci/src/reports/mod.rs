//! Checks the reports of failing runs: that they repeat to the byte, stay small, need nothing else,
//! and can be read.
//!
//! The failing runs come from mutants, so that they are failures as somebody would meet them. They
//! take minutes to build: this is a step for whoever changes the report.

use std::{fs, path::Path};

use crate::{
    json, mutants,
    mutants::scratch,
    mutants::table::{self, Mutant},
    shell::{self, Failure, Outcome},
    simulation::{Build, repl_sim},
};

mod browser;

/// Mutants whose failures look different, each with a family that finds it soon.
const SUBJECTS: [(&str, &str); 3] = [
    ("no-flush-second-sync", "storm"),
    ("psync-ignores-replid", "switchover"),
    ("replica-expires-own-clock", "skewed_clocks"),
];

/// How large a report may be.
const BYTES_MAX: usize = 2_000_000;

/// Where the pages are put, below the root of the workspace.
const FOLDER: &str = "target/reports";

/// Makes the report of a run that passes and of one run of each mutant, or of those in `names`, and
/// looks at them.
///
/// # Errors
/// A page is not as it should be, or a mutant is not found. Without a browser only what needs none
/// is checked, and that is said; with `CI=true` it is a failure.
pub fn run(root: &Path, names: &[String]) -> Outcome {
    let browser = browser::find();
    if browser.is_none() {
        let lacks = format!("no Chromium on PATH, and {} names none", browser::VARIABLE);
        if shell::in_ci() {
            return Err(Failure::new(lacks));
        }
        eprintln!("ci: nobody looks at the reports: {lacks}");
    }
    let folder = root.join(FOLDER);
    fs::create_dir_all(&folder).map_err(|error| Failure::io(FOLDER, &error))?;
    let mut findings = Vec::new();
    let mut check = |name: &str, pages: [String; 2]| -> Outcome {
        let path = folder.join(format!("{name}.html"));
        let written = fs::write(&path, &pages[0]);
        written.map_err(|error| Failure::io(&path.display().to_string(), &error))?;
        let mut found = wrong(&pages[0], &pages[1]);
        if let Some(browser) = &browser {
            found.extend(browser::look(browser, &path)?);
        }
        eprintln!("ci: {}: {} bytes, {} findings", path.display(), pages[0].len(), found.len());
        findings.extend(found.into_iter().map(|finding| format!("{name}: {finding}")));
        Ok(())
    };
    if names.is_empty() {
        check("passes", pages(root, None, &["storm", "1"])?)?;
    }
    let table = root.join("ci/mutants/table.txt");
    let text = fs::read_to_string(&table)
        .map_err(|error| Failure::io(&table.display().to_string(), &error))?;
    let mutants = table::parse(&text)?;
    for (name, family) in SUBJECTS {
        if !names.is_empty() && !names.iter().any(|wanted| wanted == name) {
            continue;
        }
        let mutant = mutants.iter().find(|mutant| mutant.name == name);
        let mutant = mutant.ok_or_else(|| Failure::new(format!("there is no mutant {name}")))?;
        check(name, of_mutant(root, mutant, family)?)?;
    }
    if findings.is_empty() {
        return Ok(());
    }
    Err(Failure::new(findings.join("\n")))
}

/// The report of the smallest schedule that a mutant fails by, twice.
fn of_mutant(root: &Path, mutant: &Mutant, family: &str) -> Result<[String; 2], Failure> {
    let tree = scratch::planted(root, mutants::FOLDER, &mutant.name)?;
    let seeds = mutant.seeds_max.to_string();
    let sweep = ["sweep", "--scenario", family, "--from", "1", "--seeds", &seeds];
    let options = ["--first-failure", "--no-shrink", "--json"];
    let lines = output(&tree, Some(&scratch::target(&tree)), &[&sweep[..], &options[..]].concat())?;
    let seed = first_seed(&lines);
    let seed =
        seed.ok_or_else(|| Failure::new(format!("{family} does not find {}", mutant.name)))?;
    let small = tree.join("small.schedule");
    let small = small.display().to_string();
    let target = scratch::target(&tree);
    output(&tree, Some(&target), &["shrink", family, &seed.to_string(), "--out", &small])?;
    pages(&tree, Some(&target), &[&small])
}

/// The smallest seed that failed, in the JSON lines of a sweep.
fn first_seed(lines: &str) -> Option<u64> {
    let failed = lines
        .lines()
        .filter_map(json::object)
        .filter(|fields| fields.get("outcome").is_some_and(|outcome| outcome == "failed"));
    failed.filter_map(|fields| fields.get("seed")?.parse().ok()).min()
}

/// The report of a run, made by two processes.
fn pages(tree: &Path, target: Option<&Path>, subject: &[&str]) -> Result<[String; 2], Failure> {
    let page = || {
        let path = tree.join("target").join("checked.html");
        let shown = path.display().to_string();
        output(tree, target, &[&["report"], subject, &["--out", &shown]].concat())?;
        fs::read_to_string(&path).map_err(|error| Failure::io(&shown, &error))
    };
    Ok([page()?, page()?])
}

/// What `repl-sim` prints, whether a property broke or not.
fn output(tree: &Path, target: Option<&Path>, arguments: &[&str]) -> Result<String, Failure> {
    let mut command = repl_sim(tree, Build::Debug, arguments);
    if let Some(target) = target {
        command.env("CARGO_TARGET_DIR", target);
    }
    let (_, text) = shell::read_any(&mut command, |status| status == 0 || status == 1)?;
    Ok(text)
}

/// What is wrong with a page that nobody has to look at for it.
fn wrong(page: &str, again: &str) -> Vec<String> {
    let mut findings = Vec::new();
    if page != again {
        findings.push("another process makes another page of the same run".to_owned());
    }
    if page.len() >= BYTES_MAX {
        findings.push(format!("{} bytes", page.len()));
    }
    let foreign = ["http:", "https:", " src=", "url(\"", "@import", "<link"];
    let needed = foreign.iter().filter(|needed| page.contains(**needed));
    findings.extend(needed.map(|needed| format!("it needs something else: {needed}")));
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_changes_or_needs_something_is_wrong() {
        assert_eq!(wrong("<p>", "<p>"), Vec::<String>::new());
        assert_eq!(wrong("<p>1", "<p>2").len(), 1);
        let foreign = "<img src=\"https://example.com/a.png\">";
        assert_eq!(wrong(foreign, foreign).len(), 2);
        let large = "a".repeat(BYTES_MAX);
        assert_eq!(wrong(&large, &large), ["2000000 bytes"]);
    }

    #[test]
    fn the_smallest_seed_that_failed_counts() {
        let line = |seed: u64, outcome: &str| {
            format!("{{\"seed\": {seed}, \"outcome\": \"{outcome}\"}}\n")
        };
        let lines = line(9, "failed") + &line(3, "passed") + &line(7, "failed");
        assert_eq!(first_seed(&lines), Some(7));
        assert_eq!(first_seed("{\"summary\": {}}"), None);
    }
}
