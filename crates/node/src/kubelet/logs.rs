use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

use super::follow::{Reader, Selection};
use super::{Refusal, flag, known, number, parameter, pod};
use crate::container::log;
use crate::handle::{Context, PodHandle};

type Pairs = Vec<(String, String)>;

/// `GET /containerLogs/{namespace}/{pod}/{container}`.
pub(super) async fn logs(
    State(context): State<Arc<Context>>,
    Path((namespace, name, container)): Path<(String, String, String)>,
    Query(query): Query<Pairs>,
) -> Result<Response, Refusal> {
    let handle = pod(&context, &namespace, &name)?;
    known(&handle, &container)?;
    let selection = selection(&query, context.options.clock.now())?;
    let attempt = attempt(&handle, &container, flag(&query, "previous"))?;
    let live = handle
        .running(&container)
        .filter(|l| l.log.attempt() == attempt && flag(&query, "follow"));
    let reader = Reader::new(
        handle.log_dir(&container),
        attempt,
        selection,
        live.map(|l| l.log.subscribe()),
    );
    let (chunks, body) = mpsc::channel(4);
    tokio::spawn(reader.run(chunks));
    let body = Body::from_stream(ReceiverStream::new(body).map(Ok::<_, std::convert::Infallible>));
    Ok(([(header::CONTENT_TYPE, "text/plain")], body).into_response())
}

/// Which attempt's log is asked for.
fn attempt(handle: &PodHandle, container: &str, previous: bool) -> Result<u32, Refusal> {
    let refuse = |text: String| Refusal(StatusCode::BAD_REQUEST, text);
    let pod = &handle.pod.name;
    let newest = log::files(&handle.log_dir(container))
        .last()
        .map(|(attempt, _)| *attempt);
    let Some(newest) = newest else {
        return Err(refuse(format!(
            "container \"{container}\" in pod \"{pod}\" is waiting to start"
        )));
    };
    if !previous {
        return Ok(newest);
    }
    // While the next attempt is held back, the newest log is that of the attempt that ended.
    newest.checked_sub(1).ok_or_else(|| {
        refuse(format!(
            "previous terminated container \"{container}\" in pod \"{pod}\" not found"
        ))
    })
}

fn selection(query: &Pairs, now: Timestamp) -> Result<Selection, Refusal> {
    let bad = |text: &str| Refusal(StatusCode::BAD_REQUEST, text.to_owned());
    let since = match (number(query, "sinceSeconds")?, parameter(query, "sinceTime")) {
        (Some(_), Some(_)) => return Err(bad("give sinceSeconds or sinceTime, not both")),
        (Some(seconds), None) => {
            let back = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
            Some(now.saturating_sub(back).unwrap_or(Timestamp::MIN))
        }
        (None, Some(time)) => Some(
            time.parse()
                .map_err(|_| bad("sinceTime must be an RFC 3339 time"))?,
        ),
        (None, None) => None,
    };
    let stream = match parameter(query, "stream") {
        None | Some("All") => None,
        Some("Stdout") => Some("stdout"),
        Some("Stderr") => Some("stderr"),
        Some(_) => return Err(bad("stream must be All, Stdout or Stderr")),
    };
    let tail = number(query, "tailLines")?;
    let limit = number(query, "limitBytes")?;
    Ok(Selection {
        since,
        stream,
        tail,
        limit,
        timestamps: flag(query, "timestamps"),
    })
}
