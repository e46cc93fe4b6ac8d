//! Leaks: ways in which a run could stop to be a function of its seed, kept as patches. Each must
//! be found by `repl-sim doctor`, which names the first event that differs, and be refused before
//! that by a lint or by tidiness.
//!
//! A leak is `ci/leaks/NAME.patch` and a line of `ci/leaks/table.txt`. One at a time is planted in
//! a copy of the tree, as mutants are.

use std::{fs, path::Path, process::Stdio};

use crate::{
    mutants::scratch,
    shell::{self, Failure, Outcome},
    simulation::{Build, repl_sim},
};

/// Where patches and table are.
const FOLDER: &str = "ci/leaks";

/// What `doctor` says of a run that is another one elsewhere.
const FOUND: &str = "the first event that differs";

/// A line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Leak {
    name: String,
    guard: Guard,
    /// What the guard says.
    complaint: String,
}

/// Who refuses it before anything runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guard {
    Clippy,
    Tidy,
}

/// Plants the leaks named in `names`, or all of them.
///
/// # Errors
/// A patch does not apply, or a leak is not found or not refused.
pub fn run(root: &Path, names: &[String]) -> Outcome {
    let table = root.join(FOLDER).join("table.txt");
    let text = fs::read_to_string(&table)
        .map_err(|error| Failure::io(&table.display().to_string(), &error))?;
    let leaks = parse(&text)?;
    if let Some(name) = names.iter().find(|name| leaks.iter().all(|leak| leak.name != **name)) {
        return Err(Failure::new(format!("no leak `{name}` in {FOLDER}/table.txt")));
    }
    scratch::strays(root, FOLDER, leaks.iter().map(|leak| leak.name.as_str()))?;
    for leak in leaks.iter().filter(|leak| names.is_empty() || names.contains(&leak.name)) {
        let tree = scratch::planted(root, FOLDER, &leak.name)?;
        refused(&tree, leak)?;
        let event = found(&tree, leak)?;
        println!("{}: refused by {:?}, and found by doctor:\n{event}", leak.name, leak.guard);
    }
    Ok(())
}

/// The guard refuses the tree, and says why.
fn refused(tree: &Path, leak: &Leak) -> Outcome {
    let arguments: &[&str] = match leak.guard {
        Guard::Clippy => {
            &["clippy", "-p", "repl-core", "-p", "repl-server", "--", "-D", "warnings"]
        }
        Guard::Tidy => &["test", "--quiet", "-p", "ci", "--test", "tidy"],
    };
    let mut command = shell::cargo(tree, arguments);
    command.env("CARGO_TARGET_DIR", scratch::target(tree)).stdin(Stdio::null());
    eprintln!("ci: {}", shell::shown(&command));
    let output = command.output().map_err(|error| Failure::io("cargo", &error))?;
    let said =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let complains = said.iter().any(|text| text.contains(&leak.complaint));
    if output.status.success() || !complains {
        return Err(Failure::new(format!(
            "{}: `{}` does not say `{}`",
            leak.name,
            shell::shown(&command),
            leak.complaint
        )));
    }
    Ok(())
}

/// What `doctor` says of the planted tree.
fn found(tree: &Path, leak: &Leak) -> Result<String, Failure> {
    let mut command = repl_sim(tree, Build::Debug, &["doctor", "--seeds", "3"]);
    command.env("CARGO_TARGET_DIR", scratch::target(tree));
    eprintln!("ci: {}", shell::shown(&command));
    let (status, text) = shell::read_any(&mut command, |status| status == 0 || status == 1)?;
    let at = text.find(FOUND).filter(|_| status == 1);
    let at = at.ok_or_else(|| Failure::new(format!("{}: doctor found nothing", leak.name)))?;
    Ok(text[at..].lines().take(11).collect::<Vec<_>>().join("\n"))
}

/// Reads `name | clippy or tidy | what it says | description`, one leak a line; `#` begins a
/// comment.
fn parse(text: &str) -> Result<Vec<Leak>, Failure> {
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let fields: Vec<&str> = line.split('|').map(str::trim).collect();
            let shape = "name | clippy or tidy | what it says | description";
            let wrong = || Failure::new(format!("`{line}` does not read `{shape}`"));
            let [name, guard, complaint, description] = fields[..] else { return Err(wrong()) };
            let guard = match guard {
                "clippy" => Guard::Clippy,
                "tidy" => Guard::Tidy,
                _ => return Err(wrong()),
            };
            if name.is_empty() || complaint.is_empty() || description.is_empty() {
                return Err(wrong());
            }
            Ok(Leak { name: name.to_owned(), guard, complaint: complaint.to_owned() })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_leak() {
        let leaks =
            parse("# comment\n\na-b | tidy | no `x` | Why it leaks.\n").expect("it is well");
        let (name, complaint) = ("a-b".to_owned(), "no `x`".to_owned());
        assert_eq!(leaks, [Leak { name, guard: Guard::Tidy, complaint }]);
        for text in ["a", "a | x | y | z", "a | tidy | | z", " | tidy | y | z", "a | tidy | y |"] {
            assert!(parse(text).expect_err("no leak").to_string().contains("does not read"));
        }
    }
}
