//! Attempts, redirects, and the bytes.

use std::{
    io::Write as _,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use hyper_util::client::proxy::matcher::Matcher;
use koc_api::InputFailureKind::{Internal, InvalidInput, Refused, TooLarge};
use reqwest::{
    Client, Response, Url,
    header::{HeaderMap, LOCATION},
    redirect::Policy,
};
use tokio::time::{Instant, timeout};

use crate::{
    context_init::{Placed, place_file},
    input_report::InputError,
    url_fetch::{
        answer::{self, Again, Failed},
        request::{Request, address, shown_url},
    },
};

const MAX_REDIRECTS: usize = 10;
const MAX_ATTEMPTS: u32 = 6;
/// The first pause between attempts; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Tries until the file is there, it is clear that it never will be, or the time for it is over.
pub(super) async fn run(request: &Request, say: impl Fn(&str)) -> Result<(), InputError> {
    let started = Instant::now();
    let place = shown_url(&request.url);
    say(&format!("fetching {place}"));
    if request.insecure {
        say("! certificates are not checked: whoever sits in between can change this file");
    }
    for attempt in 1.. {
        let left = request.deadline.saturating_sub(started.elapsed());
        let failed = match timeout(left.min(request.timeout), once(request)).await {
            Ok(Ok(bytes)) => {
                say(&format!("wrote {} ({bytes} bytes)", request.target.display()));
                return Ok(());
            }
            Ok(Err(failed)) => failed,
            Err(_) => Failed::for_now(format!(
                "{place} gave no complete answer within {} s; a longer url.timeout may help",
                left.min(request.timeout).as_secs()
            )),
        };
        let pause = match failed.again {
            Again::Never => return Err(InputError::new(failed.kind, failed.sentence)),
            Again::Later => FIRST_PAUSE * 2_u32.saturating_pow(attempt - 1).min(64) + jitter(),
            Again::After(pause) => pause.max(FIRST_PAUSE),
        };
        if attempt >= MAX_ATTEMPTS || started.elapsed() + pause >= request.deadline {
            let sentence = format!("{} ({attempt} attempts)", failed.sentence);
            return Err(InputError::new(failed.kind, sentence));
        }
        say(&format!(
            "! {}; another attempt in {}",
            failed.sentence,
            crate::plain_text::duration(pause)
        ));
        tokio::time::sleep(pause).await;
    }
    Ok(())
}

/// Up to a fifth of a second, so that a hundred Pods of one template don't come back at the same moment.
fn jitter() -> Duration {
    let [byte, ..] = *uuid::Uuid::new_v4().as_bytes();
    Duration::from_millis(u64::from(byte) * 200 / 255)
}

/// One attempt, with its redirects.
async fn once(request: &Request) -> Result<u64, Failed> {
    let mut url = request.url.clone();
    for _ in 0..=MAX_REDIRECTS {
        // Credentials and headers are for the host they were written for.
        let headers = if url.origin() == request.url.origin() {
            request.headers.clone()
        } else {
            HeaderMap::new()
        };
        let place = shown_url(&url);
        let client = client(request, &url).await?;
        let answer = client
            .get(url.clone())
            .headers(headers)
            .send()
            .await
            .map_err(|error| answer::broken(&error, &place, request.timeout))?;
        let status = answer.status();
        if status.is_success() {
            return store(request, answer, &place).await;
        }
        if !status.is_redirection() {
            return Err(answer::refusal(status, answer.headers(), &place));
        }
        url = next(&url, answer.headers(), &place)?;
    }
    Err(Failed::for_good(
        InvalidInput,
        format!(
            "{} redirects more than {MAX_REDIRECTS} times",
            shown_url(&request.url)
        ),
    ))
}

fn next(from: &Url, headers: &HeaderMap, place: &str) -> Result<Url, Failed> {
    let broken = |why: &str| Failed::for_good(InvalidInput, format!("{place} redirects {why}"));
    let location = headers
        .get(LOCATION)
        .and_then(|value| value.to_str().ok())
        .ok_or_else(|| broken("without saying where to"))?;
    let to = from.join(location).map_err(|_| broken("to what is no address"))?;
    let to = address(to.as_str()).map_err(|why| broken(&format!("to an address that is refused: {why}")))?;
    if from.scheme() == "https" && to.scheme() == "http" {
        return Err(Failed::for_good(
            Refused,
            format!(
                "{place} redirects to {}, which is not protected by TLS",
                shown_url(&to)
            ),
        ));
    }
    Ok(to)
}

/// A client that can only connect to addresses that were checked.
async fn client(request: &Request, url: &Url) -> Result<Client, Failed> {
    let mut builder = Client::builder()
        .user_agent(concat!("kubeopencode/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .connect_timeout(request.timeout)
        .tls_certs_merge(request.authorities.clone());
    if request.insecure {
        builder = builder.tls_danger_accept_invalid_certs(true);
    }
    let host = url.host_str().unwrap_or_default();
    if let Some(addresses) = checked(request, url).await? {
        builder = builder.resolve_to_addrs(host, &addresses);
    }
    builder
        .build()
        .map_err(|error| Failed::for_good(Internal, format!("no HTTP client can be made: {error}")))
}

/// The addresses to connect to, all of them allowed; nothing where a proxy connects in our place.
async fn checked(request: &Request, url: &Url) -> Result<Option<Vec<SocketAddr>>, Failed> {
    let place = shown_url(url);
    let port = url.port_or_known_default().unwrap_or(443);
    let host = url.host_str().unwrap_or_default();
    let refused = |address: IpAddr| {
        Failed::for_good(
            Refused,
            format!(
                "{place} leads to {address}, an address of a private network; an administrator can allow it in \
                 KubeOpenCodeConfig.spec.urlContexts.allowedNetworks"
            ),
        )
    };
    let proxied = is_proxied(url);
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    let found: Vec<SocketAddr> = match literal.parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, port)],
        Err(_) => match tokio::net::lookup_host((host, port)).await {
            Ok(found) => found.collect(),
            // Behind a proxy only the proxy may know the outside's names.
            Err(_) if proxied => return Ok(None),
            Err(error) => {
                return Err(Failed::for_now(format!(
                    "the name {host:?} cannot be resolved: {error}"
                )));
            }
        },
    };
    let (allowed, forbidden): (Vec<SocketAddr>, Vec<SocketAddr>) = found
        .into_iter()
        .partition(|address| request.networks.allow(address.ip()));
    match (allowed.is_empty(), forbidden.first()) {
        (true, Some(address)) => Err(refused(address.ip())),
        (true, None) => Err(Failed::for_now(format!("the name {host:?} has no address"))),
        (false, _) => Ok((!proxied).then_some(allowed)),
    }
}

