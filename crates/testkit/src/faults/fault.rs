//! What may go wrong with one request.

use std::fmt;
use std::time::Duration;

/// One trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is answered later.
    Delay(Duration),
    /// 409 with the reason Conflict, as if somebody else had written first. Nothing was done.
    Conflict,
    /// 410 with the reason Expired: the version asked for is forgotten. Nothing was done.
    Expired,
    /// 429; the seconds to wait are in the answer. Nothing was done.
    TooManyRequests(u32),
    /// 500. Nothing was done.
    ServerError,
    /// The connection breaks before the server saw the request.
    CutBefore,
    /// The connection breaks after the server did what was asked.
    CutAfter,
    /// There is no answer, ever, and nothing was done.
    HangBefore,
    /// There is no answer, ever, and the server did what was asked.
    HangAfter,
    /// A list as it was so many known revisions ago, and of that resourceVersion.
    StaleList(usize),
    /// A watch breaks after so many events.
    WatchCut(usize, Ending),
    /// A watch that begins, and tells at once that its version is forgotten.
    WatchExpired,
}

/// How a watch breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Between two events, as when the server's time for it is over.
    Clean,
    /// In the middle of an event, with an error.
    Torn,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delay(by) => write!(f, "delayed by {by:?}"),
            Self::Conflict => f.write_str("409 Conflict"),
            Self::Expired => f.write_str("410 Expired"),
            Self::TooManyRequests(seconds) => write!(f, "429, Retry-After {seconds}"),
            Self::ServerError => f.write_str("500"),
            Self::CutBefore => f.write_str("connection cut before it took effect"),
            Self::CutAfter => f.write_str("connection cut after it took effect"),
            Self::HangBefore => f.write_str("no answer, before it took effect"),
            Self::HangAfter => f.write_str("no answer, after it took effect"),
            Self::StaleList(back) => write!(f, "stale list, {back} revisions back"),
            Self::WatchCut(after, Ending::Clean) => write!(f, "watch ended after {after} events"),
            Self::WatchCut(after, Ending::Torn) => write!(f, "watch torn in event {}", after + 1),
            Self::WatchExpired => f.write_str("watch expired (410)"),
        }
    }
}
