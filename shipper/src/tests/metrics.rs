//! The metrics side over a real socket, against the model router.

use super::socket::Router;
use crate::config::ShipConfig;
use crate::connection::Peer;
use crate::meter::Meter;
use crate::meter::config::ScrapeTarget;
use crate::model::{Kept, Model};
use crate::shipper::run;
use crate::status::ShipperStatus;
use logweir_base::batch::Codec;
use logweir_base::frame::{Content, Hello};
use logweir_base::metric::Labels;
use logweir_base::metric::samples::{Item, read};
use logweir_base::time::Timestamp;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;
use tokio::sync::watch;

fn peer(router: &Router) -> Peer {
    let hello = Hello { shipper: "s".to_owned(), boot_id: "b".to_owned(), instance: "i".to_owned() };
    Peer { to: router.address.clone(), hello }
}

fn config(router: &Router) -> ShipConfig {
    let mut config = ShipConfig::new(router.address.clone(), "unused", vec![]);
    config.host = "this-host".to_owned();
    config.labels.insert("env".to_owned(), "test".to_owned());
    config
}

/// Labels and number of points of what the router has.
fn series(model: &Model) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for (_, _, text) in model.sources.values().flat_map(|kept| &kept.lines) {
        for item in read(text) {
            if let Item::Series { labels, points, .. } = item.expect("a batch of samples") {
                assert_eq!((labels.get("host"), labels.get("env")), ("this-host", "test"));
                *found.entry(labels.to_owned().to_string()).or_default() += points.count();
            }
        }
    }
    found
}

#[test]
fn a_host_says_how_it_is() {
    let router = Router::start(vec![]);
    let mut config = config(&router);
    config.metrics.host = Some(Duration::from_secs(3600));
    let status = ShipperStatus::default();
    let meter = Meter::start(&config, &peer(&router), Codec::Zstd, status.clone()).expect("starts");
    router.wait("samples", |model| model.sources.values().any(|kept| !kept.lines.is_empty()));
    meter.stop();
    let model = router.model();
    let kept = model.only();
    assert!(kept.closed.is_some(), "the last samples are acknowledged before it ends");
    let resource = &kept.open.resource;
    assert_eq!((resource.content, resource.path.as_str()), (Content::Samples, "metrics"));
    let found = series(&model);
    let counts = status.snapshot().meter.counts;
    assert_eq!((counts.samples, counts.chunks_acked), (found.len() as u64, 1));
    assert!(found.len() > 20, "{found:?}");
}

#[test]
fn statsd_reaches_the_router() {
    let router = Router::start(vec![]);
    let mut config = config(&router);
    config.metrics.statsd.listen = vec!["127.0.0.1:0".parse().expect("an address")];
    config.metrics.statsd.interval = Duration::from_millis(20);
    let status = ShipperStatus::default();
    let meter = Meter::start(&config, &peer(&router), Codec::None, status.clone()).expect("starts");
    let own = "logweir_statsd_values_total";
    router.wait("a flush", |model| series(model).keys().any(|labels| labels.starts_with(own)));
    let listening = status.snapshot().meter.statsd.listening;
    let socket = UdpSocket::bind("127.0.0.1:0").expect("binds");
    socket.send_to(b"hits:5|c|#path:/x", listening[0].trim_start_matches("udp:")).expect("sends");
    let labels = [("__name__", "hits"), ("env", "test"), ("host", "this-host"), ("path", "/x")];
    let labels = Labels::known(&labels).to_string();
    router.wait("the datagram", |model| series(model).contains_key(&labels));
    meter.stop();
    assert_eq!(series(&router.model())[&labels], 1);
    assert_eq!(status.snapshot().meter.last_error, "");
}

#[test]
fn heartbeats_are_lines_of_a_source_of_their_own() {
    let router = Router::start(vec![]);
    let mut config = config(&router);
    config.metrics.heartbeat = Some(Duration::from_millis(20));
    let status = ShipperStatus::default();
    let meter = Meter::start(&config, &peer(&router), Codec::Zstd, status).expect("starts");
    router.wait("three lines", |model| model.arrived.len() >= 3);
    meter.stop();
    let model = router.model();
    assert!(model.sources.values().all(|kept| kept.closed.is_some()));
    let is_text = |kept: &&Kept| kept.open.resource.content == Content::Text;
    let kept = model.sources.values().find(is_text).expect("a source of text");
    assert_eq!(
        (kept.open.resource.path.as_str(), kept.open.resource.host.as_str()),
        ("heartbeat", "this-host")
    );
    for (n, line) in (1u64..).zip(kept.text_lines()) {
        let line: serde_json::Value = serde_json::from_str(&line).expect("a line of JSON");
        assert_eq!((&line["shipper"], &line["count"]), (&"s".into(), &n.into()));
        assert!(Timestamp::parse(line["time"].as_str().unwrap_or_default()).is_some(), "{line}");
    }
}

