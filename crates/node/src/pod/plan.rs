//! Decides, from data alone, which containers of a Pod to start and to stop.

use jiff::Timestamp;

use crate::clock::after;

/// When containers are started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RestartPolicy {
    Always,
    OnFailure,
    Never,
}

impl RestartPolicy {
    pub(crate) fn parse(text: Option<&str>) -> Self {
        match text {
            Some("Never") => Self::Never,
            Some("OnFailure") => Self::OnFailure,
            _ => Self::Always,
        }
    }
}

/// What part a container plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Runs to its end before the next one starts.
    Init,
    /// An init container that keeps running beside the main ones.
    Sidecar,
    Main,
}

/// What is going on with a container's process right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Live {
    /// No process.
    #[default]
    Idle,
    /// The image, the environment or the process is being made ready.
    Starting,
    Running,
    /// Told to end, not ended yet.
    Stopping,
}

/// One container as the plan sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) role: Role,
    pub(crate) live: Live,
    /// Exit code of the current attempt, when it has ended.
    pub(crate) exit: Option<i32>,
    /// Not to be started before this moment (back-off).
    pub(crate) not_before: Option<Timestamp>,
    /// Not to be started until something it waits for changes (a missing ConfigMap…).
    pub(crate) held: bool,
    /// Passed its startup probe, or has none and runs.
    pub(crate) started: bool,
}

/// A Pod as the plan sees it; init containers and sidecars first, in order, then the main containers.
#[derive(Debug, Clone)]
pub(crate) struct View<'a> {
    pub(crate) policy: RestartPolicy,
    pub(crate) containers: &'a [Seen],
    pub(crate) initialized: bool,
    /// Everything must stop: deletion, deadline, shutdown.
    pub(crate) ending: bool,
    pub(crate) now: Timestamp,
}

/// What to do next. Indices are those of [`View::containers`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) start: Vec<usize>,
    pub(crate) stop: Vec<usize>,
    /// Ended containers that will be started again once their back-off is over.
    pub(crate) backing_off: Vec<usize>,
    pub(crate) wake: Option<Timestamp>,
    pub(crate) initialized: bool,
    /// Nothing runs and nothing will: whether every main container succeeded.
    pub(crate) finished: Option<bool>,
}

/// Seconds to wait before restart number `crashes + 1` counted from the container's end: none for the
/// first, then 10 s doubling to 5 minutes.
pub(crate) fn back_off_seconds(crashes: u32) -> i64 {
    match crashes {
        0 => 0,
        n => 10_i64
            .checked_shl(n - 1)
            .filter(|s| *s > 0)
            .unwrap_or(300)
            .min(300),
    }
}

/// A container that ran at least this long before it ended starts with a fresh back-off, in seconds.
pub(crate) const STEADY_SECONDS: i64 = 600;

/// Whether a container that ended with `code` is started again.
pub(crate) fn restarts(policy: RestartPolicy, role: Role, code: i32) -> bool {
    match (role, policy) {
        (Role::Sidecar, _) | (Role::Main, RestartPolicy::Always) => true,
        (Role::Init, RestartPolicy::Never) | (Role::Main, RestartPolicy::Never) => false,
        (Role::Init, _) | (Role::Main, RestartPolicy::OnFailure) => code != 0,
    }
}

