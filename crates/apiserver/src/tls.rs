//! Certificates: one authority per data directory, one server certificate per start.

use std::io::{ErrorKind, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SanType, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// Why there are no certificates.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file of the authority cannot be read or written.
    #[error("cannot use the certificate file {}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Making or reading a certificate failed.
    #[error(
        "cannot make the server's certificate: {0}; removing ca.crt and ca.key from the data directory makes a new authority"
    )]
    Certificate(#[from] rcgen::Error),
    /// The TLS library refused the certificate.
    #[error("cannot use the server's certificate: {0}")]
    Rustls(#[from] rustls::Error),
}

/// The server's identity over TLS.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ServerConfig>,
    ca: String,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls(…)")
    }
}

impl Tls {
    /// Uses the authority in `directory` (`ca.crt`, and `ca.key` with mode 0600), making both if they are
    /// missing, and issues a certificate for `localhost`, `127.0.0.1`, `::1` and the further `hosts`. The
    /// server's own key stays in memory.
    ///
    /// # Errors
    /// When the files cannot be used.
    pub fn load_or_create(directory: &Path, hosts: &[String]) -> Result<Self, TlsError> {
        let (ca, key) = authority(directory)?;
        let issuer = Issuer::new(authority_params()?, key);
        let server_key = KeyPair::generate()?;
        let certificate = server_params(hosts)?.signed_by(&server_key, &issuer)?;
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(server_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            config: Arc::new(config),
            ca,
        })
    }

    /// The authority's certificate in PEM, by which clients know the server.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        self.config.clone()
    }
}

/// The certificate and key of the authority.
fn authority(directory: &Path) -> Result<(String, KeyPair), TlsError> {
    let (certificate_path, key_path) = (directory.join("ca.crt"), directory.join("ca.key"));
    let read = |path: &Path| match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(TlsError::File {
            path: path.into(),
            source,
        }),
    };
    if let (Some(certificate), Some(key)) = (read(&certificate_path)?, read(&key_path)?) {
        return Ok((certificate, KeyPair::from_pem(&key)?));
    }
    let key = KeyPair::generate()?;
    let certificate = authority_params()?.self_signed(&key)?.pem();
    for (path, text, mode) in [
        (key_path, key.serialize_pem(), 0o600),
        (certificate_path, certificate.clone(), 0o644),
    ] {
        // Written beside and moved into place, so that a crash leaves no half file.
        let beside = path.with_extension("new");
        let write = || {
            _ = std::fs::remove_file(&beside);
            let mut file = std::fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(mode)
                .open(&beside)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&beside, &path)
        };
        write().map_err(|source| TlsError::File {
            path: path.clone(),
            source,
        })?;
    }
    Ok((certificate, key))
}

/// Always the same, so that the stored certificate and a reloaded key fit together.
fn authority_params() -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, "embedded Kubernetes API server authority");
    params.distinguished_name = name;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::CrlSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    let year = i32::from(jiff::Zoned::now().year());
    params.not_before = date_time_ymd(year - 1, 1, 1);
    params.not_after = date_time_ymd(year + 20, 1, 1);
    Ok(params)
}

fn server_params(hosts: &[String]) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, "kube-apiserver");
    params.distinguished_name = name;
    let own = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    for host in own.iter().chain(hosts) {
        params.subject_alt_names.push(match host.parse::<IpAddr>() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(host.as_str().try_into()?),
        });
    }
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let year = i32::from(jiff::Zoned::now().year());
    params.not_before = date_time_ymd(year - 1, 1, 1);
    params.not_after = date_time_ymd(year + 2, 1, 1);
    Ok(params)
}
