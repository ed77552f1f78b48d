//! Which request meets which trouble.

use std::time::Duration;

use super::call::{Call, Verb};
use super::dice::Dice;
use super::fault::{Ending, Fault};

/// How often each trouble comes, in a thousand requests that it can happen to. Where they add up to more than a thousand,
/// the last ones never come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the faults")]
pub struct Odds {
    pub delay: u64,
    pub conflict: u64,
    pub expired: u64,
    pub too_many_requests: u64,
    pub server_error: u64,
    pub cut_before: u64,
    pub cut_after: u64,
    pub stale_list: u64,
    pub watch_cut: u64,
    pub watch_expired: u64,
    pub hang_before: u64,
    pub hang_after: u64,
}

impl Odds {
    /// A server on a bad day: about every fourth request meets something, two of three watches break. All are answered in
    /// some way: a client that nobody kills would wait for ever.
    pub const BAD_DAY: Self = Self {
        delay: 60,
        conflict: 40,
        expired: 60,
        too_many_requests: 30,
        server_error: 40,
        cut_before: 30,
        cut_after: 60,
        stale_list: 200,
        watch_cut: 400,
        watch_expired: 120,
        hang_before: 0,
        hang_after: 0,
    };
}

/// A request that a script is about: the so many-th of its kind, counted from 0.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Point {
    /// The request.
    pub call: Call,
    /// How many like it came before.
    pub nth: u64,
}

/// Decides about requests. A decision follows from the plan, the request's text, and how many like it came before; it does
/// not depend on anything else that happens.
#[derive(Debug, Clone, Default)]
pub enum Plan {
    /// No trouble.
    #[default]
    Calm,
    /// Trouble at given points.
    Script(Vec<(Point, Fault)>),
    /// Trouble by chance.
    Chance {
        /// What the chances follow from.
        seed: u64,
        /// How often.
        odds: Odds,
        /// So many requests of each kind may meet trouble, and none after them: every run gets through in the end.
        first: u64,
    },
}

impl Plan {
    /// What happens to the `nth` request of this text, counted from 0.
    #[must_use]
    pub fn decide(&self, call: &Call, nth: u64) -> Option<Fault> {
        match self {
            Self::Calm => None,
            Self::Script(points) => points
                .iter()
                .find(|(point, _)| point.call == *call && point.nth == nth)
                .map(|(_, fault)| *fault),
            Self::Chance { first, .. } if nth >= *first => None,
            Self::Chance { seed, odds, .. } => {
                let mut dice = Dice::about(*seed, &call.to_string(), nth);
                let roll = dice.below(1000);
                let mut sum = 0;
                candidates(call.verb, odds, &mut dice)
                    .into_iter()
                    .find(|(odds, _)| {
                        sum += odds;
                        roll < sum
                    })
                    .map(|(_, fault)| fault)
            }
        }
    }
}

