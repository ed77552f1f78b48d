//! What a person sees: progress and hints on standard error, logs and data on standard output.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// When to colour what is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ColorChoice {
    /// Colour when the output is a terminal and `NO_COLOR` is not set.
    #[default]
    Auto,
    /// Colour always.
    Always,
    /// Colour never.
    Never,
}

impl ColorChoice {
    fn decide(self, is_terminal: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        }
    }
}

/// The terminal of one command. Clones write to the same place, without tearing each other's lines.
#[derive(Clone, Debug)]
pub struct Terminal {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    quiet: bool,
    color_stderr: bool,
    color_stdout: bool,
    animated: bool,
    bars: MultiProgress,
}

/// How a line on standard error is marked.
#[derive(Clone, Copy)]
enum Mark {
    Note,
    Good,
    Warning,
    Error,
}

impl Terminal {
    /// `quiet` keeps everything but warnings and errors from standard error.
    #[must_use]
    pub fn new(color: ColorChoice, quiet: bool) -> Self {
        let stderr_is_terminal = std::io::stderr().is_terminal();
        let animated = stderr_is_terminal && !quiet;
        let target = if animated {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        Self {
            inner: Arc::new(Inner {
                quiet,
                color_stderr: color.decide(stderr_is_terminal),
                color_stdout: color.decide(std::io::stdout().is_terminal()),
                animated,
                bars: MultiProgress::with_draw_target(target),
            }),
        }
    }

    /// Tells what is going on.
    pub fn note(&self, text: &str) {
        if !self.inner.quiet {
            self.line(Mark::Note, text);
        }
    }

    /// Tells that something went well.
    pub fn good(&self, text: &str) {
        if !self.inner.quiet {
            self.line(Mark::Good, text);
        }
    }

    /// Tells what deserves attention though the work goes on.
    pub fn warn(&self, text: &str) {
        self.line(Mark::Warning, text);
    }

    /// Tells what made the work fail.
    pub fn error(&self, text: &str) {
        self.line(Mark::Error, text);
    }

    /// One line of a log on standard output, or on standard error where the former is for data. `prefix` stands before
    /// it where several logs share the screen; its number chooses a colour.
    pub fn log_line(&self, to_stderr: bool, prefix: Option<(&str, usize)>, line: &[u8]) {
        let mut out = Vec::with_capacity(line.len() + 32);
        if let Some((name, colour)) = prefix {
            const COLOURS: [AnsiColor; 5] = [
                AnsiColor::Cyan,
                AnsiColor::Magenta,
                AnsiColor::Yellow,
                AnsiColor::Blue,
                AnsiColor::Green,
            ];
            let style = Style::new().fg_color(Some(COLOURS[colour % COLOURS.len()].into()));
            let color = if to_stderr {
                self.inner.color_stderr
            } else {
                self.inner.color_stdout
            };
            let painted = paint(color, style, name);
            out.extend_from_slice(format!("{painted} | ").as_bytes());
        }
        out.extend_from_slice(line);
        out.push(b'\n');
        if to_stderr {
            self.inner.bars.suspend(|| {
                let _ = std::io::stderr().lock().write_all(&out);
            });
        } else {
            self.stdout(&out);
        }
    }

    /// A line of data on standard output.
    pub fn data(&self, line: &str) {
        self.stdout(format!("{line}\n").as_bytes());
    }

    fn stdout(&self, bytes: &[u8]) {
        self.inner.bars.suspend(|| {
            // A reader that went away (`| head`) is no failure of the Task: the work goes on unseen.
            let mut stdout = std::io::stdout().lock();
            let _ = stdout.write_all(bytes).and_then(|()| stdout.flush());
        });
    }

    fn line(&self, mark: Mark, text: &str) {
        let (style, word) = match mark {
            Mark::Note => (Style::new().dimmed(), ""),
            Mark::Good => (Style::new().fg_color(Some(AnsiColor::Green.into())), ""),
            Mark::Warning => (
                Style::new().fg_color(Some(AnsiColor::Yellow.into())).bold(),
                "warning: ",
            ),
            Mark::Error => (
                Style::new().fg_color(Some(AnsiColor::Red.into())).bold(),
                "error: ",
            ),
        };
        let text = printable(text);
        let color = self.inner.color_stderr;
        let line = if word.is_empty() {
            paint(color, style, &text)
        } else {
            format!("{}{text}", paint(color, style, word))
        };
        self.inner.bars.suspend(|| {
            let _ = writeln!(std::io::stderr().lock(), "{line}");
        });
    }

    /// Starts to show how many of `total` bytes have arrived.
    #[must_use]
    pub fn transfer(&self, label: &str, total: Option<u64>) -> Transfer {
        let bar = self.inner.animated.then(|| {
            let bar = match total {
                Some(total) => ProgressBar::new(total).with_style(style(
                    "{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} eta {eta}",
                )),
                None => {
                    ProgressBar::new_spinner().with_style(style("{spinner} {msg} {bytes} {bytes_per_sec}"))
                }
            };
            let bar = self.inner.bars.add(bar.with_message(label.to_owned()));
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Transfer {
            terminal: self.clone(),
            label: label.to_owned(),
            total,
            done: 0,
            told: 0,
            bar,
        }
    }
}

/// A template that does not parse falls back to indicatif's own: a progress bar is not worth an error.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// The progress of one transfer: a bar on a terminal, a line for every tenth of it elsewhere.
#[derive(Debug)]
pub struct Transfer {
    terminal: Terminal,
    label: String,
    total: Option<u64>,
    done: u64,
    told: u64,
    bar: Option<ProgressBar>,
}

impl Transfer {
    /// Says that `done` bytes are here.
    pub fn set(&mut self, done: u64) {
        self.done = done;
        match &self.bar {
            Some(bar) => bar.set_position(done),
            None => self.tell(),
        }
    }

    fn tell(&mut self) {
        let step = self.total.map_or(16 << 20, |total| total / 10).max(1);
        let reached = self.done / step;
        if reached > self.told {
            self.told = reached;
            let text = match self.total {
                Some(total) => format!("{}: {} of {}", self.label, megabytes(self.done), megabytes(total)),
                None => format!("{}: {}", self.label, megabytes(self.done)),
            };
            self.terminal.note(&text);
        }
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
            self.terminal.inner.bars.remove(bar);
        }
    }
}

/// `bytes` in units of a million bytes, as the npm world counts them.
pub(crate) fn megabytes(bytes: u64) -> String {
    let tenths = bytes / 100_000;
    format!("{}.{} MB", tenths / 10, tenths % 10)
}

fn paint(color: bool, style: Style, text: &str) -> String {
    if color {
        format!("{style}{text}{style:#}")
    } else {
        text.to_owned()
    }
}

/// `text` without the control characters with which foreign words (an annotation, a server's answer) could
/// rewrite what stands on the screen. Line breaks and tabs stay.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\rc\u{9b}d\te\nf"), "a[2Jbcd\te\nf");
    }

    #[test]
    fn byte_counts_are_readable() {
        let cases = [(0, "0.0 MB"), (1_250_000, "1.2 MB"), (60_275_143, "60.2 MB")];
        for (bytes, expected) in cases {
            assert_eq!(megabytes(bytes), expected);
        }
    }
}
