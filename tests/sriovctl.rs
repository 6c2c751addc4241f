//! The command line as a user meets it where no daemon runs: texts, exit codes, and what programs read.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

use serde_json::Value;
use std::fs;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

const GOOD: &str = "\
[[policy]]
name = \"few\"
num_vfs = 2
match.pf_name = \"*\"
";

/// An empty root, in which no daemon runs.
struct Root(TempDir);

impl Root {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn path(&self, path: &str) -> String {
        self.0.path().join(path).display().to_string()
    }

    fn sriovctl(&self, arguments: &[&str]) -> Output {
        let root = ["--root", self.0.path().to_str().unwrap()];
        sriovctl(&[&root, arguments].concat())
    }
}

fn sriovctl(arguments: &[&str]) -> Output {
    Command::new(sriovd_tests::binary("sriovctl"))
        .args(arguments)
        .output()
        .unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("killed")
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", err(output)))
}

#[test]
fn without_a_daemon_one_sentence_says_so() {
    let root = Root::new();
    let socket = root.path("run/sriovd/sriovd.sock");
    let expected = format!("sriovctl: sriovd is not running: nothing listens on {socket}\n");
    for command in ["status --watch", "reload", "monitor", "pause all", "resume"] {
        let words: Vec<_> = command.split(' ').collect();
        let output = root.sriovctl(&words);
        assert_eq!((code(&output), err(&output)), (1, expected.clone()));
        assert_eq!(out(&output), "");
    }
    // One that was left behind is no daemon either.
    fs::create_dir_all(Path::new(&socket).parent().unwrap()).unwrap();
    drop(UnixListener::bind(&socket).unwrap());
    assert_eq!(err(&root.sriovctl(&["reload"])), expected);
}

#[test]
fn status_without_a_daemon_tells_what_can_be_seen_and_fails() {
    let root = Root::new();
    root.put(
        "etc/sriov.d/10-a.toml",
        &GOOD.replace("pf_name = \"*\"", "pci_address = \"0000:3b:00.0\""),
    );
    fs::create_dir_all(root.path("sys/bus/pci/devices")).unwrap();
    let socket = root.path("run/sriovd/sriovd.sock");
    let note = format!(
        "sriovctl: sriovd is not running: nothing listens on {socket}; \
         this is what can be seen without it\n"
    );
    let table = "\
ADDRESS       INTERFACE  DRIVER  VFS  STATE   POLICIES  POOLS
0000:3b:00.0  -          -       -    absent  few       -

0000:3b:00.0 absent: policy few names it, and it is not here
";
    for command in [&["status"][..], &["status", "0000:3b:00.0"]] {
        let output = root.sriovctl(command);
        assert_eq!((code(&output), err(&output)), (1, note.clone()));
        assert_eq!(out(&output), table);
    }
    let found = json(&root.sriovctl(&["status", "--json"]));
    let absent = serde_json::json!([{"address": "0000:3b:00.0", "policies": ["few"]}]);
    assert_eq!(found["absent"], absent);
    assert_eq!(found["files"][0]["state"], "used");
    let unknown = root.sriovctl(&["status", "ens9"]);
    assert_eq!(code(&unknown), 1);
    assert!(err(&unknown).contains("\"ens9\" is neither the address"));
}

#[test]
fn the_socket_is_where_the_settings_or_the_user_say() {
    let root = Root::new();
    root.put("etc/sriovd.toml", "[api]\nsocket = \"/run/other.sock\"\n");
    let other = root.path("run/other.sock");
    assert!(err(&root.sriovctl(&["reload"])).ends_with(&format!("on {other}\n")));
    let named = root.sriovctl(&["status", "--socket", "/nowhere/a.sock"]);
    assert!(err(&named).ends_with("on /nowhere/a.sock\n"));
    // Whoever names a socket does not mean a look of our own.
    for command in ["plan", "snapshot"] {
        let named = root.sriovctl(&[command, "--socket", "/nowhere/a.sock"]);
        assert_eq!(code(&named), 1);
        assert!(err(&named).ends_with("on /nowhere/a.sock\n"));
    }
    let not_a_socket = root.sriovctl(&["status", "--socket", &root.path("etc")]);
    assert_eq!(code(&not_a_socket), 1);
    assert!(!err(&not_a_socket).is_empty());
}

#[test]
fn bad_usage_ends_with_2() {
    let usages: &[&[&str]] = &[
        &[],
        &["statu"],
        &["status", "--jsn"],
        &["plan", "--snapshot", "x.json"],
        &["apply", "--force"],
        &["plan", "extra"],
    ];
    for usage in usages {
        let output = sriovctl(usage);
        assert_eq!(code(&output), 2, "{usage:?}");
        assert!(err(&output).contains("Usage: sriovctl"), "{usage:?}");
        assert_eq!(out(&output), "", "{usage:?}");
    }
    for help in ["--help", "--version", "help"] {
        assert_eq!(code(&sriovctl(&[help])), 0, "{help}");
    }
}

