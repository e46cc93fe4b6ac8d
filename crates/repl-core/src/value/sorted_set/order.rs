//! Numbers in an order that somebody else decides: a B+ tree in which every place is found by its
//! rank, in logarithmic time. Knows nothing of what the numbers stand for.
//!
//! All leaves are equally deep. A node that is full is split in the middle; one that is full and
//! grows at an end of the whole order is left full, so that what comes sorted is packed densely.

use alloc::vec::Vec;
use core::{iter::FusedIterator, mem, ops::Range};

/// Most numbers in a leaf.
const LEAF_MAX: usize = 64;
/// Most children of an inner node.
const CHILDREN_MAX: usize = 32;

/// The order. At most 2^32 - 1 numbers.
#[derive(Clone, Debug)]
pub(super) struct Order {
    root: Node,
    len: usize,
}

#[derive(Clone, Debug)]
enum Node {
    Leaf(Vec<u32>),
    Inner(Vec<Child>),
}

/// A node that is not the root, and what its parent knows of it. It is never empty.
#[derive(Clone, Debug)]
struct Child {
    /// The first number below it.
    first: u32,
    /// How many numbers are below it.
    count: u32,
    node: Node,
}

/// Where the order grows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Edge {
    Front,
    Within,
    Back,
}

impl Edge {
    /// At which of `len` parts of a full node it is split.
    const fn split_at(self, len: usize) -> usize {
        match self {
            Self::Front => 0,
            Self::Within => len / 2,
            Self::Back => len,
        }
    }
}

impl Order {
    /// No numbers.
    pub(super) const fn new() -> Self {
        Self { root: Node::Leaf(Vec::new()), len: 0 }
    }

    /// Puts `number` in front of the one at `rank`.
    ///
    /// # Panics
    /// When `rank` is beyond the end.
    pub(super) fn insert(&mut self, rank: usize, number: u32) {
        assert!(rank <= self.len, "there is no gap in the order");
        let edge = match rank {
            _ if rank == self.len => Edge::Back,
            0 => Edge::Front,
            _ => Edge::Within,
        };
        if let Some(right) = self.root.insert(rank, number, edge) {
            let left = mem::replace(&mut self.root, Node::Inner(Vec::new()));
            self.root = Node::Inner(Vec::from([Child::new(left), Child::new(right)]));
        }
        self.len += 1;
    }

    /// Takes out the number at `rank`.
    ///
    /// # Panics
    /// When there is none.
    pub(super) fn remove(&mut self, rank: usize) -> u32 {
        assert!(rank < self.len, "only what is there is removed");
        let number = self.root.remove(rank);
        self.len -= 1;
        while let Node::Inner(children) = &mut self.root
            && children.len() <= 1
        {
            self.root = children.pop().map_or(Node::Leaf(Vec::new()), |only| only.node);
        }
        number
    }

    /// Puts `number` in the place of the one at `rank`.
    ///
    /// # Panics
    /// When there is none.
    pub(super) fn replace(&mut self, rank: usize, number: u32) {
        assert!(rank < self.len, "only what is there is replaced");
        self.root.replace(rank, number);
    }

    /// How many numbers there are in front for which `is_before` holds: it holds for all up to
    /// some place and for none behind it.
    pub(super) fn partition_point(&self, is_before: impl Fn(u32) -> bool) -> usize {
        let (mut node, mut rank) = (&self.root, 0);
        loop {
            let children = match node {
                Node::Leaf(numbers) => {
                    return rank + numbers.partition_point(|number| is_before(*number));
                }
                Node::Inner(children) => children,
            };
            let beyond = children.partition_point(|child| is_before(child.first));
            let Some(within) = beyond.checked_sub(1) else { return rank };
            rank += children[..within].iter().map(|child| child.count as usize).sum::<usize>();
            node = &children[within].node;
        }
    }

    /// The numbers at these ranks.
    ///
    /// # Panics
    /// When there are not that many.
    pub(super) fn range(&self, ranks: Range<usize>) -> Iter<'_> {
        assert!(ranks.end <= self.len, "a range ends within the order");
        Iter { order: self, ranks, ahead: &[], behind: &[] }
    }

    /// The leaf that holds `rank`, and the place in it.
    fn leaf(&self, mut rank: usize) -> (&[u32], usize) {
        let mut node = &self.root;
        loop {
            match node {
                Node::Leaf(numbers) => return (numbers, rank),
                Node::Inner(children) => {
                    let at = child_with(children, &mut rank);
                    node = &children[at].node;
                }
            }
        }
    }

    /// Bytes of memory it owns.
    pub(super) fn memory_bytes(&self) -> usize {
        self.root.memory_bytes()
    }
}

