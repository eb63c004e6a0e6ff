//! Byte-pair encoding: the merges of a vocabulary, applied by rank, from left to right.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use serde::Deserialize;

use super::pairs::Pairs;
use crate::folder::Model;

/// A merge as it is written: two tokens, or both in a line.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Merge {
    Pair(String, String),
    Line(String),
}

impl Merge {
    /// Whether it is the line with the version of a file.
    pub fn is_comment(&self) -> bool {
        matches!(self, Self::Line(line) if line.starts_with("#version"))
    }

    pub fn pair(&self) -> Option<(&str, &str)> {
        match self {
            Self::Pair(left, right) => Some((left, right)),
            Self::Line(line) => line.split_once(' '),
        }
    }
}

/// The rules of a vocabulary. The earlier of two has the lower rank.
pub struct Merges {
    ranks: Pairs,
    /// What the rule of each rank makes.
    products: Vec<u32>,
}

/// Memory that is used again from one piece to the next.
#[derive(Default)]
pub struct Workspace {
    row: Row,
    links: Vec<Link>,
    queue: BinaryHeap<Reverse<(u32, usize)>>,
}

/// Tokens in places that they keep. A token that was merged into the one before it is skipped.
struct Row {
    ids: [u32; SHORT],
    /// The rank of each token and the next one, and its place behind that: the least is what is merged next.
    ranks: [u32; SHORT],
    before: [u8; SHORT],
    after: [u8; SHORT],
}

impl Default for Row {
    fn default() -> Self {
        Self { ids: [0; SHORT], ranks: [NONE; SHORT], before: [0; SHORT], after: [0; SHORT] }
    }
}

#[derive(Clone, Copy)]
struct Link {
    id: u32,
    before: usize,
    after: usize,
    alive: bool,
}

/// The rank of two tokens that no rule is for.
pub const NONE: u32 = i32::MAX as u32;
/// Up to this many tokens the best pair is looked for in a row, above in a heap.
const SHORT: usize = 256;
/// How much a rank is shifted to have a place behind it.
const PLACE: u32 = 8;
/// So many ranks are compared at once.
const LANES: usize = 8;

impl Merges {
    /// Rules in the order of their ranks: the two tokens of each, and what they become.
    pub fn new(rules: &[[u32; 3]]) -> Self {
        let ranked = rules.iter().zip(0..).map(|([left, right, _], rank)| ([*left, *right], rank));
        Self { ranks: Pairs::new(ranked), products: rules.iter().map(|[_, _, product]| *product).collect() }
    }

    /// Whether the rules of a model can be kept.
    pub fn fit(model: &Model) -> bool {
        model.merges.len() < Pairs::END && model.end() <= Pairs::END as u64
    }

    /// The rank of the rule for two tokens, or `NONE`.
    #[inline]
    pub fn rank(&self, left: u32, right: u32) -> u32 {
        self.ranks.get([left, right]).unwrap_or(NONE)
    }

    /// Merge the tokens `ids[from..]` until no rule applies.
    pub fn apply(&self, ids: &mut Vec<u32>, from: usize, workspace: &mut Workspace) {
        self.apply_from(ids, from, workspace, |ids, at| self.rank(ids[at], ids[at + 1]));
    }

    /// The same, with another way to tell the rank of a token and the next one before any was merged.
    #[inline]
    pub fn apply_from(
        &self,
        ids: &mut Vec<u32>,
        from: usize,
        workspace: &mut Workspace,
        rank: impl Fn(&[u32], usize) -> u32,
    ) {
        if ids.len() - from <= SHORT {
            self.apply_in_row(ids, from, &mut workspace.row, rank);
        } else {
            self.apply_by_heap(ids, from, workspace);
        }
    }

    #[inline]
    fn apply_in_row(&self, ids: &mut Vec<u32>, from: usize, row: &mut Row, rank: impl Fn(&[u32], usize) -> u32) {
        let (own, end) = (&ids[from..], ids.len() - from);
        if end < 2 {
            return;
        }
        row.ids[..end].copy_from_slice(own);
        for at in 0..end - 1 {
            row.ranks[at] = placed(rank(own, at), at);
            row.before[at + 1] = at as u8;
            row.after[at] = (at + 1) as u8;
        }
        row.after[end - 1] = 0;
        let lanes = end.next_multiple_of(LANES);
        row.ranks[end - 1..lanes].fill(NONE);
        loop {
            let best = least(row.ranks[..lanes].as_chunks().0);
            if best == NONE {
                break;
            }
            let at = (best % (1 << PLACE)) as usize;
            let product = self.products[(best >> PLACE) as usize];
            let gone = usize::from(row.after[at]);
            let next = usize::from(row.after[gone]);
            row.ids[at] = product;
            row.after[at] = next as u8;
            row.ranks[gone] = NONE;
            row.ranks[at] = NONE;
            if next > 0 {
                row.before[next] = at as u8;
                row.ranks[at] = placed(self.rank(product, row.ids[next]), at);
            }
            if at > 0 {
                let before = usize::from(row.before[at]);
                row.ranks[before] = placed(self.rank(row.ids[before], product), before);
            }
        }
        ids.truncate(from);
        let mut at = 0;
        loop {
            ids.push(row.ids[at]);
            at = usize::from(row.after[at]);
            if at == 0 {
                return;
            }
        }
    }

