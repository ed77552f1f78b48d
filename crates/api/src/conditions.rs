//! Conditions: what an object reports about itself, by type.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// The API server refuses longer messages.
const MAX_MESSAGE_BYTES: usize = 32_768;

/// What a condition shall say; [`set_condition`] works out since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCondition {
    /// One of [`crate::names::conditions`].
    pub type_: &'static str,
    /// `Some(true)` is `True`, `Some(false)` is `False`, `None` is `Unknown`.
    pub status: Option<bool>,
    /// One CamelCase word, one of [`crate::names::reasons`].
    pub reason: String,
    /// One sentence for people; may be empty. Cut at 32 KiB.
    pub message: String,
    /// Generation of the spec it speaks about.
    pub observed_generation: Option<i64>,
}

/// Puts `new` into `conditions` and returns whether anything changed.
///
/// The time of the last transition stays while the status stays. A condition keeps its place in the list; a type that
/// was not there is appended.
pub fn set_condition(conditions: &mut Vec<Condition>, new: NewCondition, now: Time) -> bool {
    let mut wanted = Condition {
        type_: new.type_.to_owned(),
        status: match new.status {
            Some(true) => "True",
            Some(false) => "False",
            None => "Unknown",
        }
        .to_owned(),
        reason: new.reason,
        message: cut(new.message),
        observed_generation: new.observed_generation,
        last_transition_time: now,
    };
    let Some(present) = conditions
        .iter_mut()
        .find(|condition| condition.type_ == wanted.type_)
    else {
        conditions.push(wanted);
        return true;
    };
    if present.status == wanted.status {
        wanted.last_transition_time = present.last_transition_time.clone();
    }
    let changed = *present != wanted;
    *present = wanted;
    changed
}

/// Takes the condition of this type out and returns whether there was one.
pub fn remove_condition(conditions: &mut Vec<Condition>, type_: &str) -> bool {
    let before = conditions.len();
    conditions.retain(|condition| condition.type_ != type_);
    conditions.len() != before
}

/// The condition of this type, if there is one.
pub fn condition<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == type_)
}

/// True when the condition is there and its status is `True`.
pub fn is_true(conditions: &[Condition], type_: &str) -> bool {
    condition(conditions, type_).is_some_and(|condition| condition.status == "True")
}

/// True when the condition is there and its status is `False`.
pub fn is_false(conditions: &[Condition], type_: &str) -> bool {
    condition(conditions, type_).is_some_and(|condition| condition.status == "False")
}

/// Cuts a message at the limit, between characters.
fn cut(mut message: String) -> String {
    message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES));
    message
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::{NewCondition, condition, is_false, is_true, remove_condition, set_condition};

    fn at(second: i64) -> Time {
        Time(Timestamp::from_second(second).unwrap_or_default())
    }

    fn ready(status: Option<bool>, reason: &str) -> NewCondition {
        NewCondition {
            type_: "Ready",
            status,
            reason: reason.to_owned(),
            message: String::new(),
            observed_generation: Some(1),
        }
    }

    #[test]
    fn transition_time_follows_the_status_only() {
        let mut list = Vec::new();
        assert!(set_condition(&mut list, ready(Some(false), "A"), at(10)));
        for (status, reason, second, changed, since) in [
            (Some(false), "A", 20, false, 10),
            (Some(false), "B", 30, true, 10),
            (Some(true), "B", 40, true, 40),
            (None, "B", 50, true, 50),
        ] {
            assert_eq!(
                set_condition(&mut list, ready(status, reason), at(second)),
                changed,
                "{second}"
            );
            assert_eq!(
                condition(&list, "Ready").unwrap().last_transition_time,
                at(since),
                "{second}"
            );
        }
        assert_eq!(list.len(), 1);
    }

    #[test]
    fn order_is_stable() {
        let mut list = Vec::new();
        for type_ in ["Ready", "Queued", "Ready", "Stopped"] {
            set_condition(
                &mut list,
                NewCondition {
                    type_,
                    ..ready(Some(true), "A")
                },
                at(1),
            );
        }
        let types: Vec<_> = list.iter().map(|condition| condition.type_.as_str()).collect();
        assert_eq!(types, ["Ready", "Queued", "Stopped"]);
        assert!(remove_condition(&mut list, "Queued"));
        assert!(!remove_condition(&mut list, "Queued"));
        assert!(is_true(&list, "Ready") && !is_false(&list, "Ready") && !is_true(&list, "Queued"));
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let mut list = Vec::new();
        let message = "ä".repeat(20_000) + "x";
        set_condition(
            &mut list,
            NewCondition {
                message: format!("x{message}"),
                ..ready(Some(true), "A")
            },
            at(1),
        );
        let kept = &condition(&list, "Ready").unwrap().message;
        assert_eq!(kept.len(), 32_767);
        assert!(kept.ends_with('ä'));
    }
}
