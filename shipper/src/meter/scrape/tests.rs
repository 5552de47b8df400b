//! Pages that change, break and fail, and servers that misbehave.

use super::*;
use crate::meter::emit::tests::shown;
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

fn target(url: &str) -> ScrapeTarget {
    ScrapeTarget {
        url: url.to_owned(),
        job: "app".to_owned(),
        interval: Duration::from_secs(15),
        timeout: Duration::from_secs(20),
        labels: BTreeMap::from([("zone".to_owned(), "a".to_owned())]),
    }
}

fn scraper(url: &str) -> Scraper {
    Scraper::new(target(url), Emit::new("h", &BTreeMap::new()))
}

/// Series with value, without those that each scrape adds and the labels of the target.
fn page_of(chunks: &[Chunk]) -> Vec<String> {
    let own = r#", host="h", instance="x:1", job="app", zone="a""#;
    let added = ["scrape_duration", "scrape_samples"];
    let kept = shown(chunks).into_iter().filter(|line| !added.iter().any(|name| line.starts_with(name)));
    kept.map(|line| line.replace(own, "").replace(&own[2..], "")).collect()
}

#[test]
fn series_end_when_they_are_gone_and_when_the_target_is() {
    let mut scraper = scraper("http://x:1/metrics");
    let took = Duration::from_millis(1500);
    let mut check = |answer: Result<&str, &str>, time, expected: &[&str]| {
        let answer = answer.map(str::as_bytes).map_err(str::to_owned);
        assert_eq!(page_of(&scraper.take(answer, time, took)), expected);
        scraper.status().clone()
    };
    let status = check(
        Ok("a 1\nb{job=\"own\"} 2\nold 5 77\n"),
        100,
        &["a{} 1 @100", r#"b{exported_job="own"} 2 @100"#, "old{} 5 @77", "up{} 1 @100"],
    );
    assert_eq!((status.up, status.samples, status.duration_ms), (Some(true), 3, 1500));
    let status =
        check(Ok("a 2\nodd\n"), 200, &["a{} 2 @200", r#"b{exported_job="own"} NaN @200"#, "up{} 1 @200"]);
    assert_eq!((status.refused, status.last_error.as_str()), (1, "a line of the page: no value"));
    let status = check(Err("no answer"), 300, &["a{} NaN @300", "up{} 0 @300"]);
    assert_eq!((status.up, status.last_error.as_str()), (Some(false), "no answer"));
    // They have ended once.
    check(Err("no answer"), 400, &["up{} 0 @400"]);
    // What is no page of metrics is none.
    let status = check(Ok("<html>\n"), 500, &["up{} 0 @500"]);
    assert_eq!(status.refused_total, 2, "of all pages");
    check(Ok(""), 600, &["up{} 1 @600"]);
}

#[test]
fn the_mark_of_an_end_is_that_of_prometheus() {
    let mut scraper = scraper("http://x:1/metrics");
    let took = Duration::ZERO;
    scraper.take(Ok(b"# TYPE a counter\na 1\n"), 1, took);
    let ends = scraper.take(Err(String::new()), 2, took);
    let items: Vec<_> = read(&ends[0].bytes).collect();
    let Some(Ok(Item::Series { kind: Kind::Counter, points, .. })) = items.into_iter().next() else {
        panic!("a counter ends")
    };
    let bits: Vec<_> = points
        .flatten()
        .map(|point| match point.value {
            logweir_base::metric::samples::Value::Number(n) => n.to_bits(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(bits, [0x7ff0_0000_0000_0002]);
}

#[test]
fn each_target_has_its_moment() {
    let at = |url: &str, now| now + scraper(url).until_next(now).as_millis() as i64;
    let moments: Vec<_> = (1..9).map(|n| at(&format!("http://x:{n}"), 1_700_000_000_000) % 15_000).collect();
    let different: std::collections::BTreeSet<_> = moments.iter().collect();
    assert!(different.len() > 4, "{moments:?}");
    let first = at("http://x:1", 0);
    assert_eq!(at("http://x:1", first), first + 15_000);
    assert_eq!(at("http://x:1", first - 1000), first);
}

/// What is read of a server that answers with these bytes and hangs up.
fn answered(answer: Vec<u8>) -> (Result<Vec<u8>, String>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    let url = format!("http://{}/some/metrics?x=1", listener.local_addr().expect("bound"));
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("accepts");
        let mut request = Vec::new();
        let mut buf = [0; 4096];
        while !request.ends_with(b"\r\n\r\n") {
            let read = stream.read(&mut buf).expect("reads");
            request.extend_from_slice(&buf[..read]);
        }
        // The client may have had enough.
        let _ = stream.write_all(&answer);
        String::from_utf8(request).expect("text")
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("starts");
    let found = runtime.block_on(scraper(&url).ask());
    (found, server.join().expect("no panic"))
}

#[test]
fn pages_come_in_all_ways_http_knows() {
    let check = |answer: &str, expected: Result<&str, &str>| {
        let (found, request) = answered(answer.as_bytes().to_vec());
        let found = found.map(|page| String::from_utf8(page).expect("text"));
        match (&found, expected) {
            (Err(why), Err(part)) => assert!(why.contains(part), "{why}"),
            _ => assert_eq!(found.as_deref().map_err(String::as_str), expected),
        }
        assert!(request.starts_with("GET /some/metrics?x=1 HTTP/1.1\r\n"), "{request}");
    };
    check("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\na 1\nmore", Ok("a 1\n"));
    check(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\na \r\n2\r\n1\n\r\n0\r\n\r\n",
        Ok("a 1\n"),
    );
    check("HTTP/1.0 200 OK\r\n\r\na 1\n", Ok("a 1\n"));
    check("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", Ok(""));
    check("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n", Err("503"));
    check("HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n", Err("302"));
    check("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 1\r\n\r\nx", Err("encoding"));
    check("HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n", Err("16 MiB"));
    check("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\na 1\n", Err(""));
    check("no http\r\n\r\n", Err(""));
    check("", Err(""));
}

#[test]
fn a_page_without_end_is_cut_off() {
    let mut answer = b"HTTP/1.0 200 OK\r\n\r\n".to_vec();
    answer.resize(client::BODY_BYTES_MAX + 100_000, b'#');
    assert!(answered(answer).0.expect_err("too long").contains("16 MiB"));
}
