//! The first process inside a sandbox: starts the container's program, reaps what is left over, runs execs.
//!
//! It runs with the container's own rights and inside all its walls. When it ends, the kernel ends every
//! other process of the sandbox; and it ends as soon as the node's end of the socket closes.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::process::{
    DumpableBehavior, Pid, Signal, WaitId, WaitIdOptions, WaitOptions, kill_process, set_dumpable_behavior,
    wait, waitid,
};

use super::protocol::{Answer, Order, Program, receive, send};

/// The first argument that makes a program call [`sandbox_init`].
pub const SANDBOX_INIT: &str = "sandbox-init";

/// Runs as the first process of a sandbox. The program that makes a [`Sandbox`](crate::Sandbox) must call
/// this, before it does anything else, when its first argument is [`SANDBOX_INIT`], and end with the code
/// returned.
pub fn sandbox_init() -> ExitCode {
    // Programs of the container run under the same user; none of them may look into this process.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let Ok(socket) = io::stdin().as_fd().try_clone_to_owned().map(UnixStream::from) else {
        return ExitCode::from(125);
    };
    let init = Init {
        socket: Arc::new(socket),
        write: Arc::default(),
        execs: Arc::default(),
        env: BTreeMap::new(),
        cwd: String::new(),
        main: None,
    };
    init.run().map_or(ExitCode::from(125), |code| {
        ExitCode::from(u8::try_from(code).unwrap_or(255))
    })
}

struct Init {
    socket: Arc<UnixStream>,
    write: Arc<Mutex<()>>,
    /// Exec ids by process. Held while a process is started, so that its end cannot be missed.
    execs: Arc<Mutex<HashMap<Pid, u64>>>,
    env: BTreeMap<String, String>,
    cwd: String,
    main: Option<Pid>,
}

impl Init {
    fn tell(&self, answer: &Answer, fd: Option<&OwnedFd>) {
        let _one = self.write.lock();
        let fds: Vec<_> = fd.iter().map(|fd| fd.as_fd()).collect();
        // A node that is gone closes the socket, which ends this process anyway.
        let _ = send(&self.socket, answer, &fds);
    }

    fn run(mut self) -> Option<i32> {
        self.tell(&Answer::Hello, None);
        let (program, fds) = loop {
            match receive(&self.socket).ok()?? {
                (Order::Start(program), fds) => break (program, fds),
                (Order::Look { places }, _) => {
                    let file = |place: &String| std::fs::metadata(place).ok().map(|m| (m.dev(), m.ino()));
                    self.tell(
                        &Answer::Seen {
                            files: places.iter().map(file).collect(),
                        },
                        None,
                    );
                }
                _ => return None,
            }
        };
        self.cwd.clone_from(&program.cwd);
        self.env.clone_from(&program.env);
        let _ = std::fs::create_dir_all(&self.cwd);
        let main = match start(&program, &self.env, &self.cwd, fds, true) {
            Ok((pid, terminal)) => {
                self.tell(&Answer::Started, terminal.as_ref());
                pid
            }
            Err(detail) => {
                self.tell(&Answer::Refused { detail }, None);
                return None;
            }
        };
        self.main = Some(main);
        let (socket, write, execs) = (
            Arc::clone(&self.socket),
            Arc::clone(&self.write),
            Arc::clone(&self.execs),
        );
        std::thread::spawn(move || self.obey());
        let tell = |answer: &Answer| {
            let _one = write.lock();
            let _ = send(&socket, answer, &[]);
        };
        loop {
            // Only looks, and collects under the lock: a program that can't be started is collected by whoever tried to
            // start it, and taking that away from him would be the end of his thread.
            if waitid(WaitId::All, WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).is_err() {
                continue;
            }
            let mut execs = execs.lock();
            let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) else {
                continue;
            };
            let code = status
                .exit_status()
                .or_else(|| status.terminating_signal().map(|s| 128 + s))
                .unwrap_or(255);
            if pid == main {
                tell(&Answer::Ended { code });
                return Some(code);
            }
            // Anything unknown is an orphan that was left to the first process.
            if let Some(id) = execs.remove(&pid) {
                tell(&Answer::ExecEnded { id, code });
            }
        }
    }

    /// Follows orders until the node is gone.
    fn obey(self) {
        while let Ok(Some((order, fds))) = receive::<Order>(&self.socket) {
            match order {
                Order::Terminate => {
                    if let Some(main) = self.main {
                        let _ = kill_process(main, Signal::TERM);
                    }
                }
                Order::Exec { id, argv, tty, stdin } => {
                    let program = Program {
                        argv,
                        env: BTreeMap::new(),
                        cwd: String::new(),
                        tty,
                        stdin,
                    };
                    let mut execs = self.execs.lock();
                    match start(&program, &self.env, &self.cwd, fds, false) {
                        Ok((pid, terminal)) => {
                            execs.insert(pid, id);
                            self.tell(&Answer::ExecStarted { id }, terminal.as_ref());
                        }
                        Err(detail) => self.tell(&Answer::ExecRefused { id, detail }, None),
                    }
                }
                Order::Start(_) | Order::Look { .. } => {}
            }
        }
        leave();
    }
}

/// Ends this process, and with it the whole sandbox.
#[expect(
    clippy::exit,
    reason = "the first process must end at once when nobody owns the sandbox any more"
)]
fn leave() -> ! {
    std::process::exit(137)
}

/// Starts a program; with a terminal, also returns the terminal's controlling side.
fn start(
    program: &Program,
    env: &BTreeMap<String, String>,
    cwd: &str,
    fds: Vec<OwnedFd>,
    main: bool,
) -> Result<(Pid, Option<OwnedFd>), String> {
    let (name, arguments) = program.argv.split_first().ok_or("there is no command to run")?;
    let failed = |e: &dyn std::fmt::Display| format!("{name}: {e}");
    let pid = |child: &std::process::Child| {
        i32::try_from(child.id())
            .ok()
            .and_then(Pid::from_raw)
            .ok_or_else(|| "no process id".to_owned())
    };
    if program.tty {
        let (terminal, inner) = pty_process::blocking::open().map_err(|e| failed(&e))?;
        let child = pty_process::blocking::Command::new(name)
            .args(arguments)
            .env_clear()
            .envs(env)
            .current_dir(cwd)
            .spawn(inner)
            .map_err(|e| failed(&e))?;
        return Ok((pid(&child)?, Some(terminal.into())));
    }
    let mut fds = fds.into_iter();
    let mut command = Command::new(name);
    command
        .args(arguments)
        .env_clear()
        .envs(env)
        .current_dir(cwd)
        .process_group(0);
    let mut next = || fds.next().map(Stdio::from);
    command.stdin(if program.stdin {
        next().unwrap_or_else(Stdio::null)
    } else {
        Stdio::null()
    });
    if !main {
        command.stdout(next().unwrap_or_else(Stdio::null));
        command.stderr(next().unwrap_or_else(Stdio::null));
    }
    let child = command.spawn().map_err(|e| failed(&e))?;
    Ok((pid(&child)?, None))
}
