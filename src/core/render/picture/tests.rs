//! What is in a picture, that it stays readable, and that names cannot break out of it.

use super::*;
use crate::model::bridge::{Bridge, BridgePort, OpenVswitch};
use crate::model::{Holder, Representor};
use crate::render::fixture::{ManagedHost, claim, network, parse, pf};

fn draw(world: &ManagedHost, networks: &[Network]) -> Picture {
    picture(&Subject {
        host: &world.host,
        resolutions: &world.resolutions,
        reports: &BTreeMap::new(),
        networks,
        given: &BTreeMap::new(),
    })
}

fn in_column(picture: &Picture, column: Column) -> Vec<&PictureBox> {
    let boxes = picture.boxes.iter();
    boxes.filter(|it| it.column == column).collect()
}

/// So many PFs with so many VFs, of which the second half is another pool.
fn world(pfs: u8, vfs: u16) -> ManagedHost {
    let half = vfs / 2;
    let second = format!("{half}-{}", vfs - 1);
    let first = format!("0-{}", half - 1);
    ManagedHost::of((1..=pfs).map(|bus| {
        let claims = vec![claim("kernel", Some(&first)), claim("user", Some(&second))];
        (pf(bus, vfs), claims)
    }))
}

#[test]
fn few_vfs_are_single_boxes_and_many_fold() {
    let few = draw(&world(2, 8), &[]);
    assert_eq!(in_column(&few, Column::Vfs).len(), 16);
    let many = draw(&world(16, 64), &[]);
    let folded = in_column(&many, Column::Vfs);
    assert_eq!(folded.len(), 32);
    assert_eq!(
        folded.iter().map(|it| it.stands_for).sum::<usize>(),
        16 * 64
    );
    assert_eq!(folded[0].title, "VFs 0-31 (32)");
    assert_eq!(in_column(&many, Column::Pool).len(), 2);
}

#[test]
fn a_vf_in_use_has_a_box_of_its_own_and_a_line_to_its_holder() {
    let mut world = world(1, 64);
    let holder = Holder::Enslaved { to: parse("br0") };
    let pf = world.host.pfs.values_mut().next().unwrap();
    pf.holders = Some([(VfIndex(3), [holder.clone()].into())].into());
    let picture = draw(&world, &[]);
    let vfs = in_column(&picture, Column::Vfs);
    let titles: Vec<_> = vfs.iter().map(|it| it.title.as_str()).collect();
    assert_eq!(titles, ["VFs 0-2,4-31 (31)", "VF 3", "VFs 32-63 (32)"]);
    assert_eq!(vfs[1].tone, Tone::Taken);
    let to = format!("holder:{holder}");
    assert!(
        picture
            .lines
            .iter()
            .any(|it| it.from == vfs[1].id && it.to == to)
    );
}

#[test]
fn a_bridge_has_lines_from_the_pf_and_from_vfs_whose_representors_are_its_ports() {
    let mut world = world(1, 4);
    let pf = world.host.pfs.values_mut().next().unwrap();
    for (index, vf) in &mut pf.vfs {
        vf.representor = Some(Representor {
            index: 30 + u32::from(index.0),
            name: parse(&format!("rep{index}")),
            name_is_final: true,
            mtu: 1500.try_into().unwrap(),
            up: true,
            tc_offload: None,
        });
    }
    let port = BridgePort {
        is_up_to_date: true,
        ..BridgePort::default()
    };
    let bridge = |made_for, ports: &[&str]| Bridge {
        made_for,
        ports: (ports.iter())
            .map(|name| ((*name).to_owned(), port.clone()))
            .collect(),
        ..Bridge::default()
    };
    let own = bridge(Some(pf.address), &["rep0", "rep1"]);
    let others = [
        ("br-own", own),
        ("br-other", bridge(None, &["rep3"])),
        ("br-far", bridge(None, &[])),
    ];
    pf.open_vswitch = Some(OpenVswitch {
        bridges: others.map(|(name, it)| (name.to_owned(), it)).into(),
        ..OpenVswitch::default()
    });
    let picture = draw(&world, &[]);
    let bridges = in_column(&picture, Column::Bridge);
    let tones: Vec<_> = bridges.iter().map(|it| (&*it.title, it.tone)).collect();
    assert_eq!(tones, [("br-other", Tone::Plain), ("br-own", Tone::Good)]);
    let from = |to: &str| {
        let lines = picture.lines.iter().filter(|line| line.to == to);
        lines.map(|line| &line.from[..2]).collect::<Vec<_>>()
    };
    assert_eq!(from("bridge:br-own"), ["pf", "vf", "vf"]);
    assert_eq!(from("bridge:br-other"), ["vf"]);
}

