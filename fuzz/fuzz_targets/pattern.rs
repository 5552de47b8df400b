//! Patterns of messages, one a line: equal shapes are one pattern, and the state survives its encoding. The bytes are
//! also read as a state.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logweir_base::pattern::{Miner, PatternId, shape_of};
use std::borrow::Cow;

fuzz_target!(|input: &[u8]| {
    if let Some(miner) = Miner::decode(input) {
        let again = Miner::decode(&miner.encode()).expect("its own encoding");
        assert_eq!(again.encode(), miner.encode());
        learn(miner, "what was read goes on\na b c 5\n");
    }
    learn(Miner::new(), &String::from_utf8_lossy(input));
});

fn learn(mut miner: Miner, text: &str) {
    let mut ids = Vec::new();
    for message in text.lines() {
        let shape = shape_of(message);
        let id = miner.pattern_of(shape, || Cow::Borrowed(message));
        assert!(id != PatternId::NONE && miner.known(shape) == Some(id) && miner.template(id).is_some());
        ids.push((message, id));
    }
    let mut again = Miner::decode(&miner.encode()).expect("its own encoding");
    for (message, id) in ids {
        assert_eq!(again.pattern_of(shape_of(message), || panic!("a known shape")), id);
    }
}