    fn apply_by_heap(&self, ids: &mut Vec<u32>, from: usize, workspace: &mut Workspace) {
        let Workspace { links, queue, .. } = workspace;
        let end = ids.len() - from;
        links.clear();
        links.extend((0..end).map(|at| Link {
            id: ids[from + at],
            before: at.wrapping_sub(1),
            after: at + 1,
            alive: true,
        }));
        queue.clear();
        let push = |links: &[Link], queue: &mut BinaryHeap<_>, at: usize| {
            if at < end && links[at].after < end {
                let rank = self.rank(links[at].id, links[links[at].after].id);
                if rank != NONE {
                    queue.push(Reverse((rank, at)));
                }
            }
        };
        for at in 0..end {
            push(links, queue, at);
        }
        while let Some(Reverse((rank, at))) = queue.pop() {
            let next = links[at].after;
            if !links[at].alive || next >= end {
                continue;
            }
            // The pair may have been merged otherwise since it was queued.
            if self.rank(links[at].id, links[next].id) != rank {
                continue;
            }
            links[next].alive = false;
            let after = links[next].after;
            links[at].id = self.products[rank as usize];
            links[at].after = after;
            if after < end {
                links[after].before = at;
            }
            push(links, queue, at);
            push(links, queue, links[at].before);
        }
        ids.truncate(from);
        ids.extend(links.iter().filter(|link| link.alive).map(|link| link.id));
    }
}

/// A rank with a place behind it, so that of equal ranks the first place is the least.
#[inline]
fn placed(rank: u32, at: usize) -> u32 {
    if rank == NONE { NONE } else { (rank << PLACE) | at as u32 }
}

/// The least of all. None has the highest bit, and the processor compares them faster as numbers with a sign.
#[inline]
fn least(ranks: &[[u32; LANES]]) -> u32 {
    let mut best = [i32::MAX; LANES];
    for some in ranks {
        for (best, rank) in best.iter_mut().zip(some) {
            *best = (*best).min(rank.cast_signed());
        }
    }
    let half: [i32; LANES / 2] = std::array::from_fn(|at| best[at].min(best[at + LANES / 2]));
    half[0].min(half[1]).min(half[2].min(half[3])).cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A linear congruential generator: the same numbers everywhere.
    fn numbers(mut state: u32) -> impl FnMut(u32) -> u32 {
        move |end| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) % end
        }
    }

    /// Rules for pairs of tokens 0..48, of which 0..4 come of nothing, in no order: what a rule makes
    /// may have a rule that goes before it.
    fn rules() -> Vec<[u32; 3]> {
        let mut below = numbers(1);
        let products = |left: u32, right: u32| {
            if left.max(right) < 4 { 4 + left * 4 + right } else { 20 + (left * 5 + right) % 40 }
        };
        let pairs = (0..48u32).flat_map(|left| (0..48u32).map(move |right| (left, right)));
        let mut rules: Vec<(u32, [u32; 3])> =
            pairs.map(|(left, right)| (below(30_000), [left, right, products(left, right)])).collect();
        rules.retain(|(chance, [left, right, _])| left.max(right) < &4 || chance % 3 == 0);
        rules.sort_by_key(|(chance, _)| *chance);
        rules.into_iter().map(|(_, rule)| rule).collect()
    }

    /// One rule at one place after the other.
    fn apply(rules: &[[u32; 3]], mut ids: Vec<u32>) -> Vec<u32> {
        let rank = |pair: &[u32]| rules.iter().position(|rule| rule[..2] == *pair);
        while let Some((rank, at)) = ids.windows(2).enumerate().filter_map(|(at, pair)| Some((rank(pair)?, at))).min() {
            ids.splice(at..at + 2, [rules[rank][2]]);
        }
        ids
    }

    #[test]
    fn the_lowest_rule_is_applied_first_from_the_left() {
        let (rules, mut workspace, mut below) = (rules(), Workspace::default(), numbers(2));
        let merges = Merges::new(&rules);
        for length in 1..200 {
            let ids: Vec<u32> = (0..length).map(|_| below(4)).collect();
            let (mut row, mut heap) = (ids.clone(), ids.clone());
            let rank = |ids: &[u32], at: usize| merges.rank(ids[at], ids[at + 1]);
            merges.apply_in_row(&mut row, 0, &mut workspace.row, rank);
            merges.apply_by_heap(&mut heap, 0, &mut workspace);
            let expected = apply(&rules, ids);
            assert_eq!(row, expected);
            assert_eq!(heap, expected);
        }
    }

    #[test]
    fn what_stands_before_is_left_alone() {
        let (merges, mut workspace) = (Merges::new(&rules()), Workspace::default());
        for length in [2, SHORT + 1] {
            let mut ids = vec![0; 1 + length];
            merges.apply(&mut ids, 1, &mut workspace);
            assert_eq!(ids[0], 0);
            assert!(ids.len() < 1 + length);
        }
    }
}
