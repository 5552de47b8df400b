//! What the alerter asks of the stores: numbers of the metrics store for its rules, and what a page brings along.

use crate::alert::Labels;
use crate::notification::Evidence;
use logweir_base::ids::Position;
use logweir_base::time::Timestamp;

/// A number of a series.
pub type Number = (Labels, f64);

/// Asks the stores. It blocks, for a bounded time.
pub trait Senses: Send {
    /// Waits until the metrics store has all up to a position; false when that takes too long.
    fn wait_covers(&self, position: Position) -> bool;

    /// What a PromQL expression gives at a time. The text of an error says why it gives nothing.
    fn numbers(&self, promql: &str, at: Timestamp) -> Result<Vec<Number>, String>;

    /// What there is to look at where a query finds records with these labels: traces, patterns that changed, hosts.
    fn evidence(&self, query: &str, labels: &Labels, since: Timestamp, now: Timestamp) -> Evidence;
}
