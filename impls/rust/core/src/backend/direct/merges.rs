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

    /// Rules among tokens 0..4, whose products are tokens too.
    fn merges() -> Merges {
        let mut ids = 4..;
        let pairs = (0..4u32).flat_map(|a| (0..4u32).map(move |b| (a, b))).chain([(4, 5), (5, 4), (9, 9), (4, 4)]);
        let mut rules: Vec<[u32; 3]> = pairs.map(|(a, b)| [a, b, ids.next().unwrap()]).collect();
        rules.sort_by_key(|[a, b, _]| a.wrapping_mul(7).wrapping_add(b.wrapping_mul(13)) % 11);
        Merges::new(&rules)
    }

    #[test]
    fn the_heap_and_the_row_merge_alike() {
        let (merges, mut workspace, mut state) = (merges(), Workspace::default(), 1u32);
        for length in 1..300 {
            let ids: Vec<u32> = (0..length)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    state >> 30
                })
                .collect();
            let (mut row, mut heap) = (ids.clone(), ids.clone());
            merges.apply_in_row(&mut row, 0, &mut workspace.ranks);
            merges.apply_by_heap(&mut heap, 0, &mut workspace);
            assert_eq!(row, heap, "{ids:?}");
            assert!(length == 1 || row.len() < ids.len());
        }
    }

    #[test]
    fn what_stands_before_is_left_alone() {
        let (merges, mut workspace) = (merges(), Workspace::default());
        for length in [2, SHORT + 1] {
            let mut ids = vec![0; 1 + length];
            merges.apply(&mut ids, 1, &mut workspace);
            assert_eq!(ids[0], 0);
            assert!(ids.len() < 1 + length);
        }
    }
}
