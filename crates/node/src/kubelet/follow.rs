//! Reads a container's log files, and goes on as they grow.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};

use crate::container::log::{self, Progress, Record};

/// What part of a log to give, and how.
#[derive(Debug, Default, Clone)]
pub(super) struct Selection {
    pub(super) since: Option<Timestamp>,
    /// `stdout` or `stderr` alone.
    pub(super) stream: Option<&'static str>,
    /// Only so many lines from the end.
    pub(super) tail: Option<u64>,
    /// At most so many bytes.
    pub(super) limit: Option<u64>,
    pub(super) timestamps: bool,
}

impl Selection {
    fn takes(&self, record: &Record<'_>) -> bool {
        self.stream.is_none_or(|s| s == record.stream)
            && self
                .since
                .is_none_or(|since| record.time.parse::<Timestamp>().is_ok_and(|t| t >= since))
    }
}

/// Reads one attempt's log.
pub(super) struct Reader {
    dir: PathBuf,
    attempt: u32,
    selection: Selection,
    /// Growth to wait for; without it the reader ends at the end.
    growth: Option<watch::Receiver<Progress>>,
    /// Where to go on: file number and offset.
    at: (u64, u64),
    left: Option<u64>,
    /// The next text begins a line.
    fresh: bool,
}

impl Reader {
    pub(super) fn new(
        dir: PathBuf,
        attempt: u32,
        selection: Selection,
        growth: Option<watch::Receiver<Progress>>,
    ) -> Self {
        let left = selection.limit;
        Self {
            dir,
            attempt,
            selection,
            growth,
            at: (0, 0),
            left,
            fresh: true,
        }
    }

    /// Sends the log until its end, its limit, or until nobody takes it any more.
    pub(super) async fn run(mut self, out: mpsc::Sender<Bytes>) {
        self.at = self.start();
        loop {
            let progress = self.growth.as_mut().map(|g| *g.borrow_and_update());
            if !self.rest_of_file(&out).await {
                return;
            }
            let newer = self.numbers().into_iter().find(|n| *n > self.at.0);
            if let Some(next) = newer {
                // Everything written to the old file before the new one was begun has been read only if the
                // file was complete when reading began, so it is read to its end once more.
                if !self.rest_of_file(&out).await {
                    return;
                }
                self.at = (next, 0);
                continue;
            }
            match (progress, &mut self.growth) {
                (Some(progress), Some(growth)) if !progress.closed => tokio::select! {
                    () = out.closed() => return,
                    changed = growth.changed() => if changed.is_err() {
                        self.growth = None;
                    },
                },
                _ => return,
            }
        }
    }

    fn numbers(&self) -> Vec<u64> {
        log::files(&self.dir)
            .into_iter()
            .filter(|(a, _)| *a == self.attempt)
            .map(|(_, n)| n)
            .collect()
    }

    /// Where to begin: the first file, or so many lines before the end.
    fn start(&self) -> (u64, u64) {
        let numbers = self.numbers();
        let first = (numbers.first().copied().unwrap_or(0), 0);
        let Some(mut wanted) = self.selection.tail else {
            return first;
        };
        for number in numbers.iter().rev() {
            let Ok(content) = std::fs::read(log::file(&self.dir, self.attempt, *number)) else {
                break;
            };
            if wanted == 0 {
                return (*number, content.len() as u64);
            }
            let mut begin = content.len();
            let mut end = content.len();
            while end > 0 {
                let start = content[..end - 1]
                    .iter()
                    .rposition(|b| *b == b'\n')
                    .map_or(0, |at| at + 1);
                let line = &content[start..end];
                let record = Record::parse(line.strip_suffix(b"\n").unwrap_or(line));
                if let Some(record) = record.filter(|r| self.selection.takes(r)) {
                    // A line ends with a full record; pieces before it belong to it, a last piece is a line.
                    if record.full || end == content.len() {
                        if wanted == 0 {
                            return (*number, begin as u64);
                        }
                        wanted -= 1;
                    }
                }
                begin = start;
                end = start;
            }
            if wanted == 0 && number != &numbers[0] {
                return (*number, 0);
            }
        }
        first
    }

