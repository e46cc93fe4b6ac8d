//! Every known bug in `ci/mutants` and every leak in `ci/leaks` still applies to the tree: a patch
//! that does not is a bug that nobody would look for any more. Whether they are found is
//! `cargo ci mutants` and `cargo ci leaks`.

use std::{fs, process::Command};

use ci::shell;

/// The patches of a folder that no longer apply, and how many there are.
fn stale(folder: &str) -> (Vec<String>, usize) {
    let root = shell::root();
    let mut stale = Vec::new();
    let mut count = 0;
    for entry in fs::read_dir(root.join(folder)).expect("the folder of patches can be listed") {
        let path = entry.expect("an entry of it can be read").path();
        if path.extension().is_none_or(|extension| extension != "patch") {
            continue;
        }
        count += 1;
        let mut git = Command::new("git");
        git.args(["apply", "--check", "--whitespace=nowarn"]).arg(&path).current_dir(&root);
        if !git.status().expect("git runs").success() {
            stale.push(path.display().to_string());
        }
    }
    (stale, count)
}

#[test]
fn every_mutant_applies_to_the_tree() {
    for folder in ["ci/mutants", "ci/mutants/frozen"] {
        let (stale, count) = stale(folder);
        assert!(count > 3, "the mutants are not where they are looked for");
        assert!(stale.is_empty(), "no longer apply, make them anew from the tree: {stale:?}");
    }
}

#[test]
fn every_leak_applies_to_the_tree() {
    let (stale, count) = stale("ci/leaks");
    assert!(count > 0, "the leaks are not where they are looked for");
    assert!(stale.is_empty(), "no longer apply, make them anew from the tree: {stale:?}");
}
