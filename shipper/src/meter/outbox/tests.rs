//! The outbox against a model router over a wire that loses what is on its way when it breaks.

use super::*;
use crate::model::Model;
use logweir_base::frame::Content;
use proptest::prelude::*;

/// An outbox, a router, and what is between them.
struct Wire {
    outbox: Outbox,
    router: Model,
    sessions: u64,
    there: VecDeque<Frame>,
    back: VecDeque<Frame>,
    pushed: Vec<Vec<u8>>,
    offsets: Vec<u64>,
}

#[derive(Clone, Debug)]
enum Step {
    Push(usize),
    Up(u64),
    Down,
    Send,
    Arrive,
    Answer,
    Forget,
}

impl Wire {
    fn new(codec: Codec, kept_bytes_max: usize) -> Self {
        let resource = Resource { content: Content::Samples, ..Resource::default() };
        Self {
            outbox: Outbox::new(resource, codec, kept_bytes_max),
            router: Model::default(),
            sessions: 0,
            there: VecDeque::new(),
            back: VecDeque::new(),
            pushed: Vec::new(),
            offsets: Vec::new(),
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Push(len) => {
                let number = self.pushed.len().to_le_bytes();
                let bytes: Vec<u8> = number.into_iter().cycle().take(len + 8).collect();
                self.offsets.push(self.outbox.end);
                self.pushed.push(bytes.clone());
                self.outbox.push(Chunk { bytes, ..Chunk::default() });
            }
            Step::Up(window_bytes) => {
                self.step(&Step::Down);
                self.sessions += 1;
                self.router.epoch += 1;
                let (session, epoch) = (self.sessions, Epoch(self.router.epoch));
                self.outbox.apply(&LinkEvent::Up { session, epoch, window_bytes });
            }
            Step::Down => {
                self.there.clear();
                self.back.clear();
                self.outbox.apply(&LinkEvent::Down("cut".to_owned()));
            }
            Step::Send => self.there.extend(self.outbox.next_frame().map(|out| out.frame)),
            Step::Arrive => {
                if let Some(frame) = self.there.pop_front() {
                    self.back.extend(self.router.take(frame));
                }
            }
            Step::Answer => {
                if let Some(frame) = self.back.pop_front() {
                    self.outbox.apply(&LinkEvent::Frame { session: self.sessions, frame });
                }
            }
            Step::Forget => {
                self.step(&Step::Down);
                self.router.sources.clear();
            }
        }
    }

    /// A good connection until nothing is left to do.
    fn drain(&mut self) {
        self.step(&Step::Up(4 << 20));
        loop {
            self.step(&Step::Send);
            if self.there.is_empty() && self.back.is_empty() {
                return;
            }
            self.step(&Step::Arrive);
            self.step(&Step::Answer);
        }
    }

    /// Chunks by number that the router holds, each whole and where it belongs.
    fn arrived(&self) -> Vec<usize> {
        let kept = self.router.only();
        let number = |line: &(Offset, LineMeta, Vec<u8>)| {
            let number = usize::from_le_bytes(line.2[..8].try_into().expect("eight bytes"));
            assert_eq!(line.2, self.pushed[number]);
            assert_eq!(line.0.0, self.offsets[number]);
            number
        };
        kept.lines.iter().map(number).collect()
    }
}

fn steps(with_loss: bool) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0usize..200).prop_map(Step::Push),
        1 => (1u64..2000).prop_map(Step::Up),
        1 => Just(Step::Down),
        6 => Just(Step::Send),
        6 => Just(Step::Arrive),
        6 => Just(Step::Answer),
        u32::from(with_loss) => Just(Step::Forget),
    ];
    prop::collection::vec(step, 1..200)
}

