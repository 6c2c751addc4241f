//! Of one file each reads what is its own.

use super::*;

fn parse(text: &str) -> Result<Bridge, Vec<String>> {
    let parsed = Bridge::parse(Path::new("f"), text);
    parsed.map_err(|faults| faults.iter().map(Diagnostic::one_line).collect())
}

#[test]
fn a_bridge_reads_its_own_keys_and_leaves_all_others_to_the_agent() {
    let text = "log_level = 7\nunheard = true\n[api]\nsocket = \"/s\"\nlisten = 3\nadmin_group = \"a\"\n\
                [limits]\nstep_deadline = -1\n[vf_operator]\nenabled = true\nrest = \"/r\"\n";
    let read = parse(text).unwrap();
    assert_eq!(
        (read.socket, read.admin_group.as_deref()),
        ("/s".into(), Some("a"))
    );
    let VfOperator {
        enabled,
        rest,
        grpc,
    } = read.vf_operator;
    assert!(enabled);
    assert_eq!(
        (rest, grpc),
        (Place::Socket("/r".into()), VfOperator::default().grpc)
    );
    let nothing = parse("").unwrap();
    assert_eq!(nothing.socket, PathBuf::from(SOCKET));
    assert!(!nothing.vf_operator.enabled);
}

#[test]
fn what_is_wrong_with_its_own_keys_is_told_with_its_place() {
    for (text, said) in [
        ("[vf_operator]\nenabled = 1", "bad value for \"enabled\""),
        ("[vf_operator]\nrset = \"/r\"", "unknown key \"rset\""),
        ("[api]\nsocket = \"s\"", "bad value for \"socket\""),
        (
            "[vf_operator]\nrest = \"/r\"\ngrpc = \"/r\"",
            "\"rest\" is in the same place",
        ),
        ("vf_operator = 3", "vf_operator"),
        ("[vf_operator", ""),
    ] {
        let faults = parse(text).unwrap_err();
        assert_eq!(faults.len(), 1, "{text}: {faults:?}");
        assert!(faults[0].contains(said), "{text}: {faults:?}");
    }
}
