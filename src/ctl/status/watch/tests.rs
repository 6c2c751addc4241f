//! What is told again, and what is not.

use super::super::tests::{GONE, a_status};
use super::*;
use sriovd_core::report::{PfReport, PfState};

fn a_view() -> View {
    View {
        as_json: false,
        on_terminal: false,
        told: BTreeMap::new(),
        last: None,
    }
}

#[test]
fn who_watches_is_told_what_changes_and_nothing_else() {
    let mut view = a_view();
    let mut status = a_status();
    assert_eq!(
        view.news(&status),
        "\
enp1s0 (0000:01:00.0) 4/4/7 VFs, ready
0000:02:00.0 0/0/0 VFs, unmanaged
0000:09:00.0 absent: policy dataplane names it, and it is not here
"
    );
    assert_eq!(view.news(&status), "");
    // It is plugged in, another is pulled, and of the third nothing is new.
    let plugged = PfReport {
        state: PfState::Ready,
        vfs_possible: 8,
        ..PfReport::unseen(GONE.parse().unwrap())
    };
    status.absent.clear();
    status.pfs.truncate(1);
    status.pfs.push(plugged);
    let expected = "0000:02:00.0 is gone\n0000:09:00.0 0/0/8 VFs, ready\n";
    assert_eq!(view.news(&status), expected);
}

#[test]
fn a_daemon_that_starts_again_does_not_say_that_everything_is_gone() {
    let mut view = a_view();
    let status = a_status();
    view.news(&status);
    let nothing_yet = Status {
        starting: true,
        ..Status::default()
    };
    assert_eq!(view.news(&nothing_yet), "");
    let mut fewer = status.clone();
    fewer.pfs.truncate(1);
    fewer.absent.clear();
    fewer.starting = true;
    assert_eq!(view.news(&fewer), "");
    // The other was pulled meanwhile.
    fewer.starting = false;
    fewer.absent = status.absent;
    assert_eq!(view.news(&fewer), "0000:02:00.0 is gone\n");
}
