//! Which processes descend from this one.

use std::collections::{BTreeMap, BTreeSet};

use rustix::process::Pid;

/// Every living descendant of this process. Orphans count, because this process adopts them (it is process 1 of its
/// container, or a child subreaper).
pub(super) fn living() -> Vec<Pid> {
    let own = i32::try_from(std::process::id()).unwrap_or(1);
    let processes = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            parse(&stat).map(|process| (pid, process))
        });
    descend(own, &processes.collect())
        .into_iter()
        .filter_map(Pid::from_raw)
        .collect()
}

struct Process {
    parent: i32,
    /// It has ended and only waits for its parent to look.
    ended: bool,
}

/// Reads `/proc/PID/stat`. The second field is the program's name in parentheses and may itself hold any character.
fn parse(stat: &str) -> Option<Process> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?;
    Some(Process {
        parent: fields.next()?.parse().ok()?,
        ended: matches!(state, "Z" | "X"),
    })
}

fn descend(root: i32, processes: &BTreeMap<i32, Process>) -> BTreeSet<i32> {
    let mut found = BTreeSet::new();
    let mut open = vec![root];
    while let Some(parent) = open.pop() {
        for (pid, _) in processes
            .iter()
            .filter(|(pid, process)| process.parent == parent && **pid != root)
        {
            if found.insert(*pid) {
                open.push(*pid);
            }
        }
    }
    found.retain(|pid| processes.get(pid).is_some_and(|process| !process.ended));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descendants_are_found_through_every_generation() {
        let stats = [
            (1, "1 (init) S 0 1"),
            (2, "2 (a) S 1 2"),
            (3, "3 (b ) Z 9) S 2 3"),
            (4, "4 (c) Z 3 4"),
            (5, "5 (d) S 4 5"),
            (6, "6 (other) S 1 6"),
        ];
        let processes: BTreeMap<i32, Process> = stats
            .iter()
            .map(|(pid, stat)| (*pid, parse(stat).unwrap()))
            .collect();
        // A zombie is no living process, but its children are found through it.
        assert_eq!(descend(2, &processes).into_iter().collect::<Vec<_>>(), [3, 5]);
        assert_eq!(descend(6, &processes).len(), 0);
    }

    #[test]
    fn text_that_is_no_stat_is_skipped() {
        for text in ["", "1", "1 (x", "1 (x)", "1 (x) S", "1 (x) S y"] {
            assert!(parse(text).is_none(), "{text}");
        }
    }
}
