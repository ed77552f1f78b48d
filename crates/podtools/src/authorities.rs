//! Certificate authorities: the system's and the custom ones in one text.

use std::path::Path;

/// Where distributions keep the system's authorities.
const SYSTEM: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
];

/// The custom authorities behind those of the system, if it has any.
///
/// # Errors
///
/// When the custom ones cannot be read, or are no certificates.
pub(crate) fn combined(custom: &Path) -> Result<Vec<u8>, String> {
    let own = std::fs::read(custom).map_err(|error| {
        format!(
            "the certificate authorities in {} cannot be read: {error}",
            custom.display()
        )
    })?;
    if !String::from_utf8_lossy(&own).contains("-----BEGIN ") {
        return Err(format!(
            "{} holds no certificate in PEM format (-----BEGIN CERTIFICATE-----)",
            custom.display()
        ));
    }
    let mut all = SYSTEM
        .iter()
        .find_map(|path| std::fs::read(path).ok())
        .unwrap_or_default();
    all.push(b'\n');
    all.extend(own);
    all.push(b'\n');
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_authorities_stay() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        assert!(combined(&path).unwrap_err().contains("cannot be read"));
        std::fs::write(&path, "DER?").unwrap();
        assert!(combined(&path).unwrap_err().contains("PEM"));
        let own = "-----BEGIN CERTIFICATE-----\nown\n-----END CERTIFICATE-----";
        std::fs::write(&path, own).unwrap();
        let all = String::from_utf8(combined(&path).unwrap()).unwrap();
        assert!(all.ends_with(&format!("\n{own}\n")));
        if let Some(system) = SYSTEM.iter().find_map(|path| std::fs::read_to_string(path).ok()) {
            assert!(all.starts_with(&system));
        }
    }
}
