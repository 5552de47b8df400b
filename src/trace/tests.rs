//! Traces by hand, by dice and by an enemy.

use super::*;
use proptest::prelude::*;

/// A line as `TIME_MS HOST SPAN PARENT [SEVERITY]`, `-` for none; its service is `s-` and the host.
fn line(text: &str) -> Line {
    let words: Vec<&str> = text.split(' ').collect();
    let named = |word: &str| (word != "-").then(|| word.to_owned());
    Line {
        time: Timestamp(words[0].parse::<i64>().expect("milliseconds") * 1_000_000),
        service: format!("s-{}", words[1]),
        host: words[1].to_owned(),
        severity: words.get(4).map_or(Severity::INFO, |it| Severity(it.parse().expect("a number"))),
        span: named(words[2]),
        parent: named(words[3]),
    }
}

fn lines(texts: &[&str]) -> Vec<Line> {
    texts.iter().map(|text| line(text)).collect()
}

fn told(texts: &[&str]) -> Told {
    tell("t", &lines(texts), Clocks::Corrected)
}

/// What is added to the clocks of hosts, in milliseconds, and how many notes there are.
#[track_caller]
fn check_skew(texts: &[&str], expected: &[(&str, f64)], notes: usize) {
    let story = told(texts).story;
    let got: Vec<(&str, f64)> = story.hosts.iter().map(|host| (host.name.as_str(), host.skew_ms)).collect();
    assert_eq!(got, expected, "{texts:?}");
    assert_eq!(story.notes.len(), notes, "{:?}", story.notes);
}

#[test]
fn a_child_within_its_parent_is_left_alone() {
    check_skew(&["0 a p -", "1 b c p", "9 b c p", "10 a p -"], &[("a", 0.0), ("b", 0.0)], 0);
    check_skew(&["0 a p -", "0 b c p", "10 b c p", "10 a p -"], &[("a", 0.0), ("b", 0.0)], 0);
}

#[test]
fn request_and_reply_are_taken_to_be_equally_slow() {
    check_skew(&["0 a p -", "101 b c p", "107 b c p", "10 a p -"], &[("a", 0.0), ("b", -99.0)], 0);
    check_skew(&["0 a p -", "-50 b c p", "-44 b c p", "10 a p -"], &[("a", 0.0), ("b", 52.0)], 0);
}

#[test]
fn lines_without_a_span_are_of_the_same_clock() {
    let told = told(&["0 a p -", "10 a p -", "102 b c p", "108 b c p", "105 b - -"]);
    let order: Vec<(usize, u64, bool)> =
        told.lines.iter().map(|it| (it.line, it.offset_ns / 1_000_000, it.adjusted)).collect();
    assert_eq!(order, [(0, 0, false), (2, 2, true), (4, 5, true), (3, 8, true), (1, 10, false)]);
}

#[test]
fn all_spans_of_two_hosts_bound_their_clocks() {
    let first = ["0 a p -", "99 b c p", "101 b c p", "10 a p -"];
    let second = ["20 a q -", "124 b d q", "126 b d q", "30 a q -"];
    check_skew(&[&first[..], &second].concat(), &[("a", 0.0), ("b", -97.5)], 0);
    // A call back from the other host bounds it from the other side.
    let back = ["104 b e -", "6 a f e", "8 a f e", "109 b e -"];
    check_skew(&[&first[..], &back].concat(), &[("a", 0.0), ("b", -98.5)], 0);
}

#[test]
fn what_contradicts_itself_is_not_corrected_and_that_is_said() {
    let texts =
        ["0 a p -", "10 a p -", "101 b c p", "109 b c p", "20 a q -", "30 a q -", "21 b d q", "29 b d q"];
    check_skew(&texts, &[("a", 0.0), ("b", 0.0)], 1);
}

#[test]
fn a_parent_that_does_not_wait_bounds_the_beginning_only() {
    check_skew(&["0 a p -", "1 a p -", "5 b c p", "90 b c p"], &[("a", 0.0), ("b", 0.0)], 0);
    check_skew(&["0 a p -", "1 a p -", "-5 b c p", "90 b c p"], &[("a", 0.0), ("b", 5.0)], 0);
}

