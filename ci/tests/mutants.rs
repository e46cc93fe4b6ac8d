//! Every known bug in `ci/mutants` still applies to the tree: a patch that does not is a bug that
//! nobody would look for any more. Whether the sweep finds them is `cargo ci mutants`.

use std::{fs, process::Command};

use ci::shell;

#[test]
fn every_mutant_applies_to_the_tree() {
    let root = shell::root();
    let folder = root.join("ci/mutants");
    let mut stale = Vec::new();
    let mut count = 0;
    for entry in fs::read_dir(&folder).expect("the folder of the mutants can be listed") {
        let path = entry.expect("an entry of it can be read").path();
        if path.extension().is_none_or(|extension| extension != "patch") {
            continue;
        }
        count += 1;
        let mut git = Command::new("git");
        git.args(["apply", "--check", "--whitespace=nowarn"]).arg(&path).current_dir(&root);
        if !git.status().expect("git runs").success() {
            stale.push(path.file_name().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    assert!(count > 3, "the mutants are not where they are looked for");
    assert!(stale.is_empty(), "no longer apply, make them anew from the tree: {stale:?}");
}
