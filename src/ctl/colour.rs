//! Colours: always put in, and left out by `output::text` where nobody wants them.

use anstyle::{AnsiColor, Style};
use sriovd_core::report::PfState;

pub(super) const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const CHANGING: Style = AnsiColor::Yellow.on_default();
pub(super) const BAD: Style = AnsiColor::Red.on_default();
pub(super) const FAINT: Style = Style::new().dimmed();
pub(super) const TAKEN: Style = AnsiColor::Blue.on_default();
pub(super) const TITLE: Style = Style::new().bold();

pub(super) fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

pub(super) fn of_state(state: PfState) -> Style {
    match state {
        PfState::Ready => GOOD,
        PfState::Paused | PfState::Changing => CHANGING,
        PfState::Refused | PfState::Failed | PfState::Hung => BAD,
        PfState::Unmanaged => FAINT,
    }
}
