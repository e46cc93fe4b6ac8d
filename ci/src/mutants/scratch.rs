//! The copy of the tree that mutants are planted in.
//!
//! One copy and one target folder serve all mutants: only files that differ are written, so that
//! cargo builds again what a patch touches and nothing else.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    shell::{self, Failure, Outcome},
    tidy,
};

/// The copy, below the root of the workspace.
const COPY: &str = "target/mutants/tree";

/// The target folder of a mutated tree: beside it.
pub(crate) fn target(tree: &Path) -> PathBuf {
    tree.with_file_name("target")
}

/// Makes the copy equal to the present tree, uncommitted changes included, and applies the patch
/// `name` of the folder.
///
/// # Errors
/// The tree cannot be copied, or the patch does not apply to it.
pub(crate) fn planted(root: &Path, folder: &str, name: &str) -> Result<PathBuf, Failure> {
    let patch = root.join(folder).join(format!("{name}.patch"));
    let copy = root.join(COPY);
    mirror(root, &copy).map_err(|error| Failure::io(COPY, &error))??;
    let mut git = Command::new("git");
    // The copy lies inside our own repository; git must not look there for what the patch means.
    git.args(["apply", "--whitespace=nowarn"])
        .arg(&patch)
        .current_dir(&copy)
        .env("GIT_CEILING_DIRECTORIES", copy.parent().unwrap_or(root));
    match shell::run(git) {
        Ok(()) => Ok(copy),
        Err(_) => Err(Failure::new(format!("{} no longer applies", patch.display()))),
    }
}

/// Every patch of the folder is among `names`, those of its table: a forgotten one would never be
/// hunted.
///
/// # Errors
/// One is not, or the folder cannot be read.
pub(crate) fn strays<'a>(
    root: &Path,
    folder: &str,
    names: impl Iterator<Item = &'a str> + Clone,
) -> Outcome {
    let entries = fs::read_dir(root.join(folder)).map_err(|error| Failure::io(folder, &error))?;
    for entry in entries {
        let entry = entry.map_err(|error| Failure::io(folder, &error))?;
        let file = entry.file_name().to_string_lossy().into_owned();
        let Some(name) = file.strip_suffix(".patch") else { continue };
        if names.clone().all(|known| known != name) {
            return Err(Failure::new(format!("{folder}/{file} has no line in table.txt")));
        }
    }
    Ok(())
}

/// Copies what version control knows or would know. The outer error is one of files, the inner one
/// of git.
fn mirror(root: &Path, copy: &Path) -> io::Result<Result<(), Failure>> {
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(root);
    let listed = match shell::read(git) {
        Ok(listed) => listed,
        Err(failure) => return Ok(Err(failure)),
    };
    fs::create_dir_all(copy)?;
    let mut wanted = BTreeSet::new();
    for path in listed.split('\0').filter(|path| !path.is_empty()) {
        // A file that is tracked but deleted in the tree is listed as well.
        let Ok(bytes) = fs::read(root.join(path)) else {
            continue;
        };
        wanted.insert(path.to_owned());
        let to = copy.join(path);
        if fs::read(&to).is_ok_and(|present| present == bytes) {
            continue;
        }
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(to, bytes)?;
    }
    for file in tidy::tree(copy) {
        if !wanted.contains(&file.path) {
            fs::remove_file(copy.join(&file.path))?;
        }
    }
    Ok(Ok(()))
}