proptest! {
    /// Whatever is cut, every chunk arrives once and in order, and the source is closed at the end.
    #[test]
    fn every_chunk_arrives_once(steps in steps(false), zstd: bool) {
        let mut wire = Wire::new(if zstd { Codec::Zstd } else { Codec::None }, 1 << 20);
        steps.iter().for_each(|step| wire.step(step));
        wire.outbox.close();
        wire.drain();
        prop_assert_eq!(wire.arrived(), (0..wire.pushed.len()).collect::<Vec<_>>());
        prop_assert_eq!(&wire.router.only().gaps, &[]);
        prop_assert!(wire.outbox.is_done() && wire.router.only().closed.is_some());
        let counts = wire.outbox.counts();
        prop_assert_eq!((counts.chunks_acked, counts.chunks_dropped), (wire.pushed.len() as u64, 0));
        prop_assert_eq!(counts.bytes_waiting, 0);
    }

    /// A full buffer leaves holes that are declared, and nothing else is missing or out of order.
    #[test]
    fn what_is_dropped_is_declared(steps in steps(true), kept in 300usize..2000) {
        let mut wire = Wire::new(Codec::None, kept);
        for step in &steps {
            wire.step(step);
            prop_assert!(wire.outbox.cost <= kept);
        }
        wire.outbox.close();
        wire.drain();
        let arrived = wire.arrived();
        prop_assert!(arrived.is_sorted_by(|a, b| a < b));
        let source = wire.router.only();
        let mut covered: Vec<_> = source.gaps.iter().map(|gap| (gap.start.0, gap.end.0)).collect();
        covered.extend(source.lines.iter().map(|(at, _, text)| (at.0, at.0 + text.len() as u64)));
        covered.sort_unstable();
        let ends = covered.iter().try_fold(0, |at, &(start, end)| (start == at).then_some(end));
        prop_assert_eq!(ends, Some(wire.outbox.end));
        let counts = wire.outbox.counts();
        prop_assert_eq!(counts.chunks_acked + counts.chunks_dropped, wire.pushed.len() as u64);
    }
}

#[test]
fn a_closed_window_stops_it() {
    let mut wire = Wire::new(Codec::None, 1 << 20);
    wire.step(&Step::Up(1000));
    for step in [Step::Send, Step::Arrive, Step::Answer, Step::Push(500), Step::Push(600), Step::Push(700)] {
        wire.step(&step);
    }
    let credit = |window_bytes| LinkEvent::Frame { session: 1, frame: Frame::Credit { window_bytes } };
    wire.outbox.apply(&credit(0));
    assert!(wire.outbox.next_frame().is_none());
    wire.outbox.apply(&credit(600));
    wire.step(&Step::Send);
    wire.step(&Step::Send);
    wire.step(&Step::Send);
    let lines = |frame: &Frame| if let Frame::Batch(batch) = frame { batch.lines.len() } else { 0 };
    assert_eq!(wire.there.iter().map(lines).collect::<Vec<_>>(), [1, 1]);
    wire.drain();
    assert_eq!(wire.arrived(), [0, 1, 2]);
}

/// The router was set up anew: what it had acknowledged is gone, and it is told so.
#[test]
fn a_router_that_lost_its_state_gets_a_gap_and_the_rest() {
    let mut wire = Wire::new(Codec::None, 1 << 20);
    wire.step(&Step::Push(10));
    wire.drain();
    wire.step(&Step::Push(10));
    wire.step(&Step::Forget);
    wire.drain();
    assert_eq!(wire.arrived(), [1]);
    assert_eq!(wire.router.only().gaps[0].reason, "the router has lost what it acknowledged");
}

#[test]
fn an_impossible_chunk_is_dropped_and_counted() {
    let mut wire = Wire::new(Codec::None, 4 << 20);
    wire.step(&Step::Push(LINE_BYTES_MAX));
    wire.outbox.push(Chunk::default());
    assert_eq!(wire.outbox.counts().chunks_dropped, 2);
    wire.drain();
    assert_eq!(wire.router.only().lines.len(), 0);
}

#[test]
fn what_is_closed_takes_nothing() {
    let mut wire = Wire::new(Codec::None, 1 << 20);
    wire.step(&Step::Push(10));
    wire.outbox.close();
    wire.outbox.push(Chunk { bytes: vec![1], ..Chunk::default() });
    wire.drain();
    assert_eq!(wire.arrived(), [0]);
    assert!(wire.outbox.is_done() && wire.outbox.counts().chunks_dropped == 1);
}
