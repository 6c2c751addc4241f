//! Errors as the protocol wants them: an object with a code, on standard output.

use super::version::is_since;
use crate::attach::AttachError;
use serde_json::json;
use std::fmt;

/// The specification's "Well-known Error Codes"; from 100 on they are the plugin's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    IncompatibleVersion = 1,
    UnknownContainer = 3,
    InvalidEnvironment = 4,
    Io = 5,
    CannotDecode = 6,
    InvalidConfig = 7,
    TryAgainLater = 11,
    /// Of STATUS: an ADD would fail.
    NotAvailable = 50,
    /// An attachment is not as CHECK was told.
    Differs = 100,
    NoFreeVf = 101,
    CannotAttach = 102,
    CannotDetach = 103,
    Ipam = 104,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CniError {
    code: u32,
    message: String,
}

impl CniError {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code: code as u32,
            message: message.into(),
        }
    }

    /// What another plugin answered is passed on with its code.
    pub(super) fn of_plugin(code: u32, message: String) -> Self {
        Self { code, message }
    }

    pub(super) fn attaching(error: &AttachError) -> Self {
        let code = match error {
            AttachError::UnknownPool { .. }
            | AttachError::NotAVf(_)
            | AttachError::Already { .. } => Code::InvalidConfig,
            AttachError::NoneFree { .. } | AttachError::NotFree { .. } => Code::NoFreeVf,
            AttachError::NoPools(_) => Code::TryAgainLater,
            AttachError::File(_) | AttachError::Theirs { .. } => Code::Io,
            AttachError::Host(_) | AttachError::Troubles(_) | AttachError::NotUndone { .. } => {
                Code::CannotAttach
            }
        };
        Self::new(code, chain(error))
    }

    pub(super) fn is_incompatible_version(&self) -> bool {
        self.code == Code::IncompatibleVersion as u32
    }

    /// Whether the plugin knows neither STATUS nor GC. These name no container, which an old one
    /// misses before it looks at the command.
    pub(super) fn is_unknown_command(&self) -> bool {
        let codes = [
            Code::IncompatibleVersion,
            Code::UnknownContainer,
            Code::InvalidEnvironment,
        ];
        codes.into_iter().any(|code| self.code == code as u32)
    }

    /// The same, and what else went wrong on the way back.
    pub(super) fn and(mut self, also: &str) -> Self {
        self.message = format!("{}; {also}", self.message);
        self
    }

    pub(super) fn object(&self, version: &str) -> String {
        // Those before have no code for it, and reserve all below 100.
        let unknown = self.code == Code::TryAgainLater as u32 && !is_since(version, "0.4.0");
        let object = json!({
            "cniVersion": version,
            "code": if unknown { Code::CannotAttach as u32 } else { self.code },
            "msg": self.message,
        });
        format!("{object}\n")
    }
}

impl fmt::Display for CniError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// An error with its causes, in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
