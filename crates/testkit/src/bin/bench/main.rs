//! Prints what starting, idling and working cost: start-up of the real program, latencies and throughput with a runtime
//! whose containers end at once. Compare figures of one machine and one run only.

mod process;
mod tasks;

use std::io::Write as _;

/// One line of the result.
struct Row {
    what: &'static str,
    value: String,
    goal: &'static str,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut rows = process::measure().await?;
    rows.extend(tasks::measure().await?);
    let mut out = std::io::stdout().lock();
    writeln!(out, "{:<58} {:>16}   goal", "what", "measured")?;
    for Row { what, value, goal } in rows {
        writeln!(out, "{what:<58} {value:>16}   {goal}")?;
    }
    Ok(())
}
