//! Sinks against a model: what a sink gets through errors, crashes and lost connections.

use super::file::FileSink;
use super::state::StateFile;
use super::tcp::TcpSink;
use super::{Context, write_records};
use crate::config::RouteConfig;
use crate::feed::Feed;
use crate::route::Routes;
use crate::testing::batch;
use logweir_base::batch::LineMeta;
use logweir_base::dir::sim::{SimDir, Survival};
use logweir_base::dir::{Dir, SharedDir};
use logweir_base::entry::{Entry, EntryBody, Follower};
use logweir_base::frame::Resource;
use logweir_base::ids::{ConfigVersion, Epoch, JournalId, Position};
use logweir_base::parse::{Parser, look};
use logweir_base::time::Timestamp;
use proptest::prelude::*;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::sync::Arc;

const JOURNAL: JournalId = JournalId([1; 16]);

fn routes() -> Routes {
    let all = RouteConfig { when: "-secret".to_owned(), to: vec!["out".to_owned()], drop: false };
    Routes::new(&[all]).expect("good query")
}

fn context(dir: &SimDir, feed: &Arc<Feed>) -> Context {
    Context {
        name: "sink:out".to_owned(),
        lane: routes().to_sink("out"),
        state: StateFile::new(Arc::new(dir.clone()), "out"),
        journal: JOURNAL,
        present: Position(0),
        feed: Arc::clone(feed),
    }
}

fn feed() -> Arc<Feed> {
    Arc::new(Feed::new(Position(0), 1 << 20))
}

/// The entry at a position: two lines that name it, and one that is not for the sink.
fn entry(position: u64) -> Arc<Entry> {
    let texts = [format!("{position} one\n"), "secret\n".to_owned(), format!("{position} two\n")];
    let texts: Vec<_> = texts.iter().map(String::as_str).collect();
    let batch = batch(1, Epoch(1), 0, &texts);
    let resource = Arc::new(Resource::default());
    let lines = look(&batch, resource, Timestamp(0), &mut Parser::new()).expect("sound");
    let (position, received, config) = (Position(position), Timestamp(0), ConfigVersion(0));
    Arc::new(Entry { position, received, config, body: EntryBody::Records(lines) })
}

fn text_until(position: u64) -> String {
    (1..=position).map(|n| format!("{n} one\n{n} two\n")).collect()
}

fn open_file(dir: &SimDir) -> std::io::Result<FileSink> {
    let shared: SharedDir = Arc::new(dir.clone());
    FileSink::open(context(dir, &feed()), shared, "out.log", 60, 100)
}

/// All that the file sink has ever written, oldest first.
fn written(dir: &SimDir) -> String {
    let number = |name: &str| name.strip_prefix("out.log.")?.parse::<u64>().ok();
    let mut rotated: Vec<_> = dir.list().expect("lists").iter().filter_map(|name| number(name)).collect();
    rotated.sort_unstable();
    let names = rotated.into_iter().map(|n| format!("out.log.{n}")).chain(["out.log".to_owned()]);
    let bytes: Vec<u8> = names.flat_map(|name| dir.contents(&name).unwrap_or_default()).collect();
    String::from_utf8(bytes).expect("text")
}

/// Feeds a sink as the follower loop does after a start and after an error: on from the committed position.
fn feed_until(sink: &mut FileSink, until: u64) -> bool {
    let committed = sink.committed().expect("always").1;
    (committed.0 + 1..=until).all(|n| sink.apply(&entry(n)).is_ok())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// R4: the file holds every line once, whatever a crash leaves of file, names and state, through rotations.
    #[test]
    fn r04_a_file_sink_has_every_line_once_after_any_crash(
        stops in prop::collection::vec((0u64..60, any::<u64>()), 0..6),
    ) {
        let mut dir = SimDir::new();
        let mut until = 0;
        for (stop, seed) in stops {
            dir.stop_after(dir.operations() + stop);
            if let Ok(mut sink) = open_file(&dir) {
                until += 4;
                let _ = feed_until(&mut sink, until) && sink.commit().is_ok();
            }
            dir = dir.crash(Survival::Random(seed));
        }
        let mut sink = open_file(&dir).expect("opens");
        until = until.max(sink.committed().expect("always").1.0) + 3;
        prop_assert!(feed_until(&mut sink, until));
        sink.commit().expect("commits");
        prop_assert_eq!(written(&dir), text_until(until));
    }
}

