//! Label and field selectors.

mod field;
mod label;

pub(crate) use self::field::FieldSelector;
pub(crate) use self::label::LabelSelector;

#[cfg(test)]
mod tests;
