//! gRPC with another implementation of it, Python's, from another copy of the protocol.

use crate::host::Host;
use std::process::Command;

#[test]
fn a_client_in_python_makes_reads_and_removes_what_it_wants() {
    let host = Host::start();
    all_as_expected(&host, &host.grpc.to_string());
}

pub fn all_as_expected(host: &Host, address: &str) {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/vf_operator");
    // Debian's own, which has what tests/setup installs.
    let client = Command::new("/usr/bin/python3")
        .arg(format!("{directory}/client.py"))
        .args([address, &host.source_file().display().to_string()])
        .output()
        .expect("python3 is needed: tests/setup installs it");
    let said = String::from_utf8_lossy(&client.stdout);
    let complained = String::from_utf8_lossy(&client.stderr);
    assert!(client.status.success(), "{said}\n{complained}");
    assert!(said.ends_with("all as expected\n"), "{said}");
    assert_eq!(host.posted(), [""; 0]);
}
