//! Container logs on disk: one line per record, in numbered files of bounded size.
//!
//! A record is `<RFC 3339 time> <stdout|stderr> <F|P> <text>`; `P` marks a piece of a line that goes on in
//! the next record. Files are `<attempt>.<number>.log`; only the newest few of an attempt are kept, so a
//! container cannot fill the disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::watch;

use crate::Clock;

/// Longest text of one record, in bytes.
const LONGEST: usize = 16 * 1024;

/// Which of a container's streams a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

impl Stream {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// The path of one log file.
pub(crate) fn file(dir: &Path, attempt: u32, number: u64) -> PathBuf {
    dir.join(format!("{attempt}.{number}.log"))
}

/// The attempt and number of every log file in `dir`, sorted.
pub(crate) fn files(dir: &Path) -> Vec<(u32, u64)> {
    let mut found: Vec<(u32, u64)> = fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let (attempt, number) = name.to_str()?.strip_suffix(".log")?.split_once('.')?;
            Some((attempt.parse().ok()?, number.parse().ok()?))
        })
        .collect();
    found.sort_unstable();
    found
}

struct Open {
    file: File,
    number: u64,
    size: u64,
}

/// How far an attempt's log has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Number of the file written now.
    pub(crate) number: u64,
    /// Records written so far; only its change matters.
    pub(crate) writes: u64,
    /// Nothing more will come.
    pub(crate) closed: bool,
}

/// Writes one attempt's log.
pub(crate) struct LogWriter {
    dir: PathBuf,
    attempt: u32,
    limit: u64,
    keep: u64,
    open: Mutex<Open>,
    progress: watch::Sender<Progress>,
    clock: Arc<dyn Clock>,
}

impl LogWriter {
    /// Begins the log of an attempt and forgets those of all attempts but the one before.
    pub(crate) fn create(
        dir: &Path,
        attempt: u32,
        limit: u64,
        keep: u32,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Arc<Self>> {
        fs::create_dir_all(dir)?;
        for (old, number) in files(dir) {
            if old.saturating_add(1) < attempt {
                let _ = fs::remove_file(file(dir, old, number));
            }
        }
        let first = OpenOptions::new()
            .create(true)
            .append(true)
            .open(file(dir, attempt, 0))?;
        let size = first.metadata()?.len();
        Ok(Arc::new(Self {
            dir: dir.to_owned(),
            attempt,
            limit,
            keep: u64::from(keep.max(1)),
            open: Mutex::new(Open {
                file: first,
                number: 0,
                size,
            }),
            progress: watch::Sender::new(Progress {
                number: 0,
                writes: 0,
                closed: false,
            }),
            clock,
        }))
    }

    /// The attempt this log belongs to.
    pub(crate) fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Follows the log's growth.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Says that nothing more will come.
    pub(crate) fn close(&self) {
        self.progress.send_modify(|p| p.closed = true);
    }

    fn write(&self, records: &[u8]) {
        let mut open = self.open.lock();
        if open.size > 0 && open.size + records.len() as u64 > self.limit {
            self.rotate(&mut open);
        }
        // A full disk must not stop the container; its output is lost instead.
        if open.file.write_all(records).is_ok() {
            open.size += records.len() as u64;
        }
        let number = open.number;
        drop(open);
        self.progress.send_modify(|p| {
            p.number = number;
            p.writes += 1;
        });
    }

    fn rotate(&self, open: &mut Open) {
        let number = open.number + 1;
        let path = file(&self.dir, self.attempt, number);
        let Ok(next) = OpenOptions::new().create(true).append(true).open(path) else {
            return;
        };
        *open = Open {
            file: next,
            number,
            size: 0,
        };
        if let Some(oldest) = number.checked_sub(self.keep) {
            let _ = fs::remove_file(file(&self.dir, self.attempt, oldest));
        }
    }

    /// Copies a stream into the log until it ends; `tap` sees every chunk as it came.
    pub(crate) async fn pump(
        self: Arc<Self>,
        mut source: impl AsyncRead + Unpin,
        stream: Stream,
        mut tap: impl FnMut(&[u8]),
    ) {
        // Small: every container of every Pod has two of these for as long as it runs.
        let mut chunk = vec![0; 8 * 1024];
        let mut lines = Lines {
            stream,
            held: Vec::new(),
        };
        let mut records = Vec::new();
        loop {
            // A terminal reports an error instead of an end when its last user leaves.
            let read = source.read(&mut chunk).await.unwrap_or(0);
            if read == 0 {
                break;
            }
            tap(&chunk[..read]);
            let time = self.clock.now().to_string();
            records.clear();
            lines.push(&chunk[..read], &time, &mut records);
            if !records.is_empty() {
                self.write(&records);
            }
        }
        records.clear();
        let time = self.clock.now().to_string();
        lines.flush(&time, &mut records);
        if !records.is_empty() {
            self.write(&records);
        }
    }
}

/// Cuts a byte stream into records.
struct Lines {
    stream: Stream,
    /// The beginning of a line whose end has not come yet.
    held: Vec<u8>,
}

impl Lines {
    fn push(&mut self, mut bytes: &[u8], time: &str, out: &mut Vec<u8>) {
        while let Some(at) = bytes.iter().position(|b| *b == b'\n') {
            let (line, rest) = bytes.split_at(at);
            self.pieces(line, time, out);
            record(out, time, self.stream, b'F', &self.held);
            self.held.clear();
            bytes = &rest[1..];
        }
        self.pieces(bytes, time, out);
    }

