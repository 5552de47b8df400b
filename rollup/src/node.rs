//! Names of Prometheus' node exporter, for those who know its dashboards: a query for `node_load1` gets
//! `system_cpu_load_average_1m` under that name, with the labels it would have there, and `instance` for the host.
//!
//! Only a query that names the metric exactly is translated. Series that really have the name, from a node exporter that is
//! scraped, are found too.

use crate::select::{Answer, MatchOp, Matcher, SelectError, Selected, SeriesPoints, Source, Span};
use logweir_base::metric::Labels;
use logweir_base::metric::labels::NAME;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A metric of the node exporter, and what it is here.
struct Node {
    node: &'static str,
    system: &'static str,
    /// Labels here that the name says there.
    fixed: &'static [(&'static str, &'static str)],
    /// A label here over whose values is summed, as there it is one number.
    summed: Option<&'static str>,
}

const fn node(
    node: &'static str,
    system: &'static str,
    fixed: &'static [(&'static str, &'static str)],
) -> Node {
    Node { node, system, fixed, summed: None }
}

const fn sum(node: &'static str, system: &'static str, summed: &'static str) -> Node {
    Node { node, system, fixed: &[], summed: Some(summed) }
}

const READ: &[(&str, &str)] = &[("direction", "read")];
const WRITE: &[(&str, &str)] = &[("direction", "write")];
const RECEIVE: &[(&str, &str)] = &[("direction", "receive")];
const TRANSMIT: &[(&str, &str)] = &[("direction", "transmit")];
const FREE: &[(&str, &str)] = &[("state", "free")];

const NODES: &[Node] = &[
    node("node_boot_time_seconds", "system_boot_time_seconds", &[]),
    node("node_context_switches_total", "system_context_switches_total", &[]),
    node("node_cpu_seconds_total", "system_cpu_time_seconds_total", &[]),
    node("node_disk_io_now", "system_disk_pending_operations", &[]),
    node("node_disk_io_time_seconds_total", "system_disk_io_time_seconds_total", &[]),
    node("node_disk_io_time_weighted_seconds_total", "system_disk_weighted_io_time_seconds_total", &[]),
    node("node_disk_read_bytes_total", "system_disk_io_bytes_total", READ),
    node("node_disk_read_time_seconds_total", "system_disk_operation_time_seconds_total", READ),
    node("node_disk_reads_completed_total", "system_disk_operations_total", READ),
    node("node_disk_reads_merged_total", "system_disk_merged_total", READ),
    node("node_disk_write_time_seconds_total", "system_disk_operation_time_seconds_total", WRITE),
    node("node_disk_writes_completed_total", "system_disk_operations_total", WRITE),
    node("node_disk_writes_merged_total", "system_disk_merged_total", WRITE),
    node("node_disk_written_bytes_total", "system_disk_io_bytes_total", WRITE),
    node("node_filefd_allocated", "system_filedescriptors_allocated", &[]),
    node("node_filefd_maximum", "system_filedescriptors_limit", &[]),
    node("node_filesystem_avail_bytes", "system_filesystem_usage_bytes", FREE),
    node("node_filesystem_files_free", "system_filesystem_inodes_usage", FREE),
    sum("node_filesystem_files", "system_filesystem_inodes_usage", "state"),
    sum("node_filesystem_size_bytes", "system_filesystem_usage_bytes", "state"),
    node("node_forks_total", "system_processes_created_total", &[]),
    node("node_intr_total", "system_interrupts_total", &[]),
    node("node_load1", "system_cpu_load_average_1m", &[]),
    node("node_load5", "system_cpu_load_average_5m", &[]),
    node("node_load15", "system_cpu_load_average_15m", &[]),
    node("node_memory_Buffers_bytes", "system_memory_usage_bytes", &[("state", "buffered")]),
    node("node_memory_Cached_bytes", "system_memory_usage_bytes", &[("state", "cached")]),
    node("node_memory_MemAvailable_bytes", "system_linux_memory_available_bytes", &[]),
    node("node_memory_MemFree_bytes", "system_memory_usage_bytes", FREE),
    node("node_memory_MemTotal_bytes", "system_memory_limit_bytes", &[]),
    node("node_memory_SReclaimable_bytes", "system_memory_usage_bytes", &[("state", "slab_reclaimable")]),
    node("node_memory_SUnreclaim_bytes", "system_memory_usage_bytes", &[("state", "slab_unreclaimable")]),
    node("node_memory_SwapFree_bytes", "system_paging_usage_bytes", FREE),
    sum("node_memory_SwapTotal_bytes", "system_paging_usage_bytes", "state"),
    node("node_network_receive_bytes_total", "system_network_io_bytes_total", RECEIVE),
    node("node_network_receive_drop_total", "system_network_packet_dropped_total", RECEIVE),
    node("node_network_receive_errs_total", "system_network_errors_total", RECEIVE),
    node("node_network_receive_packets_total", "system_network_packets_total", RECEIVE),
    node("node_network_transmit_bytes_total", "system_network_io_bytes_total", TRANSMIT),
    node("node_network_transmit_drop_total", "system_network_packet_dropped_total", TRANSMIT),
    node("node_network_transmit_errs_total", "system_network_errors_total", TRANSMIT),
    node("node_network_transmit_packets_total", "system_network_packets_total", TRANSMIT),
    node(
        "node_pressure_cpu_waiting_seconds_total",
        "system_pressure_waiting_seconds_total",
        &[("resource", "cpu"), ("kind", "some")],
    ),
    node(
        "node_pressure_io_stalled_seconds_total",
        "system_pressure_waiting_seconds_total",
        &[("resource", "io"), ("kind", "full")],
    ),
    node(
        "node_pressure_io_waiting_seconds_total",
        "system_pressure_waiting_seconds_total",
        &[("resource", "io"), ("kind", "some")],
    ),
    node(
        "node_pressure_memory_stalled_seconds_total",
        "system_pressure_waiting_seconds_total",
        &[("resource", "memory"), ("kind", "full")],
    ),
    node(
        "node_pressure_memory_waiting_seconds_total",
        "system_pressure_waiting_seconds_total",
        &[("resource", "memory"), ("kind", "some")],
    ),
    node("node_procs_blocked", "system_processes_count", &[("status", "blocked")]),
    node("node_procs_running", "system_processes_count", &[("status", "running")]),
    node("node_vmstat_pgmajfault", "system_paging_faults_total", &[("type", "major")]),
    node(
        "node_vmstat_pswpin",
        "system_paging_operations_total",
        &[("direction", "page_in"), ("type", "major")],
    ),
    node(
        "node_vmstat_pswpout",
        "system_paging_operations_total",
        &[("direction", "page_out"), ("type", "major")],
    ),
];

