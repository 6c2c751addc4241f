//! How many files may be open at once.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// As many as the service manager allows: before the VFs of a PF are destroyed a lock is held for each. What it starts
/// with is for programs that use select(2), see systemd.exec(5).
pub fn use_all() {
    let limit = getrlimit(Resource::Nofile);
    let all = Rlimit {
        current: limit.maximum,
        ..limit
    };
    // Where that is not allowed a step that finds no room fails and says so.
    let _ = setrlimit(Resource::Nofile, all);
}
