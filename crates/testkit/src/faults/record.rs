//! What was asked, what was decided, and what is still under way.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use kube::Client;
use kube::client::retry::RetryPolicy;
use parking_lot::Mutex;
use tokio::sync::watch;
use tower::Layer as _;
use tower::retry::RetryLayer;

use super::call::Call;
use super::fault::Fault;
use super::layer::FaultLayer;
use super::plan::{Plan, Point};

/// Trouble between a client and a server, and the record of it. Clones are the same.
#[derive(Clone)]
pub struct Faults(Arc<Shared>);

struct Shared {
    plan: Plan,
    state: Mutex<State>,
    hung: watch::Sender<usize>,
    under_way: watch::Sender<usize>,
}

#[derive(Default)]
struct State {
    counts: HashMap<Call, u64>,
    asked: Vec<Asked>,
    /// Revisions that the server was seen at.
    revisions: BTreeSet<u64>,
}

/// One request as it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The request, and how many like it came before.
    pub point: Point,
    /// What was done to it.
    pub fault: Option<Fault>,
    /// The server's HTTP code, where the request reached the server and was answered by now.
    pub code: Option<u16>,
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} #{}", self.point.call, self.point.nth)?;
        if let Some(fault) = &self.fault {
            write!(f, ": {fault}")?;
        }
        match self.code {
            Some(code) => write!(f, " [server: {code}]"),
            None => Ok(()),
        }
    }
}

/// A request that was decided about.
pub(super) struct Ticket {
    index: usize,
    pub(super) fault: Option<Fault>,
    /// For a stale list: the revision to answer with.
    pub(super) revision: Option<u64>,
}

impl Faults {
    /// Trouble by this plan.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        Self(Arc::new(Shared {
            plan,
            state: Mutex::default(),
            hung: watch::Sender::new(0),
            under_way: watch::Sender::new(0),
        }))
    }

    /// To be put around a service that reaches the server.
    #[must_use]
    pub fn layer(&self) -> FaultLayer {
        FaultLayer::new(self.clone())
    }

    /// A client that meets the trouble on its way to where `upstream` leads, and knows nothing of retries by itself.
    #[must_use]
    pub fn client(&self, upstream: Client) -> Client {
        let namespace = upstream.default_namespace().to_owned();
        Client::new(self.layer().around(upstream), namespace)
    }

    /// The same with the retries that kube's clients of real clusters have: 429 and 503 are asked again by the client
    /// itself, after the time that the server asks for.
    #[must_use]
    pub fn retrying_client(&self, upstream: Client) -> Client {
        let namespace = upstream.default_namespace().to_owned();
        let retries = RetryLayer::new(RetryPolicy::server_retry());
        Client::new(retries.layer(self.layer().around(upstream)), namespace)
    }

    /// Everything that was asked, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.0.state.lock().asked.clone()
    }

    /// What met trouble, in order.
    #[must_use]
    pub fn injected(&self) -> Vec<Asked> {
        let mut asked = self.asked();
        asked.retain(|asked| asked.fault.is_some());
        asked
    }

    /// Waits until so many requests in all hang without an answer.
    pub async fn until_hung(&self, count: usize) {
        // The sender lives in `self`, so this ends by the condition alone.
        _ = self.0.hung.subscribe().wait_for(|hung| *hung >= count).await;
    }

    /// How many requests hang without an answer, or did when their client gave up.
    #[must_use]
    pub fn hung(&self) -> usize {
        *self.0.hung.borrow()
    }

    /// Waits until the server works on no request but watches, those of clients that are gone included.
    pub async fn until_quiet(&self) {
        _ = self
            .0
            .under_way
            .subscribe()
            .wait_for(|under_way| *under_way == 0)
            .await;
    }

    pub(super) fn decide(&self, call: Call) -> Ticket {
        let mut state = self.0.state.lock();
        let count = state.counts.entry(call.clone()).or_default();
        let nth = *count;
        *count += 1;
        let mut fault = self.0.plan.decide(&call, nth);
        let mut revision = None;
        if let Some(Fault::StaleList(back)) = fault {
            let revisions = &state.revisions;
            revision = revisions.iter().rev().nth(back).or(revisions.first()).copied();
            if revision.is_none() {
                // Nothing is known of the past, so there is nothing to go back to.
                fault = None;
            }
        }
        let index = state.asked.len();
        state.asked.push(Asked {
            point: Point { call, nth },
            fault,
            code: None,
        });
        Ticket {
            index,
            fault,
            revision,
        }
    }

    pub(super) fn answered(&self, ticket: &Ticket, code: u16, revision: Option<u64>) {
        let mut state = self.0.state.lock();
        state.revisions.extend(revision);
        if let Some(asked) = state.asked.get_mut(ticket.index) {
            asked.code = Some(code);
        }
    }

    pub(super) fn hangs(&self) {
        self.0.hung.send_modify(|hung| *hung += 1);
    }

    pub(super) fn begin(&self) -> UnderWay {
        self.0.under_way.send_modify(|count| *count += 1);
        UnderWay(self.clone())
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faults")
            .field("plan", &self.0.plan)
            .finish_non_exhaustive()
    }
}

/// A request that the server works on, until it is dropped.
pub(super) struct UnderWay(Faults);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.0.under_way.send_modify(|count| *count -= 1);
    }
}
