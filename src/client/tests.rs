//! The clients against a server that says what a test wants it to say.

use super::*;
use std::io::{self, Read};
use std::net::TcpListener;
use std::thread;

/// A server that answers one request with `status` and `body`, and tells what was asked.
pub(super) fn serve(status: &'static str, body: String) -> (Server, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let answer = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client comes");
        let (mut request, mut byte) = (Vec::new(), [0]);
        while !request.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).expect("a whole request");
            request.push(byte[0]);
        }
        let head =
            format!("HTTP/1.1 {status}\r\ncontent-type: application/x-ndjson\r\nconnection: close\r\n\r\n");
        // A client that has heard enough closes the connection.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
        String::from_utf8_lossy(&request).lines().next().unwrap_or_default().to_owned()
    });
    (Server::new(&url).expect("a URL"), answer)
}

fn everything() -> Search {
    Search {
        query: "*".to_owned(),
        since: None,
        until: None,
        limit: Some(0),
        order: Order::Oldest,
        timeout: None,
    }
}

/// What a search prints, and how it ends.
fn run(body: &str, output: Output) -> (String, Result<(), ClientError>) {
    let (server, answer) = serve("200 OK", body.to_owned());
    let mut screen = Screen::new(Vec::new(), false, false);
    let outcome = search(&server, &everything(), output, &mut screen);
    answer.join().expect("served");
    (String::from_utf8_lossy(&screen.into_inner()).into_owned(), outcome)
}

fn hits(count: usize) -> String {
    (0..count).map(|n| format!("{{\"source\":\"a\",\"offset\":{},\"raw\":\"l{n}\\n\"}}\n", n * 10)).collect()
}

#[test]
fn a_whole_answer_is_printed() {
    let body = hits(3) + "{\"summary\":{\"hits\":3}}\n";
    let (printed, outcome) = run(&body, Output::Raw);
    assert_eq!(printed, "l0\nl1\nl2\n");
    assert!(outcome.is_ok(), "{outcome:?}");
    let (printed, _) = run(&body, Output::Json);
    assert_eq!(printed, hits(3));
}

#[test]
fn an_answer_that_was_cut_is_an_error_after_what_there_was() {
    for cut in [hits(2), hits(2) + "{\"source\":\"a\",\"off"] {
        let (printed, outcome) = run(&cut, Output::Raw);
        assert_eq!(printed, "l0\nl1\n");
        assert!(
            matches!(&outcome, Err(ClientError::Failed(reason)) if reason.contains("cut")),
            "{outcome:?}"
        );
    }
}

#[test]
fn a_partial_answer_is_an_error_with_its_reasons() {
    let (_, outcome) = run(
        "{\"summary\":{\"hits\":0,\"partial\":true,\"errors\":[\"split 7 is damaged\"]}}\n",
        Output::Text,
    );
    let reason = outcome.expect_err("partial").to_string();
    assert!(reason.contains("partial") && reason.contains("split 7 is damaged"), "{reason}");
}

#[test]
fn no_hit_is_no_error() {
    let (printed, outcome) = run("{\"summary\":{\"hits\":0}}\n", Output::Text);
    assert!(printed.is_empty() && outcome.is_ok());
}

#[test]
fn something_else_on_that_port_is_said() {
    let (_, outcome) = run("<html>\n", Output::Text);
    let reason = outcome.expect_err("no logweir").to_string();
    assert!(reason.contains("does not answer like a logweir server"), "{reason}");
}

#[test]
fn parameters_go_as_they_were_typed() {
    let (server, answer) = serve("200 OK", "{\"summary\":{}}\n".to_owned());
    let wanted = Search { query: "a:\"b c\"".to_owned(), since: Some("15m".to_owned()), ..everything() };
    search(&server, &wanted, Output::Text, &mut Screen::new(Vec::new(), false, false)).expect("fine");
    let asked = answer.join().expect("served");
    assert_eq!(asked, "GET /api/v1/search?q=a%3A%22b%20c%22&order=oldest&limit=0&since=15m HTTP/1.1");
}

#[test]
fn a_refused_query_is_used_wrongly() {
    let (server, _) = serve("400 Bad Request", "{\"error\":\"expected a value\",\"column\":7}".to_owned());
    let wanted = Search { query: "level:".to_owned(), ..everything() };
    let outcome = search(&server, &wanted, Output::Text, &mut Screen::new(Vec::new(), false, false));
    assert!(
        matches!(&outcome, Err(ClientError::Usage(text)) if text.ends_with("  level:\n        ^")),
        "{outcome:?}"
    );
}

struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_reader_that_leaves_ends_it_quietly() {
    let (server, _) = serve("200 OK", hits(10_000));
    let outcome = search(&server, &everything(), Output::Raw, &mut Screen::new(Closed, false, false));
    assert!(matches!(outcome, Err(ClientError::ReaderGone)), "{outcome:?}");
}

/// What a live tail prints, and what was asked.
fn tailed(body: String, output: Output, colours: bool) -> (String, String) {
    let (server, answer) = serve("200 OK", body);
    let mut screen = Screen::new(Vec::new(), colours, colours);
    let outcome = tail(&server, "*", 20, output, &mut screen);
    assert!(matches!(outcome, Err(ClientError::Failed(_))), "{outcome:?}");
    (String::from_utf8_lossy(&screen.into_inner()).into_owned(), answer.join().expect("served"))
}

#[test]
fn a_tail_shows_hits_and_ends_with_its_server() {
    let (printed, asked) = tailed(hits(2) + "{\"skipped\":5}\n" + &hits(1), Output::Raw, false);
    assert_eq!(printed, "l0\nl1\nl0\n");
    assert_eq!(asked, "GET /api/v1/tail?q=%2A&rate=20 HTTP/1.1");
}

#[test]
fn a_tail_says_what_it_skipped_in_its_text() {
    let check = |note: &str, expected: &str| {
        let (printed, _) = tailed(format!("{note}\n"), Output::Text, false);
        assert_eq!(
            printed,
            format!("-- {expected}: narrow the query or raise --rate; a search finds them\n")
        );
    };
    check("{\"skipped\":1234567}", "1,234,567 lines skipped");
    check("{\"skipped\":999}", "999 lines skipped");
    check("{\"skipped\":1}", "1 line skipped");
    check("{\"skipped\":0,\"unread_batches\":1000}", "0 lines skipped and 1,000 batches unread");
}

#[test]
fn a_tail_has_colours_by_severity_and_is_harmless() {
    let hit = |number: u8| {
        format!("{{\"severity_number\":{number},\"body\":\"\\u001b[2J\",\"service.name\":\"\\u009b\"}}\n")
    };
    let (printed, _) = tailed(hit(17) + &hit(13) + &hit(9) + "{\"skipped\":2}\n", Output::Text, true);
    for coloured in ["\u{1b}[1;31mERROR", "\u{1b}[33mWARN", "\u{1b}[32mINFO", "\u{1b}[33m-- 2 lines"] {
        assert!(printed.contains(coloured), "{printed:?}");
    }
    assert!(!printed.contains("\u{1b}[2J") && !printed.contains('\u{9b}'), "{printed:?}");
    assert!(printed.contains("\\x1b[2J") && printed.contains("\\u{9b}"), "{printed:?}");
    let (plain, _) = tailed(hit(17), Output::Text, false);
    assert!(!plain.contains('\u{1b}'), "{plain:?}");
}

#[test]
fn a_trace_is_told_before_its_lines_and_also_when_it_is_cut() {
    let body =
        "{\"body\":\"one\",\"raw\":\"r1\\n\"}\n{\"body\":\"two\",\"offset_ms\":5.0,\"raw\":\"r2\\n\"}\n";
    let story = "{\"story\":{\"trace_id\":\"t\",\"lines\":2,\"duration_ms\":5.0}}\n";
    let print = |body: String, output| {
        let (server, answer) = serve("200 OK", body);
        let mut screen = Screen::new(Vec::new(), false, false);
        let outcome = trace(&server, "t", crate::trace::Clocks::AsWritten, output, &mut screen);
        let asked = answer.join().expect("served");
        assert_eq!(asked, "GET /api/v1/trace/t?clocks=written HTTP/1.1");
        (String::from_utf8_lossy(&screen.into_inner()).into_owned(), outcome)
    };
    let whole = format!("{body}{story}{{\"summary\":{{\"hits\":2}}}}\n");
    let (printed, outcome) = print(whole.clone(), Output::Text);
    let at = |what: &str| printed.find(what).unwrap_or_else(|| panic!("{what}: {printed}"));
    assert!(at("trace t ") < at("one") && at("one") < at("two") && outcome.is_ok(), "{printed}");
    assert_eq!(print(whole.clone(), Output::Raw).0, "r1\nr2\n");
    assert_eq!(print(whole, Output::Json).0, format!("{body}{story}"));
    let (printed, outcome) = print(body.to_owned(), Output::Text);
    assert!(printed.contains("one") && printed.contains("two") && outcome.is_err(), "{printed}");
}
