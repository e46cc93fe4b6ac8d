//! The command line of `cargo ci <step> [arguments]`.

use std::{env, process::ExitCode};

use ci::{shell, steps};

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let Some(name) = arguments.next() else {
        eprint!("{}", steps::usage());
        return ExitCode::FAILURE;
    };
    let arguments: Vec<String> = arguments.collect();
    match steps::run(&shell::root(), &name, &arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("ci: {name} failed: {failure}");
            ExitCode::FAILURE
        }
    }
}
