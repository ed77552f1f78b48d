//! The controller is killed at each of its requests, before and after the request took effect.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use koc_testkit::TestCluster;
use koc_testkit::faults::{Fault, Plan, Point};

use crate::pools::run_all;
use crate::scenarios::{ALL, Scenario};
use crate::snapshot::{self, Snapshot};
use crate::stage::{Pace, Stage};
use crate::world::{Retries, World};

/// Plays only those kills whose line contains this text, such as `stopped: delete pods`.
const ONLY: &str = "KUBEOPENCODE_TEST_CRASH";

/// The Task's name; it stands in no other word.
const NAME: &str = "hero-00";

/// What an undisturbed life was like.
pub(crate) struct Undisturbed {
    pub(crate) snapshot: Snapshot,
    points: Vec<Point>,
}

/// Plays a scenario step by step without any trouble.
pub(crate) async fn undisturbed(ground: &TestCluster, scenario: &Scenario) -> Undisturbed {
    let world = Arc::new(World::new(ground, Plan::Calm, Retries::ByController).await);
    scenario
        .play(Stage::new(world.clone(), NAME.to_owned(), Pace::Stepwise))
        .await;
    world.settle().await;
    let snapshot = snapshot::of(&world, NAME).await;
    assert_eq!(snapshot.end, scenario.end, "{}: {}", scenario.name, snapshot.text);
    let points = world
        .faults
        .asked()
        .into_iter()
        .map(|asked| asked.point)
        .collect();
    finish(world).await;
    Undisturbed { snapshot, points }
}

/// Ends a world; fails if anything was against the rules.
pub(crate) async fn finish(world: Arc<World>) {
    let story = world.story();
    let world = Arc::into_inner(world).expect("nobody plays in it any more");
    let found = world.end().await;
    assert!(found.is_empty(), "{found:?}\n{story}");
}

/// Waits until a Task's remains are as they should be and stay so when the controller is at rest.
pub(crate) async fn converge(world: &World, name: &str, expected: &Snapshot) {
    let mut pause = Duration::from_millis(1);
    let mut waited = Duration::ZERO;
    loop {
        // Garbage collection comes after the controller's rest, so being at rest is not yet the end.
        world.settle().await;
        let found = snapshot::of(world, name).await;
        if found == *expected {
            return;
        }
        if waited > world.patience() {
            panic!(
                "expected:\n{}\nfound:\n{}\n{}",
                expected.text,
                found.text,
                world.story()
            );
        }
        tokio::time::sleep(pause).await;
        waited += pause;
        pause = (pause * 2).min(Duration::from_secs(10));
    }
}

/// One kill.
struct Crash<'a> {
    scenario: &'a Scenario,
    expected: &'a Snapshot,
    point: Point,
    fault: Fault,
}

impl fmt::Display for Crash<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Point { call, nth } = &self.point;
        write!(f, "{}: {call} #{nth}, {}", self.scenario.name, self.fault)
    }
}

/// Plays a scenario with a kill in it. Tells whether the point was reached.
async fn play(ground: &TestCluster, crash: &Crash<'_>) -> bool {
    let plan = Plan::Script(vec![(crash.point.clone(), crash.fault)]);
    let world = Arc::new(World::new(ground, plan, Retries::ByController).await);
    let stage = Stage::new(world.clone(), NAME.to_owned(), Pace::Stepwise);
    crash.scenario.play(stage).await;
    converge(&world, NAME, crash.expected).await;
    let reached = world.faults.hung() == 1;
    finish(world).await;
    reached
}

#[test]
fn a_controller_killed_at_any_request_leaves_what_an_undisturbed_one_would() {
    let start = Instant::now();
    let recorded = run_all(ALL, undisturbed);
    let mut crashes = Vec::new();
    for (scenario, recorded) in ALL.iter().zip(&recorded) {
        let recorded = recorded
            .as_ref()
            .unwrap_or_else(|problem| panic!("{} failed undisturbed: {problem}", scenario.name));
        for point in &recorded.points {
            let faults: &[Fault] = match point.call.verb.writes() {
                true => &[Fault::HangBefore, Fault::HangAfter],
                // A question has no effect that a death could come after.
                false => &[Fault::HangBefore],
            };
            crashes.extend(faults.iter().map(|fault| Crash {
                scenario,
                expected: &recorded.snapshot,
                point: point.clone(),
                fault: *fault,
            }));
        }
    }
    if let Ok(only) = std::env::var(ONLY) {
        crashes.retain(|crash| crash.to_string().contains(&only));
    }
    println!(
        "{} scenarios recorded in {:.1?}, {} points to die at",
        ALL.len(),
        start.elapsed(),
        crashes.len()
    );
    let outcomes = run_all(&crashes, play);
    let mut failures = Vec::new();
    let mut missed = Vec::new();
    for (crash, outcome) in crashes.iter().zip(outcomes) {
        match outcome {
            Ok(true) => {}
            Ok(false) => missed.push(crash),
            Err(problem) => failures.push(format!("{crash}\n{problem}")),
        }
    }
    for crash in &missed {
        println!("not reached this time: {crash}");
    }
    println!("done in {:.1?}", start.elapsed());
    let count = failures.len();
    failures.truncate(5);
    assert!(
        count == 0,
        "{count} of {} went wrong; the first ones:\n\n{}",
        crashes.len(),
        failures.join("\n\n")
    );
    let writes: Vec<String> = missed
        .iter()
        .filter(|crash| crash.point.call.verb.writes())
        .map(ToString::to_string)
        .collect();
    assert!(writes.is_empty(), "these writes were not repeated: {writes:?}");
}
