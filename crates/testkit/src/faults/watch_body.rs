//! A watch that breaks in mid-stream.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tower::BoxError;

use super::fault::Ending;
use super::layer::AnswerBody;

/// Passes so many events on, then breaks.
pub(super) struct WatchBody {
    inner: AnswerBody,
    left: usize,
    ending: Ending,
    broken: Option<Ending>,
}

impl WatchBody {
    pub(super) fn new(inner: AnswerBody, events: usize, ending: Ending) -> Self {
        Self {
            inner,
            left: events,
            ending,
            broken: None,
        }
    }

    /// What still passes of some bytes; it breaks where an event too many begins.
    fn passing(&mut self, data: Bytes) -> Bytes {
        let mut end = 0;
        while self.left > 0 {
            let Some(line) = data[end..].iter().position(|byte| *byte == b'\n') else {
                return data;
            };
            end += line + 1;
            self.left -= 1;
        }
        let rest = data.len() - end;
        if rest == 0 {
            return data;
        }
        self.broken = Some(self.ending);
        match self.ending {
            Ending::Clean => data.slice(..end),
            Ending::Torn => data.slice(..end + rest / 2),
        }
    }
}

impl Body for WatchBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.broken {
            None => {}
            Some(Ending::Clean) => return Poll::Ready(None),
            Some(Ending::Torn) => {
                // Told once; after it there is nothing.
                self.broken = Some(Ending::Clean);
                let reset = io::Error::new(io::ErrorKind::ConnectionReset, "the watch was torn, as planned");
                return Poll::Ready(Some(Err(reset.into())));
            }
        }
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        let passed = frame.map(|frame| frame.map(|frame| frame.map_data(|data| self.passing(data))));
        Poll::Ready(passed)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, StreamBody};

    use super::*;

    /// What comes through of these chunks, and whether it ends with an error.
    async fn check(chunks: &[&str], events: usize, ending: Ending, expected: (&str, bool)) {
        let frames: Vec<Result<Frame<Bytes>, BoxError>> = chunks
            .iter()
            .map(|chunk| Ok(Frame::data(Bytes::from((*chunk).to_owned()))))
            .collect();
        let inner = StreamBody::new(futures::stream::iter(frames)).boxed_unsync();
        let mut body = WatchBody::new(inner, events, ending);
        let (mut text, mut torn) = (String::new(), false);
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => text.push_str(std::str::from_utf8(&frame.into_data().unwrap()).unwrap()),
                Err(_) => torn = true,
            }
        }
        assert_eq!(
            (text.as_str(), torn),
            expected,
            "{chunks:?} cut after {events}, {ending:?}"
        );
    }

    #[tokio::test]
    async fn a_watch_breaks_after_so_many_events() {
        use Ending::{Clean, Torn};
        let lines = ["one\n", "two\n", "three\n"];
        check(&lines, 2, Clean, ("one\ntwo\n", false)).await;
        check(&lines, 2, Torn, ("one\ntwo\nthr", true)).await;
        check(&lines, 0, Clean, ("", false)).await;
        check(&lines, 0, Torn, ("on", true)).await;
        check(&lines, 3, Torn, ("one\ntwo\nthree\n", false)).await;
        // However the events are cut into chunks.
        check(&["one\ntwo\nth", "ree\n"], 1, Clean, ("one\n", false)).await;
        check(&["on", "e\ntw", "o\n"], 1, Torn, ("one\nt", true)).await;
        check(&["on", "e\n", "two\n"], 1, Torn, ("one\ntw", true)).await;
    }
}
