//! Events live for an hour, and the window of past changes is aired once a minute.

use std::time::Duration;

use crate::api::Api;
use crate::meta;
use crate::store::Write;

const LIFETIME: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);
const ROUND: Duration = Duration::from_secs(60);

/// Runs until dropped.
pub(crate) async fn run(api: Api) {
    let mut rounds = tokio::time::interval(ROUND);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        expire(&api, jiff::Timestamp::now()).await;
        api.store.trim();
    }
}

/// Removes events whose last sign of life is more than an hour old.
async fn expire(api: &Api, now: jiff::Timestamp) {
    for (key, object) in api.store.list("events", None).objects {
        let seen = |text: Option<&str>| text?.parse::<jiff::Timestamp>().ok();
        let event = &object.value;
        let last = [
            seen(Some(meta::text(event, "creationTimestamp"))),
            seen(event["lastTimestamp"].as_str()),
            seen(event["series"]["lastObservedTime"].as_str()),
        ];
        let Some(last) = last.into_iter().flatten().max() else {
            continue;
        };
        if now.duration_since(last) > LIFETIME {
            // Losing the race against an update means the event is alive after all.
            _ = api
                .store
                .write(Write::remove("events", key, object.revision))
                .await;
        }
    }
}
