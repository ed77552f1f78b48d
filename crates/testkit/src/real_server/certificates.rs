//! The keys and certificates of one real server, made anew for each.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

/// Writes `ca.crt`, `server.crt`, `server.key`, `accounts.key` and `accounts.pub` into the directory and returns the
/// authority's certificate in PEM.
pub(super) fn write(dir: &Path) -> anyhow::Result<String> {
    let authority_key = KeyPair::generate()?;
    let mut authority = CertificateParams::new(Vec::new())?;
    authority
        .distinguished_name
        .push(DnType::CommonName, "authority of a test");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    let authority_pem = authority.self_signed(&authority_key)?.pem();
    let issuer = Issuer::new(authority, authority_key);

    let key = KeyPair::generate()?;
    let names = ["127.0.0.1", "localhost", "kubernetes.default.svc"].map(str::to_owned);
    let mut server = CertificateParams::new(names)?;
    server
        .distinguished_name
        .push(DnType::CommonName, "kube-apiserver");
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    server.use_authority_key_identifier_extension = true;
    let server_pem = server.signed_by(&key, &issuer)?.pem();

    let accounts = KeyPair::generate()?;
    fs::write(dir.join("ca.crt"), &authority_pem)?;
    fs::write(dir.join("server.crt"), server_pem)?;
    fs::write(dir.join("accounts.pub"), accounts.public_key_pem())?;
    private(&dir.join("server.key"), &key.serialize_pem())?;
    private(&dir.join("accounts.key"), &accounts.serialize_pem())?;
    Ok(authority_pem)
}

/// Writes a file that only its owner may read.
pub(super) fn private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())
}
