//! The first process of the sandboxes that tests make.

fn main() -> std::process::ExitCode {
    koc_node::sandbox_init()
}
