//! OTLP: what real exporters sent, and hostile bytes.

use super::super::testing::captures;
use super::*;
use proptest::prelude::*;
use std::io::Read as _;

fn read_all(body: &[u8]) -> (Received, Vec<u8>) {
    let mut out = Writer::default();
    let received = read(body, &mut out).expect("sound");
    (received, out.take())
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        let _ = read(&bytes, &mut Writer::default());
        let _ = read_json(&bytes, &mut Writer::default());
    }
}
