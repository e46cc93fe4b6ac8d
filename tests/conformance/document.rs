//! `docs/CONFORMANCE.md`: what each scenario saw in each world, written from accounts and read back
//! to compare new ones with.

use std::fmt::Write as _;

use crate::{WORLDS, cases::Case};

/// What the document begins with.
const HEAD: &str = "\
# Conformance

The same scenarios on simulated nodes, on processes of this server and on processes of
`redis-server` 7.0.15, written once against one vocabulary (`crates/repl-testbed`): what masters
decide, whose history it is, how many bytes, what errors say, and what every node holds in the end
(`DEBUG DIGEST`). `cargo test` runs all of them and compares each world with this page
(`tests/conformance/`); `REPL_TEST_BLESS=1` writes it anew. Histories have letters in the order in
which they are met. A line that is not true of all three begins with the worlds it is true of.

One difference is everywhere and not repeated: a node that never had a master or a replica asks
`PSYNC ? -1` here, and redis-server names the fresh id that it was started with and the first byte
(`replicationCacheMasterUsingMyself`). Nobody knows that id, so the answer is the same; both are
written `without a history`.

";

/// The accounts of one scenario, one for each world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// `None` where the scenario cannot take place.
    pub(crate) by_world: [Option<Vec<String>>; WORLDS.len()],
}

/// The whole document.
pub(crate) fn write(cases: &[Case], seen: &[Seen]) -> String {
    let mut text = HEAD.to_owned();
    text += "| scenario | compared on | decisions | differs |\n|---|---|---|---|\n";
    for (case, seen) in cases.iter().zip(seen) {
        let worlds: Vec<&str> = places(seen);
        let worlds = match worlds.len() {
            3 => "all".to_owned(),
            _ => worlds.join(", "),
        };
        let differs = case.differs.unwrap_or("no");
        let row = format!("| `{}` | {worlds} | {} | {differs} |", case.name, decisions(seen));
        writeln!(text, "{row}").expect("writing to a String never fails");
    }
    for (case, seen) in cases.iter().zip(seen) {
        let says: Vec<&str> = case.says.lines().map(str::trim).collect();
        let says = says.join("\n");
        write!(text, "\n## `{}`\n\n{says}\n\n```text\n", case.name).expect("as above");
        for line in merged(seen) {
            writeln!(text, "{line}").expect("as above");
        }
        text += "```\n";
        if let Some(why) = case.differs {
            writeln!(text, "\nDifference: {why}.").expect("as above");
        }
    }
    text
}

fn places(seen: &Seen) -> Vec<&'static str> {
    let worlds = WORLDS.iter().zip(&seen.by_world);
    worlds.filter(|(_, lines)| lines.is_some()).map(|(world, _)| *world).collect()
}

/// The decisions in short, as the first world that has them tells them.
fn decisions(seen: &Seen) -> String {
    let lines = seen.by_world.iter().flatten().next_back();
    let lines = lines.map(Vec::as_slice).unwrap_or_default();
    let verdicts = lines.iter().filter(|line| line.contains(" asks ")).map(|line| {
        let (replica, _) = line.split_once(" asks ").expect("it was looked for");
        let (_, verdict) = line.rsplit_once(": ").expect("a decision ends with it");
        format!("{replica} {verdict}")
    });
    verdicts.collect::<Vec<_>>().join(", ")
}

/// One text of all accounts: what is the same stands once.
fn merged(seen: &Seen) -> Vec<String> {
    let accounts: Vec<(&str, &Vec<String>)> = WORLDS
        .iter()
        .zip(&seen.by_world)
        .filter_map(|(world, lines)| Some((*world, lines.as_ref()?)))
        .collect();
    let longest = accounts.iter().map(|(_, lines)| lines.len()).max().unwrap_or(0);
    let mut text = Vec::new();
    for at in 0..longest {
        let mut told: Vec<(&String, Vec<&str>)> = Vec::new();
        for (world, lines) in &accounts {
            let Some(line) = lines.get(at) else { continue };
            match told.iter_mut().find(|(known, _)| *known == line) {
                Some((_, worlds)) => worlds.push(world),
                None => told.push((line, vec![world])),
            }
        }
        for (line, worlds) in told {
            text.push(match worlds.len() == accounts.len() {
                true => line.clone(),
                false => format!("[{}] {line}", worlds.join(", ")),
            });
        }
    }
    text
}

/// What the document says that a scenario sees in a world.
pub(crate) fn expected(document: &str, case: &str, world: &str) -> Option<Vec<String>> {
    let (_, section) = document.split_once(&format!("\n## `{case}`\n"))?;
    let (_, block) = section.split_once("\n```text\n")?;
    let (block, _) = block.split_once("```\n")?;
    let lines = block.lines().filter_map(|line| match line.strip_prefix('[') {
        None => Some(line.to_owned()),
        Some(rest) => {
            let (worlds, line) = rest.split_once("] ")?;
            worlds.split(", ").any(|named| named == world).then(|| line.to_owned())
        }
    });
    Some(lines.collect())
}
