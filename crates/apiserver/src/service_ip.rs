//! Cluster addresses for Services, from 10.96.0.0/16.

use serde_json::{Value, json};

use crate::api::Inner;
use crate::meta;

/// Gives a Service without a cluster address one that no other Service has.
pub(crate) fn assign(api: &Inner, service: &mut Value) {
    let text = |field: &str| service["spec"][field].as_str().unwrap_or_default().to_owned();
    if text("type") == "ExternalName" {
        return;
    }
    let mut address = text("clusterIP");
    if address.is_empty() {
        let taken: Vec<String> = api
            .store
            .list("services", None)
            .objects
            .iter()
            .filter_map(|(_, service)| Some(service.value["spec"]["clusterIP"].as_str()?.to_owned()))
            .collect();
        let start = seed(meta::uid(service));
        let free = (0..=u16::MAX)
            .map(|offset| start.wrapping_add(offset))
            .filter(|number| *number > 9 && *number < u16::MAX)
            .map(|number| format!("10.96.{}.{}", number >> 8, number & 0xff))
            .find(|address| !taken.contains(address));
        // With 65,000 Services in place the range is used up; such a Service stays without an address.
        let Some(free) = free else { return };
        address = free;
    }
    let Some(spec) = service.get_mut("spec").and_then(Value::as_object_mut) else {
        return;
    };
    spec.insert("clusterIP".into(), address.as_str().into());
    spec.insert("clusterIPs".into(), json!([address]));
}

/// The UID is random, so its first digits are a fair place to start looking.
fn seed(uid: &str) -> u16 {
    uid.get(..4)
        .and_then(|digits| u16::from_str_radix(digits, 16).ok())
        .unwrap_or_default()
}
