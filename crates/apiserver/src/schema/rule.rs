//! One CEL rule of `x-kubernetes-validations`.

use kube_cel::KubeCelExt as _;
use kube_cel::cel::common::ast::IdedExpr;
use kube_cel::cel::objects::OptionalValue;
use kube_cel::cel::{self, Context, Program};
use serde_json::Value;

use super::cel_value::to_cel;
use super::node::Node;
use crate::error::Cause;
use crate::violation;

/// A compiled rule.
pub(crate) struct Rule {
    text: Box<str>,
    program: Program,
    message: Option<Box<str>>,
    message_program: Option<Program>,
    reason: &'static str,
    field_path: Option<Box<str>>,
    optional_old: bool,
    /// The rule mentions `oldSelf`: it judges a change, not a state.
    pub(crate) transition: bool,
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Rule").field(&self.text).finish()
    }
}

thread_local! {
    /// Registering the function library costs far more than evaluating a rule, so each thread keeps one.
    static BASE: Context<'static> = Context::default().with_all();
}

impl Rule {
    /// Compiles one entry of `x-kubernetes-validations`.
    ///
    /// # Errors
    ///
    /// The field below the entry that is wrong (`rule`, `messageExpression`, `reason`…) and the cause.
    pub(crate) fn compile(entry: &Value) -> Result<Self, (&'static str, String)> {
        let text = |key: &str| {
            entry
                .get(key)
                .and_then(Value::as_str)
                .filter(|t| !t.trim().is_empty())
        };
        let rule = text("rule").ok_or(("rule", "Required value: a CEL expression".to_owned()))?;
        let program = Program::compile(rule).map_err(|e| ("rule", bad_expression(rule, &e)))?;
        let message_program = text("messageExpression")
            .map(|m| Program::compile(m).map_err(|e| ("messageExpression", bad_expression(m, &e))))
            .transpose()?;
        let reason = match text("reason") {
            None | Some("FieldValueInvalid") => "FieldValueInvalid",
            Some("FieldValueRequired") => "FieldValueRequired",
            Some("FieldValueForbidden") => "FieldValueForbidden",
            Some("FieldValueDuplicate") => "FieldValueDuplicate",
            Some(other) => {
                let allowed = "\"FieldValueInvalid\", \"FieldValueRequired\", \"FieldValueForbidden\", \"FieldValueDuplicate\"";
                return Err((
                    "reason",
                    format!("Unsupported value: \"{other}\": supported values: {allowed}"),
                ));
            }
        };
        let uses_old = |p: &Program| p.references().has_variable("oldSelf");
        let transition = uses_old(&program);
        Ok(Self {
            text: rule.into(),
            message: text("message").map(Into::into),
            reason,
            field_path: text("fieldPath").map(Into::into),
            optional_old: entry
                .get("optionalOldSelf")
                .and_then(Value::as_bool)
                .unwrap_or(false),
            transition,
            program,
            message_program,
        })
    }

    /// The rule as written.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether `oldSelf` is an optional value.
    pub(crate) fn optional_old(&self) -> bool {
        self.optional_old
    }

    /// The rule's expressions and the fields they stand in.
    pub(crate) fn expressions(&self) -> impl Iterator<Item = (&'static str, &IdedExpr)> {
        let message = self
            .message_program
            .as_ref()
            .map(|p| ("messageExpression", p.expression()));
        std::iter::once(("rule", self.program.expression())).chain(message)
    }

    /// Whether the rule has to run, given whether there is an old value and whether it differs.
    pub(crate) fn applies(&self, has_old: bool, changed: bool) -> bool {
        if self.transition {
            has_old || self.optional_old
        } else {
            changed
        }
    }
}

/// Runs the node's rules that apply to this value.
pub(crate) fn evaluate(node: &Node, value: &Value, old: Option<&Value>, path: &str, causes: &mut Vec<Cause>) {
    let changed = old.is_none_or(|old| old != value);
    if !node.rules.iter().any(|r| r.applies(old.is_some(), changed)) {
        return;
    }
    BASE.with(|base| {
        let mut scope = base.new_inner_scope();
        scope.add_variable_from_value("self", to_cel(value, node, base));
        let old_cel = old.map(|old| to_cel(old, node, base));
        for rule in node.rules.iter().filter(|r| r.applies(old.is_some(), changed)) {
            let mut scope = scope.new_inner_scope();
            match (&old_cel, rule.optional_old) {
                (Some(old), false) => scope.add_variable_from_value("oldSelf", old.clone()),
                (old, true) => {
                    let optional = old
                        .as_ref()
                        .map_or_else(OptionalValue::none, |o| OptionalValue::of(o.clone()));
                    scope.add_variable_from_value(
                        "oldSelf",
                        cel::Value::Opaque(std::sync::Arc::new(optional)),
                    );
                }
                (None, false) => {}
            }
            if let Some(cause) = rule.judge(&scope, value, path) {
                causes.push(cause);
            }
        }
    });
}

impl Rule {
    fn judge(&self, scope: &Context<'_>, value: &Value, path: &str) -> Option<Cause> {
        let why = match self.program.execute(scope) {
            Ok(cel::Value::Bool(true)) => return None,
            Ok(cel::Value::Bool(false)) => self.explain(scope),
            Ok(_) => format!("the rule {} gave no true or false", self.text),
            Err(e) => format!("the rule {} could not be evaluated: {e}", self.text),
        };
        let field = match self.field_path.as_deref() {
            Some(sub) if path.is_empty() => sub.trim_start_matches('.').to_owned(),
            Some(sub) if sub.starts_with(['.', '[']) => format!("{path}{sub}"),
            Some(sub) => format!("{path}.{sub}"),
            None => path.to_owned(),
        };
        let message = match self.reason {
            "FieldValueRequired" => format!("Required value: {why}"),
            "FieldValueForbidden" => format!("Forbidden: {why}"),
            "FieldValueDuplicate" => format!("Duplicate value: {}: {why}", violation::shown(value)),
            _ => format!("Invalid value: {}: {why}", violation::shown(value)),
        };
        Some(Cause {
            reason: self.reason,
            field,
            message,
        })
    }

    /// The message: computed, else written, else the rule itself.
    fn explain(&self, scope: &Context<'_>) -> String {
        if let Some(program) = &self.message_program
            && let Ok(cel::Value::String(text)) = program.execute(scope)
            && !text.trim().is_empty()
            && !text.contains('\n')
        {
            return text.to_string();
        }
        match &self.message {
            Some(message) => message.to_string(),
            None => format!("failed rule: {}", self.text),
        }
    }
}

fn bad_expression(text: &str, error: &dyn std::fmt::Display) -> String {
    format!("Invalid value: \"{text}\": the expression does not compile: {error}")
}
