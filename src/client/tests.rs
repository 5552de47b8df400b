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
    Search { query: "*".to_owned(), since: None, until: None, limit: 0, order: Order::Oldest }
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
    assert_eq!(asked, "GET /api/v1/search?q=a%3A%22b%20c%22&limit=0&order=oldest&since=15m HTTP/1.1");
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

#[test]
fn a_tail_shows_hits_and_ends_with_its_server() {
    let (server, _) = serve("200 OK", hits(2) + "{\"skipped\":5}\n" + &hits(1));
    let mut screen = Screen::new(Vec::new(), false, false);
    let outcome = tail(&server, "*", Output::Raw, &mut screen);
    assert_eq!(String::from_utf8_lossy(&screen.into_inner()), "l0\nl1\nl0\n");
    assert!(matches!(outcome, Err(ClientError::Failed(_))), "{outcome:?}");
}
