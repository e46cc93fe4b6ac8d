//! A sorted set in both forms against a naive one.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    vec::Vec,
};
use core::ops::Bound;

use super::*;
use crate::base::rng::{Rng, Seed};

/// Members with their scores in no order.
type Model = BTreeMap<Vec<u8>, f64>;

fn sorted(model: &Model) -> Vec<(&[u8], f64)> {
    let mut members: Vec<_> = model.iter().map(|(name, score)| (name.as_slice(), *score)).collect();
    members.sort_by(|one, other| in_order(*one, *other));
    members
}

fn score(rng: &mut Rng) -> f64 {
    match rng.below(12) {
        0 => f64::INFINITY,
        1 => f64::NEG_INFINITY,
        2 => 0.1 * rng.below(30) as f64,
        3 => -1e18,
        4 => 70_000.0,
        5 => 300.0,
        6 => -0.0,
        _ => rng.below(12) as f64 - 3.0,
    }
}

fn name(rng: &mut Rng, names: u64) -> Vec<u8> {
    format!("m{}", rng.below(names)).into_bytes()
}

fn score_edge(rng: &mut Rng) -> Bound<f64> {
    match rng.below(5) {
        0 | 1 => Bound::Excluded(score(rng)),
        2 => Bound::Unbounded,
        _ => Bound::Included(score(rng)),
    }
}

fn check(set: &SortedSet, model: &Model, rng: &mut Rng, names: u64) {
    let (view, all) = (set.view(), sorted(model));
    assert_eq!(view.len(), all.len());
    assert!(view.iter().eq(all.iter().copied()));
    assert!(view.iter().rev().eq(all.iter().rev().copied()));
    for (rank, (member, score)) in all.iter().enumerate() {
        assert_eq!((view.rank(member), view.score(member)), (Some(rank), Some(*score)));
    }
    let drawn: BTreeSet<&[u8]> = (0..view.len()).map(|index| view.nth(index).0).collect();
    assert_eq!(drawn.len(), view.len(), "chance reaches every member");
    let missing = name(rng, names);
    assert_eq!(view.score(&missing), model.get(&missing).copied());
    assert_eq!(view.rank(&missing).is_some(), model.contains_key(&missing));
    let range = ScoreRange { min: score_edge(rng), max: score_edge(rng) };
    let within = |score: f64| {
        let low = match range.min {
            Bound::Included(min) => score >= min,
            Bound::Excluded(min) => score > min,
            Bound::Unbounded => true,
        };
        low && match range.max {
            Bound::Included(max) => score <= max,
            Bound::Excluded(max) => score < max,
            Bound::Unbounded => true,
        }
    };
    let found = view.range(view.by_score(&range));
    assert!(found.eq(all.iter().copied().filter(|(_, score)| within(*score))), "{range:?}");
}

/// A step of a random life.
fn step(set: &mut SortedSet, model: &mut Model, shape: &Shape, rng: &mut Rng, names: u64) {
    let member = name(rng, names);
    match rng.below(12) {
        0..3 => assert_eq!(set.remove(&member), model.remove(&member).is_some()),
        3 => {
            let start = rng.below(model.len() as u64 + 1) as usize;
            let end = (start + rng.below(4) as usize).min(model.len());
            let gone: Vec<Vec<u8>> =
                sorted(model)[start..end].iter().map(|(name, _)| name.to_vec()).collect();
            set.remove_range(start..end);
            gone.iter().for_each(|name| _ = model.remove(name));
        }
        4 => set.update(shape, &member, |old| {
            assert_eq!(old, model.get(&member).copied());
            None
        }),
        _ => {
            let score = score(rng);
            set.set(shape, &member, score);
            model.insert(member, score);
        }
    }
}

#[test]
fn a_sorted_set_does_what_a_sorted_list_does_in_both_forms() {
    let shape = Shape { zset_entries_max: 12, ..Shape::default() };
    let mut rng = Rng::new(Seed::from_u64(1), "sorted set");
    for round in 0..300 {
        let (mut set, mut model) = (SortedSet::new(), Model::new());
        let names = if round % 10 == 0 { 1_500 } else { 1 + rng.below(40) };
        for number in 0..if names > 1_000 { 3_000 } else { 80 } {
            step(&mut set, &mut model, &shape, &mut rng, names);
            if names < 1_000 || number % 500 == 0 {
                check(&set, &model, &mut rng, names);
            }
        }
        check(&set, &model, &mut rng, names);
    }
}

#[test]
fn members_of_one_score_are_ranged_by_their_bytes() {
    let mut rng = Rng::new(Seed::from_u64(2), "lex");
    for entries_max in [0, 100] {
        let shape = Shape { zset_entries_max: entries_max, ..Shape::default() };
        let mut set = SortedSet::new();
        let names: BTreeSet<Vec<u8>> = (0..60).map(|_| name(&mut rng, 300)).collect();
        names.iter().for_each(|name| set.set(&shape, name, 7.0));
        for _ in 0..500 {
            let (low, high) = (name(&mut rng, 300), name(&mut rng, 300));
            let edge = |which: u64, name| match which {
                0 => LexEdge::Lowest,
                1 => LexEdge::Highest,
                2 | 3 => LexEdge::Excluded(name),
                _ => LexEdge::Included(name),
            };
            let range = LexRange { min: edge(rng.below(8), &low), max: edge(rng.below(8), &high) };
            let within = names.iter().filter(|name| !range.is_below(name) && !range.is_above(name));
            let found = set.view().range(set.view().by_lex(&range)).map(|(name, _)| name);
            assert!(found.eq(within.map(Vec::as_slice)), "{range:?}");
        }
    }
}