#[test]
fn check_shows_every_mistake_and_counts_them() {
    let root = Root::new();
    root.put(
        "etc/sriov.d/10-a.toml",
        &GOOD.replace("num_vfs = 2", "num_vfs = 2\ntruts = true\nmtu = 9"),
    );
    root.put(
        "usr/lib/sriov.d/20-b.toml",
        "[[network]]\nname = \"n\"\nresource = \"pool\"\n",
    );
    let output = root.sriovctl(&["check"]);
    assert_eq!(code(&output), 1, "{}", err(&output));
    let expected = r#"error: unknown key "truts" in this policy
  --> ETC/10-a.toml:4:1
   |
 4 | truts = true
   | ^^^^^ did you mean "trust"?

error: bad value for "mtu": 9
  --> ETC/10-a.toml:5:7
   |
 5 | mtu = 9
   |       ^ expected a number of bytes from 68 to 65535

warning: no policy forms the pool "pool"
  --> LIB/20-b.toml:3:12
   |
 3 | resource = "pool"
   |            ^^^^^^

2 errors, 1 warning
"#;
    let expected = expected
        .replace("ETC", &root.path("etc/sriov.d"))
        .replace("LIB", &root.path("usr/lib/sriov.d"));
    assert_eq!(out(&output), expected);
    assert_eq!(err(&output), "");

    let found = json(&root.sriovctl(&["check", "--json"]));
    assert_eq!(
        (&found["errors"], &found["warnings"]),
        (&2.into(), &1.into())
    );
    let first = &found["diagnostics"][0];
    assert_eq!(first["severity"], "error");
    assert_eq!(first["message"], "unknown key \"truts\" in this policy");
    assert_eq!(first["suggestion"], "did you mean \"trust\"?");
    let place = serde_json::json!({ "line": 4, "column": 1, "width": 5 });
    assert_eq!(first["place"], place);
}

#[test]
fn check_reads_the_settings_too_and_what_they_name() {
    let root = Root::new();
    assert_eq!(out(&root.sriovctl(&["check"])), "no errors\n");
    root.put("etc/sriovd.toml", "policy_dirs = \"/srv/policies\"\n");
    root.put("srv/policies/a.toml", "x = 1\n");
    root.put("etc/sriov.d/b.toml", "x = 1\n");
    let output = root.sriovctl(&["check"]);
    assert_eq!(code(&output), 1);
    assert!(
        out(&output).contains("srv/policies/a.toml:1:1"),
        "{}",
        out(&output)
    );
    assert!(out(&output).ends_with("\n1 error\n"));

    root.put("etc/sriovd.toml", "log_level = \"loud\"\n");
    let settings = root.path("etc/sriovd.toml");
    for output in [
        root.sriovctl(&["check", &settings]),
        root.sriovctl(&["check", "--socket", "/nowhere"]),
    ] {
        assert_eq!(code(&output), 1);
        assert!(
            out(&output).contains("sriovd.toml:1:13"),
            "{}",
            out(&output)
        );
    }
}

#[test]
fn check_takes_files_and_directories() {
    let root = Root::new();
    root.put("a/10-a.toml", GOOD);
    root.put("b/10-b.toml", GOOD);
    let (a, b) = (root.path("a"), root.path("b/10-b.toml"));
    assert_eq!(out(&sriovctl(&["check", &a])), "no errors\n");
    let twins = sriovctl(&["check", &a, &b]);
    assert_eq!(code(&twins), 1);
    assert!(out(&twins).contains("a policy named \"few\" is already in"));
    let nothing = sriovctl(&["check", &root.path("nowhere.toml")]);
    assert_eq!(code(&nothing), 1);
    assert!(out(&nothing).contains("there is no such file"));
    let settings = sriovctl(&["check", &root.path("sriovd.toml")]);
    assert!(out(&settings).contains("there is no such file"));
}

