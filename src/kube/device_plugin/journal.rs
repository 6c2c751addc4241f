//! The device plugin's words in the journal.

/// The journal takes what stands on stderr.
pub(super) fn say(what: &str) {
    eprintln!("{what}");
}