/// An error in the middle (a full disk) leaves nothing doubled once there is space again.
#[test]
fn d01_a_file_sink_goes_on_after_a_full_disk() {
    for space in 0..600 {
        let dir = SimDir::new();
        let mut sink = open_file(&dir).expect("opens");
        assert!(feed_until(&mut sink, 2));
        let used: usize =
            ["out.log", "sink-out.state"].map(|name| dir.contents(name).map_or(0, |b| b.len())).iter().sum();
        dir.set_space(Some(used as u64 + space));
        let stopped = !(3..=12).all(|n| sink.apply(&entry(n)).is_ok()) || sink.commit().is_err();
        dir.set_space(None);
        assert!(!stopped || feed_until(&mut sink, 12), "space {space}");
        sink.commit().expect("commits");
        assert_eq!(written(&dir), text_until(12), "space {space}");
    }
}

#[test]
fn a_file_sink_keeps_as_many_rotated_files_as_it_is_told() {
    let dir = SimDir::new();
    let shared: SharedDir = Arc::new(dir.clone());
    let mut sink = FileSink::open(context(&dir, &feed()), shared, "out.log", 10, 2).expect("opens");
    assert!(feed_until(&mut sink, 9));
    let names: Vec<_> =
        dir.list().expect("lists").into_iter().filter(|name| name.starts_with("out.log")).collect();
    assert_eq!(names, ["out.log", "out.log.7", "out.log.8"]);
}

#[test]
fn a_tcp_sink_sends_its_lines_and_sends_again_after_a_lost_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = listener.local_addr().expect("bound").to_string();
    let mut sink = TcpSink::open(context(&SimDir::new(), &feed()), address).expect("opens");
    sink.apply(&entry(1)).expect("sends");
    sink.apply(&entry(2)).expect("sends");
    let (peer, _) = listener.accept().expect("accepts");
    let mut lines = BufReader::new(peer);
    let mut first = String::new();
    lines.read_line(&mut first).expect("reads");
    assert_eq!(first, "1 one\n");
    drop(lines);
    // The kernel tells of the lost peer at one of the next writes.
    let mut next = 3;
    while sink.apply(&entry(next)).is_ok() {
        next += 1;
    }
    let committed = sink.committed().expect("always").1;
    assert_eq!(committed, Position(0), "what the peer may not have got is not committed");
    for n in committed.0 + 1..=next {
        sink.apply(&entry(n)).expect("sends");
    }
    assert_eq!(sink.commit().expect("saves"), Position(next));
    drop(sink);
    let (mut peer, _) = listener.accept().expect("accepts");
    let mut again = String::new();
    peer.read_to_string(&mut again).expect("reads");
    assert_eq!(again, text_until(next), "at least once");
}

#[test]
fn lines_end_with_a_newline_and_parts_do_not() {
    let EntryBody::Records(mut lines) = entry(1).body.clone() else { panic!("lines") };
    let batch = batch(1, Epoch(1), 0, &["part ", "last", "end"]);
    lines = look(&batch, lines.resource, Timestamp(0), &mut Parser::new()).expect("sound");
    lines.records[0].meta = LineMeta::part(0, false);
    lines.records[1].meta = LineMeta::part(1, true);
    let mut out = Vec::new();
    write_records(&lines, &mut routes().to_sink("out"), &mut out).expect("memory");
    assert_eq!(String::from_utf8_lossy(&out), "part last\nend\n");
}