/// The child that holds `rank`, which becomes the rank within the child.
fn child_with(children: &[Child], rank: &mut usize) -> usize {
    let mut at = 0;
    while *rank >= children[at].count as usize {
        *rank -= children[at].count as usize;
        at += 1;
    }
    at
}

impl Child {
    fn new(node: Node) -> Self {
        let mut child = Self { first: 0, count: 0, node };
        child.recount();
        child
    }

    /// Brings what is known of the node up to date.
    fn recount(&mut self) {
        (self.first, self.count) = match &self.node {
            Node::Leaf(numbers) => (numbers[0], numbers.len() as u32),
            Node::Inner(children) => {
                (children[0].first, children.iter().map(|child| child.count).sum())
            }
        };
    }
}

impl Node {
    /// How many parts it has, and how many it may have.
    fn parts(&self) -> (usize, usize) {
        match self {
            Self::Leaf(numbers) => (numbers.len(), LEAF_MAX),
            Self::Inner(children) => (children.len(), CHILDREN_MAX),
        }
    }

    /// Inserts `number`. What this node has no room for is returned: it comes behind the node.
    fn insert(&mut self, rank: usize, number: u32, edge: Edge) -> Option<Self> {
        match self {
            Self::Leaf(numbers) => insert_part(numbers, rank, number, edge, LEAF_MAX),
            Self::Inner(children) => {
                let (mut at, mut rank) = (0, rank);
                // At a border the number goes to the end of the child before it.
                while rank > children[at].count as usize {
                    rank -= children[at].count as usize;
                    at += 1;
                }
                let child = &mut children[at];
                let right = child.node.insert(rank, number, edge);
                child.recount();
                let right = Child::new(right?);
                return insert_part(children, at + 1, right, edge, CHILDREN_MAX).map(Self::Inner);
            }
        }
        .map(Self::Leaf)
    }

    fn remove(&mut self, mut rank: usize) -> u32 {
        match self {
            Self::Leaf(numbers) => numbers.remove(rank),
            Self::Inner(children) => {
                let at = child_with(children, &mut rank);
                let child = &mut children[at];
                let number = child.node.remove(rank);
                if child.count == 1 {
                    children.remove(at);
                } else {
                    child.recount();
                    merge(children, at);
                }
                number
            }
        }
    }

    fn replace(&mut self, mut rank: usize, number: u32) {
        match self {
            Self::Leaf(numbers) => numbers[rank] = number,
            Self::Inner(children) => {
                let at = child_with(children, &mut rank);
                children[at].node.replace(rank, number);
                children[at].recount();
            }
        }
    }

    /// Takes the parts of a node behind this one, which is equally deep.
    fn append(&mut self, right: Self) {
        match (self, right) {
            (Self::Leaf(numbers), Self::Leaf(mut more)) => numbers.append(&mut more),
            (Self::Inner(children), Self::Inner(mut more)) => children.append(&mut more),
            (Self::Leaf(_), Self::Inner(_)) | (Self::Inner(_), Self::Leaf(_)) => {
                unreachable!("all leaves are equally deep")
            }
        }
    }

    fn memory_bytes(&self) -> usize {
        match self {
            Self::Leaf(numbers) => numbers.capacity() * size_of::<u32>(),
            Self::Inner(children) => {
                let own = children.capacity() * size_of::<Child>();
                children.iter().map(|child| child.node.memory_bytes()).sum::<usize>() + own
            }
        }
    }
}

/// Inserts a part into a node of at most `max`. When it is full, the parts of a node behind it are
/// returned.
fn insert_part<T>(
    parts: &mut Vec<T>,
    at: usize,
    part: T,
    edge: Edge,
    max: usize,
) -> Option<Vec<T>> {
    if parts.len() < max {
        parts.insert(at, part);
        return None;
    }
    // A number that goes in front of all may still be the second child of the first node.
    let middle = if at == edge.split_at(max) { at } else { max / 2 };
    let mut right = parts.split_off(middle);
    if at < middle || middle == 0 {
        parts.insert(at, part);
    } else {
        right.insert(at - middle, part);
    }
    Some(right)
}

/// Joins the child at `at` with a neighbour if it has become small and both fit one node well.
fn merge(children: &mut Vec<Child>, at: usize) {
    let (parts, max) = children[at].node.parts();
    if parts >= max / 4 || children.len() == 1 {
        return;
    }
    let left = if at + 1 < children.len() { at } else { at - 1 };
    if children[left].node.parts().0 + children[left + 1].node.parts().0 <= max / 2 {
        let right = children.remove(left + 1);
        children[left].node.append(right.node);
        children[left].recount();
    }
}

/// The numbers at some ranks, from both sides.
#[derive(Clone, Debug)]
pub(super) struct Iter<'a> {
    order: &'a Order,
    /// What is left.
    ranks: Range<usize>,
    /// The rest of the leaf that was reached from the front, and of that from the back.
    ahead: &'a [u32],
    behind: &'a [u32],
}

