//! A picture as SVG: columns of boxes with curves between them, nothing from elsewhere.

use super::{Column, Picture, PictureBox, colours};
use std::collections::BTreeMap;
use std::fmt::Write;

const WIDTH: usize = 210;
const HEIGHT: usize = 38;
/// Between columns, and between boxes.
const GAP: usize = 70;
const SPACE: usize = 10;
const MARGIN: usize = 20;
/// What fits into a box.
const TITLE: usize = 27;
const SUBTITLE: usize = 34;

type Places<'p> = BTreeMap<&'p str, (usize, usize)>;

/// The picture as an SVG document, which refers to nothing outside it.
pub fn svg(picture: &Picture) -> String {
    let used: Vec<Column> = Column::ALL
        .into_iter()
        .filter(|column| picture.boxes.iter().any(|it| it.column == *column))
        .collect();
    let in_column = |column| picture.boxes.iter().filter(move |it| it.column == column);
    let rows = used.iter().map(|column| in_column(*column).count()).max();
    let tallest = rows.unwrap_or_default() * (HEIGHT + SPACE);
    let mut places = Places::new();
    for (at, column) in used.iter().enumerate() {
        let count = in_column(*column).count();
        // Spread over the height, so that lines run level.
        let step = tallest / count.max(1);
        for (row, it) in in_column(*column).enumerate() {
            let x = MARGIN + at * (WIDTH + GAP);
            let y = MARGIN + row * step + step.saturating_sub(HEIGHT) / 2;
            places.insert(it.id.as_str(), (x, y));
        }
    }
    let width = (2 * MARGIN + used.len() * (WIDTH + GAP)).saturating_sub(GAP);
    let height = 2 * MARGIN + tallest;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" role=\"img\">\n\
         <title>PFs, VFs, pools and networks</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    curves(&mut text, picture, &places);
    for it in &picture.boxes {
        draw(&mut text, it, &places);
    }
    text + "</svg>\n"
}

fn curves(text: &mut String, picture: &Picture, places: &Places<'_>) {
    for line in &picture.lines {
        let ends = (places.get(line.from.as_str()), places.get(line.to.as_str()));
        let (Some(&(x, y)), Some(&(to_x, to_y))) = ends else {
            continue;
        };
        let (x, y, to_y) = (x + WIDTH, y + HEIGHT / 2, to_y + HEIGHT / 2);
        let middle = (x + to_x) / 2;
        // Writing to a text cannot fail.
        let _ = writeln!(
            text,
            "<path d=\"M{x} {y}C{middle} {y} {middle} {to_y} {to_x} {to_y}\" fill=\"none\" \
             stroke=\"#9aa0a6\"/>"
        );
    }
}

fn draw(text: &mut String, it: &PictureBox, places: &Places<'_>) {
    let Some(&(x, y)) = places.get(it.id.as_str()) else {
        return;
    };
    let (fill, border) = colours(it.tone);
    let (all, below) = (escaped(&it.title), escaped(&it.subtitle));
    let (title, subtitle) = (cut(&it.title, TITLE), cut(&it.subtitle, SUBTITLE));
    let (left, first) = (x + 8, y + if it.subtitle.is_empty() { 24 } else { 16 });
    let second = y + 31;
    let _ = writeln!(
        text,
        "<g><title>{all} {below}</title><rect x=\"{x}\" y=\"{y}\" width=\"{WIDTH}\" \
         height=\"{HEIGHT}\" rx=\"6\" fill=\"{fill}\" stroke=\"{border}\"/>\
         <text x=\"{left}\" y=\"{first}\" font-size=\"13\" font-weight=\"bold\">{title}</text>\
         <text x=\"{left}\" y=\"{second}\" font-size=\"11\" fill=\"#444\">{subtitle}</text></g>"
    );
}

fn cut(text: &str, most: usize) -> String {
    match text.chars().count() > most {
        true => escaped(&(text.chars().take(most - 1).collect::<String>() + "…")),
        false => escaped(text),
    }
}

fn escaped(text: &str) -> String {
    let escape = |c: char| match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        c if c.is_control() => " ".to_owned(),
        c => c.to_string(),
    };
    text.chars().map(escape).collect()
}
