//! Rotation, deletion, links, incomplete lines: what applications and logrotate do to files.

use crate::model::Bench;

#[test]
fn a_growing_file_is_sent_line_by_line() {
    let mut bench = Bench::new(&["*.log"]);
    bench.append("a.log", Bench::numbered(0..10));
    bench.step();
    bench.append("a.log", Bench::numbered(10..20));
    bench.step();
    bench.step();
    bench.assert_numbered(0..20);
    assert_eq!(bench.model.duplicates, 0);
    assert_eq!(bench.model.only().open.resource.path, bench.path("a.log").display().to_string());
}