    /// Takes part of a line, writing out what is too long to hold.
    fn pieces(&mut self, mut part: &[u8], time: &str, out: &mut Vec<u8>) {
        while self.held.len() + part.len() > LONGEST {
            let (now, later) = part.split_at(LONGEST - self.held.len());
            self.held.extend_from_slice(now);
            record(out, time, self.stream, b'P', &self.held);
            self.held.clear();
            part = later;
        }
        self.held.extend_from_slice(part);
    }

    fn flush(&mut self, time: &str, out: &mut Vec<u8>) {
        if !self.held.is_empty() {
            record(out, time, self.stream, b'P', &self.held);
            self.held.clear();
        }
    }
}

fn record(out: &mut Vec<u8>, time: &str, stream: Stream, tag: u8, text: &[u8]) {
    out.extend_from_slice(time.as_bytes());
    out.push(b' ');
    out.extend_from_slice(stream.name().as_bytes());
    out.extend_from_slice(&[b' ', tag, b' ']);
    out.extend_from_slice(text);
    out.push(b'\n');
}

/// One record read back: time, stream, whether it ends a line, text.
pub(crate) struct Record<'a> {
    pub(crate) time: &'a str,
    pub(crate) stream: &'a str,
    pub(crate) full: bool,
    pub(crate) text: &'a [u8],
}

impl<'a> Record<'a> {
    /// Reads one line of a log file, without its line break.
    pub(crate) fn parse(line: &'a [u8]) -> Option<Self> {
        let mut parts = line.splitn(4, |b| *b == b' ');
        let time = std::str::from_utf8(parts.next()?).ok()?;
        let stream = std::str::from_utf8(parts.next()?).ok()?;
        let full = parts.next()? == b"F";
        Some(Self {
            time,
            stream,
            full,
            text: parts.next()?,
        })
    }
}

/// The end of an attempt's output: at most `bytes` bytes and `lines` lines, for a termination message.
pub(crate) fn tail(dir: &Path, attempt: u32, bytes: usize, lines: usize) -> String {
    let mut text = Vec::new();
    let mut newest: Vec<u64> = files(dir)
        .into_iter()
        .filter(|(a, _)| *a == attempt)
        .map(|(_, n)| n)
        .collect();
    newest.drain(..newest.len().saturating_sub(2));
    for number in newest {
        let Ok(content) = fs::read(file(dir, attempt, number)) else {
            continue;
        };
        for record in content.split(|b| *b == b'\n').filter_map(Record::parse) {
            text.extend_from_slice(record.text);
            if record.full {
                text.push(b'\n');
            }
        }
    }
    let mut start = text.len().saturating_sub(bytes);
    let body = text.strip_suffix(b"\n").unwrap_or(&text);
    let breaks: Vec<usize> = body
        .iter()
        .enumerate()
        .filter(|(_, b)| **b == b'\n')
        .map(|(i, _)| i)
        .collect();
    if breaks.len() >= lines {
        start = start.max(breaks[breaks.len() - lines] + 1);
    }
    String::from_utf8_lossy(&text[start.min(text.len())..]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemClock;

    async fn log(dir: &Path, limit: u64, input: &[u8]) -> Arc<LogWriter> {
        let writer = LogWriter::create(dir, 0, limit, 2, Arc::new(SystemClock)).unwrap();
        Arc::clone(&writer).pump(input, Stream::Stdout, |_| {}).await;
        writer
    }

    fn texts(dir: &Path) -> Vec<(bool, usize)> {
        let mut out = Vec::new();
        for (attempt, number) in files(dir) {
            let content = fs::read(file(dir, attempt, number)).unwrap();
            out.extend(
                content
                    .split(|b| *b == b'\n')
                    .filter_map(Record::parse)
                    .map(|r| (r.full, r.text.len())),
            );
        }
        out
    }

    #[tokio::test]
    async fn lines_become_records() {
        type Case = (&'static [u8], &'static [(bool, usize)]);
        let cases: [Case; 4] = [
            (b"", &[]),
            (b"ab\n\nc\n", &[(true, 2), (true, 0), (true, 1)]),
            (b"ab", &[(false, 2)]),
            (
                &[b'x'; 2 * LONGEST + 1],
                &[(false, LONGEST), (false, LONGEST), (false, 1)],
            ),
        ];
        for (input, expected) in cases {
            let dir = tempfile::tempdir().unwrap();
            log(dir.path(), 1 << 20, input).await;
            assert_eq!(texts(dir.path()), expected);
        }
    }

    #[tokio::test]
    async fn a_container_that_prints_100_mb_keeps_only_the_newest_files() {
        let dir = tempfile::tempdir().unwrap();
        let line = [b'y'; 999];
        let mut input = Vec::new();
        for _ in 0..100_000 {
            input.extend_from_slice(&line);
            input.push(b'\n');
        }
        log(dir.path(), 1 << 20, &input).await;
        let files = files(dir.path());
        assert_eq!(files.len(), 2);
        let size: u64 = files
            .iter()
            .map(|(a, n)| fs::metadata(file(dir.path(), *a, *n)).unwrap().len())
            .sum();
        assert!(size < 3 << 20, "{size}");
    }

    #[tokio::test]
    async fn the_tail_is_bounded_by_bytes_and_lines() {
        let dir = tempfile::tempdir().unwrap();
        log(dir.path(), 1 << 20, b"one\ntwo\nthree\n").await;
        assert_eq!(tail(dir.path(), 0, 100, 2), "two\nthree\n");
        assert_eq!(tail(dir.path(), 0, 6, 80), "three\n");
        assert_eq!(tail(dir.path(), 0, 100, 80), "one\ntwo\nthree\n");
        assert_eq!(tail(dir.path(), 1, 100, 80), "");
    }
}
