//! What the node and the first process of a sandbox tell each other.
//!
//! They share a socket pair. A message is four bytes of length, which carry along any file descriptors, and
//! JSON. The sandbox's end may be in the hands of a hostile program, so the node bounds and checks all it
//! reads; nothing read there can do more than misreport that very container.

use std::collections::BTreeMap;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Longest message, in bytes. The kernel allows arguments and environment of about two megabytes.
pub(crate) const LONGEST: usize = 16 << 20;
/// Most descriptors with one message.
const DESCRIPTORS: usize = 4;

/// A program to start. `Debug` is missing on purpose: the environment may hold secrets.
#[derive(Serialize, Deserialize)]
pub(crate) struct Program {
    pub(crate) argv: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) cwd: String,
    pub(crate) tty: bool,
    /// A descriptor for standard input comes along; otherwise it is empty.
    pub(crate) stdin: bool,
}

/// From the node.
#[derive(Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "camelCase")]
pub(crate) enum Order {
    /// Tell which files are mounted at these places. Comes before the program, if at all.
    Look { places: Vec<String> },
    /// The container's own program; its output goes to the first process's own.
    Start(Program),
    /// Another program; without a terminal descriptors for output and error output come along.
    Exec {
        id: u64,
        argv: Vec<String>,
        tty: bool,
        stdin: bool,
    },
    /// SIGTERM to the container's program.
    Terminate,
}

/// From the sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "camelCase")]
pub(crate) enum Answer {
    /// The sandbox is built.
    Hello,
    /// Device and inode at each place.
    Seen {
        files: Vec<Option<(u64, u64)>>,
    },
    /// The program runs; with a terminal its descriptor comes along.
    Started,
    /// The program could not be started.
    Refused {
        detail: String,
    },
    ExecStarted {
        id: u64,
    },
    ExecRefused {
        id: u64,
        detail: String,
    },
    ExecEnded {
        id: u64,
        code: i32,
    },
    /// The container's program ended.
    Ended {
        code: i32,
    },
}

/// What came with a message.
#[derive(Debug, Default)]
pub(crate) struct Luggage {
    pub(crate) fds: Vec<OwnedFd>,
    /// The sender's process id as this process sees it, when the socket was asked to tell.
    pub(crate) sender: Option<rustix::process::Pid>,
}

/// A message's bytes: length, then JSON.
pub(crate) fn encode(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let body = serde_json::to_vec(message).map_err(io::Error::other)?;
    let length = u32::try_from(body.len()).ok().filter(|l| *l as usize <= LONGEST);
    let length = length.ok_or_else(|| io::Error::other("the message is too long"))?;
    let mut bytes = length.to_be_bytes().to_vec();
    bytes.extend(body);
    Ok(bytes)
}

/// Sends some of `bytes` with all of `fds`; returns how many bytes went.
pub(crate) fn send_with(socket: impl AsFd, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(io::Error::other("too many descriptors for one message"));
    }
    Ok(sendmsg(
        socket,
        &[IoSlice::new(bytes)],
        &mut ancillary,
        SendFlags::NOSIGNAL,
    )?)
}

/// Receives at most `bytes.len()` bytes and what came with them.
pub(crate) fn receive_with(socket: impl AsFd, bytes: &mut [u8], luggage: &mut Luggage) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS), ScmCredentials(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let got = recvmsg(
        socket,
        &mut [IoSliceMut::new(bytes)],
        &mut ancillary,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    for message in ancillary.drain() {
        match message {
            RecvAncillaryMessage::ScmRights(fds) => luggage.fds.extend(fds),
            RecvAncillaryMessage::ScmCredentials(sender) => luggage.sender = Some(sender.pid),
            _ => {}
        }
    }
    Ok(got.bytes)
}

/// Sends a whole message and waits until it is gone.
pub(crate) fn send(
    mut socket: &UnixStream,
    message: &impl Serialize,
    fds: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let bytes = encode(message)?;
    let sent = send_with(socket, &bytes, fds)?;
    socket.write_all(&bytes[sent..])
}

/// Waits for a whole message; `None` when the other side is gone.
pub(crate) fn receive<M: DeserializeOwned>(mut socket: &UnixStream) -> io::Result<Option<(M, Vec<OwnedFd>)>> {
    let mut luggage = Luggage::default();
    let mut length = [0; 4];
    let mut have = 0;
    while have < length.len() {
        match receive_with(socket, &mut length[have..], &mut luggage)? {
            0 => return Ok(None),
            more => have += more,
        }
    }
    let mut body = vec![0; checked(length)?];
    socket.read_exact(&mut body)?;
    Ok(Some((
        serde_json::from_slice(&body).map_err(io::Error::other)?,
        luggage.fds,
    )))
}

/// The length a header announces.
pub(crate) fn checked(header: [u8; 4]) -> io::Result<usize> {
    let length = u32::from_be_bytes(header) as usize;
    if length > LONGEST {
        Err(io::Error::other("the message is too long"))
    } else {
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_and_descriptors_arrive_in_order() {
        let (a, b) = UnixStream::pair().unwrap();
        let (reader, mut writer) = std::io::pipe().unwrap();
        send(&a, &Order::Terminate, &[]).unwrap();
        send(
            &a,
            &Order::Exec {
                id: 7,
                argv: vec!["x".repeat(100_000)],
                tty: false,
                stdin: true,
            },
            &[reader.as_fd()],
        )
        .unwrap();
        drop(reader);
        let (first, fds): (Order, _) = receive(&b).unwrap().unwrap();
        assert!(matches!(first, Order::Terminate) && fds.is_empty());
        let (second, fds): (Order, _) = receive(&b).unwrap().unwrap();
        assert!(matches!(second, Order::Exec { id: 7, .. }));
        writer.write_all(b"hi").unwrap();
        drop(writer);
        let mut text = String::new();
        std::fs::File::from(fds.into_iter().next().unwrap())
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, "hi");
        drop(a);
        assert!(receive::<Order>(&b).unwrap().is_none());
    }

    #[test]
    fn a_message_that_claims_to_be_huge_is_refused() {
        let (mut a, b) = UnixStream::pair().unwrap();
        a.write_all(&u32::MAX.to_be_bytes()).unwrap();
        assert!(receive::<Answer>(&b).is_err());
    }
}