impl Iterator for Iter<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        if self.ranks.is_empty() {
            return None;
        }
        if self.ahead.is_empty() {
            let (leaf, at) = self.order.leaf(self.ranks.start);
            self.ahead = &leaf[at..];
        }
        let (number, rest) = self.ahead.split_first()?;
        self.ahead = rest;
        self.ranks.start += 1;
        Some(*number)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.ranks.len(), Some(self.ranks.len()))
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<u32> {
        if self.ranks.is_empty() {
            return None;
        }
        if self.behind.is_empty() {
            let (leaf, at) = self.order.leaf(self.ranks.end - 1);
            self.behind = &leaf[..=at];
        }
        let (number, rest) = self.behind.split_last()?;
        self.behind = rest;
        self.ranks.end -= 1;
        Some(*number)
    }
}

impl ExactSizeIterator for Iter<'_> {}
impl FusedIterator for Iter<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::{Rng, Seed};

    /// What must hold of a node: the numbers below it, and how deep it is.
    fn check_node(node: &Node) -> (usize, usize) {
        match node {
            Node::Leaf(numbers) => {
                assert!(numbers.len() <= LEAF_MAX);
                (numbers.len(), 0)
            }
            Node::Inner(children) => {
                assert!((1..=CHILDREN_MAX).contains(&children.len()));
                let mut depths = children.iter().map(|child| {
                    let (count, depth) = check_node(&child.node);
                    let mut fresh = child.clone();
                    fresh.recount();
                    assert_eq!((child.first, child.count), (fresh.first, fresh.count));
                    assert_eq!(child.count as usize, count);
                    depth
                });
                let depth = depths.next().expect("there is a child");
                assert!(depths.all(|other| other == depth), "all leaves are equally deep");
                (children.iter().map(|child| child.count as usize).sum(), depth + 1)
            }
        }
    }

    fn check(order: &Order, model: &[u32]) {
        assert_eq!((order.len, check_node(&order.root).0), (model.len(), model.len()));
        assert!(order.range(0..model.len()).eq(model.iter().copied()));
        assert!(order.range(0..model.len()).rev().eq(model.iter().rev().copied()));
    }

    #[test]
    fn an_order_does_what_a_vector_does() {
        let mut rng = Rng::new(Seed::from_u64(1), "order");
        for round in 0..30 {
            let (mut order, mut model) = (Order::new(), Vec::new());
            for step in 0..6_000_u32 {
                let grows = if step < 3_000 { 7 } else { 3 };
                let place = rng.below(model.len() as u64 + 1) as usize;
                if rng.below(10) < grows {
                    let place = match round % 3 {
                        0 => place,
                        1 => model.len(),
                        _ => 0,
                    };
                    order.insert(place, step);
                    model.insert(place, step);
                } else if place < model.len() && rng.below(5) == 0 {
                    order.replace(place, step);
                    model[place] = step;
                } else if place < model.len() {
                    assert_eq!(order.remove(place), model.remove(place));
                }
                if step % 500 == 0 {
                    check(&order, &model);
                }
            }
            check(&order, &model);
            while !model.is_empty() {
                let place = rng.below(model.len() as u64) as usize;
                assert_eq!(order.remove(place), model.remove(place));
            }
            check(&order, &model);
        }
    }

    #[test]
    fn places_and_ranges_are_found_from_both_sides() {
        let mut order = Order::new();
        (0..10_000).rev().for_each(|number| order.insert(0, number * 2));
        let mut rng = Rng::new(Seed::from_u64(2), "ranges");
        for _ in 0..2_000 {
            let bound = rng.below(20_010) as u32;
            assert_eq!(
                order.partition_point(|number| number < bound),
                bound.div_ceil(2).min(10_000) as usize
            );
            let start = rng.below(10_000) as usize;
            let end = start + rng.below(10_001 - start as u64) as usize;
            let mut range = order.range(start..end);
            let (mut low, mut high) = (start, end);
            while low < high {
                if rng.below(2) == 0 {
                    assert_eq!(range.next(), Some(low as u32 * 2));
                    low += 1;
                } else {
                    high -= 1;
                    assert_eq!(range.next_back(), Some(high as u32 * 2));
                }
            }
            assert_eq!((range.next(), range.next_back()), (None, None));
        }
    }

    #[test]
    fn what_comes_sorted_is_packed_densely() {
        let (mut up, mut down) = (Order::new(), Order::new());
        for number in 0..100_000 {
            up.insert(up.len, number);
            down.insert(0, number);
        }
        for order in [up, down] {
            let bytes = order.memory_bytes();
            assert!(bytes < 100_000 * 6, "{bytes}");
        }
    }
}
