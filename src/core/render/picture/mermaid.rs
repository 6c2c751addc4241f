//! A picture for Mermaid, which Markdown viewers show.

use super::{Picture, Tone, colours};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The picture as a Mermaid flowchart.
pub fn mermaid(picture: &Picture) -> String {
    let mut text = String::from("flowchart LR\n");
    // Ids there are words.
    let ids: BTreeMap<&str, String> = picture
        .boxes
        .iter()
        .enumerate()
        .map(|(at, it)| (it.id.as_str(), format!("n{at}")))
        .collect();
    let id = |name: &str| ids.get(name).cloned().unwrap_or_default();
    for it in &picture.boxes {
        let (title, subtitle) = (escaped(&it.title), escaped(&it.subtitle));
        let label = match it.subtitle.is_empty() {
            true => title,
            false => format!("{title}<br>{subtitle}"),
        };
        // Writing to a text cannot fail.
        let _ = writeln!(text, "  {}[\"{label}\"]:::{}", id(&it.id), class(it.tone));
    }
    for line in &picture.lines {
        let _ = writeln!(text, "  {} --> {}", id(&line.from), id(&line.to));
    }
    for tone in [
        Tone::Plain,
        Tone::Good,
        Tone::Changing,
        Tone::Bad,
        Tone::Taken,
    ] {
        let (fill, border) = colours(tone);
        let class = class(tone);
        let _ = writeln!(
            text,
            "  classDef {class} fill:{fill},stroke:{border},color:#000"
        );
    }
    text
}

fn class(tone: Tone) -> &'static str {
    match tone {
        Tone::Plain => "plain",
        Tone::Good => "good",
        Tone::Changing => "changing",
        Tone::Bad => "bad",
        Tone::Taken => "taken",
    }
}

/// Whatever could end the label or be markup, by its number.
fn escaped(text: &str) -> String {
    let escape = |c: char| match c {
        '"' | '<' | '>' | '&' | '#' | ';' | '`' => format!("#{};", u32::from(c)),
        c if c.is_control() => " ".to_owned(),
        c => c.to_string(),
    };
    text.chars().map(escape).collect()
}
