//! What the comparison found.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::case::Case;
use crate::difference::{Difference, differences};
use crate::known::Known;
use crate::play::Played;

/// Longest rendering of a value.
const SHOWN: usize = 1500;

/// The findings so far; they are printed as they come.
pub(crate) struct Verdict {
    known: Vec<Known>,
    /// Entries of the table that did occur.
    met: BTreeSet<usize>,
    /// Cases whose answers were compared.
    pub(crate) compared: usize,
    requests: usize,
    bad: usize,
}

impl Verdict {
    pub(crate) fn new(known: Vec<Known>) -> Self {
        Self {
            known,
            met: BTreeSet::new(),
            compared: 0,
            requests: 0,
            bad: 0,
        }
    }

    /// Compares the embedded server's answers with those of the real one, running or recorded.
    pub(crate) fn judge(
        &mut self,
        case: &Case,
        ours: &Played,
        theirs: Option<&Played>,
        recorded: Option<&Vec<Value>>,
    ) {
        let mut findings: Vec<String> = ours.complaints.clone();
        if let Some(theirs) = theirs {
            findings.extend(theirs.complaints.clone());
            match recorded {
                None => findings.push("its answers are not recorded: run with DIFF_RECORD=1".into()),
                Some(recorded) if *recorded != theirs.answers => {
                    findings.push(
                        "the recorded answers are not the real server's: run with DIFF_RECORD=1".into(),
                    );
                    findings.extend(pairs(recorded, &theirs.answers, case, &mut |_, _| false));
                }
                Some(_) => {}
            }
        }
        match theirs.map(|theirs| &theirs.answers).or(recorded) {
            Some(answers) => {
                self.compared += 1;
                self.requests += answers.len();
                let (known, met) = (&self.known, &mut self.met);
                findings.extend(pairs(&ours.answers, answers, case, &mut |step, found| {
                    let at = known.iter().position(|known| known.is(case, step, found));
                    met.extend(at);
                    at.is_some()
                }));
            }
            None => findings.push("no real server's answers to compare with".into()),
        }
        if !findings.is_empty() {
            self.bad += 1;
            println!("✗ {} ({}.yaml, {})", case.case, case.file, case.namespace());
            for finding in findings {
                println!("    {}", finding.replace('\n', "\n    "));
            }
        }
    }

    /// Looks for known differences that no longer occur, and prints the sums.
    pub(crate) fn conclude(&mut self, cases: &[Case], everything: bool) {
        for (at, known) in self.known.iter().enumerate() {
            let ran = everything || cases.iter().any(|case| case.case == known.case);
            if ran && !self.met.contains(&at) {
                self.bad += 1;
                println!(
                    "✗ known.yaml: \"{}\", step {:?}, {} does not occur (any more)",
                    known.case, known.step, known.at
                );
            }
        }
        println!(
            "{} cases with {} requests compared; {} known differences, {} findings",
            self.compared,
            self.requests,
            self.met.len(),
            self.bad
        );
    }

    pub(crate) fn is_good(&self) -> bool {
        self.bad == 0
    }
}

/// The differences of two rows of answers as texts, without those that are known.
fn pairs(
    ours: &[Value],
    theirs: &[Value],
    case: &Case,
    is_known: &mut dyn FnMut(usize, &Difference) -> bool,
) -> Vec<String> {
    let mut texts = Vec::new();
    for (at, step) in case.steps.iter().enumerate() {
        let (ours, theirs) = match (ours.get(at), theirs.get(at)) {
            (Some(ours), Some(theirs)) => (ours, theirs),
            (None, None) => continue,
            (ours, _) => {
                let which = if ours.is_some() { "embedded" } else { "real" };
                texts.push(format!("step {}: only the {which} server came so far", at + 1));
                continue;
            }
        };
        let found: Vec<Difference> = differences(ours, theirs)
            .into_iter()
            .filter(|found| !is_known(at + 1, found))
            .collect();
        if found.is_empty() {
            continue;
        }
        texts.push(format!("step {}: {}", at + 1, step.line()));
        for found in found {
            texts.push(format!(
                "  {}\n    embedded: {}\n    real:     {}",
                found.at,
                shown(found.embedded.as_ref()),
                shown(found.real.as_ref())
            ));
        }
    }
    texts
}

fn shown(value: Option<&Value>) -> String {
    let Some(value) = value else {
        return "nothing".to_owned();
    };
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
