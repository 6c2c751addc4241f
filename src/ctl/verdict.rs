//! How a command ends.

/// How a command ended; the exit codes are 0, 1 and 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// 0: everything is done, or as wanted.
    Done,
    /// 1: something failed.
    Failed,
    /// 3: something is not as wanted.
    NotConverged,
}

impl Verdict {
    pub(crate) fn converged(is: bool) -> Self {
        if is { Self::Done } else { Self::NotConverged }
    }

    pub(crate) fn done(is: bool) -> Self {
        if is { Self::Done } else { Self::Failed }
    }
}
