//! Server-sent events, whatever the chunks they arrive in.

/// Turns bytes into the `data` of events.
///
/// Lines may end in `\n`, `\r\n` or `\r`; several `data` lines of one event are joined by a line break; comments and
/// other fields are ignored; bytes that are not UTF-8 are replaced. An event larger than the limit is dropped and
/// reported once, and reading goes on with the next one, so a hostile or broken server costs bounded memory and no
/// more than its own event.
#[derive(Debug)]
pub struct SseDecoder {
    limit: usize,
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    oversized: bool,
    /// The last byte was `\r`, so a `\n` that follows belongs to the same line end.
    after_return: bool,
}

/// What the decoder found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// The data of an event.
    Data(String),
    /// An event was larger than the limit.
    Oversized,
}

impl SseDecoder {
    /// A decoder for events of at most `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            line: Vec::new(),
            data: Vec::new(),
            has_data: false,
            oversized: false,
            after_return: false,
        }
    }

    /// Takes more bytes and returns the events they complete.
    pub fn push(&mut self, mut bytes: &[u8]) -> Vec<Frame> {
        let mut frames = Vec::new();
        while !bytes.is_empty() {
            if self.after_return {
                self.after_return = false;
                if let Some(rest) = bytes.strip_prefix(b"\n") {
                    bytes = rest;
                    continue;
                }
            }
            match bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
                Some(end) => {
                    self.extend(&bytes[..end]);
                    self.after_return = bytes[end] == b'\r';
                    bytes = &bytes[end + 1..];
                    frames.extend(self.end_line());
                }
                None => {
                    self.extend(bytes);
                    bytes = &[];
                }
            }
        }
        frames
    }

    fn extend(&mut self, bytes: &[u8]) {
        if self.oversized {
            // The content is lost already, but whether the line is empty still matters.
            if self.line.is_empty() {
                self.line.extend(bytes.first());
            }
        } else if self.line.len() + self.data.len() + bytes.len() > self.limit {
            self.oversized = true;
            self.data = Vec::new();
            self.line = vec![b'x'];
        } else {
            self.line.extend_from_slice(bytes);
        }
    }

    fn end_line(&mut self) -> Option<Frame> {
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() {
            if !self.oversized
                && let Some(value) = line.strip_prefix(b"data")
                && let Some(value) = value.strip_prefix(b":").or(value.is_empty().then_some(value))
            {
                if self.has_data {
                    self.data.push(b'\n');
                }
                self.data
                    .extend_from_slice(value.strip_prefix(b" ").unwrap_or(value));
                self.has_data = true;
            }
            return None;
        }
        let data = std::mem::take(&mut self.data);
        let has_data = std::mem::take(&mut self.has_data);
        if std::mem::take(&mut self.oversized) {
            return Some(Frame::Oversized);
        }
        has_data.then(|| Frame::Data(String::from_utf8_lossy(&data).into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn data(text: &str) -> Frame {
        Frame::Data(text.to_owned())
    }

    fn check(input: &str, expected: &[Frame]) {
        let bytes = input.as_bytes();
        // The result may not depend on where the chunks were cut.
        for size in [1, 2, 3, 7, bytes.len().max(1)] {
            let mut decoder = SseDecoder::new(32);
            let frames: Vec<Frame> = bytes.chunks(size).flat_map(|chunk| decoder.push(chunk)).collect();
            assert_eq!(frames, expected, "{input:?} in chunks of {size}");
        }
    }

    #[test]
    fn events_are_found() {
        check("data: a\n\n", &[data("a")]);
        check(
            "data:a\n\ndata: b\r\n\r\ndata:  c\r\r",
            &[data("a"), data("b"), data(" c")],
        );
        check("data: a\ndata: b\ndata\n\n", &[data("a\nb\n")]);
        check(
            ": comment\nid: 7\nevent: x\nretry: 1\n\ndata: a\n\n",
            &[data("a")],
        );
        check("\n\n\n", &[]);
        check("data: unfinished", &[]);
        check("data: unfinished\n", &[]);
        check("database: x\n\n", &[]);
        check("data: \u{2713}\n\n", &[data("\u{2713}")]);
    }

    #[test]
    fn an_oversized_event_is_reported_once_and_the_next_is_read() {
        let large = "x".repeat(100);
        check(
            &format!("data: {large}\n\ndata: a\n\n"),
            &[Frame::Oversized, data("a")],
        );
        check(
            &format!("data: {large}\ndata: {large}\n\ndata: a\n\n"),
            &[Frame::Oversized, data("a")],
        );
        let many = "data: 12345\n".repeat(20);
        check(&format!("{many}\ndata: a\n\n"), &[Frame::Oversized, data("a")]);
    }

    #[test]
    fn bytes_that_are_no_text_do_not_stop_the_stream() {
        let mut decoder = SseDecoder::new(32);
        assert_eq!(decoder.push(b"data: \xff\xfe\n\n"), [data("\u{fffd}\u{fffd}")]);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic_and_memory_stays_bounded(
            chunks in prop::collection::vec(prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(b'\r')], 0..64), 0..64)
        ) {
            let mut decoder = SseDecoder::new(48);
            for chunk in &chunks {
                for frame in decoder.push(chunk) {
                    if let Frame::Data(text) = frame {
                        let _ = crate::Event::parse(&text);
                    }
                }
                prop_assert!(decoder.line.len() + decoder.data.len() <= 49);
            }
        }

        #[test]
        fn the_cuts_between_chunks_do_not_matter(
            text in "(data: ?[a-z\u{e4}]{0,6}|:c|id: 1|)(\n|\r|\r\n)((data: ?[a-z]{0,6}|)(\n|\r|\r\n)){0,12}",
            cuts in prop::collection::vec(1_usize..9, 1..20)
        ) {
            let whole = SseDecoder::new(64).push(text.as_bytes());
            let mut decoder = SseDecoder::new(64);
            let (mut frames, mut rest) = (Vec::new(), text.as_bytes());
            for cut in cuts.iter().cycle() {
                let (chunk, after) = rest.split_at((*cut).min(rest.len()));
                frames.extend(decoder.push(chunk));
                rest = after;
                if rest.is_empty() { break; }
            }
            prop_assert_eq!(frames, whole);
        }

        #[test]
        fn arbitrary_json_is_never_a_panic(json in "[{\\[]{0,3}(\"(type|properties|payload|part|info|status|error|sessionID|session.status|session.error|message.updated|message.part.updated)\"[:,]?|[{}\\[\\],:]|null|7|-1e999|\"x\"){0,30}") {
            let _ = crate::Event::parse(&json);
        }
    }
}
