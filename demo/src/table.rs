//! The table at the end.

use std::time::Duration;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

/// One line of the table.
pub struct Row {
    /// What went wrong.
    pub injected: String,
    /// What was asked.
    pub request: String,
    /// The status of the answer, or of how many answers which.
    pub http: String,
    /// What a person takes from it.
    pub read: String,
    /// How many were made meanwhile.
    pub calls: u64,
    /// How long it took.
    pub took: Duration,
    /// What is not as promised.
    pub broken_promise: Option<String>,
}

/// Fits a README and most terminals.
const WIDTH: u16 = 120;

/// The table, for a terminal.
pub fn draw(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN).set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
    table.set_header(["what was injected", "request", "HTTP", "what the client read", "calls", "time", "verdict"]);
    for row in rows {
        table.add_row([
            row.injected.clone(),
            row.request.clone(),
            row.http.clone(),
            row.read.clone(),
            row.calls.to_string(),
            format!("{} ms", row.took.as_millis()),
            row.broken_promise.clone().unwrap_or_else(|| "as promised".into()),
        ]);
    }
    for numeric in [4, 5] {
        if let Some(column) = table.column_mut(numeric) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}
