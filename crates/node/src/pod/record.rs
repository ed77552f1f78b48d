//! What must outlive this process: which attempts were begun and how they ended.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The file in a Pod's directory.
const FILE: &str = "record.json";

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ended {
    pub(crate) exit_code: i32,
    pub(crate) reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) finished_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) container_id: Option<String>,
}

/// One attempt to run a container. It exists from before the process is started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attempt {
    pub(crate) intended_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) started_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) container_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ended: Option<Ended>,
}

/// One container's history.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ContainerRecord {
    /// Number of the current attempt, which is also the restart count.
    pub(crate) attempt: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) current: Option<Attempt>,
    /// How the attempt before the current one ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last: Option<Ended>,
    /// How often in a row the container ended soon after its start; decides the back-off.
    #[serde(default)]
    pub(crate) crashes: u32,
    #[serde(default)]
    pub(crate) image_id: String,
}

impl ContainerRecord {
    /// The end of the current attempt, if it has one.
    pub(crate) fn ended(&self) -> Option<&Ended> {
        self.current.as_ref()?.ended.as_ref()
    }

    /// Opens the next attempt.
    pub(crate) fn intend(&mut self, now: Timestamp) {
        if let Some(before) = self.current.take() {
            self.attempt += 1;
            self.last = before.ended;
        }
        self.current = Some(Attempt {
            intended_at: now,
            started_at: None,
            container_id: None,
            ended: None,
        });
    }
}

/// A Pod that must end, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Verdict {
    pub(crate) reason: String,
    pub(crate) message: String,
}

/// Everything kept about a Pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PodRecord {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) start_time: Timestamp,
    /// All init containers have done their part once; they do not run again.
    #[serde(default)]
    pub(crate) initialized: bool,
    /// Set when the whole Pod was failed, for example because its deadline passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) verdict: Option<Verdict>,
    #[serde(default)]
    pub(crate) containers: BTreeMap<String, ContainerRecord>,
}

impl PodRecord {
    /// Reads the record from a Pod's directory; `None` when there is none.
    pub(crate) fn load(dir: &Path) -> io::Result<Option<Self>> {
        let bytes = match fs::read(dir.join(FILE)) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        };
        serde_json::from_slice(&bytes).map(Some).map_err(io::Error::other)
    }

    /// Replaces the record in one step, so a reader sees the old or the new one and never half of it.
    /// With `sync` it also survives a power cut.
    pub(crate) fn save(&self, dir: &Path, sync: bool) -> io::Result<()> {
        let bytes = serde_json::to_vec(self).map_err(io::Error::other)?;
        let temporary = dir.join("record.json.new");
        let mut file = File::create(&temporary)?;
        file.write_all(&bytes)?;
        if sync {
            file.sync_data()?;
        }
        drop(file);
        fs::rename(&temporary, dir.join(FILE))?;
        if sync {
            File::open(dir)?.sync_all()?;
        }
        Ok(())
    }

    /// Closes attempts whose end nobody saw because this process died. Returns the containers concerned.
    pub(crate) fn close_unknown(&mut self, now: Timestamp) -> Vec<String> {
        let mut closed = Vec::new();
        for (name, record) in &mut self.containers {
            let Some(attempt) = record.current.as_mut().filter(|a| a.ended.is_none()) else {
                continue;
            };
            attempt.ended = Some(Ended {
                exit_code: 137,
                reason: "ContainerStatusUnknown".to_owned(),
                message: Some(
                    "the node was restarted while this container was starting or running, so its processes \
                     were ended and how far it came is unknown"
                        .to_owned(),
                ),
                started_at: attempt.started_at,
                finished_at: now,
                container_id: attempt.container_id.clone(),
            });
            closed.push(name.clone());
        }
        closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> PodRecord {
        PodRecord {
            namespace: "a".into(),
            name: "b".into(),
            uid: "u".into(),
            start_time: Timestamp::UNIX_EPOCH,
            initialized: false,
            verdict: None,
            containers: BTreeMap::new(),
        }
    }

    #[test]
    fn an_attempt_with_unknown_end_is_closed_once_and_survives_the_disk() {
        let dir = tempfile::tempdir().unwrap();
        let mut before = record();
        before
            .containers
            .entry("c".into())
            .or_default()
            .intend(Timestamp::UNIX_EPOCH);
        before.save(dir.path(), true).unwrap();

        let mut after = PodRecord::load(dir.path()).unwrap().unwrap();
        assert_eq!(after, before);
        assert_eq!(after.close_unknown(Timestamp::UNIX_EPOCH), ["c"]);
        assert!(after.close_unknown(Timestamp::UNIX_EPOCH).is_empty());
        let ended = after.containers["c"].ended().unwrap();
        assert_eq!(
            (ended.exit_code, ended.reason.as_str()),
            (137, "ContainerStatusUnknown")
        );

        after
            .containers
            .get_mut("c")
            .unwrap()
            .intend(Timestamp::UNIX_EPOCH);
        assert_eq!(after.containers["c"].attempt, 1);
        assert_eq!(after.containers["c"].last.as_ref().unwrap().exit_code, 137);
    }

    #[test]
    fn a_half_written_record_does_not_hide_the_whole_one() {
        let dir = tempfile::tempdir().unwrap();
        record().save(dir.path(), false).unwrap();
        fs::write(dir.path().join("record.json.new"), b"{\"name").unwrap();
        assert_eq!(PodRecord::load(dir.path()).unwrap(), Some(record()));
    }
}
