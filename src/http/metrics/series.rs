//! What the metrics side says of itself: the store, what came over HTTP, and the shipper in this process.

use super::super::Api;
use super::page::Page;
use logweir_shipper::MeterStatus;
use logweir_shipper::meter::scrape::TargetStatus;
use logweir_shipper::meter::statsd::StatsdStatus;

/// Writes all of it.
pub(super) fn write(api: &Api, out: &mut Page) {
    store(api, out);
    receivers(api, out);
    shipper(api, out);
}

fn store(api: &Api, out: &mut Page) {
    let status = api.metrics.0.status();
    out.one("logweir_rollup_series", "gauge", "Series that are known.", status.series);
    let help = "Series that have points and count towards the budgets.";
    out.one("logweir_rollup_series_active", "gauge", help, status.series_active);
    out.help(
        "logweir_rollup_points_total",
        "counter",
        "Points that arrived in the store, by what became of them.",
    );
    let points = status.points;
    for (fate, count) in [
        ("taken", points.taken),
        ("duplicate", points.duplicates),
        ("conflict", points.conflicts),
        ("too_old", points.too_old),
        ("in_future", points.in_future),
        ("overflow", points.overflowed),
        ("not_finite", points.not_finite),
    ] {
        out.sample("logweir_rollup_points_total", &[("fate", fate)], count);
    }
    let help = "Points taken that were earlier than one of their series.";
    out.one("logweir_rollup_late_points_total", "counter", help, points.late);
    let help = "Numbers of log records that metric rules could not take, by reason.";
    out.help("logweir_rollup_refused_numbers_total", "counter", help);
    let refused = status.refused_numbers;
    for (reason, count) in [("negative", refused.negative), ("too_large", refused.too_large)] {
        out.sample("logweir_rollup_refused_numbers_total", &[("reason", reason)], count);
    }
    let help = "Batches of samples that could not be read to their end.";
    out.one("logweir_rollup_bad_batches_total", "counter", help, points.bad_batches);
    let help = "Points beyond a budget of series, by metric.";
    out.help("logweir_rollup_overflow_points_total", "counter", help);
    for (metric, count) in &status.overflows {
        out.sample("logweir_rollup_overflow_points_total", &[("metric", metric)], count);
    }
    out.one("logweir_rollup_blocks", "gauge", "Files of the store.", status.blocks);
    out.one("logweir_rollup_bytes", "gauge", "Their size.", status.block_bytes);
    out.one("logweir_rollup_block_points", "gauge", "Points in them.", status.block_points);
    out.one("logweir_rollup_buffer_bytes", "gauge", "Memory of points in no file yet.", status.head_bytes);
    out.one(
        "logweir_rollup_flushes_total",
        "counter",
        "Times new points were written to files.",
        status.flushes,
    );
    out.one("logweir_rollup_merges_total", "counter", "Merges of files.", status.merges);
    out.one("logweir_rollup_errors_total", "counter", "Failed writes, merges and removals.", status.failures);
}

fn receivers(api: &Api, out: &mut Page) {
    let counts = api.receivers.counts();
    out.help("logweir_receive_requests_total", "counter", "Requests with metrics that were sound.");
    for (protocol, count) in &counts {
        out.sample("logweir_receive_requests_total", &[("protocol", protocol)], count.requests);
    }
    out.help("logweir_receive_bad_requests_total", "counter", "Requests of which nothing could be read.");
    for (protocol, count) in &counts {
        out.sample("logweir_receive_bad_requests_total", &[("protocol", protocol)], count.bad_requests);
    }
    out.help("logweir_receive_samples_total", "counter", "Samples received and made durable.");
    for (protocol, count) in &counts {
        out.sample("logweir_receive_samples_total", &[("protocol", protocol)], count.received.samples);
    }
    out.help("logweir_receive_refused_samples_total", "counter", "Samples that were none, by reason.");
    for (protocol, count) in &counts {
        for (reason, refused) in &count.received.refused {
            let labels = [("protocol", *protocol), ("reason", *reason)];
            out.sample("logweir_receive_refused_samples_total", &labels, refused);
        }
    }
}

fn shipper(api: &Api, out: &mut Page) {
    let meter = api.shipper.snapshot().meter;
    sent(&meter, out);
    statsd(&meter.statsd, out);
    scrapes(&meter.targets, out);
}

fn sent(meter: &MeterStatus, out: &mut Page) {
    let counts = &meter.counts;
    out.one("logweir_meter_samples_total", "counter", "Samples of this host's shipper.", counts.samples);
    let help = "Samples whose labels are over a limit.";
    out.one("logweir_meter_refused_samples_total", "counter", help, counts.samples_refused);
    let help = "Batches of samples dropped since too many waited for the router.";
    out.one("logweir_meter_dropped_batches_total", "counter", help, counts.chunks_dropped);
    out.one("logweir_meter_buffer_bytes", "gauge", "Samples that wait for the router.", counts.bytes_waiting);
}

fn statsd(status: &StatsdStatus, out: &mut Page) {
    let help = "1 for each address where StatsD is listened for, 0 for one that cannot be had.";
    out.help("logweir_statsd_listening", "gauge", help);
    let listening = status.listening.iter().map(|address| (address, 1));
    for (address, is) in listening.chain(status.failing.keys().map(|address| (address, 0))) {
        out.sample("logweir_statsd_listening", &[("address", address)], is);
    }
    out.one("logweir_statsd_values_total", "counter", "Values received by StatsD.", status.values);
    let help = "Values of StatsD beyond its number of series.";
    out.one("logweir_statsd_overflow_values_total", "counter", help, status.overflowed);
    out.help(
        "logweir_statsd_refused_lines_total",
        "counter",
        "Lines of StatsD that were refused, by reason.",
    );
    for (reason, count) in &status.refused_lines {
        out.sample("logweir_statsd_refused_lines_total", &[("reason", reason)], count);
    }
    let help = "Datagrams the kernel dropped as we were too slow, by listener.";
    out.help("logweir_statsd_dropped_datagrams_total", "counter", help);
    for (listener, count) in &status.dropped_datagrams {
        out.sample("logweir_statsd_dropped_datagrams_total", &[("listener", listener)], count);
    }
}

fn scrapes(targets: &[TargetStatus], out: &mut Page) {
    out.help("logweir_scrape_up", "gauge", "1 when a target answered the last time, 0 when not.");
    for target in targets {
        if let Some(up) = target.up {
            let labels = [("job", target.job.as_str()), ("url", target.url.as_str())];
            out.sample("logweir_scrape_up", &labels, u8::from(up));
        }
    }
    let help = "Lines of targets' pages that were refused.";
    out.help("logweir_scrape_refused_samples_total", "counter", help);
    for target in targets {
        let labels = [("job", target.job.as_str()), ("url", target.url.as_str())];
        out.sample("logweir_scrape_refused_samples_total", &labels, target.refused_total);
    }
}
