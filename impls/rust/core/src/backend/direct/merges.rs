//! Byte-pair encoding: the merges of a vocabulary, applied by rank, from left to right.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use ahash::AHashMap;

/// What a pair of tokens becomes, and how early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rule {
    rank: u32,
    id: u32,
}

/// The rules of a vocabulary.
pub struct Merges(AHashMap<(u32, u32), Rule>);

/// Memory that is used again from one piece to the next.
#[derive(Default)]
pub struct Workspace {
    rules: Vec<Rule>,
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

const NONE: Rule = Rule { rank: u32::MAX, id: 0 };
/// Up to this many tokens the best pair is looked for in a row, above in a heap.
const SHORT: usize = 96;

impl Merges {
    /// Rules in the order of their ranks: the two tokens of each, and what they become.
    pub fn new(rules: impl IntoIterator<Item = [u32; 3]>) -> Self {
        Self(rules.into_iter().zip(0..).map(|([left, right, id], rank)| ((left, right), Rule { rank, id })).collect())
    }

    fn rule(&self, left: u32, right: u32) -> Rule {
        self.0.get(&(left, right)).copied().unwrap_or(NONE)
    }

    /// Merge the tokens `ids[from..]` until no rule applies.
    pub fn apply(&self, ids: &mut Vec<u32>, from: usize, workspace: &mut Workspace) {
        if ids.len() - from <= SHORT {
            self.apply_in_row(ids, from, &mut workspace.rules);
        } else {
            self.apply_by_heap(ids, from, workspace);
        }
    }

    fn apply_in_row(&self, ids: &mut Vec<u32>, from: usize, rules: &mut Vec<Rule>) {
        rules.clear();
        rules.extend(ids[from..].windows(2).map(|pair| self.rule(pair[0], pair[1])));
        while let Some((at, best)) = rules.iter().copied().enumerate().min_by_key(|(_, rule)| rule.rank) {
            if best == NONE {
                break;
            }
            ids[from + at] = best.id;
            ids.remove(from + at + 1);
            rules.remove(at);
            if at < rules.len() {
                rules[at] = self.rule(best.id, ids[from + at + 1]);
            }
            if at > 0 {
                rules[at - 1] = self.rule(ids[from + at - 1], best.id);
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
                let rule = self.rule(links[at].id, links[links[at].after].id);
                if rule != NONE {
                    queue.push(Reverse((rule.rank, at)));
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
            let rule = self.rule(links[at].id, links[next].id);
            // The pair has been merged otherwise since it was queued.
            if rule.rank != rank {
                continue;
            }
            links[next].alive = false;
            let after = links[next].after;
            links[at].id = rule.id;
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
        Merges::new(rules)
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
            merges.apply_in_row(&mut row, 0, &mut workspace.rules);
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
