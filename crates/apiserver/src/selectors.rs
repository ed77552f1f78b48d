//! Label and field selectors.

mod field;
mod label;

pub use self::field::FieldSelector;
pub use self::label::LabelSelector;

#[cfg(test)]
mod tests;
