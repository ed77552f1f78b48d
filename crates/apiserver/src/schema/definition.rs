//! Checks of a schema that need the compiled tree: defaults that fit, rules that can work.

use super::defaults;
use super::node::{ListType, Node};
use super::path::Path;
use super::prune::Pruner;
use super::scope::Scope;
use super::validate;
use crate::error::Cause;
use crate::violation;

/// Checks a whole schema.
pub(super) fn check(root: &Node) -> Vec<Cause> {
    let mut causes = Vec::new();
    node(root, true, true, Path::ROOT, &mut causes);
    causes
}

fn node(at: &Node, root: bool, correlated: bool, path: Path<'_>, causes: &mut Vec<Cause>) {
    default(at, path, causes);
    rules(at, root, correlated, path, causes);
    let properties = path.field("properties");
    for (name, child) in &at.properties {
        node(child, false, correlated, properties.key(name), causes);
    }
    if let Some(child) = &at.additional {
        node(
            child,
            false,
            correlated,
            path.field("additionalProperties"),
            causes,
        );
    }
    if let Some(child) = &at.items {
        // Only items with keys can be told apart from one revision of an object to the next.
        let keyed = matches!(at.list, ListType::Map(_));
        node(child, false, correlated && keyed, path.field("items"), causes);
    }
}

/// A default must itself be a value that the schema accepts and keeps.
fn default(node: &Node, path: Path<'_>, causes: &mut Vec<Cause>) {
    let Some(default) = &node.default else { return };
    let at = path.field("default");
    let metadata = crate::builtin::metadata_node();
    let mut pruner = Pruner {
        metadata: &metadata,
        unknown: Vec::new(),
    };
    pruner.find(node, default, false, Path::ROOT);
    for field in pruner.unknown {
        let why = format!("the field {field} is not in the schema and would be dropped");
        causes.push(violation::invalid(at, default, why));
    }
    // A default may lean on the defaults of its own fields.
    let mut value = (**default).clone();
    defaults::apply(node, &mut value);
    for cause in validate::object(node, &value, None, false) {
        let dot = if cause.field.is_empty() || cause.field.starts_with('[') {
            ""
        } else {
            "."
        };
        causes.push(Cause {
            field: format!("{at}{dot}{}", cause.field),
            ..cause
        });
    }
}

fn rules(node: &Node, root: bool, correlated: bool, path: Path<'_>, causes: &mut Vec<Cause>) {
    let list = path.field("x-kubernetes-validations");
    for (i, rule) in node.rules.iter().enumerate() {
        let at = list.index(i);
        if rule.transition && !correlated {
            let why = "oldSelf has no meaning below a list whose items have no keys \
                       (x-kubernetes-list-type: map gives them some)";
            causes.push(violation::invalid(at.field("rule"), &rule.text().into(), why));
        }
        for (field, expression) in rule.expressions() {
            let old = (!rule.optional_old()).then_some(node);
            let mut scope = Scope::new(node, root, old);
            scope.visit(expression);
            for fault in scope.faults {
                causes.push(violation::invalid(at.field(field), &rule.text().into(), fault));
            }
        }
    }
}
