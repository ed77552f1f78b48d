//! The durable backend: one thread owns the database and commits waiting writes in groups.
//!
//! The thread decides each write against what is visible plus the writes before it in the same group, commits
//! the group with `synchronous=FULL`, then publishes and acknowledges. What was acknowledged or seen by a
//! watcher is therefore on disk, whenever the process is killed.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;

use parking_lot::{Mutex, RwLock};
use rusqlite::{Connection, ErrorCode, params};
use tokio::sync::oneshot;

use super::event::{Change, Event};
use super::object::{Key, Object};
use super::state::{State, Write, WriteError};

/// Writes committed together at most.
const GROUP: usize = 512;

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// The file could not be made or read.
    #[error("cannot open the database file {path}: {source}")]
    File {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// Another process holds it.
    #[error("the database {path} is in use by another process; stop that one or use another data directory")]
    InUse { path: PathBuf },
    /// SQLite refused.
    #[error("cannot use the database {path}: {source}")]
    Database {
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
    /// A row does not hold what this program wrote.
    #[error("the database {path} holds a damaged object ({resource} {namespace}/{name}): {source}")]
    Damaged {
        path: PathBuf,
        resource: String,
        namespace: String,
        name: String,
        #[source]
        source: serde_json::Error,
    },
}

type Answer = Result<Arc<Event>, WriteError>;
type Request = (Write, oneshot::Sender<Answer>);

/// A handle on the writer thread.
pub(super) struct Sqlite {
    requests: Mutex<Option<mpsc::Sender<Request>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Sqlite {
    pub(super) fn open(path: &Path, window: usize) -> Result<(Self, Arc<RwLock<State>>), OpenError> {
        // The file holds Secrets, so it is private from its first byte; SQLite gives its log the same mode.
        OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path)
            .map_err(|source| OpenError::File {
                path: path.into(),
                source,
            })?;
        let database = |source: rusqlite::Error| match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                OpenError::InUse { path: path.into() }
            }
            _ => OpenError::Database {
                path: path.into(),
                source,
            },
        };
        let connection = Connection::open(path).map_err(database)?;
        prepare(&connection).map_err(database)?;
        let state = Arc::new(RwLock::new(load(&connection, path, window)?));
        let (requests, inbox) = mpsc::channel();
        let writer = Writer {
            connection,
            state: state.clone(),
        };
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || writer.run(&inbox))
            .map_err(|source| OpenError::File {
                path: path.into(),
                source,
            })?;
        let handle = Self {
            requests: Mutex::new(Some(requests)),
            thread: Mutex::new(Some(thread)),
        };
        Ok((handle, state))
    }

    pub(super) async fn write(&self, write: Write) -> Answer {
        let closed = || WriteError::Storage("the store is closed".into());
        let (answer, receiver) = oneshot::channel();
        self.requests
            .lock()
            .as_ref()
            .and_then(|requests| requests.send((write, answer)).ok())
            .ok_or_else(closed)?;
        receiver.await.map_err(|_| closed())?
    }

    pub(super) fn close(&self) {
        drop(self.requests.lock().take());
        if let Some(thread) = self.thread.lock().take() {
            // A writer that panicked has already refused its callers; there is nothing to add here.
            _ = thread.join();
        }
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.close();
    }
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    // The lock is held as long as the process lives, so a second server on the same file is refused.
    connection.busy_timeout(std::time::Duration::from_millis(250))?;
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -512)?;
    connection.execute_batch(
        "BEGIN IMMEDIATE;
         CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
         CREATE TABLE IF NOT EXISTS objects (
             resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
             revision INTEGER NOT NULL, json BLOB NOT NULL,
             PRIMARY KEY (resource, namespace, name)
         );
         INSERT OR IGNORE INTO meta VALUES ('revision', 0);
         COMMIT;",
    )
}

