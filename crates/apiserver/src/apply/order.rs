//! The order of a merged list.

use std::collections::HashMap;
use std::hash::Hash;

/// Merges two orders of items. Everything of `wanted` keeps the order it has there; items that only `live` has
/// stay behind the item they stood behind. Yields positions in `live` and in `wanted`, of which one may be absent.
///
/// Merging the result with the same `wanted` again yields the same order, which is what keeps an apply that
/// changes nothing from writing.
pub(crate) fn interleave<K: Eq + Hash>(live: &[K], wanted: &[K]) -> Vec<(Option<usize>, Option<usize>)> {
    let mut live_at = HashMap::with_capacity(live.len());
    for (position, key) in live.iter().enumerate() {
        live_at.entry(key).or_insert(position);
    }
    let wanted_at: HashMap<_, _> = wanted
        .iter()
        .enumerate()
        .map(|(position, key)| (key, position))
        .collect();
    let mut merged = Vec::with_capacity(live.len() + wanted.len());
    let mut cursor = 0;
    for (position, key) in wanted.iter().enumerate() {
        if wanted_at.get(key) != Some(&position) {
            continue;
        }
        while cursor < live.len() && !wanted_at.contains_key(&live[cursor]) {
            merged.push((Some(cursor), None));
            cursor += 1;
        }
        merged.push((live_at.get(key).copied(), Some(position)));
        if cursor < live.len() && live_at.contains_key(key) {
            // A shared place is used up by one shared item, be it this one or one that moved here.
            cursor += 1;
        }
    }
    while cursor < live.len() {
        if !wanted_at.contains_key(&live[cursor]) {
            merged.push((Some(cursor), None));
        }
        cursor += 1;
    }
    merged
}
