//! Image references, as far as a blueprint must understand them.

/// The pull policy of an image whose author gave none: `Always` for a moving tag, else `IfNotPresent`.
pub(crate) fn pull_policy(image: &str) -> &'static str {
    if image.contains('@') {
        return "IfNotPresent";
    }
    // A colon before the last slash belongs to a registry's port, not to a tag.
    let tag = image
        .rsplit('/')
        .next()
        .and_then(|last| last.split_once(':'))
        .map(|(_, tag)| tag);
    match tag {
        None | Some("latest") => "Always",
        Some(_) => "IfNotPresent",
    }
}

#[cfg(test)]
mod tests {
    use super::pull_policy;

    #[test]
    fn moving_tags_are_always_pulled() {
        for (image, expected) in [
            ("devbox", "Always"),
            ("devbox:latest", "Always"),
            ("devbox:v1", "IfNotPresent"),
            ("reg:5000/img", "Always"),
            ("reg:5000/img:v1", "IfNotPresent"),
            ("img@sha256:abc", "IfNotPresent"),
            ("img:latest@sha256:abc", "IfNotPresent"),
        ] {
            assert_eq!(pull_policy(image), expected, "{image}");
        }
    }
}
