//! Reports, records and histories of real runs.

#![expect(unreachable_pub, reason = "the macros make registries for whole crates")]

use std::time::Duration;

use super::*;
use crate::{
    record::{
        Kind, Record,
        history::{Format, history},
    },
    schedule::{Load, Trouble, Variety},
};

crate::scenarios! {
    /// Breaks off, so that there is something to report.
    async fn breaks_off(lab: Lab) seeds = 1 {
        let [master, replica] = lab.peers().await;
        replica.follow(&master).await;
        let mut client = master.client();
        client.write_keys(40).await;
        lab.settle().await;
        lab.cut(&master, &replica);
        client.write_keys(40).await;
        replica.skew(-90_000);
        lab.pass(Duration::from_secs(3)).await;
        lab.heal(&master, &replica);
        lab.settle().await;
        replica.crash(crate::lab::Crash::Process);
        lab.pass(Duration::from_secs(1)).await;
        replica.restart().await;
        replica.follow(&master).await;
        lab.settle().await;
        assert_eq!(replica.offset(), 1, "<of a scenario that breaks off>");
    }
}

crate::families! {
    /// Some of everything.
    fn some_of_everything(plan: &mut Plan) seeds = 1 {
        plan.nodes(3, 3);
        plan.clients(Load::MIXED);
        plan.trouble(&[(1, Trouble::Cut), (1, Trouble::Crash)], Variety::All);
    }
}

fn explained() -> Explained {
    Explained::seed(&SCENARIOS[0], 1, "cargo sim replay breaks_off 1".to_owned())
}

fn record(report: &Report) -> &Record {
    report.record.as_ref().expect("it was to be kept")
}

#[test]
fn a_report_is_one_small_file_that_needs_nothing_else_and_repeats_itself() {
    let html = explained().html();
    assert_eq!(html, explained().html());
    assert!(html.len() < 2_000_000, "{} bytes", html.len());
    for foreign in ["http:", "https:", " src=", "url(\"", "@import", "<link", "/target"] {
        assert!(!html.contains(foreign), "{foreign}");
    }
    let head = html.split("<section>").next().expect("there is one");
    for said in ["scenario", "breaks_off", "&lt;of a scenario", "cargo sim replay breaks_off 1"] {
        assert!(head.contains(said), "{said} in {head}");
    }
}

#[test]
fn recording_a_run_changes_nothing_in_it() {
    let family = &FAMILIES[0];
    let (plain, recorded) = (run(family, 5, Keep::Tail), run(family, 5, Keep::Record));
    assert_eq!(plain.failure, None);
    assert_eq!(plain.trace_hash, recorded.trace_hash);
    assert_eq!(plain.trace_line_count, recorded.trace_line_count);
    assert!(plain.record.is_none());
    let record = record(&recorded);
    let is_ordered = |times: Vec<_>| times.is_sorted();
    assert!(is_ordered(record.events.iter().map(|event| event.at).collect()));
    assert!(is_ordered(record.messages.iter().map(|message| message.sent_at).collect()));
    let answered = record.operations.iter().filter(|one| one.outcome.is_some()).count();
    assert!(answered > 500, "{answered}");
}

#[test]
fn messages_arrive_after_they_left_and_carry_the_whole_stream() {
    let report = run(&SCENARIOS[0], 2, Keep::Record);
    let record = record(&report);
    let of = |kind: Kind| record.messages.iter().filter(move |message| message.kind == kind);
    assert_eq!(of(Kind::FullResync).count(), 2, "at first, and after the crash");
    assert!(of(Kind::Snapshot).all(|message| message.received_at.is_some()));
    assert!(record.messages.iter().all(|one| one.received_at.is_none_or(|at| at > one.sent_at)));
    let mut last: Option<(u64, u64)> = None;
    for message in of(Kind::Stream).filter(|message| message.received_at.is_some()) {
        let (first, end) = message.offsets.expect("where a stream begins is known");
        if let Some((conn, before)) = last
            && conn == message.conn
        {
            // Pings are told apart, and are bytes of the stream as well.
            assert!(first > before && first - before <= 15, "{before} {first}");
        }
        last = Some((message.conn, end));
    }
    assert!(last.is_some());
}

#[test]
fn a_chain_of_causes_ends_with_the_failure_and_never_goes_back_in_time() {
    let report = run(&SCENARIOS[0], 3, Keep::Record);
    let mut failure = report.failure.clone().expect("it breaks off");
    // The scenario itself failed: told of a node, so that there is a past.
    failure.node = Some("n2".to_owned());
    let story = story::story(record(&report), &failure);
    assert!(story.chain.len() > 4, "{:?}", story.chain);
    assert!(story.chain.is_sorted_by_key(|row| row.at));
    let last = story.chain.last().expect("not empty");
    assert_eq!(last.class, story::Class::Failure);
    assert_eq!(story.rows.last(), Some(last));
    let mermaid = story::mermaid(record(&report), &story);
    assert!(mermaid.starts_with("sequenceDiagram\n    participant n1\n    participant n2\n"));
    assert_eq!(mermaid.lines().count(), 3 + story.rows.len());
}

#[test]
fn a_process_of_a_history_has_one_operation_at_a_time() {
    let report = run(&FAMILIES[0], 6, Keep::Record);
    let text = history(record(&report), Format::Edn);
    let mut asking = std::collections::BTreeSet::new();
    let mut over = std::collections::BTreeSet::new();
    let mut count = 0;
    for line in text.lines() {
        let mut words = line.trim_start_matches('{').split(", ");
        let (process, kind) = (words.next().expect("one"), words.next().expect("two"));
        match kind {
            _ if process == ":process :nemesis" => {}
            ":type :invoke" => {
                assert!(asking.insert(process), "{line}");
                assert!(!over.contains(process), "{line}");
                count += 1;
            }
            _ => {
                assert!(asking.remove(process), "{line}");
                if kind == ":type :info" {
                    over.insert(process);
                }
            }
        }
    }
    assert!(count > 1_000, "{count}");
}
