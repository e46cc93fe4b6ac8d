//! The master dies under a load of writes, and comes back when another has taken its place.

use std::{
    env, thread,
    time::{Duration, Instant},
};

use super::{
    group::{FAILOVER_MILLIS, Group, poll_info, wait_for_master},
    journal::{Journal, Promise},
};
use crate::{
    fixture::{
        dataset,
        server::{
            Kind::{self, Redis},
            Stop,
        },
        wait_for,
    },
    replication::{Syncs, syncs},
};

/// Batches of the journal between two events.
const FLOW: usize = 20;

/// How much later than with Redis alone there may be a new master: Sentinels wait by chance for up
/// to a second, may need another election, and trust no clock for a while when the machine is busy.
const LATER: Duration = Duration::from_millis(2 * FAILOVER_MILLIS + 5_000);

/// What became of one kill.
#[derive(Debug)]
struct Replaced {
    /// From the kill to the first `role:master` of another node.
    after: Duration,
    /// How the sibling went on.
    sibling: Syncs,
    /// How the old master came back.
    old_master: Syncs,
    /// Batches that a replica had acknowledged and that are gone.
    lost: usize,
}

/// A killed master is replaced as quickly as if all were Redis; nothing that was promised is lost
/// but what only the other replica had; the old master comes back as a replica.
pub(super) fn are_survived(kinds: &'static [Kind]) {
    let kills = env::var("REPL_TEST_SENTINEL_KILLS").ok().and_then(|text| text.parse().ok());
    let kills: usize = kills.unwrap_or(1);
    // Beside each other, so that a busy machine is busy for both.
    let [these, redis] = thread::scope(|scope| {
        let runs = [kinds, &[Redis; 3]].map(|kinds| scope.spawn(move || run(kinds, kills)));
        runs.map(|run| run.join().expect("the run failed: see above"))
    });
    if kills > 1 {
        eprintln!("{kinds:?}: {}\nredis alone: {}", summary(&these), summary(&redis));
    }
    let (ours, theirs) = (median(&these), median(&redis));
    assert!(ours <= theirs + LATER, "{ours:?} to a new master, {theirs:?} with Redis alone");
}

fn median(run: &[Replaced]) -> Duration {
    let mut times: Vec<Duration> = run.iter().map(|one| one.after).collect();
    times.sort_unstable();
    times[times.len() / 2]
}

fn summary(run: &[Replaced]) -> String {
    let sum = |count: fn(&Replaced) -> i64| run.iter().map(count).sum::<i64>();
    let times = run.iter().map(|one| one.after);
    let (least, most) = (times.clone().min().unwrap_or_default(), times.max().unwrap_or_default());
    format!(
        "{} kills; a new master after {:?} (median; {least:?} to {most:?}); siblings: {} partial, \
         {} full; old masters: {} partial, {} full; acknowledged batches lost: {}",
        run.len(),
        median(run),
        sum(|one| one.sibling.partial),
        sum(|one| one.sibling.full),
        sum(|one| one.old_master.partial),
        sum(|one| one.old_master.full),
        sum(|one| one.lost as i64),
    )
}

fn run(kinds: &[Kind], kills: usize) -> Vec<Replaced> {
    let mut group = Group::start(kinds);
    let journal = Journal::on(&group.nodes[0]);
    let all = (0..kills).map(|_| replaced(&mut group, &journal)).collect();
    drop(journal);
    let master = group.agreed_master();
    group.settle_behind(master);
    dataset::assert_equal(&group.behind(master));
    all
}

fn replaced(group: &mut Group, journal: &Journal) -> Replaced {
    let old = group.agreed_master();
    journal.turn_over();
    journal.flow(FLOW);
    let begin = Instant::now();
    group.nodes[old].stop(Stop::Kill);
    let survivors = group.others(old);
    let offsets = offsets_without_a_master(group, &survivors);
    let heir = wait_for("a new master", || {
        let role = |at: &usize| poll_info(&group.nodes[*at], "role");
        survivors.iter().position(|at| role(at) == "master").ok_or(&survivors)
    });
    let after = begin.elapsed();
    let (sibling, heir_offset, sibling_offset) =
        (survivors[1 - heir], offsets[heir], offsets[1 - heir]);
    let heir = survivors[heir];

    wait_for_master(&group.nodes[sibling], &group.nodes[heir]);
    let had_more = sibling_offset > heir_offset;
    let went_on = Syncs { full: i64::from(had_more), partial: i64::from(!had_more) };
    assert_eq!(syncs(&group.nodes[heir]), went_on, "{offsets:?}");
    let lost = lost(&journal.promised(), &journal.read(&group.nodes[heir]));
    assert!(lost.is_empty() || had_more, "everybody had lost these: {lost:?}");
    assert!(lost.iter().all(|promise| promise.replicas < 2), "the heir had these: {lost:?}");

    journal.move_to(&group.nodes[heir]);
    journal.flow(FLOW);
    assert_eq!(group.agreed_master(), heir);
    group.nodes[old].start_again(&[]);
    wait_for_master(&group.nodes[old], &group.nodes[heir]);
    journal.flow(FLOW);
    group.assert_written_down(heir);
    let all = syncs(&group.nodes[heir]);
    let old_master =
        Syncs { full: all.full - went_on.full, partial: all.partial - went_on.partial };
    assert_eq!(old_master, Syncs { full: 1, partial: 0 }, "it has kept nothing");
    Replaced { after, sibling: went_on, old_master, lost: lost.len() }
}

/// How far each of these has come, once none of them hears its master any more.
#[track_caller]
fn offsets_without_a_master(group: &Group, survivors: &[usize]) -> Vec<i64> {
    let offset = |at: &usize| {
        let node = &group.nodes[*at];
        wait_for("a link that is down", || match node.info("master_link_status") {
            status if status == "down" => Ok(()),
            status => Err(status),
        });
        node.count("master_repl_offset")
    };
    survivors.iter().map(offset).collect()
}

/// Which promises `numbers` do not keep. They are the numbers of one writer, in order.
#[track_caller]
fn lost(promised: &[Promise], numbers: &[u64]) -> Vec<Promise> {
    assert!(numbers.is_sorted_by(|one, next| one < next), "each write took place once, in order");
    let promised = promised.iter().filter(|promise| promise.replicas > 0);
    promised.filter(|promise| numbers.binary_search(&promise.number).is_err()).copied().collect()
}
