//! The order of a merged list.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

/// Merges two orders of items. Everything of `wanted` keeps the order it has there; items that only `live` has
/// stay behind the item they stood behind, or in front of all. Yields positions in `live` and in `wanted`, of
/// which one may be absent. Of an item that comes more than once, the first counts.
///
/// Merging the result with the same `wanted` again yields the same order, which is what keeps an apply that
/// changes nothing from writing.
pub(crate) fn interleave<K: Eq + Hash>(live: &[K], wanted: &[K]) -> Vec<(Option<usize>, Option<usize>)> {
    let mut seen = HashSet::with_capacity(wanted.len());
    let wanted: Vec<_> = wanted
        .iter()
        .enumerate()
        .filter(|(_, key)| seen.insert(*key))
        .collect();
    let mut live_at = HashMap::with_capacity(live.len());
    let mut followers = HashMap::<Option<&K>, Vec<usize>>::new();
    let mut leader = None;
    for (position, key) in live.iter().enumerate() {
        if seen.contains(key) {
            leader = Some(key);
            live_at.entry(key).or_insert(position);
        } else {
            followers.entry(leader).or_default().push(position);
        }
    }

    let mut merged = Vec::with_capacity(live.len() + wanted.len());
    let mut follow = |merged: &mut Vec<_>, leader| {
        let positions = followers.remove(&leader).unwrap_or_default();
        merged.extend(positions.into_iter().map(|position| (Some(position), None)));
    };
    follow(&mut merged, None);
    for (position, key) in wanted {
        merged.push((live_at.get(key).copied(), Some(position)));
        follow(&mut merged, Some(key));
    }
    merged
}
