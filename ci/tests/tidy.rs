//! The tidiness checks of `ci::tidy` over this tree, one test each. What they refuse is tested
//! beside them.

use std::sync::LazyLock;

use ci::{
    shell,
    tidy::{self, File, Finding, documents, imports, lengths, rows, words},
};

static TREE: LazyLock<Vec<File>> = LazyLock::new(|| tidy::tree(&shell::root()));

/// Runs a check of single files over the tree.
#[track_caller]
fn every_file(check: fn(&File) -> Vec<Finding>) {
    assert!(TREE.len() > 20, "the tree is not where it is looked for");
    none(&TREE.iter().flat_map(check).collect::<Vec<_>>());
}

#[track_caller]
fn none(findings: &[Finding]) {
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "{} findings:\n{}", lines.len(), lines.join("\n"));
}

/// The file at `path`, which must exist.
#[track_caller]
fn file(path: &str) -> &'static File {
    TREE.iter().find(|file| file.path == path).unwrap_or_else(|| panic!("{path} is missing"))
}

#[test]
fn every_rust_file_says_what_it_owns() {
    every_file(words::headers);
}

#[test]
fn rust_files_are_ascii_and_100_columns_wide() {
    every_file(words::columns);
}

#[test]
fn banned_words_are_absent() {
    every_file(words::banned);
}

#[test]
fn every_select_is_biased() {
    every_file(words::unbiased_select);
}

#[test]
fn what_is_simulated_reads_no_clock_of_the_host() {
    every_file(words::host_clocks);
}

#[test]
fn no_file_names_a_path_of_one_machine() {
    every_file(words::machine_paths);
}

/// What reads bytes of strangers.
const PARSERS: [&str; 15] = [
    "crates/repl-core/src/base/config/mod.rs",
    "crates/repl-core/src/rdb/compact/mod.rs",
    "crates/repl-core/src/rdb/decoder/mod.rs",
    "crates/repl-core/src/rdb/dump.rs",
    "crates/repl-core/src/rdb/lzf.rs",
    "crates/repl-core/src/repl/replica/mod.rs",
    "crates/repl-core/src/resp/ahead.rs",
    "crates/repl-core/src/resp/fast.rs",
    "crates/repl-core/src/resp/inline.rs",
    "crates/repl-core/src/resp/line.rs",
    "crates/repl-core/src/resp/request.rs",
    "crates/repl-server/src/args.rs",
    "crates/repl-server/src/config_file.rs",
    "crates/repl-server/src/explain/line.rs",
    "crates/repl-server/src/explain/story.rs",
];

#[test]
fn parsers_may_not_panic_by_unwrapping_or_indexing() {
    for path in PARSERS {
        let denies = file(path).text.lines().any(|line| {
            line.contains("deny(")
                && ["unwrap_used", "expect_used", "indexing_slicing"]
                    .iter()
                    .all(|lint| line.contains(&format!("clippy::{lint}")))
        });
        assert!(denies, "{path} does not deny unwrap_used, expect_used and indexing_slicing");
    }
}

#[test]
fn files_and_functions_are_short() {
    none(&lengths::lengths(&TREE, &file(lengths::RATCHET).text));
}

#[test]
fn the_rooms_of_the_core_import_only_what_the_table_allows() {
    let report = imports::imports(file("ARCHITECTURE.md"), &TREE);
    for edge in report.unused {
        println!("allowed, and used by no code: {edge}");
    }
    none(&report.findings);
}

#[test]
fn every_document_has_one_title() {
    every_file(documents::title);
}

#[test]
fn the_change_log_keeps_its_form() {
    none(&documents::changelog(file("CHANGELOG.md")));
}

#[test]
fn the_first_screen_of_the_readme_shows_the_commands() {
    none(&documents::readme(file("README.md")));
}

/// Tables whose rows end with the tests that hold them.
const HELD: [&str; 2] = ["docs/DEVIATIONS.md", "docs/REPLICATION.md"];

#[test]
fn every_promise_of_the_documents_names_a_test_that_exists() {
    let tests = rows::tests(&TREE);
    assert!(tests.len() > 500, "only {} tests are found", tests.len());
    none(&HELD.iter().flat_map(|path| rows::held(file(path), &tests)).collect::<Vec<_>>());
}

#[test]
fn every_row_about_replication_has_an_id_of_its_own() {
    none(&rows::numbered(file("docs/REPLICATION.md")));
}
