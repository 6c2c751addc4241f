//! The kernel's error numbers, for what decides and must not reach the kernel itself.

use std::{fmt, io};

/// An error number of Linux (`include/uapi/asm-generic/errno.h`), shown in the C library's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Errno(i32);

/// The names are the kernel's, without their `E`.
#[allow(missing_docs, reason = "the names of the kernel")]
impl Errno {
    pub const PERM: Self = Self(1);
    pub const NOENT: Self = Self(2);
    pub const SRCH: Self = Self(3);
    pub const INTR: Self = Self(4);
    pub const IO: Self = Self(5);
    pub const NXIO: Self = Self(6);
    pub const AGAIN: Self = Self(11);
    pub const NOMEM: Self = Self(12);
    pub const ACCESS: Self = Self(13);
    pub const BUSY: Self = Self(16);
    pub const EXIST: Self = Self(17);
    pub const NODEV: Self = Self(19);
    pub const NOTDIR: Self = Self(20);
    pub const INVAL: Self = Self(22);
    pub const NFILE: Self = Self(23);
    pub const MFILE: Self = Self(24);
    pub const NOSPC: Self = Self(28);
    pub const RANGE: Self = Self(34);
    pub const MSGSIZE: Self = Self(90);
    pub const PROTONOSUPPORT: Self = Self(93);
    pub const OPNOTSUPP: Self = Self(95);
    pub const NOBUFS: Self = Self(105);
    pub const TIMEDOUT: Self = Self(110);
    /// ENOTSUPP, which is the kernel's own and should never leave it (`include/linux/errno.h`).
    pub const NOTSUPP: Self = Self(524);

    /// The number that a call or a netlink answer gave, made positive.
    #[must_use]
    pub const fn from_raw_os_error(number: i32) -> Self {
        Self(number)
    }

    /// The positive number.
    #[must_use]
    pub const fn raw_os_error(self) -> i32 {
        self.0
    }

    /// `None`: the error was made by the library and not by the kernel.
    #[must_use]
    pub fn from_io_error(error: &io::Error) -> Option<Self> {
        error.raw_os_error().map(Self)
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NOTSUPP => f.write_str("not supported, or not yet (ENOTSUPP)"),
            Self(number) => io::Error::from_raw_os_error(number).fmt(f),
        }
    }
}

impl From<Errno> for io::Error {
    fn from(errno: Errno) -> Self {
        Self::from_raw_os_error(errno.0)
    }
}

/// What is no error of the kernel's counts as one of input and output.
impl From<io::Error> for Errno {
    fn from(error: io::Error) -> Self {
        Self::from_io_error(&error).unwrap_or(Self::IO)
    }
}
