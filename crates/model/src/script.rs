//! Which reply belongs to which request.

use std::{collections::HashMap, sync::Mutex, time::Duration};

use crate::{
    chat::ChatRequest,
    demo,
    directive::{self, Directive},
    reply::Reply,
};

/// More different faults than any test has; the counters of the oldest are then forgotten all at once.
const MAX_COUNTERS: usize = 10_000;

/// Decides replies. The counters of repeated faults are its only state.
#[derive(Default)]
pub(crate) struct Script {
    failed: Mutex<HashMap<(String, usize, String), u32>>,
}

impl Script {
    /// The reply to `request` of the session `session` (any text that tells parallel callers apart).
    pub(crate) fn reply(&self, session: &str, request: &ChatRequest) -> Reply {
        if request.system().contains("title generator") {
            return Reply::text("Scripted session");
        }
        let prompt = request.prompt();
        let directives = directive::parse(&prompt);
        let step = request.answers_given();
        if directives.is_empty() {
            return demo::reply(request, step);
        }
        self.directed(session, &prompt, step, directives)
    }

    fn directed(&self, session: &str, prompt: &str, step: usize, directives: Vec<Directive>) -> Reply {
        let mut position = 0;
        let mut wait = Duration::ZERO;
        for (line, directive) in directives.into_iter().enumerate() {
            match directive {
                Directive::Step(reply) if position == step => return delayed(wait, reply),
                Directive::Step(_) => position += 1,
                // Faults and delays belong to the step that follows them; those of other steps do not count.
                _ if position != step => {}
                Directive::Delay(more) => wait += more,
                Directive::Fault { error, times } => {
                    if times.is_none_or(|times| self.count(session, line, prompt) <= times) {
                        return delayed(wait, Reply::Error(error));
                    }
                }
            }
        }
        delayed(wait, Reply::text("done."))
    }

    /// How often this fault has been asked for, this time included.
    fn count(&self, session: &str, line: usize, prompt: &str) -> u32 {
        let Ok(mut failed) = self.failed.lock() else {
            return u32::MAX;
        };
        if failed.len() >= MAX_COUNTERS {
            failed.clear();
        }
        let seen = failed
            .entry((session.to_owned(), line, prompt.to_owned()))
            .or_default();
        *seen = seen.saturating_add(1);
        *seen
    }
}

fn delayed(wait: Duration, reply: Reply) -> Reply {
    if wait.is_zero() {
        reply
    } else {
        Reply::Hang {
            wait,
            then: Box::new(reply),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(prompt: &str, answers: usize, tools: &[&str], system: &str) -> ChatRequest {
        let mut messages = vec![
            json!({"role": "system", "content": system}),
            json!({"role": "user", "content": [{"type": "text", "text": prompt}]}),
        ];
        for _ in 0..answers {
            messages.push(json!({"role": "assistant", "content": ""}));
            messages.push(json!({"role": "tool", "content": "x"}));
        }
        let tools: Vec<_> = tools
            .iter()
            .map(|name| json!({"type": "function", "function": {"name": name}}))
            .collect();
        serde_json::from_value(json!({"messages": messages, "tools": tools})).unwrap()
    }

    fn says(reply: &Reply) -> &str {
        match reply {
            Reply::Text { text, .. } => text,
            Reply::Error(error) => &error.message,
            Reply::Tool { name, .. } => name,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_step_is_the_number_of_answers_given() {
        let script = Script::default();
        let prompt = "@@bash ls\n@@say one\n@@say two";
        for (answers, expected) in [(0, "bash"), (1, "one"), (2, "two"), (3, "done."), (9, "done.")] {
            assert_eq!(
                says(&script.reply("s", &request(prompt, answers, &[], ""))),
                expected
            );
            // A repeated request is answered the same way: retries cannot shift the script.
            assert_eq!(
                says(&script.reply("s", &request(prompt, answers, &[], ""))),
                expected
            );
        }
    }

    #[test]
    fn a_fault_ends_after_its_repetitions_and_takes_no_step() {
        let script = Script::default();
        let prompt = "@@bash ls\n@@error 429 times=2 wait\n@@say through";
        let ask = |session: &str, answers| {
            let reply = script.reply(session, &request(prompt, answers, &[], ""));
            says(&reply).to_owned()
        };
        assert_eq!(ask("a", 0), "bash");
        assert_eq!(
            [ask("a", 1), ask("a", 1), ask("a", 1)],
            ["wait", "wait", "through"]
        );
        // Another session has counters of its own.
        assert_eq!(ask("b", 1), "wait");
    }

    #[test]
    fn a_fault_without_number_lasts() {
        let script = Script::default();
        for _ in 0..20 {
            assert_eq!(
                says(&script.reply("s", &request("@@error 401 no", 0, &[], ""))),
                "no"
            );
        }
    }

    #[test]
    fn a_title_request_does_not_run_the_script() {
        let script = Script::default();
        let title = request(
            "@@error 500",
            0,
            &[],
            "You are a title generator. You output only a title.",
        );
        assert_eq!(says(&script.reply("s", &title)), "Scripted session");
    }

    #[test]
    fn the_demo_uses_the_tools_that_are_offered_and_says_what_it_is() {
        let script = Script::default();
        let system = "<env>\n  Working directory: /w\n</env>";
        let ask = |answers, tools: &[&str]| script.reply("s", &request("Say hello", answers, tools, system));
        match ask(0, &["write", "bash"]) {
            Reply::Tool { name, arguments } => {
                assert_eq!(name, "write");
                assert_eq!(arguments["filePath"], "/w/hello-from-opencode.md");
                assert!(arguments["content"].as_str().unwrap().contains("> Say hello"));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(says(&ask(1, &["write", "bash"])), "bash");
        assert_eq!(says(&ask(0, &["bash"])), "bash");
        for reply in [ask(2, &["write", "bash"]), ask(0, &[])] {
            assert!(says(&reply).contains("scripted demo model"), "{reply:?}");
        }
    }
}
