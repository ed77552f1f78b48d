//! What a CEL rule may refer to: a rule that names a variable or field that cannot be there is refused with the
//! schema, instead of failing on every object later.

use kube_cel::cel::common::ast::{EntryExpr, Expr, IdedExpr};

use super::cel_value::escaped;
use super::node::{Node, Type};

/// Names that stand for something without being declared: types, and prefixes of qualified functions.
const BUILTIN: &[&str] = &[
    "int",
    "uint",
    "double",
    "bool",
    "string",
    "bytes",
    "list",
    "map",
    "null_type",
    "type",
    "dyn",
    "optional",
    "optional_type",
    "google",
    "math",
    "sets",
    "lists",
    "strings",
    "base64",
    "jsonpatch",
    "format",
    "ip",
    "cidr",
    "quantity",
    "semver",
    "cel",
    "net",
    "url",
    "timestamp",
    "duration",
];

/// What is known of a value: the schema that describes it, or nothing.
type View<'n> = Option<&'n Node>;

/// The walk over one expression.
pub(super) struct Scope<'n> {
    variables: Vec<(String, View<'n>)>,
    /// The node that has the fields of a whole object besides those it declares.
    root: Option<&'n Node>,
    /// What is wrong, in words.
    pub(super) faults: Vec<String>,
}

impl<'n> Scope<'n> {
    /// A scope with `self` and `oldSelf` for a rule at this node.
    pub(super) fn new(node: &'n Node, is_root: bool, old: View<'n>) -> Self {
        Self {
            variables: vec![("self".to_owned(), Some(node)), ("oldSelf".to_owned(), old)],
            root: is_root.then_some(node),
            faults: Vec::new(),
        }
    }

    /// Looks through an expression; the result is what is known of its value.
    pub(super) fn visit(&mut self, expression: &IdedExpr) -> View<'n> {
        match &expression.expr {
            Expr::Ident(name) => return self.variable(name),
            Expr::Select(select) => {
                let operand = self.visit(&select.operand)?;
                return self.field(operand, &select.field);
            }
            Expr::Call(call) => {
                let target = call.target.as_ref().map(|target| self.visit(target));
                let arguments: Vec<View<'n>> = call.args.iter().map(|a| self.visit(a)).collect();
                if call.func_name == "_[_]" {
                    let of = target.or_else(|| arguments.first().copied()).flatten()?;
                    return of.items.as_deref().or(of.additional.as_deref());
                }
            }
            Expr::List(list) => list.elements.iter().for_each(|e| {
                self.visit(e);
            }),
            Expr::Map(map) => self.entries(map.entries.iter().map(|e| &e.expr)),
            Expr::Struct(object) => self.entries(object.entries.iter().map(|e| &e.expr)),
            Expr::Comprehension(c) => {
                let range = self.visit(&c.iter_range);
                self.visit(&c.accu_init);
                let depth = self.variables.len();
                // Iterating a list gives its items; iterating a map gives its keys, of which nothing is known.
                let item = range.and_then(|r| r.items.as_deref());
                match &c.iter_var2 {
                    None => self.variables.push((c.iter_var.clone(), item)),
                    Some(second) => {
                        let value = item.or_else(|| range.and_then(|r| r.additional.as_deref()));
                        self.variables.push((c.iter_var.clone(), None));
                        self.variables.push((second.clone(), value));
                    }
                }
                self.variables.push((c.accu_var.clone(), None));
                for part in [&c.loop_cond, &c.loop_step, &c.result] {
                    self.visit(part);
                }
                self.variables.truncate(depth);
            }
            Expr::Unspecified | Expr::Literal(_) => {}
        }
        None
    }

    fn entries<'e>(&mut self, entries: impl Iterator<Item = &'e EntryExpr>) {
        for entry in entries {
            match entry {
                EntryExpr::StructField(field) => {
                    self.visit(&field.value);
                }
                EntryExpr::MapEntry(entry) => {
                    self.visit(&entry.key);
                    self.visit(&entry.value);
                }
            }
        }
    }

    fn variable(&mut self, name: &str) -> View<'n> {
        if let Some((_, view)) = self.variables.iter().rev().find(|(known, _)| known == name) {
            return *view;
        }
        if !BUILTIN.contains(&name) && !name.starts_with('@') {
            self.faults
                .push(format!("'{name}' is not declared: a rule sees self and oldSelf"));
        }
        None
    }

    fn field(&mut self, of: &'n Node, name: &str) -> View<'n> {
        // What every object has is there whatever the schema says, and of metadata it says next to nothing.
        let whole = of.embedded || self.root.is_some_and(|root| std::ptr::eq(root, of));
        if whole && ["apiVersion", "kind", "metadata"].contains(&name) {
            return None;
        }
        if let Some((_, node)) = of.properties.iter().find(|(known, _)| escaped(known) == name) {
            return Some(node);
        }
        if let Some(values) = &of.additional {
            return Some(values);
        }
        if of.kind == Type::Object && !of.preserve {
            self.faults
                .push(format!("the schema declares no field '{name}' here"));
        }
        None
    }
}
