//! What both kinds of netlink event sockets need: room for bursts, and how to know that it was not enough.

use super::Trigger;
use super::trigger::send;
use rustix::io::Errno;
use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_recv_buffer_size_force};
use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::os::fd::AsFd;
use std::time::Duration;
use tokio::sync::mpsc::Sender;
use tokio::time::{Instant, timeout, timeout_at};

/// After an event so long: counting what was dropped takes longer than reading many events, and there may be something to
/// do.
const CALM: Duration = Duration::from_millis(100);

/// How often the table is read for a socket that was not in it.
const READINGS: usize = 3;

/// When the table is read again after it could not be: memory that is there again gives no event.
const PAUSE: Duration = Duration::from_secs(1);

/// Beyond `net.core.rmem_max` only with CAP_NET_ADMIN; without it as far as that goes.
pub(super) fn set_receive_buffer(socket: impl AsFd, bytes: usize) -> io::Result<()> {
    match set_socket_recv_buffer_size_force(&socket, bytes) {
        Err(Errno::PERM) => set_socket_recv_buffer_size(&socket, bytes)?,
        result => result?,
    }
    Ok(())
}

/// That there was no room for a message says nothing of the next.
pub(super) fn is_loss(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    matches!(errno, Some(Errno::NOBUFS | Errno::NOMEM))
}

/// How many messages the kernel dropped because the socket was full.
///
/// libudev and tokio-udev hide ENOBUFS; the kernel counts for every netlink socket all the same.
pub(super) struct DropCounter {
    inode: u64,
    seen: u64,
    /// Kept open: with no descriptor left it could not be opened when it is needed.
    table: File,
}

impl DropCounter {
    pub(super) fn of(socket: impl AsFd) -> io::Result<Self> {
        let inode = rustix::fs::fstat(socket)?.st_ino;
        let mut table = File::open("/proc/self/net/netlink")?;
        // A socket begins with none.
        let seen = drops(inode, || read(&mut table))?.unwrap_or(0);
        Ok(Self { inode, seen, table })
    }

    /// Sends what `next` hears, and asks for a full look after messages were dropped. Runs until
    /// something is broken.
    pub(super) async fn forward(
        mut self,
        source: &'static str,
        triggers: &Sender<Trigger>,
        mut next: impl AsyncFnMut() -> anyhow::Result<Option<Trigger>>,
    ) -> anyhow::Result<Infallible> {
        let mut is_counted = true;
        loop {
            let first = next();
            let mut heard = match is_counted {
                true => first.await?,
                false => timeout(PAUSE, first).await.unwrap_or(Ok(None))?,
            };
            let calm = Instant::now() + CALM;
            loop {
                if let Some(trigger) = heard {
                    send(triggers, trigger).await?;
                }
                match timeout_at(calm, next()).await {
                    Ok(more) => heard = more?,
                    Err(_) => break,
                }
            }
            // An empty socket takes any message, so a drop always leaves something to read
            // before it: looking after each burst misses none.
            let has_risen = self.has_risen();
            is_counted = has_risen.is_ok();
            if has_risen.unwrap_or(false) {
                send(triggers, Trigger::overrun(source)).await?;
            }
        }
    }

    /// Whether messages were dropped since the last look, or may have been.
    pub(super) fn has_risen(&mut self) -> io::Result<bool> {
        let now = drops(self.inode, || read(&mut self.table))?;
        Ok(now.is_none_or(|now| std::mem::replace(&mut self.seen, now) != now))
    }
}

/// The kernel gives the table a page at a time, counts its way to the next one anew, and so leaves
/// a socket out when one before it was closed meanwhile.
fn drops(inode: u64, mut table: impl FnMut() -> io::Result<String>) -> io::Result<Option<u64>> {
    for _ in 0..READINGS {
        let found = drops_in(&table()?, inode);
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

fn read(table: &mut File) -> io::Result<String> {
    // A line of 100 bytes for each socket of the host; asked for in pieces, the kernel makes it
    // anew for each.
    let mut text = String::with_capacity(1 << 14);
    table.rewind()?;
    table.take(u64::MAX).read_to_string(&mut text)?;
    Ok(text)
}

/// Columns: sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode.
fn drops_in(table: &str, inode: u64) -> Option<u64> {
    table.lines().skip(1).find_map(|line| {
        let mut columns = line.split_whitespace().skip(8);
        let drops = columns.next()?.parse().ok()?;
        (columns.next()?.parse() == Ok(inode)).then_some(drops)
    })
}

#[cfg(test)]
mod tests;
