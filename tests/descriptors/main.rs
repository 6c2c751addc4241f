//! The daemon with too few open files: nothing is lost, nothing is withdrawn, and it heals when there are more.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

mod host;

use host::{Host, PFS};
use std::thread::sleep;
use std::time::Duration;

const VFS: u16 = 90;
const MORE_VFS: u16 = 100;

/// Before the VFs of both PFs are made anew a file is open for each VF.
#[test]
fn vfs_that_cannot_all_be_locked_stay_until_they_can() {
    let mut host = Host::start(&policies(VFS));
    host.wait("180 VFs", |host| {
        host.log().contains("ready: 2 PFs, 180 VFs ready")
    });
    assert_eq!(host.num_vfs(), [VFS; 2]);
    // What the service manager allows is used.
    assert_eq!(host.open_files_limit(), host.most_open_files());
    let before = host.outputs();

    host.allow_open_files(host.open_files() + 30);
    host.policy(&policies(MORE_VFS));
    let told = "no more files can be opened (LimitNOFILE= of sriovd.service is too low)";
    host.wait("failure of both PFs", |host| {
        PFS.iter()
            .all(|pf| host.log().contains(&format!("{pf} failed")))
    });
    let begun = host.cpu_time();
    sleep(Duration::from_secs(4));
    let spent = host.cpu_time() - begun;
    assert!(spent < Duration::from_secs(1), "{spent:?} in 4 s: it spins");
    assert_eq!(host.num_vfs(), [VFS; 2]);
    assert!(host.outputs() == before, "{}", host.log());
    assert!(PFS.iter().all(|pf| host.is_remembered(pf)));
    assert_told_once(&host.log(), told);
    host.allow_open_files(host.most_open_files());
    host.wait("200 VFs", |host| host.vfs_in_outputs() == 200);
    assert_eq!(host.num_vfs(), [MORE_VFS; 2]);
    host.wait("end of the trouble", |host| {
        host.log().matches("cleared").count() >= 2
    });
}

/// Each PF lacks them for its step, and at times for a look, while the other PF has them open. A lack that looks alone
/// meet may end and come again before a step is tried; what is told of a step lasts.
fn assert_told_once(log: &str, trouble: &str) {
    for pf in PFS {
        let lines = log.lines().filter(|line| line.contains(trouble));
        let lines = lines.filter(|line| line.contains(pf));
        let mut is_looked_at = true;
        let mut failed_steps = 0;
        let mut failed_looks = 0;
        for line in lines {
            let has_failed = line.contains("failed");
            if line.contains("cannot be looked at") {
                assert_eq!(is_looked_at, has_failed, "told twice: {log}");
                assert!(
                    !has_failed || failed_steps == 0,
                    "not a step's alone: {log}"
                );
                is_looked_at = !has_failed;
                failed_looks += usize::from(has_failed);
            } else {
                assert!(has_failed, "{log}");
                failed_steps += 1;
            }
        }
        assert!(failed_steps <= 1 && failed_looks <= 5, "{log}");
        assert!(failed_steps + failed_looks >= 1, "{log}");
    }
}

fn policies(num_vfs: u16) -> String {
    format!(
        r#"
[[policy]]
name = "all"
resource = "pool"
num_vfs = {num_vfs}
device_type = "any"
match.vendor = "8086"

[[network]]
name = "f1-u"
resource = "pool"
"#
    )
}
