//! Tidiness as tests: what a reviewer should never have to say twice.
//!
//! Every check is a pure function from files to findings, so that each has a negative test beside
//! it: a snippet that must be refused. `ci/tests/tidy.rs` runs them over the tree. This folder
//! knows nothing of cargo, git or the steps of CI.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

pub mod documents;
pub mod imports;
pub mod lengths;
pub mod rows;
pub mod source;
pub mod words;

/// A text file of the tree.
#[derive(Clone, Debug)]
pub struct File {
    /// Path from the root of the workspace, with `/` between the parts.
    pub path: String,
    /// What is in it.
    pub text: String,
}

impl File {
    /// A file made of its parts.
    #[must_use]
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// Whether the file's name ends in `.extension`.
    #[must_use]
    pub fn is(&self, extension: &str) -> bool {
        self.path.rsplit_once('.').is_some_and(|(_, end)| end == extension)
    }
}

/// One thing that is not tidy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Path from the root of the workspace.
    pub path: String,
    /// Counted from one.
    pub line: usize,
    /// What is wrong, and what to do instead.
    pub message: String,
}

impl Finding {
    /// A finding in `file` at `line`, counted from one.
    #[must_use]
    pub fn new(file: &File, line: usize, message: impl Into<String>) -> Self {
        Self { path: file.path.clone(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// Every text file below `root`, in the order of their paths.
///
/// What cargo and the fuzzers generate is left out, and so is what is no UTF-8: binary test data.
///
/// # Panics
/// When a folder or file of the tree cannot be read.
#[must_use]
pub fn tree(root: &Path) -> Vec<File> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(root.join(&folder)).expect("a folder of the tree can be listed");
        for entry in entries {
            let entry = entry.expect("an entry of the tree can be read");
            let name = entry.file_name();
            let path = folder.join(&name);
            let kind = entry.file_type().expect("an entry of the tree has a type");
            if kind.is_dir() {
                let generated = ["target", ".git", "corpus", "artifacts"];
                if !generated.iter().any(|skip| name == *skip) {
                    folders.push(path);
                }
            } else if kind.is_file() && name != ".git" {
                let bytes = fs::read(root.join(&path)).expect("a file of the tree can be read");
                if let Ok(text) = String::from_utf8(bytes) {
                    let path = path.to_str().expect("paths of the tree are UTF-8").to_owned();
                    files.push(File { path, text });
                }
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}
