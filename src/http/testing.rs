//! Records for tests: one line, looked at as the router looks at it.

use bytes::Bytes;
use logweir_base::batch::{Batch, BatchLine, Codec, LineMeta};
use logweir_base::frame::Resource;
use logweir_base::ids::{Epoch, Offset, SourceId};
use logweir_base::parse::{Parser, RecordView, look};
use logweir_base::time::Timestamp;
use std::sync::Arc;

/// Hands `line` to `act` as a record of host `h1` and file `/a.log`, whose source has the label `team=shop`.
pub(super) fn with_view<T>(line: &str, act: impl FnOnce(&RecordView<'_>) -> T) -> T {
    let labels = [("team".to_owned(), "shop".to_owned())].into();
    let resource = Resource { host: "h1".into(), path: "/a.log".into(), labels, ..Resource::default() };
    let len = u32::try_from(line.len()).expect("a short line");
    let batch = Batch {
        source: SourceId([3; 16]),
        epoch: Epoch(1),
        first_start: Offset(0),
        lines: vec![BatchLine { range_len: len, text_len: len, meta: LineMeta::default() }],
        codec: Codec::None,
        text_len: len,
        payload: Bytes::copy_from_slice(line.as_bytes()),
    };
    let received = Timestamp::from_seconds(1_800_000_000);
    let batch = look(&batch, Arc::new(resource), received, &mut Parser::new()).expect("a sound batch");
    act(&batch.view(&batch.records[0]))
}
