//! Queueing disciplines as the kernel sends them.

use super::QueueDiscipline;

fn message(handle: u32, kind: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 4];
    for word in [5, handle, u32::MAX, 2] {
        bytes.extend(word.to_ne_bytes());
    }
    let length = u16::try_from(4 + kind.len()).unwrap();
    bytes.extend([length.to_ne_bytes(), 1_u16.to_ne_bytes()].concat());
    bytes.extend(kind);
    bytes
}

#[test]
fn those_with_a_handle_are_somebodys_choice() {
    let read = |handle, kind: &[u8]| QueueDiscipline::parse(&message(handle, kind)).unwrap();
    let default = read(0, b"fq_codel\0").unwrap();
    assert_eq!((default.interface, default.kind.as_str()), (5, "fq_codel"));
    assert!(!default.is_chosen());
    let filters = read(0xffff_0000, b"clsact\0").unwrap();
    assert!(filters.is_chosen());
    assert_eq!(filters.kind, "clsact");
    for length in 0..20 {
        QueueDiscipline::parse(&message(1, b"")[..length]).unwrap_err();
    }
}