/// Found by simulation: a master has the one form, its replica the other.
#[test]
fn members_of_different_scores_are_ranged_in_one_way() {
    let mut rng = Rng::new(Seed::from_u64(3), "different scores");
    for _ in 0..300 {
        let mut members: Vec<(Vec<u8>, f64)> =
            (0..100).map(|_| (name(&mut rng, 60), rng.below(4) as f64)).collect();
        let (low, high) = (name(&mut rng, 60), name(&mut rng, 60));
        let range = LexRange { min: LexEdge::Included(&low), max: LexEdge::Excluded(&high) };
        let mut ranges = Vec::new();
        for entries_max in [0, 100, 0] {
            let shape = Shape { zset_entries_max: entries_max, ..Shape::default() };
            let mut set = SortedSet::new();
            for (member, score) in &members {
                set.update(&shape, member, |old| old.is_none().then_some(*score));
            }
            ranges.push(set.view().by_lex(&range));
            // The same members in another order, with the scores that they have.
            members = set.view().iter().rev().map(|(name, score)| (name.to_vec(), score)).collect();
        }
        assert!(ranges.iter().all(|range| *range == ranges[0]), "{ranges:?}");
    }
}

#[test]
fn a_sorted_set_is_compact_up_to_both_limits_and_never_again() {
    let shape = Shape::default();
    let mut set = SortedSet::new();
    for number in 0..128_u8 {
        set.set(&shape, &[number; 64], 1.0);
    }
    assert_eq!(set.view().encoding(), "listpack");
    let tight = Shape { zset_entries_max: 1, ..shape };
    set.set(&tight, &[7; 64], 2.0);
    assert_eq!(set.view().encoding(), "listpack", "only a new member counts");
    set.set(&shape, b"one more", 1.0);
    assert_eq!(set.view().encoding(), "skiplist");
    set.remove_range(1..129);
    assert_eq!((set.view().encoding(), set.len()), ("skiplist", 1));
    let mut set = SortedSet::new();
    set.set(&shape, &[0; 65], 1.0);
    assert_eq!(set.view().encoding(), "skiplist");
}

/// As redis-server 7.0.15 keeps them.
#[test]
fn a_zero_below_zero_is_known_to_the_form_of_many_members_only() {
    for (entries_max, text) in [(0, "-0"), (8, "0")] {
        let shape = Shape { zset_entries_max: entries_max, ..Shape::default() };
        let mut set = SortedSet::new();
        set.set(&shape, b"a", -0.0);
        let mut room = [0; double::TEXT_MAX];
        let score = set.view().score(b"a").expect("it is there");
        assert_eq!(double::format(&mut room, score), text.as_bytes());
    }
}

#[test]
fn a_score_of_a_compact_set_takes_as_many_bytes_as_it_needs() {
    let shape = Shape::default();
    let bytes = |score: f64| {
        let mut set = SortedSet::new();
        set.set(&shape, b"a", score);
        assert_eq!(set.view().score(b"a"), Some(score));
        let SortedSet(Form::Packed(pack)) = set else { panic!("one member is few") };
        // The member and both lengths of either.
        pack.stored_bytes() - 5
    };
    for (size, bits) in [(1, 7), (2, 15), (3, 23), (4, 31)] {
        let (above, below) = (2_f64.powi(bits) - 1.0, -(2_f64.powi(bits)));
        assert_eq!((bytes(above), bytes(below)), (size, size), "{above}");
        let next = if size == 4 { 8 } else { size + 1 };
        assert_eq!((bytes(above + 1.0), bytes(below - 1.0)), (next, next), "{above}");
    }
    assert_eq!((bytes(0.0), bytes(-1.0), bytes(0.5), bytes(f64::INFINITY)), (1, 1, 8, 8));
}

#[test]
fn whole_scores_of_a_compact_set_read_as_integers() {
    let shape = Shape::default();
    let mut set = SortedSet::new();
    for (score, compact, ranked) in [
        (1e17, "100000000000000000", "1e+17"),
        (-4_611_686_018_427_387_904.0, "-4611686018427387904", "-4.6116860184273879e+18"),
        (4_611_686_018_427_388_928.0, "4.6116860184273889e+18", "4.6116860184273889e+18"),
        (1.5, "1.5", "1.5"),
        (f64::INFINITY, "inf", "inf"),
    ] {
        let mut room = [0; double::TEXT_MAX];
        set.set(&shape, b"a", score);
        assert_eq!(set.view().score_text(&mut room, score), compact.as_bytes());
        let mut large = SortedSet::new();
        large.set(&Shape { zset_entries_max: 0, ..shape }, b"a", score);
        assert_eq!(large.view().score_text(&mut room, score), ranked.as_bytes());
    }
}

#[test]
fn a_member_of_fourteen_bytes_takes_less_than_seventy() {
    let shape = Shape::default();
    let mut set = SortedSet::new();
    for number in 0..100_000_u32 {
        let member = format!("member:{number:07}");
        set.set(&shape, member.as_bytes(), f64::from(number.wrapping_mul(0x9e37_79b9)));
    }
    // redis-server 7.0.15 takes about 105.
    let per_member = set.memory_bytes() / set.len();
    assert!(per_member < 70, "{per_member}");
}
