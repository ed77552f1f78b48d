//! JSON patch (RFC 6902), as the Kubernetes API understands it.

use json_patch::{PatchError, PatchErrorKind, PatchOperation, patch_unsafe};
use serde::Deserialize;
use serde_json::Value;

use super::bounds::{MAX_DEPTH, deeper_than, weight};
use crate::error::ApiError;

/// The most operations one patch may have.
const MAX_OPERATIONS: usize = 10_000;

/// The most bytes that the `copy` operations of one patch may add, and its `move` operations push deeper.
/// Without it, a few dozen copies of the document into itself would fill the memory.
const MAX_COPIED: usize = 3 * 1024 * 1024;

/// Applies a JSON patch; on an error the document is unchanged.
///
/// A `test` for `null` succeeds where there is nothing: clients use it to say "this field is absent".
///
/// # Errors
///
/// * 400 `BadRequest` if the patch is no list of operations.
/// * 413 `RequestEntityTooLarge` if it has more than 10,000 operations, or copies more than 3 MiB.
/// * 422 `Invalid` if a `test` fails, if a path does not exist, if the result is nested too deeply, or if the
///   document would no longer be an object.
pub(crate) fn json_patch(doc: &mut Value, patch: &Value) -> Result<(), ApiError> {
    let operations = read(patch)?;
    let mut patched = doc.clone();
    let mut copied = 0;
    for (position, operation) in operations.iter().enumerate() {
        check_bounds(&patched, operation, position, &mut copied)?;
        if !is_test_for_absence(&patched, operation) {
            patch_unsafe(&mut patched, std::slice::from_ref(operation))
                .map_err(|error| refused(position, operation, &error))?;
        }
    }
    if doc.is_object() && !patched.is_object() {
        return Err(invalid(
            "the patch would replace the whole object by something that is no object",
        ));
    }
    *doc = patched;
    Ok(())
}

fn read(patch: &Value) -> Result<Vec<PatchOperation>, ApiError> {
    let malformed = |message: String| ApiError::new(400, "BadRequest", message);
    let operations = patch
        .as_array()
        .ok_or_else(|| malformed("a JSON patch must be a list of operations such as {\"op\": \"add\", \"path\": \"/a\", \"value\": 1}".to_owned()))?;
    if operations.len() > MAX_OPERATIONS {
        let message = format!(
            "the JSON patch has {} operations; at most {MAX_OPERATIONS} are allowed",
            operations.len()
        );
        return Err(ApiError::new(413, "RequestEntityTooLarge", message));
    }
    operations
        .iter()
        .enumerate()
        .map(|(position, operation)| {
            PatchOperation::deserialize(operation).map_err(|error| {
                malformed(format!(
                    "operation {position} of the JSON patch cannot be read: {error}"
                ))
            })
        })
        .collect()
}

fn is_test_for_absence(doc: &Value, operation: &PatchOperation) -> bool {
    match operation {
        PatchOperation::Test(test) => test.value.is_null() && doc.pointer(test.path.as_str()).is_none(),
        _ => false,
    }
}

/// Refuses an operation that would nest the document too deeply or copy too much.
fn check_bounds(
    doc: &Value,
    operation: &PatchOperation,
    position: usize,
    copied: &mut usize,
) -> Result<(), ApiError> {
    let depth = operation.path().count();
    let value = match operation {
        PatchOperation::Add(add) => Some(&add.value),
        PatchOperation::Replace(replace) => Some(&replace.value),
        PatchOperation::Copy(copy) => doc.pointer(copy.from.as_str()),
        // A move to a place that is no deeper cannot nest the document deeper than it was.
        PatchOperation::Move(step) if depth > step.from.count() => doc.pointer(step.from.as_str()),
        PatchOperation::Move(_) | PatchOperation::Remove(_) | PatchOperation::Test(_) => None,
    };
    let Some(value) = value else { return Ok(()) };
    if matches!(operation, PatchOperation::Copy(_) | PatchOperation::Move(_)) {
        *copied += weight(value);
        if *copied > MAX_COPIED {
            let message =
                format!("the JSON patch copies more than {MAX_COPIED} bytes by its operation {position}");
            return Err(ApiError::new(413, "RequestEntityTooLarge", message));
        }
    }
    if depth > MAX_DEPTH || deeper_than(value, MAX_DEPTH - depth) {
        return Err(invalid(&format!(
            "operation {position} of the JSON patch nests the object more than {MAX_DEPTH} levels deep"
        )));
    }
    Ok(())
}

fn refused(position: usize, operation: &PatchOperation, error: &PatchError) -> ApiError {
    let path = operation.path().as_str();
    let what = match (&error.kind, operation) {
        (PatchErrorKind::TestFailed, _) => format!("the value at {path:?} is not the expected one"),
        (PatchErrorKind::InvalidFromPointer, PatchOperation::Copy(copy)) => {
            format!("there is nothing at {:?}", copy.from.as_str())
        }
        (PatchErrorKind::InvalidFromPointer, PatchOperation::Move(step)) => {
            format!("there is nothing at {:?}", step.from.as_str())
        }
        (PatchErrorKind::CannotMoveInsideItself, _) => {
            format!("a value cannot be moved into itself, to {path:?}")
        }
        (_, PatchOperation::Test(_)) => format!("there is nothing at {path:?} to compare with"),
        _ => format!("the path {path:?} does not exist"),
    };
    invalid(&format!("operation {position} of the JSON patch failed: {what}"))
}

fn invalid(message: &str) -> ApiError {
    ApiError::new(422, "Invalid", message)
}
