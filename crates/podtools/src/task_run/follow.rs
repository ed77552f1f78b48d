//! Watching a turn until it is over.

use std::time::Duration;

use koc_opencode::{Client, Error, Event, EventStream, Message, Reply};
use tokio::time::{Instant, MissedTickBehavior};

use crate::stop::Stop;
use crate::task_run::{
    evidence::Ending,
    lines::duration,
    log::Log,
    program::Program,
    turn::{Act, Turn, has_ended},
};

/// What the model is told when a permission is refused. With a text it goes on and can look for another way.
const REFUSAL: &str = "No person is watching this run, so nobody can allow this. Go on without it; if the task \
                       cannot be done without it, say so and stop.";

/// How often the clock is looked at: for silence, for the cross-check, for a turn that does not end properly.
const TICK: Duration = Duration::from_secs(1);

/// Without news for this long the server is asked, in case an event was lost.
const CROSS_CHECK: Duration = Duration::from_secs(5);

/// The limit for questions that a living server answers at once.
const QUICK: Duration = Duration::from_secs(5);

/// An idle session whose last answer never becomes complete is given up after this.
const STALLED: Duration = Duration::from_secs(10);

/// After this long without news the log says what is being waited for, and again each time.
const SILENCE: Duration = Duration::from_secs(60);

/// How long the server may take to end a session on request.
pub(super) const ABORT_LIMIT: Duration = Duration::from_secs(1);

/// When a connection breaks, the end of the process may be seen only a moment later.
const CRASH_GRACE: Duration = Duration::from_millis(500);

/// A turn and those who take part in it.
pub(super) struct Follow<'a> {
    pub client: &'a Client,
    pub program: &'a mut Program,
    pub stop: &'a mut Stop,
    pub log: &'a Log,
    pub turn: &'a mut Turn,
    pub session: &'a str,
    /// Without news for this long the turn is given up.
    pub no_progress: Option<Duration>,
}

/// What the clock decides on.
struct Clock {
    last_news: Instant,
    last_check: Instant,
    idle_since: Option<Instant>,
    told_silence: u32,
}