/// Label here, label there. All others have the same name.
const RENAMED: [(&str, &str); 3] = [("host", "instance"), ("state", "mode"), ("type", "fstype")];
/// States of processors here and there.
const MODES: [(&str, &str); 2] = [("wait", "iowait"), ("interrupt", "irq")];

/// A source that knows both names.
pub struct NodeNames<S>(pub S);

impl<S: Source> Source for NodeNames<S> {
    fn select(&self, matchers: &[Matcher], span: Span) -> Result<Answer, SelectError> {
        let mut answer = self.0.select(matchers, span)?;
        let wanted = matchers.iter().find_map(|matcher| match &matcher.op {
            MatchOp::Equal(name) if matcher.name == NAME => NODES.iter().find(|node| node.node == name),
            _ => None,
        });
        if let Some(node) = wanted {
            let found = self.0.select(&ours(node), span)?;
            let named = found.series.into_iter().map(|series| renamed(node, series));
            let (named, others) = (sums(named), matchers.iter().filter(|matcher| matcher.name != NAME));
            let others: Vec<_> = others.collect();
            let passes = |series: &Selected| others.iter().all(|m| m.passes(series.labels.get(&m.name)));
            answer.series.extend(named.filter(passes));
            answer.warnings.extend(found.warnings);
        }
        Ok(answer)
    }
}

/// What to select here; conditions on labels are judged once these have their names from there.
fn ours(node: &Node) -> Vec<Matcher> {
    let equal =
        |name: &str, value: &str| Matcher { name: name.to_owned(), op: MatchOp::Equal(value.to_owned()) };
    let name = std::iter::once(equal(NAME, node.system));
    name.chain(node.fixed.iter().map(|(name, value)| equal(name, value))).collect()
}

fn renamed(node: &Node, series: Selected) -> Selected {
    let is_said =
        |name: &str| node.summed == Some(name) || node.fixed.iter().any(|(fixed, _)| *fixed == name);
    let kept = series.labels.iter().filter(|(name, _)| *name != NAME && !is_said(name));
    let mut pairs: Vec<(&str, &str)> = kept.map(|(name, value)| pair(name, value)).collect();
    pairs.push((NAME, node.node));
    // Two labels of one name there: then it stays as it is here.
    let labels = Labels::of(&mut pairs).map_or(series.labels, Arc::new);
    Selected { labels, points: series.points }
}

