//! Every command of sriovctl through the agent: how it ends, and what it prints for programs.

use crate::host::{Host, POLICY};
use jsonschema::Validator;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

const PF: &str = "0000:01:00.0";

/// A host on which the agent runs, with its policies as files.
struct Shell {
    host: Host,
    root: TempDir,
}

impl Shell {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let policies = root.path().join("etc/sriov.d");
        fs::create_dir_all(&policies).unwrap();
        fs::write(policies.join("10-test.toml"), POLICY.replace("VFS", "4")).unwrap();
        let host = Host::start(1, 4);
        host.put(&json!({"policy": [{"name": "spare", "origin": "Pool spare"}]}));
        Self { host, root }
    }

    fn command(&self, words: &str) -> Command {
        let mut command = Command::new(sriovd_tests::binary("sriovctl"));
        command.arg("--root").arg(self.root.path());
        command.arg("--socket").arg(&self.host.socket);
        command.args(words.split_whitespace());
        command
    }

    fn run(&self, words: &str) -> Output {
        self.command(words).output().unwrap()
    }

    fn schema(&self, document: &str) -> Validator {
        let printed = self.run(&format!("schema {document}"));
        jsonschema::validator_for(&parsed(&printed.stdout)).unwrap()
    }
}

fn parsed(text: &[u8]) -> Value {
    let shown = String::from_utf8_lossy(text);
    serde_json::from_slice(text).unwrap_or_else(|error| panic!("{error}: {shown}"))
}

/// 0 done, 1 failed, 2 usage, 3 not converged or changes pending.
#[test]
fn every_command_ends_as_it_went() {
    let shell = Shell::new();
    let ends = |words: &str, code: i32| {
        let output = shell.run(words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{words}: {said}");
        let says = match code {
            // What it found is what it prints.
            1 if words.starts_with("check") => "",
            1 => "sriovctl: ",
            2 => "error: ",
            _ => "",
        };
        assert!(said.starts_with(says), "{words}: {said}");
    };
    for words in [
        "status",
        "status 0000:01:00.0",
        "list",
        "show 0000:01:00.0",
        "show 0000:01:00.0#3",
        "plan",
        "diff",
        "apply",
        "apply 0000:01:00.0",
        "apply --wait",
        "apply --dry-run",
        "apply --force 0000:01:00.0",
        "draw",
        "draw --svg",
        "draw --dot",
        "draw --mermaid",
        "explain 0000:01:00.0",
        "explain 0000:01:00.0#0",
        "explain dataplane",
        "explain f1-u",
        "check",
        "render",
        "render cni",
        "render device-plugin",
        "render nad",
        "render cdi",
        "render podman",
        "render state",
        "discover",
        "snapshot",
        "pause 0000:01:00.0 --for 10m",
        "pause all",
        "resume",
        "resume 0000:01:00.0",
        "reload",
        "sources",
        "sources list",
        "sources show kube",
        "sources delete kube",
        "schema policy",
        "completions bash",
    ] {
        ends(words, 0);
    }
    for words in [
        "status nowhere",
        "status --watch nowhere",
        "show nowhere",
        "apply nowhere",
        "apply --wait nowhere",
        "apply --dry-run nowhere",
        "apply --force nowhere",
        "explain nowhere",
        "check nowhere",
        "render cni nowhere",
        "import nowhere",
        "discover --snapshot nowhere",
        "plan --snapshot nowhere --policy-dir nowhere",
        "pause nowhere",
        "pause all 0000:01:00.0",
        "resume nowhere",
        "sources show nobody",
        "sources delete nobody",
    ] {
        ends(words, 1);
        // Nor is there half an answer for programs.
        let output = shell.run(&format!("{words} --json"));
        assert_eq!(output.status.code(), Some(1), "{words} --json");
        assert!(
            output.stdout.is_empty() || words.starts_with("check"),
            "{words}"
        );
    }
    for words in [
        "status --wach",
        "list extra",
        "show",
        "plan --snapshot x",
        "apply --force",
        "apply --dry-run --wait",
        "draw --svg --dot",
        "explain",
        "check --snapshot",
        "render nonsense",
        "import",
        "discover extra",
        "snapshot extra",
        "monitor extra",
        "pause",
        "pause all --for ever",
        "pause all --for 0s",
        "reload extra",
        "sources nonsense",
        "sources show",
        "sources show ../kube",
        "sources delete",
        "schema nonsense",
        "completions csh",
    ] {
        ends(words, 2);
    }
    shell.host.occupy(0);
    for words in [
        "status",
        "status 0000:01:00.0",
        "plan",
        "diff",
        "apply",
        "apply --dry-run",
        "apply --force 0000:01:00.0",
    ] {
        ends(words, 3);
    }
    // What only tells how it is has done what it was to do.
    for words in [
        "list",
        "show 0000:01:00.0",
        "explain 0000:01:00.0",
        "draw",
        "check",
    ] {
        ends(words, 0);
    }
}

#[test]
fn what_is_printed_for_programs_is_as_its_schema_says() {
    let shell = Shell::new();
    let printed = |words: &str, document: &str| {
        let schema = shell.schema(document);
        let value = parsed(&shell.run(&format!("{words} --json")).stdout);
        let errors: Vec<_> = schema
            .iter_errors(&value)
            .map(|it| it.to_string())
            .collect();
        assert!(errors.is_empty(), "{words}: {errors:?}\n{value:#}");
        assert!(
            !schema.is_valid(&serde_json::json!({"pfs": 1})),
            "{document}"
        );
    };
    let all = || {
        for (words, document) in [
            ("status", "status"),
            ("list", "list"),
            ("show 0000:01:00.0", "show"),
            ("show 0000:01:00.0#1", "show"),
            ("explain 0000:01:00.0", "explain"),
            ("explain 0000:01:00.0#1", "explain"),
            ("explain dataplane", "explain"),
            ("explain f1-u", "explain"),
            ("plan", "plan"),
            ("diff", "plan"),
            ("apply", "apply"),
            ("apply --wait", "apply"),
            ("apply --dry-run", "plan"),
            ("pause all", "status"),
            ("resume", "status"),
            ("reload", "status"),
            ("check", "check"),
            ("draw", "draw"),
            ("sources", "sources"),
            ("sources show kube", "source"),
            ("snapshot", "snapshot"),
        ] {
            printed(words, document);
        }
    };
    all();
    shell.host.occupy(0);
    all();
}

#[test]
fn what_is_told_meanwhile_is_an_object_on_each_line() {
    let shell = Shell::new();
    let follow = |words: &str| {
        let mut following = shell.command(words).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(following.stdout.take().unwrap()).lines();
        (following, lines)
    };
    let (mut watching, mut statuses) = follow("status --watch --json");
    let first = statuses.next().unwrap().unwrap();
    assert!(
        shell.schema("status").is_valid(&parsed(first.as_bytes())),
        "{first}"
    );
    let (mut monitoring, mut events) = follow("monitor --json");
    // It follows from some moment on.
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || tell.send(events.next().unwrap().unwrap()));
    let event = (3..).find_map(|pf| {
        shell.host.plug(pf);
        told.try_recv().ok()
    });
    let event = event.unwrap();
    assert!(
        shell.schema("monitor").is_valid(&parsed(event.as_bytes())),
        "{event}"
    );
    let next = statuses.next().unwrap().unwrap();
    assert!(
        shell.schema("status").is_valid(&parsed(next.as_bytes())),
        "{next}"
    );
    for following in [&mut watching, &mut monitoring] {
        following.kill().unwrap();
        following.wait().unwrap();
    }
    assert!(!first.contains("0003:01:00.0") && first.contains(PF));
}