/// A target that answers once and is gone.
#[test]
fn scrapes_reach_the_router() {
    let target = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    let at = target.local_addr().expect("bound");
    let server = thread::spawn(move || {
        let (mut stream, _) = target.accept().expect("accepts");
        drop(target);
        let _ = stream.read(&mut [0; 4096]).expect("reads");
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nhits 5\n").expect("writes");
    });
    let router = Router::start(vec![]);
    let mut config = config(&router);
    config.metrics.scrape = vec![ScrapeTarget {
        url: format!("http://{at}/"),
        job: "app".to_owned(),
        interval: Duration::from_millis(20),
        timeout: Duration::from_secs(20),
        labels: BTreeMap::new(),
    }];
    let status = ShipperStatus::default();
    let meter = Meter::start(&config, &peer(&router), Codec::Zstd, status.clone()).expect("starts");
    let points = |model: &Model, name: &str| {
        series(model)
            .iter()
            .filter(|(labels, _)| labels.starts_with(name))
            .map(|(_, count)| count)
            .sum::<usize>()
    };
    router.wait("a failure behind an answer", |model| points(model, "hits") == 2 && points(model, "up") >= 2);
    meter.stop();
    server.join().expect("no panic");
    let target = &status.snapshot().meter.targets[0];
    assert_eq!((target.up, target.job.as_str()), (Some(false), "app"));
    assert!(target.last_error.contains("refused"), "{target:?}");
    assert_eq!(
        status.snapshot().meter.troubles(),
        [format!("scrape of app at {}: {}", target.url, target.last_error)]
    );
}

/// A way to `router` for files; sessions of metrics are hung up on. Tells how many there were.
fn way_for_files_only(router: &str) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    let address = listener.local_addr().expect("bound").to_string();
    let (router, hung_up) = (router.to_owned(), Arc::new(AtomicUsize::new(0)));
    let count = hung_up.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("accepts");
            let mut begin = vec![0; 4096];
            let read = stream.read(&mut begin).expect("a hello");
            if String::from_utf8_lossy(&begin[..read]).contains("/metrics") {
                count.fetch_add(1, Ordering::SeqCst);
                continue;
            }
            let mut there = TcpStream::connect(&router).expect("connects");
            there.write_all(&begin[..read]).expect("writes");
            let (mut back, mut to) =
                (there.try_clone().expect("clones"), stream.try_clone().expect("clones"));
            thread::spawn(move || io::copy(&mut back, &mut to));
            thread::spawn(move || io::copy(&mut stream, &mut there));
        }
    });
    (address, hung_up)
}

#[test]
fn files_do_not_care_what_becomes_of_metrics() {
    let router = Router::start(vec![]);
    let (way, hung_up) = way_for_files_only(&router.address);
    let dir = tempfile::tempdir().expect("temp");
    fs::write(dir.path().join("a.log"), "one\ntwo\n").expect("writes");
    let glob = dir.path().join("*.log").display().to_string();
    let mut config = ShipConfig::new(way, dir.path().join("state"), vec![glob]);
    config.metrics.host = Some(Duration::from_secs(3600));
    config.settings.backoff_max = Duration::from_millis(100);
    let (stop, stopped) = watch::channel(false);
    let status = ShipperStatus::default();
    let shown = status.clone();
    let shipper = thread::spawn(move || run(config, shown, stopped));
    router.wait("the lines", |model| model.lines() == ["one", "two"]);
    while hung_up.load(Ordering::SeqCst) < 3 {
        thread::yield_now();
    }
    stop.send(true).expect("it listens");
    let report = shipper.join().expect("no panic").expect("it ran");
    assert_eq!((report.counters.lines_sent, report.counters.sessions), (2, 1));
    assert_eq!(status.snapshot().last_error, "");
}