fn is_proxied(url: &Url) -> bool {
    url.as_str()
        .parse()
        .is_ok_and(|uri| Matcher::from_env().intercept(&uri).is_some())
}

/// Writes the body, as far as it may be.
async fn store(request: &Request, mut answer: Response, place: &str) -> Result<u64, Failed> {
    let too_large = || {
        Failed::for_good(
            TooLarge,
            format!(
                "{place} is larger than the {} bytes that are allowed",
                request.max_bytes
            ),
        )
    };
    if answer
        .content_length()
        .is_some_and(|length| length > request.max_bytes)
    {
        return Err(too_large());
    }
    let unwritten = |error: String| Failed::for_good(Internal, error);
    let mut file: Placed =
        place_file(&request.roots, &request.target).map_err(|error| unwritten(error.to_string()))?;
    let mut bytes: u64 = 0;
    loop {
        let chunk = answer
            .chunk()
            .await
            .map_err(|error| answer::broken(&error, place, request.timeout))?;
        let Some(chunk) = chunk else { break };
        bytes += chunk.len() as u64;
        if bytes > request.max_bytes {
            return Err(too_large());
        }
        file.write_all(&chunk)
            .map_err(|error| unwritten(format!("{} cannot be written: {error}", request.target.display())))?;
    }
    file.finish(request.mode)
        .map_err(|error| unwritten(error.to_string()))?;
    Ok(bytes)
}