#[test]
fn every_line_has_two_ends_and_every_id_is_there_once() {
    for picture in [draw(&world(2, 8), &[]), draw(&world(16, 64), &[])] {
        let ids: BTreeSet<_> = picture.boxes.iter().map(|it| &it.id).collect();
        assert_eq!(ids.len(), picture.boxes.len());
        for line in &picture.lines {
            assert!(
                ids.contains(&line.from) && ids.contains(&line.to),
                "{line:?}"
            );
        }
    }
}

#[test]
fn boxes_do_not_overlap() {
    let text = svg(&draw(&world(16, 64), &[]));
    let places = text.lines().filter_map(|line| {
        let rest = line.split_once("<rect x=\"")?.1;
        let (x, rest) = rest.split_once("\" y=\"")?;
        let (y, _) = rest.split_once('"')?;
        Some((x.parse::<usize>().ok()?, y.parse::<usize>().ok()?))
    });
    let mut places: Vec<_> = places.collect();
    places.sort_unstable();
    assert!(places.len() > 48, "{}", places.len());
    for pair in places.windows(2) {
        let ((x, y), (next_x, next_y)) = (pair[0], pair[1]);
        assert!(x != next_x || y + 38 <= next_y, "{pair:?}");
    }
}

#[test]
fn a_name_cannot_end_what_it_stands_in() {
    let mut world = world(1, 2);
    let pf = world.host.pfs.values_mut().next().unwrap();
    let holder = Holder::Namespace {
        name: Some("<script>\"];\n\\\"x".to_owned()),
    };
    pf.holders = Some([(VfIndex(0), [holder].into())].into());
    let picture = draw(&world, &[]);
    assert!(!svg(&picture).contains("<script"));
    let texts = [dot(&picture), mermaid(&picture)];
    for text in &texts {
        assert!(!text.contains("];\n\\"), "{text}");
    }
    assert!(!texts[1].contains("<script"));
    // Every quotation mark within a label is escaped: an even number of plain ones on each line.
    for line in texts[0].lines() {
        let plain = line.replace("\\\\", "").replace("\\\"", "");
        assert_eq!(plain.matches('"').count() % 2, 0, "{line}");
    }
}

#[test]
fn a_network_is_at_the_vf_that_it_has() {
    let world = world(2, 4);
    let networks = ["a", "b", "c"].map(|name| network(name, Some("kernel")));
    let vf = |bus: u8, vf: u16| crate::render::fixture::vf(bus, vf).address;
    let given = [("a", vf(2, 1)), ("b", vf(1, 0))].map(|(name, vf)| (parse(name), vf));
    let picture = picture(&Subject {
        host: &world.host,
        resolutions: &world.resolutions,
        reports: &BTreeMap::new(),
        networks: &networks,
        given: &given.into(),
    });
    let from = |network: &str| {
        let to = format!("network:{network}");
        let lines = picture.lines.iter().filter(|line| line.to == to);
        let lines = lines.filter(|line| line.from.starts_with("vf:"));
        lines.map(|line| line.from.clone()).collect::<Vec<_>>()
    };
    assert_eq!(from("a"), ["vf:0000:02:00.0#1"]);
    assert_eq!(from("b"), ["vf:0000:01:00.0#0"]);
    assert_eq!(from("c"), [""; 0]);
}
