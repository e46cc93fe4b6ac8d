//! The `repl-sim` command over the scenarios of this project.
fn main() {}