impl Follow<'_> {
    /// Watches until the turn is over, whatever way.
    pub(super) async fn follow(mut self, events: EventStream) -> Ending {
        let mut events = Some(events);
        let now = Instant::now();
        let mut clock = Clock {
            last_news: now,
            last_check: now,
            idle_since: None,
            told_silence: 0,
        };
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let ending = tokio::select! {
                biased;
                signal = self.stop.told() => Some(Ending::Stopped(signal)),
                exit = self.program.ended() => {
                    Some(Ending::Crashed { exit, tail: self.program.last_words().await })
                }
                event = next(&mut events) => match event {
                    Some(event) => self.event(event, &mut clock).await,
                    None => {
                        events = None;
                        None
                    }
                },
                _ = tick.tick() => {
                    if events.is_none() {
                        events = self.reconnect().await;
                    }
                    self.tick(&mut clock).await
                }
            };
            if let Some(ending) = ending {
                if matches!(
                    ending,
                    Ending::Stopped(_) | Ending::NoProgress(..) | Ending::BrokenStreams
                ) {
                    // The server may hang; its end is certain either way.
                    let _ = self.client.abort(self.session, ABORT_LIMIT).await;
                }
                return ending;
            }
        }
    }

    async fn event(&mut self, event: Event, clock: &mut Clock) -> Option<Ending> {
        let (acts, news) = self.turn.observe(event, now_millis());
        if news {
            clock.last_news = Instant::now();
            clock.told_silence = 0;
        }
        self.act(acts, clock).await
    }

    async fn act(&mut self, acts: Vec<Act>, clock: &mut Clock) -> Option<Ending> {
        for act in acts {
            let done = match act {
                Act::Print(text) => {
                    self.log.print(&text);
                    Ok(())
                }
                Act::RefusePermission(id) => {
                    let refusal = Reply::Reject(Some(REFUSAL.to_owned()));
                    gone_is_fine(self.client.reply_permission(&id, &refusal).await)
                }
                Act::RefuseQuestion(id) => gone_is_fine(self.client.reject_question(&id).await),
                Act::LookForEnd => match self.look_for_end(clock).await {
                    Ok(true) => return Some(Ending::TurnEnded),
                    Ok(false) => Ok(()),
                    Err(error) => Err(error),
                },
                Act::GiveUp(ending) => return Some(ending),
            };
            if let Err(error) = done
                && let Some(ending) = self.broken(error).await
            {
                return Some(ending);
            }
        }
        None
    }

    /// Asks the server whether the turn has ended, and shows what the events have not told.
    async fn look_for_end(&mut self, clock: &mut Clock) -> Result<bool, Error> {
        clock.last_check = Instant::now();
        if self.client.status(QUICK).await?.contains_key(self.session) {
            clock.idle_since = None;
            self.turn.seen_at_work = true;
            return Ok(false);
        }
        let messages = self.client.messages(self.session).await?;
        if has_ended(&messages, self.turn.fault.as_ref()) {
            self.show_missed(&messages);
            return Ok(true);
        }
        if self.turn.seen_at_work {
            clock.idle_since.get_or_insert_with(Instant::now);
        }
        Ok(false)
    }

    fn show_missed(&mut self, messages: &[Message]) {
        for act in self.turn.catch_up(messages) {
            if let Act::Print(text) = act {
                self.log.print(&text);
            }
        }
    }

    async fn tick(&mut self, clock: &mut Clock) -> Option<Ending> {
        let silent = clock.last_news.elapsed();
        if clock.idle_since.is_some_and(|since| since.elapsed() > STALLED) {
            return Some(Ending::Stalled);
        }
        if let Some(limit) = self.no_progress
            && silent >= limit
        {
            return Some(Ending::NoProgress(silent, self.turn.waiting_for(now_millis())));
        }
        let minutes = u32::try_from(silent.as_secs() / SILENCE.as_secs()).unwrap_or(u32::MAX);
        if minutes > clock.told_silence {
            clock.told_silence = minutes;
            let (what, silent) = (self.turn.waiting_for(now_millis()), duration(silent));
            self.log
                .print(&format!("… still waiting for {what}; no news for {silent}"));
        }
        let check = silent >= CROSS_CHECK && clock.last_check.elapsed() >= CROSS_CHECK;
        if check || clock.idle_since.is_some() {
            return self.act(vec![Act::LookForEnd], clock).await;
        }
        None
    }

    /// Subscribes again after the stream was cut, and takes what was missed.
    async fn reconnect(&mut self) -> Option<EventStream> {
        let events = self.client.events().await.ok()?;
        if let Ok(messages) = self.client.messages(self.session).await {
            self.show_missed(&messages);
        }
        // Requests that wait for an answer are not announced again.
        let now = now_millis();
        let permissions = self.client.permissions().await.unwrap_or_default();
        let questions = self.client.questions().await.unwrap_or_default();
        let missed = permissions
            .into_iter()
            .map(Event::PermissionAsked)
            .chain(questions.into_iter().map(Event::QuestionAsked));
        for event in missed {
            for act in self.turn.observe(event, now).0 {
                match act {
                    Act::Print(text) => self.log.print(&text),
                    Act::RefusePermission(id) => {
                        let _ = self
                            .client
                            .reply_permission(&id, &Reply::Reject(Some(REFUSAL.to_owned())))
                            .await;
                    }
                    Act::RefuseQuestion(id) => {
                        let _ = self.client.reject_question(&id).await;
                    }
                    Act::LookForEnd | Act::GiveUp(_) => {}
                }
            }
        }
        Some(events)
    }

    /// A request failed. Whether OpenCode has crashed is only known when its process has ended; everything else may
    /// pass, and the limit for no progress catches what does not.
    async fn broken(&mut self, error: Error) -> Option<Ending> {
        if let Ok(exit) = tokio::time::timeout(CRASH_GRACE, self.program.ended()).await {
            return Some(Ending::Crashed {
                exit,
                tail: self.program.last_words().await,
            });
        }
        self.log.print(&format!("! {error}"));
        None
    }
}

/// The next event, or `None` when the stream has ended or broken. Without a stream it waits for ever.
async fn next(events: &mut Option<EventStream>) -> Option<Event> {
    match events {
        Some(stream) => stream.next().await.ok().flatten(),
        None => std::future::pending().await,
    }
}

/// Somebody else may have answered already.
fn gone_is_fine(result: Result<(), Error>) -> Result<(), Error> {
    match result {
        Err(error) if error.status() == Some(404) => Ok(()),
        result => result,
    }
}

fn now_millis() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
