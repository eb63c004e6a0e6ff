//! Byte-pair encoding: the merges of a vocabulary, applied by rank, from left to right.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use ahash::AHashMap;

/// The rules of a vocabulary. The earlier of two has the lower rank.
pub struct Merges {
    ranks: AHashMap<(u32, u32), u32>,
    /// What the rule of each rank makes.
    products: Vec<u32>,
}

/// Memory that is used again from one piece to the next.
#[derive(Default)]
pub struct Workspace {
    ranks: Vec<u32>,
    links: Vec<Link>,
    queue: BinaryHeap<Reverse<(u32, usize)>>,
}

#[derive(Clone, Copy)]
struct Link {
    id: u32,
    before: usize,
    after: usize,
    alive: bool,
}

/// The rank of two tokens that no rule is for.
const NONE: u32 = u32::MAX;
/// Up to this many tokens the best pair is looked for in a row, above in a heap.
const SHORT: usize = 256;

impl Merges {
    /// Rules in the order of their ranks: the two tokens of each, and what they become.
    pub fn new(rules: &[[u32; 3]]) -> Self {
        Self {
            ranks: rules.iter().zip(0..).map(|([left, right, _], rank)| ((*left, *right), rank)).collect(),
            products: rules.iter().map(|[_, _, product]| *product).collect(),
        }
    }

    fn rank(&self, left: u32, right: u32) -> u32 {
        self.ranks.get(&(left, right)).copied().unwrap_or(NONE)
    }

    /// Merge the tokens `ids[from..]` until no rule applies.
    pub fn apply(&self, ids: &mut Vec<u32>, from: usize, workspace: &mut Workspace) {
        if ids.len() - from <= SHORT {
            self.apply_in_row(ids, from, &mut workspace.ranks);
        } else {
            self.apply_by_heap(ids, from, workspace);
        }
    }

    /// `ranks` is memory for the rank of each token and the next one.
    fn apply_in_row(&self, ids: &mut Vec<u32>, from: usize, ranks: &mut Vec<u32>) {
        ranks.clear();
        ranks.extend(ids[from..].windows(2).map(|pair| self.rank(pair[0], pair[1])));
        ranks.push(NONE);
        loop {
            let best = ranks.iter().fold(NONE, |best, rank| best.min(*rank));
            if best == NONE {
                return;
            }
            let kept = self.apply_rule(best, &mut ids[from..], ranks);
            ids.truncate(from + kept);
            ranks.truncate(kept);
        }
    }

    /// Apply one rule wherever it applies, from left to right, until one comes up that is to be applied before.
    /// What is left stands in front: so many tokens.
    fn apply_rule(&self, rule: u32, row: &mut [u32], ranks: &mut [u32]) -> usize {
        let product = self.products[rule as usize];
        let (mut kept, mut at, mut is_best) = (0, 0, true);
        while at < row.len() {
            if ranks[at] != rule || !is_best {
                (row[kept], ranks[kept]) = (row[at], ranks[at]);
                (kept, at) = (kept + 1, at + 1);
                continue;
            }
            row[kept] = product;
            ranks[kept] = row.get(at + 2).map_or(NONE, |next| self.rank(product, *next));
            is_best = ranks[kept] >= rule;
            if kept > 0 {
                ranks[kept - 1] = self.rank(row[kept - 1], product);
                is_best &= ranks[kept - 1] >= rule;
            }
            (kept, at) = (kept + 1, at + 2);
        }
        kept
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
            merges.apply_in_row(&mut row, 0, &mut workspace.ranks);
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