#[test]
fn what_bounds_nothing() {
    // An access log is written at the end; a span on two hosts; a parent that nobody knows; one's own parent.
    check_skew(&["10 a p -", "1 b c p", "9 b c p"], &[("a", 0.0), ("b", 0.0)], 0);
    check_skew(&["10 a p -", "11 b p -", "1 b c p"], &[("a", 0.0), ("b", 0.0)], 0);
    check_skew(&["10 a p -", "20 a p -", "1 b c q"], &[("a", 0.0), ("b", 0.0)], 0);
    check_skew(&["10 a p -", "20 a p -", "1 b c c"], &[("a", 0.0), ("b", 0.0)], 0);
}

#[test]
fn shifts_add_up_from_the_root_on() {
    let texts = ["0 a p -", "100 a p -", "1010 b c p", "1090 b c p", "5020 c d c", "5080 c d c"];
    check_skew(&texts, &[("a", 0.0), ("b", -1000.0), ("c", -5000.0)], 0);
    let written = tell("t", &lines(&texts), Clocks::AsWritten);
    assert!(written.story.hosts.iter().all(|host| host.skew_ms == 0.0));
}

#[test]
fn a_story_tells_services_spans_and_silence() {
    let texts = [
        "0 a p -",
        "1 b c p",
        "2 b - -",
        "3 b e c 17",
        "60 b c p",
        "61 b e c 21",
        "99 a p - 17",
        "100 a p -",
    ];
    let Story { services, spans, gaps, errors, duration_ms, .. } = told(&texts).story;
    assert_eq!((errors, duration_ms), (3, 100.0));
    let of = |it: &ServiceStory| (it.lines, it.errors, it.first_ms, it.total_ms, it.busy_ms);
    assert_eq!(
        services.iter().map(of).collect::<Vec<_>>(),
        [(3, 1, 0.0, 100.0, 100.0), (5, 2, 1.0, 60.0, 60.0)]
    );
    let of = |it: &SpanStory| (it.id.clone(), it.depth, it.lines, it.errors, it.first_ms, it.last_ms);
    let expected = [
        ("p".to_owned(), 0, 3, 1, 0.0, 100.0),
        ("c".to_owned(), 1, 2, 0, 1.0, 60.0),
        ("e".to_owned(), 2, 2, 2, 3.0, 61.0),
    ];
    assert_eq!(spans.iter().map(of).collect::<Vec<_>>(), expected);
    let of = |it: &Gap| (it.ms, it.from_ms, it.to_ms, it.line, it.before.clone(), it.behind.clone());
    let (a, b) = ("s-a".to_owned(), "s-b".to_owned());
    let expected = [(57.0, 3.0, 60.0, 3, b.clone(), b.clone()), (38.0, 61.0, 99.0, 5, b, a)];
    assert_eq!(gaps.iter().map(of).collect::<Vec<_>>(), expected);
}

#[test]
fn busy_is_what_spans_cover() {
    let texts = ["0 a p -", "10 a p -", "5 a q -", "20 a q -", "50 a r -", "52 a r -"];
    let service = &told(&texts).story.services[0];
    assert_eq!((service.busy_ms, service.total_ms), (22.0, 52.0));
}

#[test]
fn nothing_is_a_story_of_nothing() {
    let told = told(&[]);
    assert!(told.lines.is_empty());
    assert_eq!((told.story.lines, told.story.start.as_str()), (0, ""));
}

#[test]
fn circles_and_long_chains_are_told_like_any_other() {
    let story = told(&["0 a p q", "5 b q p", "9 a p q", "9 b q p", "3 c x x"]).story;
    assert_eq!(story.spans.len(), 3);
    let chain: Vec<Line> = (0..10_000).map(|n| line(&format!("{n} h{n} s{n} s{}", n as i64 - 1))).collect();
    let story = tell("t", &chain, Clocks::Corrected).story;
    assert_eq!(story.spans.last().map(|span| span.depth), Some(1_999));
    assert_eq!(story.notes.len(), 3, "{:?}", story.notes);
}

