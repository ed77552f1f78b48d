//! `url-fetch`: fetches one file over HTTP before the agent starts.
//!
//! The address comes from a manifest, so it may be anybody's idea: addresses of private networks are refused unless the
//! administrator allows them, after every redirect anew, and the address that was checked is the one that is connected
//! to. Credentials and headers go to the host they were written for and to no other. What is written is bounded, and
//! appears at once or not at all.

mod answer;
mod args;
mod networks;
mod request;
mod transfer;

use std::io::Write as _;

use koc_api::InputFailureKind;

pub use args::UrlFetchArgs;

use crate::{
    input_report::{InputEnd, InputError, InputExit},
    redact::Redactor,
    stop::Stop,
};
use request::Request;

/// Fetches the file.
pub async fn url_fetch(args: UrlFetchArgs) -> InputExit {
    // Whoever speaks TLS takes this provider. A second installation, which would fail, changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let redactor = redactor(&args);
    let input = args.input.clone();
    let fallback = format!("url {:?}", request::shown(&args.source));
    let result = fetch(args, &redactor).await;
    input.conclude("url-fetch", &fallback, &redactor, result)
}

async fn fetch(args: UrlFetchArgs, redactor: &Redactor) -> Result<(), InputEnd> {
    let mut stop = Stop::listen().map_err(|error| {
        InputError::new(
            InputFailureKind::Internal,
            format!("the signals of this process cannot be watched: {error}"),
        )
    })?;
    let request = Request::new(args)?;
    tokio::select! {
        biased;
        signal = stop.told() => Err(InputEnd::Stopped(signal)),
        result = transfer::run(&request, |line| say(&redactor.clean(line))) => Ok(result?),
    }
}

/// Everything secret this program was given.
fn redactor(args: &UrlFetchArgs) -> Redactor {
    let mut redactor = Redactor::new([], []);
    let headers: std::collections::BTreeMap<String, String> =
        serde_json::from_str(&args.headers).unwrap_or_default();
    let secrets = [&args.auth_token, &args.auth_password];
    for secret in secrets.into_iter().flatten().chain(headers.values()) {
        // Shorter ones are words, whose replacement would make every sentence unreadable.
        if secret.trim().len() >= 6 {
            redactor.add(secret.trim());
        }
    }
    redactor
}

/// Says what happens. A log that nobody reads is no reason to fail.
fn say(line: &str) {
    let _ = writeln!(
        std::io::stdout(),
        "url-fetch: {}",
        crate::plain_text::printable(line)
    );
}
