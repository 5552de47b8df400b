//! When a search has to end.

use super::SearchRequest;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

/// Whether nobody waits for the answer any more; asked now and then.
#[derive(Clone, Default)]
pub struct Cancel(Option<Arc<dyn Fn() -> bool + Send + Sync>>);

/// What bounds a search in time.
#[derive(Clone)]
pub(super) struct Limits {
    deadline: Option<Instant>,
    cancel: Cancel,
}

impl Cancel {
    /// Ends a search when `asked` says so.
    pub fn when(asked: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(asked)))
    }

    fn is_asked(&self) -> bool {
        self.0.as_ref().is_some_and(|asked| asked())
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Cancel(when asked)" } else { "Cancel(never)" })
    }
}

impl Limits {
    /// Those of a request that begins now.
    pub(super) fn of(request: &SearchRequest) -> Self {
        Self { deadline: request.deadline.map(|span| Instant::now() + span), cancel: request.cancel.clone() }
    }

    pub(super) fn is_over(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline) || self.cancel.is_asked()
    }
}
