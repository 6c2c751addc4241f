//! What host and guest say to each other over the lab's serial port; compiled into both.

use std::io::{self, Read, Write};

/// One message about one job (a number the host picks).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: Kind,
    pub(crate) job: u32,
    pub(crate) body: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Host: are you there? Guest: yes.
    Ping,
    /// Host: run this shell script. It may read `Input`.
    Run,
    /// Host: bytes for the script's standard input; none means end of file.
    Input,
    /// Host: end the job and its children.
    Kill,
    /// Guest: the script wrote this.
    Stdout,
    Stderr,
    /// Guest: the script ended with this status, in decimal.
    Exit,
}

const KINDS: [Kind; 7] = [
    Kind::Ping,
    Kind::Run,
    Kind::Input,
    Kind::Kill,
    Kind::Stdout,
    Kind::Stderr,
    Kind::Exit,
];

impl Frame {
    pub(crate) fn new(kind: Kind, job: u32, body: impl Into<Vec<u8>>) -> Self {
        Self {
            kind,
            job,
            body: body.into(),
        }
    }

    pub(crate) fn read_from(from: &mut impl Read) -> io::Result<Self> {
        let mut head = [0; 9];
        from.read_exact(&mut head)?;
        let [kind, j0, j1, j2, j3, l0, l1, l2, l3] = head;
        let kind = *KINDS
            .get(usize::from(kind))
            .ok_or_else(|| io::Error::other(format!("unknown kind of frame: {kind}")))?;
        let mut body = vec![0; u32::from_le_bytes([l0, l1, l2, l3]) as usize];
        from.read_exact(&mut body)?;
        Ok(Self {
            kind,
            job: u32::from_le_bytes([j0, j1, j2, j3]),
            body,
        })
    }

    /// In one write, so that frames of several threads do not mix.
    pub(crate) fn write_to(&self, to: &mut impl Write) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(9 + self.body.len());
        bytes.push(self.kind as u8);
        bytes.extend(self.job.to_le_bytes());
        bytes.extend((self.body.len() as u32).to_le_bytes());
        bytes.extend(&self.body);
        to.write_all(&bytes)
    }
}
