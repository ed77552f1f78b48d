//! The package against a small registry on loopback that misbehaves as told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt as _;
use sha2::{Digest as _, Sha512};

use super::*;
use crate::terminal::ColorChoice;

const VERSION: &str = "1.2.3";
const PACKAGE: &str = "opencode-linux-x64";

/// What the registry does wrong.
#[derive(Clone, Default)]
struct Faults {
    /// Only the package's document is served, not the version's.
    no_version_document: bool,
    /// Answers this status this many times before behaving.
    fail_first: Option<(StatusCode, usize)>,
    /// Cuts the tarball's first transfer after this many bytes.
    cut_at: Option<usize>,
    /// Answers a Range request with the whole file.
    ignores_range: bool,
    /// Serves other bytes than announced.
    wrong_bytes: bool,
    /// Redirects the tarball there.
    redirect_to: Option<String>,
    /// Overrides the integrity stated.
    integrity: Option<&'static str>,
}

/// Path, Range and Authorization of a request.
type Seen = (String, Option<String>, Option<String>);

struct Fake {
    faults: Faults,
    tarball: Vec<u8>,
    seen: Mutex<Vec<Seen>>,
    failed: Mutex<usize>,
    base: Mutex<String>,
}

impl Fake {
    fn requests(&self, path_end: &str) -> Vec<(Option<String>, Option<String>)> {
        let seen = self.seen.lock().unwrap();
        seen.iter()
            .filter(|(path, ..)| path.ends_with(path_end))
            .map(|(_, r, a)| (r.clone(), a.clone()))
            .collect()
    }
}

