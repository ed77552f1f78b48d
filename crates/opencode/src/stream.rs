//! The stream of events.

use std::{collections::VecDeque, pin::Pin, time::Duration};

use bytes::Bytes;
use futures::{Stream, StreamExt};

use crate::{
    error::Error,
    event::Event,
    sse::{Frame, SseDecoder},
};

/// OpenCode truncates tool output long before this; a larger event is a mistake or an attack.
const MAX_EVENT_BYTES: usize = 8 * 1024 * 1024;

/// The server sends a heartbeat every ten seconds; after four missed ones the connection is dead.
const SILENCE: Duration = Duration::from_secs(45);

/// Events as they happen. Dropping it ends the subscription.
pub struct EventStream {
    bytes: Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>,
    decoder: SseDecoder,
    ready: VecDeque<Event>,
}

impl std::fmt::Debug for EventStream {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("EventStream")
            .field("ready", &self.ready.len())
            .finish_non_exhaustive()
    }
}

impl EventStream {
    pub(crate) fn new(response: reqwest::Response) -> Self {
        Self {
            bytes: Box::pin(response.bytes_stream()),
            decoder: SseDecoder::new(MAX_EVENT_BYTES),
            ready: VecDeque::new(),
        }
    }

    /// The next event, or `None` when the server has ended the stream.
    ///
    /// Cancel safe: a future that is dropped before it is ready has taken no event.
    ///
    /// # Errors
    /// When the connection breaks or has been silent for longer than a live server ever is.
    pub async fn next(&mut self) -> Result<Option<Event>, Error> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            let chunk = tokio::time::timeout(SILENCE, self.bytes.next())
                .await
                .map_err(|_| Error::Silent(SILENCE))?;
            let Some(chunk) = chunk else { return Ok(None) };
            let chunk = chunk.map_err(|source| Error::Unreachable {
                doing: "read events",
                source,
            })?;
            self.ready
                .extend(self.decoder.push(&chunk).into_iter().map(|frame| match frame {
                    Frame::Data(data) => Event::parse(&data),
                    Frame::Oversized => Event::Unreadable,
                }));
        }
    }
}
