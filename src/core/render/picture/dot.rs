//! A picture for Graphviz.

use super::{Column, Picture, colours};
use std::fmt::Write;

/// The picture in Graphviz's language, for `dot -Tsvg`.
pub fn dot(picture: &Picture) -> String {
    let mut text = String::from(
        "digraph sriovd {\n  rankdir=LR;\n  node [shape=box, style=\"rounded,filled\", fontname=sans];\n",
    );
    for it in &picture.boxes {
        let (fill, border) = colours(it.tone);
        let (id, title, subtitle) = (quoted(&it.id), escaped(&it.title), escaped(&it.subtitle));
        let label = match it.subtitle.is_empty() {
            true => format!("\"{title}\""),
            false => format!("\"{title}\\n{subtitle}\""),
        };
        // Writing to a text cannot fail.
        let _ = writeln!(
            text,
            "  {id} [label={label}, fillcolor=\"{fill}\", color=\"{border}\"];"
        );
    }
    for column in Column::ALL {
        let boxes = picture.boxes.iter().filter(|it| it.column == column);
        let ids: Vec<String> = boxes.map(|it| quoted(&it.id)).collect();
        if !ids.is_empty() {
            let _ = writeln!(text, "  {{ rank=same; {} }}", ids.join("; "));
        }
    }
    for line in &picture.lines {
        let (from, to) = (quoted(&line.from), quoted(&line.to));
        let _ = writeln!(text, "  {from} -> {to};");
    }
    text + "}\n"
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

fn escaped(text: &str) -> String {
    let plain = text.replace(|c: char| c.is_control(), " ");
    plain.replace('\\', "\\\\").replace('"', "\\\"")
}