/// What can happen to such a request, and how often. Every detail is rolled whether it is needed or not.
fn candidates(verb: Verb, odds: &Odds, dice: &mut Dice) -> Vec<(u64, Fault)> {
    let delay = Duration::from_millis(1 + dice.below(2000));
    let seconds = [1, 1, 2, 5][usize::try_from(dice.below(4)).unwrap_or_default()];
    let back = 1 + usize::try_from(dice.below(12)).unwrap_or_default();
    let events = usize::try_from(dice.below(4)).unwrap_or_default();
    let ending = if dice.below(2) == 0 {
        Ending::Clean
    } else {
        Ending::Torn
    };
    let mut candidates = vec![
        (odds.delay, Fault::Delay(delay)),
        (odds.too_many_requests, Fault::TooManyRequests(seconds)),
        (odds.server_error, Fault::ServerError),
        (odds.cut_before, Fault::CutBefore),
        (odds.hang_before, Fault::HangBefore),
    ];
    match verb {
        Verb::Get => {}
        Verb::List => candidates.extend([
            (odds.expired, Fault::Expired),
            (odds.stale_list, Fault::StaleList(back)),
        ]),
        Verb::Watch => candidates.extend([
            (odds.expired, Fault::Expired),
            (odds.watch_expired, Fault::WatchExpired),
            (odds.watch_cut, Fault::WatchCut(events, ending)),
        ]),
        Verb::Create | Verb::Update | Verb::Patch | Verb::Delete => candidates.extend([
            (odds.cut_after, Fault::CutAfter),
            (odds.hang_after, Fault::HangAfter),
            (odds.conflict, Fault::Conflict),
        ]),
    }
    candidates
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn call(verb: Verb, resource: &str, name: &str) -> Call {
        Call {
            verb,
            resource: resource.to_owned(),
            name: name.to_owned(),
        }
    }

    const ODDS: Odds = Odds {
        hang_before: 20,
        hang_after: 20,
        ..Odds::BAD_DAY
    };

    fn chance(seed: u64) -> Plan {
        Plan::Chance {
            seed,
            odds: ODDS,
            first: 1000,
        }
    }

    #[test]
    fn decisions_follow_from_seed_request_and_ordinal_alone() {
        let pods = call(Verb::Create, "pods", "a-pod");
        let all = |plan: &Plan| (0..1000).map(|nth| plan.decide(&pods, nth)).collect::<Vec<_>>();
        assert_eq!(all(&chance(5)), all(&chance(5)));
        assert_ne!(all(&chance(5)), all(&chance(6)));
        // Asking in another order, or about something else in between, changes nothing.
        let plan = chance(5);
        let backwards: Vec<_> = (0..1000)
            .rev()
            .map(|nth| {
                _ = plan.decide(&call(Verb::Get, "pods", "a-pod"), nth);
                plan.decide(&pods, nth)
            })
            .collect();
        assert_eq!(backwards.into_iter().rev().collect::<Vec<_>>(), all(&plan));
    }

    #[test]
    fn each_kind_of_request_meets_what_can_happen_to_it_about_as_often_as_said() {
        let odds = ODDS;
        let count = |verb| {
            let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
            for nth in 0..1000 {
                for seed in 0..10 {
                    let fault = chance(seed).decide(&call(verb, "tasks", "a"), nth);
                    let kind = match fault {
                        None => continue,
                        Some(Fault::Delay(_)) => "delay",
                        Some(Fault::Conflict) => "conflict",
                        Some(Fault::Expired) => "expired",
                        Some(Fault::TooManyRequests(_)) => "429",
                        Some(Fault::ServerError) => "500",
                        Some(Fault::CutBefore) => "before",
                        Some(Fault::CutAfter) => "after",
                        Some(Fault::StaleList(_)) => "stale",
                        Some(Fault::WatchCut(..)) => "cut",
                        Some(Fault::WatchExpired) => "watch expired",
                        Some(Fault::HangBefore) => "hangs before",
                        Some(Fault::HangAfter) => "hangs after",
                    };
                    *counts.entry(kind).or_default() += 1;
                }
            }
            counts
        };
        let near = |counts: &BTreeMap<&str, u64>, kind: &str, odds: u64| {
            let found = counts.get(kind).copied().unwrap_or_default();
            assert!(
                (odds * 7..=odds * 13).contains(&found),
                "{kind}: {found} of 10000, expected about {}",
                odds * 10
            );
        };
        let everywhere = |counts: &BTreeMap<&str, u64>| {
            near(counts, "delay", odds.delay);
            near(counts, "429", odds.too_many_requests);
            near(counts, "500", odds.server_error);
            near(counts, "before", odds.cut_before);
            near(counts, "hangs before", odds.hang_before);
        };
        let writes = count(Verb::Patch);
        everywhere(&writes);
        near(&writes, "conflict", odds.conflict);
        near(&writes, "after", odds.cut_after);
        near(&writes, "hangs after", odds.hang_after);
        assert_eq!(writes.len(), 8, "{writes:?}");
        let lists = count(Verb::List);
        everywhere(&lists);
        near(&lists, "stale", odds.stale_list);
        near(&lists, "expired", odds.expired);
        assert_eq!(lists.len(), 7, "{lists:?}");
        let watches = count(Verb::Watch);
        everywhere(&watches);
        near(&watches, "cut", odds.watch_cut);
        near(&watches, "watch expired", odds.watch_expired);
        assert_eq!(watches.len(), 8, "{watches:?}");
        let reads = count(Verb::Get);
        everywhere(&reads);
        assert_eq!(reads.len(), 5, "{reads:?}");
    }

    #[test]
    fn chance_ends_after_the_first_requests_of_a_kind() {
        let plan = Plan::Chance {
            seed: 1,
            odds: Odds::BAD_DAY,
            first: 3,
        };
        let watch = call(Verb::Watch, "pods", "");
        assert!((3..1000).all(|nth| plan.decide(&watch, nth).is_none()));
        let hit = |seed| {
            let plan = Plan::Chance {
                seed,
                odds: Odds::BAD_DAY,
                first: 3,
            };
            (0..3).any(|nth| plan.decide(&watch, nth).is_some())
        };
        assert!((0..10).any(hit));
    }

    #[test]
    fn a_script_hits_its_points_only() {
        let pods = call(Verb::Create, "pods", "a-pod");
        let point = Point {
            call: pods.clone(),
            nth: 1,
        };
        let plan = Plan::Script(vec![(point, Fault::CutAfter)]);
        let decided: Vec<_> = (0..3).map(|nth| plan.decide(&pods, nth)).collect();
        assert_eq!(decided, [None, Some(Fault::CutAfter), None]);
        assert_eq!(plan.decide(&call(Verb::Create, "pods", "b-pod"), 1), None);
    }
}