async fn start(faults: Faults, tarball: Vec<u8>) -> Arc<Fake> {
    let fake = Arc::new(Fake {
        faults,
        tarball,
        seen: Mutex::default(),
        failed: Mutex::default(),
        base: Mutex::default(),
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    *fake.base.lock().unwrap() = format!("http://{}/", listener.local_addr().unwrap());
    let router = Router::new().fallback(answer).with_state(fake.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    fake
}

async fn answer(State(fake): State<Arc<Fake>>, request: Request) -> Response {
    let header = |name| {
        request
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
    };
    let (path, range) = (request.uri().path().to_owned(), header(header::RANGE));
    fake.seen
        .lock()
        .unwrap()
        .push((path.clone(), range.clone(), header(header::AUTHORIZATION)));
    let faults = &fake.faults;
    if let Some((status, times)) = faults.fail_first {
        let mut failed = fake.failed.lock().unwrap();
        if *failed < times {
            *failed += 1;
            return status.into_response();
        }
    }
    let base = fake.base.lock().unwrap().clone();
    let digest = STANDARD.encode(Sha512::digest(&fake.tarball));
    let integrity = faults
        .integrity
        .map_or_else(|| format!("sha512-{digest}"), str::to_owned);
    let version = serde_json::json!({
        "version": VERSION,
        "dist": {"tarball": format!("{base}{PACKAGE}/-/{PACKAGE}-{VERSION}.tgz"), "integrity": integrity},
    });
    if path == format!("/{PACKAGE}/{VERSION}") && !faults.no_version_document {
        return axum::Json(version).into_response();
    }
    if path == format!("/{PACKAGE}") {
        return axum::Json(serde_json::json!({"versions": {VERSION: version}})).into_response();
    }
    if path.ends_with(".tgz") {
        return tarball(&fake, range);
    }
    StatusCode::NOT_FOUND.into_response()
}

fn tarball(fake: &Fake, range: Option<String>) -> Response {
    let faults = &fake.faults;
    if let Some(to) = &faults.redirect_to {
        return (StatusCode::FOUND, [(header::LOCATION, to.clone())]).into_response();
    }
    let mut bytes = fake.tarball.clone();
    if faults.wrong_bytes {
        bytes[0] ^= 1;
    }
    let start: usize = match range.filter(|_| !faults.ignores_range) {
        Some(range) => range
            .trim_start_matches("bytes=")
            .trim_end_matches('-')
            .parse()
            .unwrap(),
        None => 0,
    };
    if start >= bytes.len() {
        return StatusCode::RANGE_NOT_SATISFIABLE.into_response();
    }
    let rest = bytes[start..].to_vec();
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_LENGTH, rest.len().into());
    let status = if start > 0 {
        let range = format!("bytes {start}-{}/{}", bytes.len() - 1, bytes.len());
        headers.insert(header::CONTENT_RANGE, range.parse().unwrap());
        StatusCode::PARTIAL_CONTENT
    } else {
        StatusCode::OK
    };
    let first = fake.requests(".tgz").len() == 1;
    let body = match faults.cut_at.filter(|_| first) {
        Some(cut) => {
            let part = Bytes::from(rest[..cut].to_vec());
            let cut = async {
                // Pending once, so that the server sends what it has before the connection breaks.
                tokio::task::yield_now().await;
                Err(io::Error::other("cut"))
            };
            Body::from_stream(futures::stream::iter([Ok(part)]).chain(futures::stream::once(cut)))
        }
        None => Body::from(rest),
    };
    (status, headers, body).into_response()
}

fn package(path: &str, contents: &[u8]) -> Vec<u8> {
    let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(
        Vec::new(),
        flate2::Compression::fast(),
    ));
    for (path, contents) in [("package/package.json", b"{}".as_slice()), (path, contents)] {
        let mut header = tar::Header::new_ustar();
        header.set_size(contents.len() as u64);
        header.set_mode(0o755);
        header.set_cksum();
        archive.append_data(&mut header, path, contents).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

/// Bytes that do not compress, so that a cut lies within the data.
fn noise() -> Vec<u8> {
    let mut state = 1_u64;
    let step = |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..200_000).map(step).collect()
}

struct Case {
    fake: Arc<Fake>,
    cache: tempfile::TempDir,
    rc: String,
}

impl Case {
    async fn new(faults: Faults) -> Self {
        Self::with(faults, package(PROGRAM_IN_PACKAGE, &noise())).await
    }

    async fn with(faults: Faults, tarball: Vec<u8>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let fake = start(faults, tarball).await;
        let base = fake.base.lock().unwrap().clone();
        Self {
            rc: format!("registry={base}"),
            fake,
            cache: tempfile::tempdir().unwrap(),
        }
    }

    fn folder(&self) -> PathBuf {
        self.cache.path().join("opencode").join(VERSION).join(PACKAGE)
    }

    fn part(&self) -> PathBuf {
        let digest = Sha512::digest(&self.fake.tarball);
        let short: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        self.folder().join(format!("{short}.tgz.part"))
    }

    async fn fetch(&self) -> Result<PathBuf, OpenCodeError> {
        let source = OpenCodeSource::new(None, VERSION, self.cache.path())?;
        let mut program = OpenCodeProgram::new(source, Terminal::new(ColorChoice::Never, true));
        program.retry = Retry {
            attempts: 3,
            first_wait: Duration::ZERO,
        };
        let config = || NpmConfig::resolve(&BTreeMap::new(), &[&self.rc]);
        program
            .provide(VERSION, self.cache.path(), Platform::for_tests(), config)
            .await
    }

    async fn check_success(&self) {
        let path = self.fetch().await.unwrap();
        assert_eq!(fs::read(&path).unwrap(), noise());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o755);
        let mut names: Vec<_> = fs::read_dir(self.folder())
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["lock", "opencode"], "nothing unfinished is left behind");
    }

    async fn check_failure(&self, expected: &str) {
        let error = self.fetch().await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains(expected), "{text:?} lacks {expected:?}");
        assert!(!self.folder().join("opencode").exists());
    }
}