/// The decision itself.
pub(crate) fn plan(view: &View<'_>) -> Plan {
    let mut plan = Plan {
        initialized: view.initialized,
        ..Plan::default()
    };
    if view.ending {
        stop_in_order(view, &mut plan);
        if view.containers.iter().all(|c| c.live == Live::Idle) {
            plan.finished = Some(false);
        }
        return plan;
    }
    let init_failed = if view.initialized {
        for (i, c) in view
            .containers
            .iter()
            .enumerate()
            .filter(|(_, c)| c.role == Role::Sidecar)
        {
            // Once the main containers have nothing left to do, sidecars only go down.
            if !mains_done(view) {
                advance(view, i, c, &mut plan);
            }
        }
        false
    } else {
        initialize(view, &mut plan)
    };
    if init_failed {
        stop_in_order(view, &mut plan);
        if view.containers.iter().all(|c| c.live == Live::Idle) {
            plan.finished = Some(false);
        }
        return plan;
    }
    if plan.initialized {
        for (i, c) in view
            .containers
            .iter()
            .enumerate()
            .filter(|(_, c)| c.role == Role::Main)
        {
            advance(view, i, c, &mut plan);
        }
        if mains_done(view) {
            stop_in_order(view, &mut plan);
            if view.containers.iter().all(|c| c.live == Live::Idle) {
                let well = view
                    .containers
                    .iter()
                    .filter(|c| c.role == Role::Main)
                    .all(|c| c.exit == Some(0));
                plan.finished = Some(well);
            }
        }
    }
    plan
}

/// Walks the init containers up to the first that is not done. Returns whether one failed for good.
fn initialize(view: &View<'_>, plan: &mut Plan) -> bool {
    for (i, c) in view.containers.iter().enumerate() {
        match c.role {
            Role::Main => continue,
            Role::Sidecar => {
                advance(view, i, c, plan);
                if !(c.started && c.live == Live::Running) {
                    return false;
                }
            }
            Role::Init => match c.exit {
                Some(0) => {}
                Some(code) if !restarts(view.policy, Role::Init, code) => return true,
                _ => {
                    advance(view, i, c, plan);
                    return false;
                }
            },
        }
    }
    plan.initialized = true;
    false
}

/// Starts a container that should run and does not, or notes when it may.
fn advance(view: &View<'_>, index: usize, c: &Seen, plan: &mut Plan) {
    if c.live != Live::Idle || c.exit.is_some_and(|code| !restarts(view.policy, c.role, code)) {
        return;
    }
    if c.exit.is_some() && c.not_before.is_some_and(|t| t > view.now) {
        plan.backing_off.push(index);
    }
    if c.held {
        return;
    }
    match c.not_before.filter(|t| *t > view.now) {
        Some(later) => plan.wake = Some(plan.wake.map_or(later, |w| w.min(later))),
        None => plan.start.push(index),
    }
}

/// Whether every main container has ended and stays so.
fn mains_done(view: &View<'_>) -> bool {
    view.containers.iter().filter(|c| c.role == Role::Main).all(|c| {
        c.live == Live::Idle
            && c.exit
                .is_some_and(|code| !restarts(view.policy, Role::Main, code))
    })
}

/// Main and init containers stop together, then the sidecars one by one, the last one first.
fn stop_in_order(view: &View<'_>, plan: &mut Plan) {
    let alive = |c: &Seen| c.live != Live::Idle;
    let first: Vec<usize> = indices(view, |c| c.role != Role::Sidecar && alive(c));
    if first.is_empty() {
        plan.stop
            .extend(indices(view, |c| alive(c)).into_iter().next_back());
    } else {
        plan.stop.extend(first);
    }
    // A container told to stop already is not told again.
    plan.stop.retain(|i| view.containers[*i].live != Live::Stopping);
}

fn indices(view: &View<'_>, keep: impl Fn(&Seen) -> bool) -> Vec<usize> {
    view.containers
        .iter()
        .enumerate()
        .filter(|(_, c)| keep(c))
        .map(|(i, _)| i)
        .collect()
}

