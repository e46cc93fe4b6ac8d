//! What CI runs, as functions: the steps behind `cargo ci <step>` and the tidiness checks.
//!
//! It knows the commands of the other packages and none of their code.

pub mod clients;
pub mod json;
pub mod leaks;
pub mod mutants;
pub mod peers;
pub mod purity;
pub mod redis_suite;
pub mod reports;
pub mod shell;
pub mod simulation;
pub mod steps;
pub mod tidy;
pub mod wrap;
