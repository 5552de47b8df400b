//! `logweir search`: asks for hits or for a table, and prints what comes.

use super::hit::Answer;
use super::request::{Ask, ClientError, Server};
use super::table::{Row, TableView};
use super::view::HitView;
use super::{Order, Output, judge};
use crate::terminal::{Screen, note, remark};
use std::io::Write;

/// What `search` looks for.
#[derive(Debug, Clone)]
pub struct Search {
    /// The query and its pipes.
    pub query: String,
    /// Not before; as typed.
    pub since: Option<String>,
    /// Before; as typed.
    pub until: Option<String>,
    /// Hits at most; 0 means all.
    pub limit: Option<u64>,
    /// Which first.
    pub order: Order,
    /// What is found in this time is the answer; as typed.
    pub timeout: Option<String>,
}

impl Search {
    fn ask(&self) -> Ask {
        let mut ask = Ask::new("/api/v1/search").param("q", &self.query);
        ask = ask.param("order", if self.order == Order::Oldest { "oldest" } else { "newest" });
        let limit = self.limit.map(|limit| limit.to_string());
        for (name, value) in
            [("limit", &limit), ("since", &self.since), ("until", &self.until), ("timeout", &self.timeout)]
        {
            if let Some(value) = value {
                ask = ask.param(name, value);
            }
        }
        ask
    }
}

/// Prints the hits of a search, or its table. No hit is not an error; an answer that was cut, or is partial, is.
pub fn search<W: Write>(
    server: &Server,
    search: &Search,
    output: Output,
    screen: &mut Screen<W>,
) -> Result<(), ClientError> {
    let mut lines = server.ask(&search.ask())?;
    let (mut hits, mut table, mut summary) = (HitView::new(output), None::<TableView>, None);
    while let Some(line) = lines.next_line()? {
        if let Some(table) = &mut table {
            match Row::parse(line).map_err(|e| server.nonsense(&e))? {
                Row::Cells(cells) => table.take(line, cells, screen)?,
                Row::Summary(found) => summary = Some(found),
            }
            continue;
        }
        let answer = Answer::parse(line).map_err(|e| server.nonsense(&e))?;
        match (answer.hit.columns.as_deref(), answer.hit.summary.as_ref()) {
            (Some(columns), _) => table = Some(TableView::new(columns, output)),
            (None, Some(found)) => summary = Some(found.clone()),
            (None, None) => hits.print(&answer, screen)?,
        }
    }
    match &table {
        Some(table) => table.finish(screen)?,
        None => hits.finish(screen)?,
    }
    let summary = judge(server, summary, screen)?;
    if output == Output::Text && summary.hits == Some(0) {
        note(&nothing_found(&search.query));
    }
    if let Some(metric) = summary.counted_by.filter(|_| output == Output::Text) {
        remark(&format!("from the metric {metric}"));
    }
    Ok(())
}

/// What to say when nothing was found; a query in another dialect finds nothing without being wrong.
fn nothing_found(query: &str) -> String {
    let is_name =
        |name: &str| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "._-".contains(c));
    let other =
        query.split_whitespace().find_map(|word| word.split_once('=').filter(|(name, _)| is_name(name)));
    match other {
        Some((name, value)) => {
            let value = value.trim_start_matches('=');
            format!(
                "nothing found; `{name}={value}` looks for the words, a field is asked for by `{name}:{value}`"
            )
        }
        None => "nothing found".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_in_another_dialect_is_pointed_at() {
        let check = |query: &str, part: &str| assert!(nothing_found(query).contains(part), "{query}");
        check("level=error", "`level:error`");
        check("a http.status==502", "`http.status:502`");
        assert_eq!(nothing_found("a:\"b=c\""), "nothing found");
        assert_eq!(nothing_found("a"), "nothing found");
    }
}
