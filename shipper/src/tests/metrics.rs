//! The metrics side over a real socket, against the model router.

use super::socket::Router;
use crate::config::ShipConfig;
use crate::connection::Peer;
use crate::meter::Meter;
use crate::meter::config::ScrapeTarget;
use crate::model::Model;
use crate::status::ShipperStatus;
use logweir_base::batch::Codec;
use logweir_base::frame::{Content, Hello};
use logweir_base::metric::Labels;
use logweir_base::metric::samples::{Item, read};
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, UdpSocket};
use std::thread;
use std::time::Duration;

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
}