fn load(connection: &Connection, path: &Path, window: usize) -> Result<State, OpenError> {
    let database = |source| OpenError::Database {
        path: path.into(),
        source,
    };
    let revision: i64 = connection
        .query_row("SELECT value FROM meta WHERE name = 'revision'", [], |row| {
            row.get(0)
        })
        .map_err(database)?;
    let mut state = State::new(window, revision.unsigned_abs());
    let mut names: HashMap<String, Arc<str>> = HashMap::new();
    let mut statement = connection
        .prepare("SELECT resource, namespace, name, revision, json FROM objects")
        .map_err(database)?;
    let mut rows = statement.query([]).map_err(database)?;
    while let Some(row) = rows.next().map_err(database)? {
        let read = || -> rusqlite::Result<(String, String, String, i64, Vec<u8>)> {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        };
        let (resource, namespace, name, revision, json) = read().map_err(database)?;
        let value = serde_json::from_slice(&json).map_err(|source| OpenError::Damaged {
            path: path.into(),
            resource: resource.clone(),
            namespace: namespace.clone(),
            name: name.clone(),
            source,
        })?;
        let shared = names
            .entry(resource)
            .or_insert_with_key(|resource| resource.as_str().into())
            .clone();
        state.load(
            &shared,
            Key::new(namespace, name),
            Object::new(value, revision.unsigned_abs()),
        );
    }
    Ok(state)
}

struct Writer {
    connection: Connection,
    state: Arc<RwLock<State>>,
}

impl Writer {
    /// Ends when every sender is gone and the queue is empty.
    fn run(mut self, inbox: &mpsc::Receiver<Request>) {
        while let Ok(first) = inbox.recv() {
            let group: Vec<Request> = std::iter::once(first)
                .chain(inbox.try_iter().take(GROUP - 1))
                .collect();
            self.commit(group);
        }
    }

    fn commit(&mut self, group: Vec<Request>) {
        let mut revision = self.state.read().revision;
        let mut pending: HashMap<(Arc<str>, Key), Option<Arc<Object>>> = HashMap::new();
        let mut events = Vec::with_capacity(group.len());
        let mut answers = Vec::with_capacity(group.len());
        for (write, answer) in group {
            let place = (write.resource.clone(), write.key.clone());
            let current = match pending.get(&place) {
                Some(object) => object.clone(),
                None => self.state.read().get(&place.0, &place.1).cloned(),
            };
            let decided = write.decide(current, revision + 1);
            if let Ok(event) = &decided {
                revision = event.revision;
                let left = (event.change != Change::Deleted).then(|| event.object.clone());
                pending.insert(place, left);
                events.push(event.clone());
            }
            answers.push((decided, answer));
        }
        let outcome = if events.is_empty() {
            Ok(())
        } else {
            self.persist(&events, revision)
        };
        if outcome.is_ok() && !events.is_empty() {
            self.state.write().publish(events);
        }
        for (decided, answer) in answers {
            // Refusals wait for the commit too: a caller that retries must see what it lost against.
            let result = match &outcome {
                Ok(()) => decided,
                Err(error) => decided.and_then(|_| Err(WriteError::Storage(error.to_string().into()))),
            };
            _ = answer.send(result);
        }
    }

    fn persist(&mut self, events: &[Arc<Event>], revision: u64) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        {
            let mut put = transaction.prepare_cached(
                "INSERT OR REPLACE INTO objects (resource, namespace, name, revision, json) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            let mut remove = transaction
                .prepare_cached("DELETE FROM objects WHERE resource = ?1 AND namespace = ?2 AND name = ?3")?;
            for event in events {
                let (resource, namespace, name) = (&*event.resource, &*event.key.namespace, &*event.key.name);
                if event.change == Change::Deleted {
                    remove.execute(params![resource, namespace, name])?;
                } else {
                    let json = event.object.json();
                    put.execute(params![resource, namespace, name, event.revision as i64, json])?;
                }
            }
            transaction
                .prepare_cached("UPDATE meta SET value = ?1 WHERE name = 'revision'")?
                .execute(params![revision as i64])?;
        }
        transaction.commit()
    }
}
