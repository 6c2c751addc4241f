//! What stands in the place of the socket.

use super::*;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

struct Lab(tempfile::TempDir);

impl Lab {
    fn place(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

#[tokio::test]
async fn a_socket_is_replaced_and_nothing_else_is() {
    let lab = Lab(tempfile::tempdir().unwrap());
    let socket = lab.place("new/sriovd.sock");
    drop(bind(&socket).unwrap());
    let mode = fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    drop(bind(&socket).unwrap());

    let file = lab.place("file");
    fs::write(&file, "of somebody").unwrap();
    symlink(&file, lab.place("link")).unwrap();
    symlink(lab.place("nowhere"), lab.place("loose")).unwrap();
    fs::create_dir(lab.place("directory")).unwrap();
    for name in ["file", "link", "loose", "directory"] {
        let place = lab.place(name);
        let before = fs::symlink_metadata(&place).unwrap().file_type();
        let error = bind(&place).unwrap_err().to_string();
        let shown = place.display();
        let said = format!("cannot listen on {shown}: there is something else that is no socket");
        assert_eq!(error, said);
        assert_eq!(fs::symlink_metadata(&place).unwrap().file_type(), before);
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "of somebody");
    // In a place that is no directory.
    let below = bind(&file.join("sriovd.sock")).unwrap_err().to_string();
    assert_eq!(below, format!("cannot create {}", file.display()));
    // Longer than an address of a socket may be.
    let long = lab.place(&"x".repeat(108));
    let error = bind(&long).unwrap_err().to_string();
    assert_eq!(error, format!("cannot listen on {}", long.display()));
}