    /// Sends what the current file has from here on; `false` when there is nobody to send to or nothing
    /// more to send.
    async fn rest_of_file(&mut self, out: &mpsc::Sender<Bytes>) -> bool {
        let Ok(mut file) = File::open(log::file(&self.dir, self.attempt, self.at.0)) else {
            return true;
        };
        if file.seek(SeekFrom::Start(self.at.1)).is_err() {
            return true;
        }
        let mut chunk = vec![0; 128 * 1024];
        let mut held = 0;
        loop {
            let Ok(read) = file.read(&mut chunk[held..]) else {
                return true;
            };
            if read == 0 {
                return true;
            }
            let have = held + read;
            let whole = chunk[..have]
                .iter()
                .rposition(|b| *b == b'\n')
                .map_or(0, |at| at + 1);
            let mut text = self.render(&chunk[..whole]);
            self.at.1 += whole as u64;
            chunk.copy_within(whole..have, 0);
            held = have - whole;
            if let Some(left) = &mut self.left {
                text.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= text.len() as u64;
            }
            if !text.is_empty() && out.send(text.into()).await.is_err() {
                return false;
            }
            if self.left == Some(0) {
                return false;
            }
        }
    }

    fn render(&mut self, records: &[u8]) -> Vec<u8> {
        let mut text = Vec::with_capacity(records.len());
        for record in records.split(|b| *b == b'\n').filter_map(Record::parse) {
            if !self.selection.takes(&record) {
                continue;
            }
            if self.selection.timestamps && self.fresh {
                text.extend_from_slice(record.time.as_bytes());
                text.push(b' ');
            }
            text.extend_from_slice(record.text);
            if record.full {
                text.push(b'\n');
            }
            self.fresh = record.full;
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    async fn read(files: &[&str], selection: Selection) -> String {
        let dir = tempfile::tempdir().unwrap();
        for (number, content) in files.iter().enumerate() {
            fs::write(log::file(dir.path(), 0, number as u64 + 3), content).unwrap();
        }
        let (out, mut chunks) = mpsc::channel(1);
        let reader = tokio::spawn(Reader::new(dir.path().to_owned(), 0, selection, None).run(out));
        let mut text = Vec::new();
        while let Some(chunk) = chunks.recv().await {
            text.extend_from_slice(&chunk);
        }
        reader.await.unwrap();
        String::from_utf8(text).unwrap()
    }

    #[tokio::test]
    async fn selections() {
        let files = [
            "2026-01-01T00:00:00Z stdout F one\n2026-01-01T00:00:01Z stderr F two\n",
            "2026-01-01T00:00:02Z stdout P thr\n2026-01-01T00:00:02Z stdout F ee\n2026-01-01T00:00:03Z stdout P end\n",
        ];
        let all = Selection::default();
        let tail = |n| Selection {
            tail: Some(n),
            ..Selection::default()
        };
        let cases = [
            (all.clone(), "one\ntwo\nthree\nend"),
            (tail(0), ""),
            (tail(1), "end"),
            (tail(2), "three\nend"),
            (tail(3), "two\nthree\nend"),
            (tail(9), "one\ntwo\nthree\nend"),
            (
                Selection {
                    stream: Some("stderr"),
                    ..all.clone()
                },
                "two\n",
            ),
            (
                Selection {
                    stream: Some("stdout"),
                    ..tail(3)
                },
                "one\nthree\nend",
            ),
            (
                Selection {
                    since: Some("2026-01-01T00:00:02Z".parse().unwrap()),
                    ..all.clone()
                },
                "three\nend",
            ),
            (
                Selection {
                    limit: Some(5),
                    ..all.clone()
                },
                "one\nt",
            ),
            (
                Selection {
                    timestamps: true,
                    ..tail(2)
                },
                "2026-01-01T00:00:02Z three\n2026-01-01T00:00:03Z end",
            ),
        ];
        for (selection, expected) in cases {
            let shown = format!("{selection:?}");
            assert_eq!(read(&files, selection).await, expected, "{shown}");
        }
    }
}
