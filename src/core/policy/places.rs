//! Where policies are kept.

/// The name of the directory in which an earlier version kept what is now the source `WEAKEST`, as policy files.
pub const POSTED: &str = "vf-operator.d";

/// The name of the directory of what programs put over the API, one file for each. At equal priority
/// whatever stands in a policy file is stronger.
pub const SOURCES: &str = "sources.d";

/// The source of what programs asked for through the API of vf-operator: at equal priority all others are stronger,
/// and its names give way to theirs.
pub const WEAKEST: &str = "vf-operator";

/// Where policies are looked for, the strongest first.
pub const DIRECTORIES: [&str; 3] = ["/etc/sriov.d", "/run/sriov.d", "/usr/lib/sriov.d"];