/// The earliest moment the next attempt may begin.
pub(crate) fn restart_at(finished_at: Timestamp, crashes: u32) -> Timestamp {
    after(finished_at, back_off_seconds(crashes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `i`nit, `s`idecar, `m`ain followed by its state: `.` idle and new, `+` starting, `r` running and
    /// started, `u` running but not started, `x` stopping, `0`/`1` ended with that code, `b` ended with 1
    /// and backing off, `h` held.
    fn containers(text: &str) -> Vec<Seen> {
        text.split_whitespace()
            .map(|word| {
                let mut chars = word.chars();
                let role = match chars.next() {
                    Some('i') => Role::Init,
                    Some('s') => Role::Sidecar,
                    _ => Role::Main,
                };
                let state = chars.next().unwrap_or('.');
                Seen {
                    role,
                    live: match state {
                        '+' => Live::Starting,
                        'r' | 'u' => Live::Running,
                        'x' => Live::Stopping,
                        _ => Live::Idle,
                    },
                    exit: match state {
                        '0' => Some(0),
                        '1' | 'b' => Some(1),
                        _ => None,
                    },
                    not_before: (state == 'b').then(|| after(Timestamp::UNIX_EPOCH, 10)),
                    held: state == 'h',
                    started: state == 'r',
                }
            })
            .collect()
    }

    #[track_caller]
    fn check(policy: RestartPolicy, text: &str, initialized: bool, ending: bool, expected: &str) {
        let containers = containers(text);
        let now = Timestamp::UNIX_EPOCH;
        let p = plan(&View {
            policy,
            containers: &containers,
            initialized,
            ending,
            now,
        });
        let mut words = Vec::new();
        for (word, list) in [
            ("start", &p.start),
            ("stop", &p.stop),
            ("backoff", &p.backing_off),
        ] {
            if !list.is_empty() {
                words.push(format!("{word}{list:?}"));
            }
        }
        if p.wake.is_some() {
            words.push("wake".into());
        }
        if p.initialized && !initialized {
            words.push("initialized".into());
        }
        if let Some(well) = p.finished {
            words.push(if well { "succeeded" } else { "failed" }.into());
        }
        assert_eq!(words.join(" "), expected, "{policy:?} {text}");
    }

    #[test]
    fn what_happens_next() {
        use RestartPolicy::{Always, Never, OnFailure};
        // Init containers run one after the other.
        check(Never, "i. i. m.", false, false, "start[0]");
        check(Never, "i+ i. m.", false, false, "");
        check(Never, "ir i. m.", false, false, "");
        check(Never, "i0 i. m.", false, false, "start[1]");
        check(Never, "i0 i0 m. m.", false, false, "start[2, 3] initialized");
        check(Never, "i1 i. m.", false, false, "failed");
        check(OnFailure, "i1 m.", false, false, "start[0]");
        check(Always, "ib m.", false, false, "backoff[0] wake");
        check(Never, "ih m.", false, false, "");
        // Sidecars must have started before the next container does.
        check(Never, "s. m.", false, false, "start[0]");
        check(Never, "su m.", false, false, "");
        check(Never, "sr m.", false, false, "start[1] initialized");
        check(Never, "sr i1 m.", false, false, "stop[0]");
        check(Never, "s1 mr", true, false, "start[0]");
        check(Never, "sb mr", true, false, "backoff[0] wake");
        // Main containers.
        check(Never, "mr m0", true, false, "");
        check(Never, "m1 m0", true, false, "failed");
        check(Never, "m0 m0", true, false, "succeeded");
        check(OnFailure, "m0 m1", true, false, "start[1]");
        check(OnFailure, "m0 mb", true, false, "backoff[1] wake");
        check(Always, "m0", true, false, "start[0]");
        // Sidecars end after the main containers, in reverse order, one by one.
        check(Never, "sr sr m0", true, false, "stop[1]");
        check(Never, "sr sx m0", true, false, "");
        check(Never, "sr s0 m0", true, false, "stop[0]");
        check(Never, "s1 s0 m0", true, false, "succeeded");
        // Ending.
        check(Always, "sr mr mr", true, true, "stop[1, 2]");
        check(Always, "sr mx mr", true, true, "stop[2]");
        check(Always, "sr m1 m1", true, true, "stop[0]");
        check(Always, "s1 m1 m.", true, true, "failed");
        check(Always, "i+ m.", false, true, "stop[0]");
    }

    #[test]
    fn back_off_doubles_to_five_minutes() {
        let waits: Vec<i64> = (0..8).map(back_off_seconds).collect();
        assert_eq!(waits, [0, 10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(back_off_seconds(u32::MAX), 300);
    }
}
