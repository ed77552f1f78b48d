//! The same requests to the embedded API server and to a kube-apiserver, and the same answers.
//!
//! Without a kube-apiserver the embedded server is compared with what one answered when the cases were recorded.
//!
//! * `DIFF_CASE=text` runs the cases whose sentence or file has the text in it.
//! * `DIFF_RECORD=1` writes the recordings (with a kube-apiserver) and the page of known differences.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod case;
mod difference;
mod known;
mod names;
mod normal;
mod play;
mod recording;
mod server;
mod verdict;

use std::path::{Path, PathBuf};
use std::time::Instant;

use futures::{StreamExt as _, stream};

use crate::case::Case;
use crate::play::{Played, play};
use crate::recording::Recorded;
use crate::server::Server;
use crate::verdict::Verdict;

/// Cases that run at the same time.
const AT_ONCE: usize = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_servers_answer_alike() {
    let filter = std::env::var("DIFF_CASE").unwrap_or_default();
    let cases = case::load(&filter).unwrap();
    let everything = filter.is_empty();
    assert!(
        !cases.is_empty(),
        "no case has {filter:?} in its sentence or file"
    );

    let (embedded, real) = tokio::join!(Server::embedded(), Server::real());
    let (embedded, real) = (embedded.unwrap(), real.unwrap());
    let definitions = case::definitions(&cases).unwrap();
    embedded.define(&definitions).await.unwrap();
    if let Some(real) = &real {
        real.define(&definitions).await.unwrap();
    }

    let begun = Instant::now();
    let played: Vec<(Played, Option<Played>)> = stream::iter(&cases)
        .map(|case| async {
            let there = async {
                match &real {
                    Some(real) => Some(play(real, case).await),
                    None => None,
                }
            };
            tokio::join!(play(&embedded, case), there)
        })
        .buffered(AT_ONCE)
        .collect()
        .await;
    let took = begun.elapsed();
    if let Some(real) = real {
        real.stop().await;
        if recording_is_wanted() {
            record(&cases, &played);
        }
    }

    let recorded = recording::load().unwrap();
    let mut verdict = Verdict::new(known::load().unwrap());
    let live = played.iter().any(|(_, real)| real.is_some());
    for (case, (ours, theirs)) in cases.iter().zip(&played) {
        verdict.judge(case, ours, theirs.as_ref(), recorded.get(&case.case));
    }
    verdict.conclude(&cases, everything);
    if live {
        println!(
            "{} of them with a running kube-apiserver, in {took:.1?}",
            verdict.compared
        );
    } else {
        println!("NO KUBE-APISERVER HERE: compared with its recorded answers only, in {took:.1?}");
    }
    assert!(verdict.is_good(), "the servers do not answer alike; see above");
}

fn recording_is_wanted() -> bool {
    std::env::var_os("DIFF_RECORD").is_some()
}

/// Writes the real server's answers, file by file. Of the cases that did not run, the recordings stay.
fn record(cases: &[Case], played: &[(Played, Option<Played>)]) {
    let before = recording::load().unwrap();
    let mut files: Vec<&str> = cases.iter().map(|case| case.file.as_str()).collect();
    files.dedup();
    for file in files {
        let all = case::load(file).unwrap();
        let mut recorded = Recorded::new();
        for case in all.iter().filter(|case| case.file == file) {
            if let Some(answers) = before.get(&case.case) {
                recorded.insert(case.case.clone(), answers.clone());
            }
        }
        for (case, (_, theirs)) in cases.iter().zip(played) {
            if let Some(theirs) = theirs
                && case.file == file
            {
                recorded.insert(case.case.clone(), theirs.answers.clone());
            }
        }
        recording::write(file, &recorded).unwrap();
    }
}

fn page_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/dev/api-differences.md")
}

#[test]
fn the_page_of_known_differences_is_current() {
    let page = known::page(&known::load().unwrap());
    if recording_is_wanted() {
        std::fs::create_dir_all(page_path().parent().unwrap()).unwrap();
        std::fs::write(page_path(), &page).unwrap();
    }
    let written = std::fs::read_to_string(page_path()).unwrap_or_default();
    assert_eq!(
        written,
        page,
        "run this test with DIFF_RECORD=1 to write {}",
        page_path().display()
    );
}
