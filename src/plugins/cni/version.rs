//! The versions of the protocol.

/// Versions of the protocol, oldest first.
pub(super) const VERSIONS: [&str; 7] = [
    "0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0",
];

/// Whether this version is so new. One that is unknown is not.
pub(super) fn is_since(version: &str, since: &str) -> bool {
    let place = |version| VERSIONS.iter().position(|it| *it == version);
    place(version) >= place(since)
}
