//! The documents: titles, the form of the change log, and what a reader finds in README's first
//! screen.

use super::{File, Finding};

const README_LINES_MAX: usize = 100;
const FIRST_SCREEN_LINES: usize = 25;
/// What a stranger does first: run it, test it, replay a seed.
const README_COMMANDS: [&str; 3] = [
    "cargo run --release --bin repl-server",
    "cargo test",
    "cargo run -q --release -p sim-scenarios -- replay ",
];
const CHANGE_KINDS: [&str; 3] = ["### Correctness", "### Features", "### Internals"];

/// The lines of a markdown text outside fenced blocks, counted from one.
pub(super) fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

/// Every markdown file has exactly one title.
#[must_use]
pub fn title(file: &File) -> Vec<Finding> {
    if !file.is("md") {
        return Vec::new();
    }
    let titles: Vec<usize> =
        prose(&file.text).filter(|(_, line)| line.starts_with("# ")).map(|(n, _)| n).collect();
    match titles[..] {
        [_] => Vec::new(),
        [] => vec![Finding::new(file, 1, "has no `# ` title")],
        [_, second, ..] => vec![Finding::new(file, second, "a second `# ` title")],
    }
}

/// The change log has `## Unreleased` on top and sorts changes by kind, one bullet each.
#[must_use]
pub fn changelog(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut sections = prose(&file.text).filter(|(_, line)| line.starts_with("## "));
    if sections.next().is_none_or(|(_, line)| line != "## Unreleased") {
        findings.push(Finding::new(file, 1, "the first section must be `## Unreleased`"));
    }
    for (number, line) in prose(&file.text) {
        if line.starts_with("###") && !CHANGE_KINDS.contains(&line) {
            let message = format!("`{line}` is none of {}", CHANGE_KINDS.join(", "));
            findings.push(Finding::new(file, number, message));
        }
    }
    let mut in_kind = false;
    for (number, line) in prose(&file.text) {
        in_kind = (in_kind || line.starts_with("### ")) && !line.starts_with("## ");
        let form = ["* ", "  ", "### "].iter().any(|start| line.starts_with(start));
        if in_kind && !line.is_empty() && !form {
            findings.push(Finding::new(file, number, "a change is a bullet: `* What changed.`"));
        }
    }
    findings
}

/// README is short and its first screen shows the three commands.
#[must_use]
pub fn readme(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lines = file.text.lines().count();
    if lines > README_LINES_MAX {
        let message = format!("{lines} lines, at most {README_LINES_MAX} are read");
        findings.push(Finding::new(file, lines, message));
    }
    for command in README_COMMANDS {
        let mut first_screen = file.text.lines().take(FIRST_SCREEN_LINES);
        if !first_screen.any(|line| line.contains(command)) {
            let message = format!("the first {FIRST_SCREEN_LINES} lines do not show `{command}`");
            findings.push(Finding::new(file, 1, message));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(check: fn(&File) -> Vec<Finding>, text: &str) -> String {
        let findings = check(&File::new("a.md", text));
        findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn a_document_has_one_title() {
        assert_eq!(said(title, "# A\n```sh\n# a comment\n```\n## B\n"), "");
        assert!(said(title, "## A\n").contains("no `# ` title"));
        assert!(said(title, "# A\n\n# B\n").contains("a.md:3: a second"));
    }

    #[test]
    fn the_change_log_keeps_its_form() {
        let good = "# Changes\n\nOn top.\n\n## Unreleased\n\n### Features\n\n* A\n  and b.\n";
        assert_eq!(said(changelog, good), "");
        assert!(said(changelog, "# A\n## 1.0\n").contains("`## Unreleased`"));
        assert!(said(changelog, "# A\n## Unreleased\n### Fixes\n").contains("none of"));
        let prose = "# A\n## Unreleased\n### Features\nNo bullet.\n";
        assert!(said(changelog, prose).contains("a.md:4: a change is a bullet"));
    }

    #[test]
    fn the_first_screen_of_the_readme_shows_the_commands() {
        let good = README_COMMANDS.join("\n") + "\n";
        assert_eq!(said(readme, &good), "");
        for command in README_COMMANDS {
            assert!(said(readme, &good.replace(command, "x")).contains(command));
        }
        assert_ne!(said(readme, &("\n".repeat(25) + &good)), "");
        assert!(said(readme, &(good + &"\n".repeat(98))).contains("101 lines"));
    }
}