#[tokio::test]
async fn fetched_once_and_then_had_without_the_network() {
    let case = Case::new(Faults::default()).await;
    case.check_success().await;
    let requests = case.fake.seen.lock().unwrap().len();
    assert_eq!(requests, 2, "one document, one tarball");
    case.check_success().await;
    assert_eq!(case.fake.seen.lock().unwrap().len(), requests);
}

#[tokio::test]
async fn registries_without_version_documents_work() {
    Case::new(Faults {
        no_version_document: true,
        ..Faults::default()
    })
    .await
    .check_success()
    .await;
}

#[tokio::test]
async fn a_broken_download_goes_on_where_it_broke() {
    let case = Case::new(Faults {
        cut_at: Some(50_000),
        ..Faults::default()
    })
    .await;
    case.check_success().await;
    let ranges: Vec<_> = case
        .fake
        .requests(".tgz")
        .into_iter()
        .map(|(range, _)| range)
        .collect();
    assert_eq!(ranges[0], None);
    let from: usize = ranges[1].as_ref().unwrap()[6..]
        .trim_end_matches('-')
        .parse()
        .unwrap();
    assert!(from > 0 && from <= 50_000, "resumed from {from}");
}

#[tokio::test]
async fn a_part_of_an_earlier_run_is_used() {
    let case = Case::new(Faults::default()).await;
    fs::create_dir_all(case.folder()).unwrap();
    fs::write(case.part(), &case.fake.tarball[..1000]).unwrap();
    case.check_success().await;
    assert_eq!(
        case.fake.requests(".tgz"),
        [(Some("bytes=1000-".to_owned()), None)]
    );
}

#[tokio::test]
async fn a_server_that_ignores_ranges_makes_it_start_over() {
    let case = Case::new(Faults {
        ignores_range: true,
        cut_at: Some(50_000),
        ..Faults::default()
    })
    .await;
    case.check_success().await;
}

#[tokio::test]
async fn a_damaged_part_costs_one_new_start() {
    for length in [1000, 10_000_000] {
        let case = Case::new(Faults::default()).await;
        fs::create_dir_all(case.folder()).unwrap();
        fs::write(case.part(), vec![0; length]).unwrap();
        case.check_success().await;
    }
}

#[tokio::test]
async fn wrong_bytes_are_refused_and_thrown_away() {
    let case = Case::new(Faults {
        wrong_bytes: true,
        ..Faults::default()
    })
    .await;
    case.check_failure("does not match its integrity hash").await;
    assert!(!case.part().exists());
}

#[tokio::test]
async fn only_sha512_counts_as_integrity() {
    for integrity in ["sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=", "", "sha512-AAAA"] {
        let case = Case::new(Faults {
            integrity: Some(integrity),
            ..Faults::default()
        })
        .await;
        case.check_failure("no sha512 integrity hash").await;
    }
}

#[tokio::test]
async fn passing_trouble_is_waited_out_and_lasting_trouble_told() {
    let busy = StatusCode::SERVICE_UNAVAILABLE;
    Case::new(Faults {
        fail_first: Some((busy, 2)),
        ..Faults::default()
    })
    .await
    .check_success()
    .await;
    let cases = [
        (
            busy,
            "answered 503 Service Unavailable for opencode-linux-x64@1.2.3; try again later",
        ),
        (StatusCode::UNAUTHORIZED, "log in with `npm login`"),
        (StatusCode::NOT_FOUND, "check npm's `registry` setting"),
    ];
    for (status, expected) in cases {
        let case = Case::new(Faults {
            fail_first: Some((status, 1000)),
            ..Faults::default()
        })
        .await;
        case.check_failure(expected).await;
    }
}

