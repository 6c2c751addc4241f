//! Tables in HTML.

use maud::{Markup, html};

pub(super) fn table(heads: &[&str], rows: &[Markup]) -> Markup {
    html! {
        @if !rows.is_empty() {
            table {
                tr { @for head in heads { th { (head) } } }
                @for row in rows { (row) }
            }
        }
    }
}

pub(super) fn row(class: &str, cells: &[String]) -> Markup {
    html! { tr class=(class) { @for cell in cells { td { (cell) } } } }
}
