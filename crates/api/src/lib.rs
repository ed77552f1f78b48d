//! The six kinds of KubeOpenCode, and every contract name in one place.

pub mod result;