/// Any line at all: few names, so that they meet, and times that are near, equal, or at the ends.
fn any_line() -> impl Strategy<Value = Line> {
    let time = prop_oneof![Just(i64::MIN), Just(i64::MAX), any::<i64>(), -20i64..20];
    let name = || proptest::option::of(0u8..6);
    (time, 0u8..4, name(), name(), 0u8..25).prop_map(|(time, host, span, parent, severity)| Line {
        time: Timestamp(time),
        service: format!("s{}", host % 2),
        host: host.to_string(),
        severity: Severity(severity),
        span: span.map(|it| it.to_string()),
        parent: parent.map(|it| it.to_string()),
    })
}

/// A span of a made-up trace: its parent among those before it, whether it has a host of its own, and where in its parent.
type Drawn = (usize, bool, i64, i64);

/// Lines of spans that lie within their parents by true time, then told by clocks that are off.
fn synthetic(drawn: &[Drawn], skews: &[i64]) -> Vec<Line> {
    let mut spans = vec![(0i64, 1_000_000_000i64, 0usize, 0usize)];
    let mut hosts = 1;
    for &(parent, own_host, from, to) in drawn {
        let parent = parent % spans.len();
        let (first, last, host, _) = spans[parent];
        let at = |share: i64| first + (last - first) / 1_000 * share;
        let host = if own_host { hosts } else { host };
        hosts += usize::from(own_host);
        spans.push((at(from.min(to)), at(from.max(to)), host, parent));
    }
    let mut lines = Vec::new();
    for (number, &(first, last, host, parent)) in spans.iter().enumerate() {
        for time in [first, last] {
            lines.push(Line {
                time: Timestamp(time + if host == 0 { 0 } else { skews[host % skews.len()] }),
                service: "s".to_owned(),
                host: host.to_string(),
                severity: Severity::INFO,
                span: Some(number.to_string()),
                parent: (number > 0).then(|| parent.to_string()),
            });
        }
    }
    lines
}

proptest! {
    /// Every service call runs on a host of its own, whose clock is off by up to an hour: told right, each lies in its caller.
    #[test]
    fn children_lie_within_their_parents_again(
        drawn in proptest::collection::vec((any::<usize>(), any::<bool>(), 0i64..=1_000, 0i64..=1_000), 0..20),
        skews in proptest::collection::vec(-3_600_000_000_000i64..3_600_000_000_000, 1..20),
    ) {
        let lines = synthetic(&drawn, &skews);
        let told = tell("t", &lines, Clocks::Corrected);
        let mut times = vec![0; lines.len()];
        told.lines.iter().for_each(|it| times[it.line] = it.time.0);
        for child in 1..lines.len() / 2 {
            let parent: usize = lines[2 * child].parent.as_deref().and_then(|it| it.parse().ok()).expect("has one");
            let outer = times[2 * parent]..=times[2 * parent + 1];
            // One whose lines are all of one time bounds nothing.
            if outer.start() < outer.end() {
                prop_assert!(outer.contains(&times[2 * child]) && outer.contains(&times[2 * child + 1]));
            }
        }
        prop_assert!(told.story.notes.is_empty(), "{:?}", told.story.notes);
    }

    #[test]
    fn without_spans_time_orders(times in proptest::collection::vec(any::<i64>(), 0..50)) {
        let lines: Vec<Line> = times.iter().map(|&time| Line { time: Timestamp(time), ..Line::default() }).collect();
        let told = tell("t", &lines, Clocks::Corrected);
        let mut expected: Vec<usize> = (0..times.len()).collect();
        expected.sort_by_key(|&line| times[line]);
        prop_assert_eq!(told.lines.iter().map(|it| it.line).collect::<Vec<_>>(), expected);
        prop_assert!(told.lines.iter().all(|it| !it.adjusted));
    }

    #[test]
    fn any_lines_are_told_each_once_and_in_order(lines in proptest::collection::vec(any_line(), 0..40)) {
        let told = tell("t", &lines, Clocks::Corrected);
        prop_assert!(told.lines.windows(2).all(|pair| pair[0].time <= pair[1].time));
        let mut seen: Vec<usize> = told.lines.iter().map(|it| it.line).collect();
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..lines.len()).collect::<Vec<_>>());
        let text = serde_json::to_string(&told.story).expect("serialises");
        prop_assert!(serde_json::from_str::<Story>(&text).is_ok());
    }
}
