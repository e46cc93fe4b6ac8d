//! The proof that `repl-core` is pure: no `std` in its source, none in what it depends on.
//!
//! What the source may not call is clippy's part (`crates/repl-core/clippy.toml`). Nothing is
//! fetched.

use std::path::Path;

use crate::{
    shell::{self, Failure, Outcome},
    tidy::{
        self, File, Finding,
        source::{self, line_of, mask, words},
    },
};

const SOURCES: &str = "crates/repl-core/src/";

/// Runs the step in the workspace at `root`.
///
/// # Errors
/// `repl-core`, or a feature of something below it, needs `std`; or it does not compile.
pub fn run(root: &Path) -> Outcome {
    let files = tidy::tree(root);
    let mut findings: Vec<Finding> = names_std(&files);
    let Some(lib) = files.iter().find(|file| file.path == format!("{SOURCES}lib.rs")) else {
        return Err(Failure::new("crates/repl-core/src/lib.rs is missing"));
    };
    findings.extend(declares_no_std(lib));
    if !findings.is_empty() {
        for finding in &findings {
            eprintln!("{finding}");
        }
        return Err(Failure::new("repl-core must not need std"));
    }
    let tree =
        ["tree", "--offline", "-p", "repl-core", "-e", "normal,features", "--prefix", "none"];
    let tree = shell::read(shell::cargo(root, &tree))?;
    if let Some(feature) = std_feature(&tree) {
        return Err(Failure::new(format!("below repl-core, {feature} asks for std")));
    }
    // Alone, so that no feature another package asks for hides a missing one.
    shell::run(shell::cargo(root, &["check", "--quiet", "--offline", "-p", "repl-core", "--lib"]))
}

/// `lib.rs` says `#![no_std]`, and not only under some condition.
fn declares_no_std(lib: &File) -> Vec<Finding> {
    if mask(&lib.text).lines().any(|line| line.trim() == "#![no_std]") {
        return Vec::new();
    }
    vec![Finding::new(lib, 1, "`#![no_std]` is missing")]
}

/// `extern crate std` and paths through `std` outside tests. The compiler refuses the second
/// without the first; both are named, so that the message says where.
fn names_std(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, product) in source::products(files, SOURCES) {
        let code = product.code;
        let mut previous = "";
        for (at, word) in words(&code) {
            let path = code[at + word.len()..].starts_with("::");
            if word == "std" && (previous == "crate" || path) {
                let message = "`std` outside #[cfg(test)]: time, bytes and facts are parameters";
                findings.push(Finding::new(file, line_of(&code, at), message));
            }
            previous = word;
        }
    }
    findings
}

/// The first line of `cargo tree -e features` that is a feature `std`.
fn std_feature(tree: &str) -> Option<&str> {
    tree.lines().find(|line| line.contains("feature \"std\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn expect_lines(text: &str, lines: &[usize]) {
        let file = File::new("crates/repl-core/src/a.rs", text);
        let found: Vec<usize> = names_std(&[file]).iter().map(|finding| finding.line).collect();
        assert_eq!(found, lines, "{text}");
    }

    #[test]
    fn std_is_allowed_in_tests_only() {
        expect_lines("extern crate alloc;\n#[cfg(test)]\nextern crate std;\n", &[]);
        expect_lines("extern crate alloc;\nextern crate std;\n", &[2]);
        expect_lines("#[cfg(feature = \"x\")]\nextern crate std;\n", &[2]);
        expect_lines("use std::time::Instant;\n", &[1]);
        expect_lines("// std::time is not wanted\nuse core::time;\n", &[]);
        assert!(names_std(&[File::new("crates/repl-sim/src/a.rs", "use std::fs;")]).is_empty());
    }

    #[test]
    fn no_std_must_be_declared_without_condition() {
        let said = |text: &str| declares_no_std(&File::new("lib.rs", text)).len();
        assert_eq!(said("//! A.\n#![no_std]\n"), 0);
        assert_eq!(said("//! #![no_std]\n"), 1);
        assert_eq!(said("#![cfg_attr(not(test), no_std)]\n"), 1);
    }

    #[test]
    fn a_dependency_with_std_is_seen() {
        assert_eq!(std_feature("bytes v1\nsha1 feature \"default\"\n"), None);
        let line = "bytes feature \"std\"";
        assert_eq!(std_feature(&format!("repl-core v0\n{line}\n")), Some(line));
    }
}
