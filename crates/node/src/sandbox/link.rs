use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream as StdStream;

use tokio::io::Interest;
use tokio::net::UnixStream;

use super::protocol::{Answer, Luggage, Order, checked, encode, receive_with, send_with};

/// The node's end of the socket to a sandbox's first process.
pub(super) struct Link {
    socket: UnixStream,
    sending: tokio::sync::Mutex<()>,
}

impl Link {
    pub(super) fn new(socket: StdStream) -> io::Result<Self> {
        rustix::net::sockopt::set_socket_passcred(&socket, true)?;
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket: UnixStream::from_std(socket)?,
            sending: tokio::sync::Mutex::new(()),
        })
    }

    /// Sends a message.
    pub(super) async fn send(&self, order: &Order, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        let bytes = encode(order)?;
        let _one = self.sending.lock().await;
        let mut sent = 0;
        while sent < bytes.len() {
            let fds = if sent == 0 { fds } else { &[] };
            sent += self
                .socket
                .async_io(Interest::WRITABLE, || {
                    send_with(&self.socket, &bytes[sent..], fds)
                })
                .await?;
        }
        Ok(())
    }

    /// Waits for a message; `None` when the sandbox is gone. Only one caller at a time.
    pub(super) async fn receive(&self) -> io::Result<Option<(Answer, Luggage)>> {
        let mut luggage = Luggage::default();
        let mut length = [0; 4];
        if !self.fill(&mut length, &mut luggage).await? {
            return Ok(None);
        }
        let mut body = vec![0; checked(length)?];
        if !self.fill(&mut body, &mut luggage).await? {
            return Ok(None);
        }
        Ok(Some((
            serde_json::from_slice(&body).map_err(io::Error::other)?,
            luggage,
        )))
    }

    async fn fill(&self, bytes: &mut [u8], luggage: &mut Luggage) -> io::Result<bool> {
        let mut have = 0;
        while have < bytes.len() {
            let got = self
                .socket
                .async_io(Interest::READABLE, || {
                    receive_with(&self.socket, &mut bytes[have..], luggage)
                })
                .await?;
            if got == 0 {
                return Ok(false);
            }
            have += got;
        }
        Ok(true)
    }
}
