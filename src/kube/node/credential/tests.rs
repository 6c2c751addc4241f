//! The kubelet's files come late, are replaced, and are broken for a while.

use super::*;
use std::os::unix::fs::symlink;
use std::time::Duration;
use tempfile::TempDir;

const KUBECONFIG: &str = r#"{
    "apiVersion": "v1", "kind": "Config", "current-context": "here",
    "clusters": [{"name": "here", "cluster": {"server": "https://127.0.0.1:6443"}}],
    "users": [{"name": "here", "user": {"client-certificate": "pki/current.pem", "client-key": "pki/current.pem"}}],
    "contexts": [{"name": "here", "context": {"cluster": "here", "user": "here"}}]
}"#;

struct Kubelet(TempDir);

impl Kubelet {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// As the kubelet does: a new file, and the link to it is replaced.
    fn rotate(&self, certificate: &str) {
        fs::create_dir_all(self.file("pki")).unwrap();
        fs::write(self.file(&format!("pki/{certificate}.pem")), certificate).unwrap();
        let (new, current) = (self.file("pki/new"), self.file("pki/current.pem"));
        symlink(format!("{certificate}.pem"), &new).unwrap();
        fs::rename(new, current).unwrap();
    }

    fn configure(&self) {
        let (new, path) = (self.file("new"), self.file("kubelet.conf"));
        fs::write(&new, KUBECONFIG).unwrap();
        fs::rename(new, path).unwrap();
    }

    async fn credential(&self) -> Credential {
        let wait = Credential::wait_for(Some(&self.0.path().join("kubelet.conf"))).await;
        assert_eq!(wait.config.cluster_url.host(), Some("127.0.0.1"));
        wait
    }
}

const SOON: Duration = Duration::from_secs(20);
const A_WHILE: Duration = Duration::from_millis(200);

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(test);
}

#[test]
fn it_is_waited_for_until_all_of_it_is_there() {
    run(async {
        let kubelet = Kubelet::new();
        let wait = kubelet.credential();
        let mut wait = std::pin::pin!(wait);
        assert!(timeout(A_WHILE, &mut wait).await.is_err());
        kubelet.configure();
        assert!(timeout(A_WHILE, &mut wait).await.is_err());
        kubelet.rotate("first");
        timeout(SOON, wait).await.unwrap();
    });
}

#[test]
fn another_certificate_is_told_and_the_same_again_is_not() {
    run(async {
        let kubelet = Kubelet::new();
        kubelet.rotate("first");
        kubelet.configure();
        let mut credential = kubelet.credential().await;
        kubelet.rotate("first");
        kubelet.configure();
        // Gone is not changed.
        fs::remove_file(kubelet.file("pki/current.pem")).unwrap();
        assert!(timeout(A_WHILE, credential.changed()).await.is_err());
        kubelet.rotate("second");
        timeout(SOON, credential.changed()).await.unwrap();
        let mut credential = kubelet.credential().await;
        assert!(timeout(A_WHILE, credential.changed()).await.is_err());
    });
}
