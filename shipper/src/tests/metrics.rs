//! The metrics side over a real socket, against the model router.

use super::socket::Router;
use crate::config::ShipConfig;
use crate::connection::Peer;
use crate::meter::Meter;
use crate::status::ShipperStatus;
use logweir_base::batch::Codec;
use logweir_base::frame::{Content, Hello};
use logweir_base::metric::samples::{Item, read};
use std::time::Duration;

fn peer(router: &Router) -> Peer {
    let hello = Hello { shipper: "s".to_owned(), boot_id: "b".to_owned(), instance: "i".to_owned() };
    Peer { to: router.address.clone(), hello }
}

#[test]
fn a_host_says_how_it_is() {
    let router = Router::start(vec![]);
    let mut config = ShipConfig::new(router.address.clone(), "unused", vec![]);
    config.host = "this-host".to_owned();
    config.labels.insert("env".to_owned(), "test".to_owned());
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
    let mut series = 0;
    for item in read(&kept.lines[0].2) {
        if let Item::Series { labels, .. } = item.expect("a batch of samples") {
            assert_eq!((labels.get("host"), labels.get("env")), ("this-host", "test"));
            series += 1;
        }
    }
    let meter = status.snapshot().meter;
    assert_eq!((meter.counts.samples, meter.counts.chunks_acked), (series, 1));
    assert!(series > 20, "{series}");
}