fn pair<'a>(name: &'a str, value: &'a str) -> (&'a str, &'a str) {
    let there = RENAMED.iter().find(|(here, _)| *here == name).map_or(name, |(_, there)| there);
    let value = match there {
        "cpu" => value.strip_prefix("cpu").unwrap_or(value),
        "mode" => MODES.iter().find(|(here, _)| *here == value).map_or(value, |(_, there)| there),
        _ => value,
    };
    (there, value)
}

/// Adds up series that have come to have the same labels, time by time.
fn sums(series: impl Iterator<Item = Selected>) -> impl Iterator<Item = Selected> {
    let mut by_labels: BTreeMap<Arc<Labels>, SeriesPoints> = BTreeMap::new();
    for Selected { labels, points } in series {
        match (by_labels.get_mut(&labels), &points) {
            (Some(SeriesPoints::Samples(sum)), SeriesPoints::Samples(more)) => {
                // They are of one collection, so their times are the same.
                for (time, value) in more.times.iter().zip(&more.values) {
                    if let Ok(at) = sum.times.binary_search(time) {
                        sum.values[at] += value;
                    }
                }
            }
            (Some(SeriesPoints::Windows(sum)), SeriesPoints::Windows(more)) => {
                for row in &more.rows {
                    if let Ok(at) = sum.rows.binary_search_by_key(&row.end, |row| row.end) {
                        let sum = &mut sum.rows[at];
                        (sum.sum, sum.min) = (sum.sum + row.sum, sum.min + row.min);
                        (sum.max, sum.last) = (sum.max + row.max, sum.last + row.last);
                    }
                }
            }
            _ => drop(by_labels.insert(labels, points)),
        }
    }
    by_labels.into_iter().map(|(labels, points)| Selected { labels, points })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::select::Samples;

    struct Host;

    impl Source for Host {
        fn select(&self, matchers: &[Matcher], _: Span) -> Result<Answer, SelectError> {
            let series = |labels: &[(&str, &str)], value: f64| Selected {
                labels: Arc::new(Labels::known(labels)),
                points: SeriesPoints::Samples(Samples { times: vec![1, 2], values: vec![value, value] }),
            };
            let size = |state, value| {
                let name = "system_filesystem_usage_bytes";
                series(&[(NAME, name), ("type", "ext4"), ("host", "h"), ("state", state)], value)
            };
            let time = |state, value| {
                let name = "system_cpu_time_seconds_total";
                series(&[(NAME, name), ("cpu", "cpu3"), ("state", state), ("host", "h")], value)
            };
            let all = vec![size("used", 5.0), size("free", 7.0), time("wait", 1.0), time("idle", 9.0)];
            let passes = |s: &Selected| matchers.iter().all(|m| m.passes(s.labels.get(&m.name)));
            Ok(Answer { series: all.into_iter().filter(passes).collect(), warnings: Vec::new() })
        }
    }

    fn check(matchers: &[(&str, &str)], expected: &[(&str, f64)]) {
        let equal = |(name, value): &(&str, &str)| Matcher {
            name: (*name).to_owned(),
            op: MatchOp::Equal((*value).to_owned()),
        };
        let matchers: Vec<_> = matchers.iter().map(equal).collect();
        let answer = NodeNames(Host).select(&matchers, Span { start: 0, end: 9 }).expect("answers");
        let value = |points: &SeriesPoints| match points {
            SeriesPoints::Samples(samples) => samples.values[1],
            SeriesPoints::Windows(_) => panic!("these are samples"),
        };
        let found: Vec<_> = answer.series.iter().map(|s| (s.labels.to_string(), value(&s.points))).collect();
        let expected: Vec<_> =
            expected.iter().map(|(labels, value)| ((*labels).to_owned(), *value)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn names_labels_and_values_are_those_of_the_node_exporter() {
        let idle = "node_cpu_seconds_total{cpu=\"3\", instance=\"h\", mode=\"idle\"}";
        let wait = "node_cpu_seconds_total{cpu=\"3\", instance=\"h\", mode=\"iowait\"}";
        check(&[(NAME, "node_cpu_seconds_total")], &[(idle, 9.0), (wait, 1.0)]);
        check(&[(NAME, "node_cpu_seconds_total"), ("mode", "iowait")], &[(wait, 1.0)]);
        let there = "{fstype=\"ext4\", instance=\"h\"}";
        check(
            &[(NAME, "node_filesystem_size_bytes")],
            &[(&format!("node_filesystem_size_bytes{there}"), 12.0)],
        );
        check(
            &[(NAME, "node_filesystem_avail_bytes")],
            &[(&format!("node_filesystem_avail_bytes{there}"), 7.0)],
        );
        check(&[(NAME, "node_load1")], &[]);
    }

    #[test]
    fn every_name_is_there_once() {
        let mut names: Vec<_> = NODES.iter().map(|node| node.node).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), NODES.len());
    }
}
