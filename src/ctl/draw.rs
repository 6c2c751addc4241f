//! `draw`: the host as a picture, in text or for other programs.

use super::scene::Scene;
use super::{colour, output};
use anstyle::Style;
use sriovd_core::render::picture::{self, Column, Picture, PictureBox, Tone};
use std::collections::BTreeSet;

/// What a picture is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::Args)]
#[group(multiple = false)]
pub(super) struct Format {
    /// As SVG.
    #[arg(long)]
    svg: bool,
    /// For Graphviz.
    #[arg(long)]
    dot: bool,
    /// For Mermaid.
    #[arg(long)]
    mermaid: bool,
}

pub(super) fn draw(scene: &Scene) -> Picture {
    picture::picture(&picture::Subject {
        host: &scene.host,
        resolutions: &scene.resolutions,
        reports: &scene.reports,
        networks: &scene.policies.networks,
        given: scene.given(),
    })
}

pub(super) fn text(picture: &Picture, format: Format) -> String {
    match format {
        Format { svg: true, .. } => picture::svg(picture),
        Format { dot: true, .. } => picture::dot(picture),
        Format { mermaid: true, .. } => picture::mermaid(picture),
        Format { .. } => trees(picture),
    }
}

/// A tree of hardware, and one of what is made of it.
fn trees(picture: &Picture) -> String {
    if !picture.boxes.iter().any(|it| it.column == Column::Pf) {
        return "No SR-IOV NIC is here.\n".to_owned();
    }
    let of = |column| picture.boxes.iter().filter(move |it| it.column == column);
    let hardware = of(Column::NumaNode).map(|node| tree(picture, node));
    let pools = of(Column::Pool).map(|pool| {
        let children = children(picture, pool);
        let networks: Vec<String> = children.map(|it| it.title.clone()).collect();
        let count = vfs_of(picture, pool);
        let tone = if count == 0 { Tone::Bad } else { pool.tone };
        let name = colour::paint(style(tone), &pool.title);
        let vfs = output::counted(count, "VF");
        let networks = match networks.is_empty() {
            true => "no network".to_owned(),
            false => networks.join(", "),
        };
        format!("pool {name}: {vfs} \u{2192} {networks}\n")
    });
    output::paragraphs([hardware.collect(), pools.collect()])
}

fn tree(picture: &Picture, node: &PictureBox) -> String {
    let mut text = format!("{}\n", node.title);
    let pfs: Vec<_> = children(picture, node).collect();
    for (at, pf) in pfs.iter().enumerate() {
        let (branch, trunk) = branches(at + 1 == pfs.len());
        let name = colour::paint(style(pf.tone), &pf.title);
        text += &format!("{branch}{name}  {}\n", pf.subtitle);
        let vfs: Vec<_> = children(picture, pf).collect();
        for (at, vf) in vfs.iter().enumerate() {
            let (branch, _) = branches(at + 1 == vfs.len());
            let name = colour::paint(style(vf.tone), &vf.title);
            let users = users(picture, vf);
            text += &format!("{trunk}{branch}{name}  {}{users}\n", vf.subtitle);
        }
    }
    text
}

/// Before a branch, and before the branches that grow from it.
fn branches(is_last: bool) -> (&'static str, &'static str) {
    match is_last {
        true => ("\u{2514}\u{2500} ", "   "),
        false => ("\u{251c}\u{2500} ", "\u{2502}  "),
    }
}

fn children<'p>(picture: &'p Picture, of: &PictureBox) -> impl Iterator<Item = &'p PictureBox> {
    let lines = picture.lines.iter().filter(|line| line.from == of.id);
    let ids: BTreeSet<&str> = lines.map(|line| line.to.as_str()).collect();
    let boxes = picture.boxes.iter();
    boxes.filter(move |it| ids.contains(it.id.as_str()))
}

fn users(picture: &Picture, vf: &PictureBox) -> String {
    let users = children(picture, vf).map(|it| match it.column {
        Column::Pool => format!(" \u{2192} {}", it.title),
        Column::Network => format!(" ({})", it.title),
        Column::Bridge => format!(", port of {}", it.title),
        _ => format!(", used by {}", it.title),
    });
    users.collect()
}

/// One box may stand for several.
fn vfs_of(picture: &Picture, pool: &PictureBox) -> usize {
    let lines = picture.lines.iter().filter(|line| line.to == pool.id);
    let from: BTreeSet<&str> = lines.map(|line| line.from.as_str()).collect();
    let vfs = picture.boxes.iter();
    let vfs = vfs.filter(|it| from.contains(it.id.as_str()));
    vfs.map(|it| it.stands_for).sum()
}

fn style(tone: Tone) -> Style {
    match tone {
        Tone::Plain => Style::new(),
        Tone::Good => colour::GOOD,
        Tone::Changing => colour::CHANGING,
        Tone::Bad => colour::BAD,
        Tone::Taken => colour::TAKEN,
    }
}
