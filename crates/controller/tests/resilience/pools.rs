//! Many worlds, a few at a time, each on a thread and a runtime of its own.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use koc_testkit::{ClusterKind, Options, TestCluster};
use parking_lot::Mutex;
use tokio::runtime::{Builder, Runtime};

/// Plays every job beside a cluster, and returns what came of each, in order; a panic becomes its message.
pub(crate) fn run_all<J, T, F>(jobs: &[J], play: F) -> Vec<Result<T, String>>
where
    J: Sync,
    T: Send,
    F: AsyncFn(&TestCluster, &J) -> T + Sync,
{
    let next = AtomicUsize::new(0);
    let outcomes: Vec<Mutex<Option<Result<T, String>>>> = jobs.iter().map(|_| Mutex::default()).collect();
    thread::scope(|scope| {
        for _ in 0..threads().min(jobs.len()) {
            scope.spawn(|| {
                let mut ground = None;
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(job) = jobs.get(index) else { return };
                    let ready = ground.take().unwrap_or_else(Ground::new);
                    let played = catch_unwind(AssertUnwindSafe(|| {
                        ready.runtime.block_on(play(&ready.cluster, job))
                    }));
                    // What a failed job left behind may disturb the next one.
                    ground = played.is_ok().then_some(ready);
                    *outcomes[index].lock() = Some(played.map_err(|panic| words_of(&*panic)));
                }
            });
        }
    });
    outcomes
        .into_iter()
        .map(|outcome| {
            outcome
                .into_inner()
                .unwrap_or_else(|| Err("it was not run".to_owned()))
        })
        .collect()
}

/// What the worlds of one thread stand on, one after the other.
struct Ground {
    // Dropped first, since it ends in its runtime.
    cluster: TestCluster,
    runtime: Runtime,
}

impl Ground {
    fn new() -> Self {
        // Embedded, nothing but the runtime itself moves, so time may stand still while there is work. A real server has
        // a time of its own.
        let embedded = ClusterKind::of_this_run().unwrap() == ClusterKind::Embedded;
        let runtime = Builder::new_current_thread()
            .enable_all()
            .start_paused(embedded)
            .build()
            .unwrap();
        let cluster = runtime.block_on(TestCluster::start(Options::default())).unwrap();
        Self { cluster, runtime }
    }
}

fn words_of(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    text.unwrap_or_else(|| "a panic without words".to_owned())
}

/// Embedded worlds only compute. Worlds on a real server wait for it most of the time.
fn threads() -> usize {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    match ClusterKind::of_this_run().unwrap() {
        ClusterKind::Embedded => processors,
        ClusterKind::Real => processors * 4,
    }
}