#[tokio::test]
async fn a_missing_version_is_named() {
    let case = Case::new(Faults::default()).await;
    let source = OpenCodeSource::new(None, "9.9.9", case.cache.path()).unwrap();
    let program = OpenCodeProgram::new(source, Terminal::new(ColorChoice::Never, true));
    let config = || NpmConfig::resolve(&BTreeMap::new(), &[&case.rc]);
    let error = program
        .provide("9.9.9", case.cache.path(), Platform::for_tests(), config)
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("has no version 9.9.9 of opencode-linux-x64"),
        "{error}"
    );
}

#[tokio::test]
async fn credentials_do_not_leak_to_another_host() {
    let tarball = package(PROGRAM_IN_PACKAGE, &noise());
    let other = start(Faults::default(), tarball.clone()).await;
    let to = format!("{}files/x.tgz", other.base.lock().unwrap());
    let mut case = Case::with(
        Faults {
            redirect_to: Some(to),
            ..Faults::default()
        },
        tarball,
    )
    .await;
    let prefix = case.rc.trim_start_matches("registry=http:").to_owned();
    case.rc = format!("{}\n{prefix}:_authToken=hunter2", case.rc);
    case.check_success().await;
    let token = Some("Bearer hunter2".to_owned());
    assert!(
        case.fake
            .seen
            .lock()
            .unwrap()
            .iter()
            .all(|(.., authorization)| *authorization == token)
    );
    assert_eq!(
        other.requests(".tgz"),
        [(None, None)],
        "the other host saw no credentials"
    );
}

#[tokio::test]
async fn redirects_to_nowhere_useful_are_refused() {
    let cases = [
        ("ftp://x/y", "to something other than http(s)"),
        ("/again.tgz", "more than five times in a row"),
    ];
    for (to, expected) in cases {
        let case = Case::new(Faults {
            redirect_to: Some(to.to_owned()),
            ..Faults::default()
        })
        .await;
        case.check_failure(expected).await;
    }
}

#[tokio::test]
async fn two_that_start_together_fetch_once() {
    let case = Case::new(Faults::default()).await;
    let (one, two) = tokio::join!(case.fetch(), case.fetch());
    assert_eq!(one.unwrap(), two.unwrap());
    assert_eq!(case.fake.requests(".tgz").len(), 1);
}

#[tokio::test]
async fn archives_cannot_write_elsewhere_or_bring_links() {
    let cases = [
        (package("package/bin/other", b"x"), "it has no bin/opencode"),
        (package("elsewhere/bin/opencode", b"x"), "it has no bin/opencode"),
        (package(PROGRAM_IN_PACKAGE, b""), "empty"),
        (link(), "no ordinary file"),
        (b"no gzip at all".to_vec(), "holds no usable OpenCode program"),
        (
            package(PROGRAM_IN_PACKAGE, &noise())[..100_000].to_vec(),
            "holds no usable OpenCode program",
        ),
    ];
    for (tarball, expected) in cases {
        Case::with(Faults::default(), tarball)
            .await
            .check_failure(expected)
            .await;
    }
}

fn link() -> Vec<u8> {
    let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(
        Vec::new(),
        flate2::Compression::fast(),
    ));
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    archive
        .append_link(&mut header, PROGRAM_IN_PACKAGE, "/etc/passwd")
        .unwrap();
    archive.into_inner().unwrap().finish().unwrap()
}

#[test]
fn ones_own_program_must_be_runnable() {
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("plain");
    fs::write(&plain, "x").unwrap();
    let cases = [
        (folder.path().join("none"), "No such file"),
        (folder.path().to_owned(), "not a file"),
        (plain, "not executable"),
    ];
    for (path, expected) in cases {
        let error = OpenCodeSource::new(Some(&path), VERSION, folder.path()).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn a_version_cannot_be_a_path() {
    for version in ["../../x", "1.2/3", "", "latest", "1 2", "1.2?x"] {
        assert!(
            OpenCodeSource::new(None, version, Path::new("/c")).is_err(),
            "{version}"
        );
    }
    assert!(OpenCodeSource::new(None, "1.19.0-beta.1", Path::new("/c")).is_ok());
}
