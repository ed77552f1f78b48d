//! Which files a configMap, secret, downwardAPI or projected volume holds.

use k8s_openapi::api::core::v1::{ConfigMap, DownwardAPIVolumeFile, KeyToPath, Pod, Secret};

use crate::facts::{self, Facts};

/// A file to write. `Debug` leaves out the content, which may be secret.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct File {
    /// Relative, without `..`.
    pub(crate) path: String,
    pub(crate) content: Vec<u8>,
    pub(crate) mode: u32,
}

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("File")
            .field("path", &self.path)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

impl File {
    /// A file whose path was given by a user.
    pub(crate) fn new(path: &str, content: Vec<u8>, mode: u32) -> Result<Self, String> {
        let bad = path.is_empty()
            || path.starts_with('/')
            || path.contains('\0')
            || path
                .split('/')
                .any(|part| part.is_empty() || part == "." || part.starts_with(".."));
        if bad {
            return Err(format!(
                "the path {path:?} must be relative and inside the volume"
            ));
        }
        Ok(Self {
            path: path.to_owned(),
            content,
            mode,
        })
    }
}

/// Which keys to show, where and how.
pub(crate) struct Items<'a> {
    pub(crate) list: Option<&'a [KeyToPath]>,
    pub(crate) default: u32,
    pub(crate) optional: bool,
}

/// The files of a ConfigMap.
pub(crate) fn config_map(
    found: Option<&ConfigMap>,
    name: &str,
    items: &Items<'_>,
) -> Result<Vec<File>, String> {
    let Some(map) = found else {
        return absent("ConfigMap", name, items);
    };
    let text = map.data.iter().flatten().map(|(k, v)| (k.as_str(), v.as_bytes()));
    let binary = map
        .binary_data
        .iter()
        .flatten()
        .map(|(k, v)| (k.as_str(), v.0.as_slice()));
    pick("ConfigMap", name, text.chain(binary).collect(), items)
}

/// The files of a Secret.
pub(crate) fn secret(found: Option<&Secret>, name: &str, items: &Items<'_>) -> Result<Vec<File>, String> {
    let Some(secret) = found else {
        return absent("Secret", name, items);
    };
    let data = secret
        .data
        .iter()
        .flatten()
        .map(|(k, v)| (k.as_str(), v.0.as_slice()));
    pick("Secret", name, data.collect(), items)
}

fn absent(kind: &str, name: &str, items: &Items<'_>) -> Result<Vec<File>, String> {
    if items.optional {
        return Ok(Vec::new());
    }
    Err(format!(
        "{kind} {name} does not exist in this namespace; create it, or mark it optional"
    ))
}

fn pick(kind: &str, name: &str, data: Vec<(&str, &[u8])>, items: &Items<'_>) -> Result<Vec<File>, String> {
    let Some(list) = items.list.filter(|l| !l.is_empty()) else {
        return data
            .into_iter()
            .map(|(key, value)| File::new(key, value.to_vec(), items.default))
            .collect();
    };
    let mut files = Vec::new();
    for item in list {
        let Some((_, value)) = data.iter().find(|(key, _)| *key == item.key) else {
            if items.optional {
                continue;
            }
            return Err(format!(
                "{kind} {name} has no key {}, which the volume asks for",
                item.key
            ));
        };
        let mode = item
            .mode
            .and_then(|m| u32::try_from(m).ok())
            .map_or(items.default, |m| m & 0o777);
        files.push(File::new(&item.path, value.to_vec(), mode)?);
    }
    Ok(files)
}

/// The files of a downwardAPI volume.
pub(crate) fn downward(
    pod: &Pod,
    facts: &Facts,
    items: &[DownwardAPIVolumeFile],
    default: u32,
) -> Result<Vec<File>, String> {
    items
        .iter()
        .map(|item| {
            let value = match (&item.field_ref, &item.resource_field_ref) {
                (Some(field), _) => facts::field(pod, facts, field)?,
                (None, Some(resource)) => facts::resource(pod, facts, None, resource)?,
                (None, None) => return Err(format!("{} names no field", item.path)),
            };
            let mode = item
                .mode
                .and_then(|m| u32::try_from(m).ok())
                .map_or(default, |m| m & 0o777);
            File::new(&item.path, value.into_bytes(), mode)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(items: serde_json::Value, optional: bool) -> Result<Vec<(String, u32)>, String> {
        let map: ConfigMap =
            serde_json::from_value(json!({"data": {"a": "1", "b": "2"}, "binaryData": {"c": "AA=="}}))
                .unwrap();
        let items: Vec<KeyToPath> = serde_json::from_value(items).unwrap();
        let items = Items {
            list: Some(&items),
            default: 0o640,
            optional,
        };
        config_map(Some(&map), "m", &items).map(|files| files.into_iter().map(|f| (f.path, f.mode)).collect())
    }

    #[test]
    fn keys_become_files() {
        let own = |list: &[(&str, u32)]| {
            list.iter()
                .map(|(p, m)| ((*p).to_owned(), *m))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            run(json!([]), false).unwrap(),
            own(&[("a", 0o640), ("b", 0o640), ("c", 0o640)])
        );
        assert_eq!(
            run(json!([{"key": "a", "path": "x/y", "mode": 256}]), false).unwrap(),
            own(&[("x/y", 0o400)])
        );
        assert_eq!(
            run(
                json!([{"key": "no", "path": "x"}, {"key": "b", "path": "b"}]),
                true
            )
            .unwrap(),
            own(&[("b", 0o640)])
        );
        assert!(run(json!([{"key": "no", "path": "x"}]), false).is_err());
        for path in ["", "/x", "../x", "a/../../x", "a//b", ".", "..data"] {
            assert!(run(json!([{"key": "a", "path": path}]), false).is_err(), "{path}");
        }
    }

    #[test]
    fn an_absent_object_is_an_error_unless_optional() {
        let mut items = Items {
            list: None,
            default: 0,
            optional: true,
        };
        assert_eq!(secret(None, "s", &items), Ok(Vec::new()));
        items.optional = false;
        assert!(secret(None, "s", &items).is_err());
    }
}