#[test]
fn a_plan_that_cannot_be_made_says_why() {
    let root = Root::new();
    root.put("p/a.toml", GOOD);
    root.put("bad/a.toml", "[[policy]]\n");
    root.put(
        "host.json",
        r#"{"node": {"hostname": "h", "kernel": "k"}, "pfs": {}}"#,
    );
    root.put("not.json", "{");
    let plan = |snapshot: &str, policies: &str| {
        let (snapshot, policies) = (root.path(snapshot), root.path(policies));
        sriovctl(&["plan", "--snapshot", &snapshot, "--policy-dir", &policies])
    };
    let fine = plan("host.json", "p");
    assert_eq!((code(&fine), out(&fine).as_str()), (0, "Nothing to do.\n"));
    for (snapshot, policies, why) in [
        ("nowhere.json", "p", "sriovctl: cannot read /"),
        (
            "not.json",
            "p",
            "not.json is not a snapshot: EOF while parsing",
        ),
        ("host.json", "nowhere", "nowhere is not a directory\n"),
        ("host.json", "p/a.toml", "a.toml is not a directory\n"),
        (
            "host.json",
            "bad",
            "sriovctl: the policies are not usable\n\nerror: ",
        ),
    ] {
        let output = plan(snapshot, policies);
        assert_eq!(
            (code(&output), out(&output).as_str()),
            (1, ""),
            "{snapshot} {policies}"
        );
        assert!(err(&output).contains(why), "{}", err(&output));
    }
}

#[test]
fn who_reads_no_further_is_no_error() {
    let root = Root::new();
    let mistakes: String = (0..40).map(|n| format!("x{n} = 1\n")).collect();
    (0..40).for_each(|n| root.put(&format!("p/{n}.toml"), &mistakes));
    let mut child = Command::new(sriovd_tests::binary("sriovctl"))
        .args(["check", &root.path("p")])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((code(&output), err(&output).as_str()), (1, ""));
}

/// What a shell is told when the last of these words is to be completed.
fn completed(words: &[&str]) -> Vec<String> {
    let output = Command::new(sriovd_tests::binary("sriovctl"))
        .env("SRIOVCTL_COMPLETE", "fish")
        .arg("--")
        .args(words)
        .output()
        .unwrap();
    assert_eq!((code(&output), err(&output).as_str()), (0, ""));
    let lines = out(&output);
    let words = lines.lines().map(|line| line.split('\t').next().unwrap());
    words.map(str::to_owned).collect()
}

#[test]
fn a_shell_completes_commands_and_the_names_of_this_host() {
    for shell in ["bash", "zsh", "fish"] {
        let script = sriovctl(&["completions", shell]);
        assert_eq!(code(&script), 0);
        assert!(out(&script).contains("SRIOVCTL_COMPLETE"), "{shell}");
    }
    assert_eq!(code(&sriovctl(&["completions", "csh"])), 2);
    assert_eq!(completed(&["sriovctl", "expl"]), ["explain"]);

    let root = Root::new();
    let network = "[[network]]\nname = \"f1-u\"\nresource = \"pool\"\n";
    root.put("etc/sriov.d/10-a.toml", &format!("{GOOD}{network}"));
    let asked = |words: &[&str]| {
        let root = ["sriovctl", "--root", root.0.path().to_str().unwrap()];
        completed(&[&root, words].concat())
    };
    assert_eq!(asked(&["explain", "f"]), ["few", "f1-u"]);
    assert_eq!(asked(&["render", "cni", "f"]), ["f1-u"]);
    assert_eq!(asked(&["pause", "a"]), ["all"]);
    // A file that is broken is nothing to tell while somebody types.
    root.put("etc/sriov.d/20-b.toml", "x");
    assert_eq!(asked(&["explain", "fe"]), ["few"]);
}

#[test]
fn a_pf_that_hangs_delays_an_apply_of_ones_own_no_longer_than_it_may() {
    let root = Root::new();
    root.put("etc/sriovd.toml", "limits = { step_deadline = 1 }\n");
    let device = |pf: &str, file: &str| format!("sys/bus/pci/devices/{pf}/{file}");
    let (hanging, other) = ("0000:01:00.0", "0000:02:00.0");
    for pf in [hanging, other] {
        root.put(&device(pf, "class"), "0x020000\n");
        root.put(&device(pf, "vendor"), "0x8086\n");
        root.put(&device(pf, "device"), "0x1592\n");
        root.put(&device(pf, "sriov_drivers_autoprobe"), "0\n");
    }
    root.put(&device(other, "sriov_totalvfs"), "8\n");
    // Whoever opens it waits for somebody to write.
    let pipe = root.path(&device(hanging, "sriov_totalvfs"));
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let output = Command::new("timeout")
        .arg("30")
        .arg(sriovd_tests::binary("sriovctl"))
        .arg("--root")
        .arg(root.0.path())
        .arg("apply")
        .output()
        .unwrap();
    assert_eq!(code(&output), 3, "{}", err(&output));
    let said = out(&output);
    assert!(
        said.contains("the kernel has not come back from looking at the PF"),
        "{said}"
    );
    let state = fs::read_to_string(root.path("run/sriovd/state.json")).unwrap();
    assert!(state.contains(other) && !state.contains(hanging), "{state}");
}
