//! What the user of podman reads when something went wrong.

use crate::attach::AttachError;

/// A sentence for the user, who sees nothing else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Sentence(pub(super) String);

impl Sentence {
    /// What one part of the program says of a container or a network.
    pub(super) fn of(error: &AttachError) -> Self {
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        Self(text)
    }
}

impl From<String> for Sentence {
    fn from(text: String) -> Self {
        Self(text)
    }
}
