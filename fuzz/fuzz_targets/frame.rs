//! Frames: any bytes, and bytes behind a head with the right checksums, whose first byte is the kind.
#![no_main]

use bytes::{Bytes, BytesMut};
use libfuzzer_sys::fuzz_target;
use logweir_base::frame::{FRAME_VERSION, RawFrame};

fuzz_target!(|bytes: &[u8]| {
    let mut stream = BytesMut::from(bytes);
    while let Ok(Some(frame)) = RawFrame::take(&mut stream) {
        check(&frame);
    }
    if let Some((&kind, body)) = bytes.split_first()
        && let Ok(frame) = RawFrame::whole(headed(kind, body))
    {
        check(&frame);
    }
});

fn headed(kind: u8, body: &[u8]) -> Bytes {
    let mut frame = vec![FRAME_VERSION, kind, 0, 0];
    frame.extend_from_slice(&u32::try_from(body.len()).expect("a short body").to_le_bytes());
    frame.extend_from_slice(&crc32c::crc32c(body).to_le_bytes());
    frame.extend_from_slice(&crc32c::crc32c(&frame).to_le_bytes());
    frame.extend_from_slice(body);
    Bytes::from(frame)
}

/// What is read is written so that it reads the same.
fn check(frame: &RawFrame) {
    if let Ok(decoded) = frame.decode() {
        let again = RawFrame::whole(decoded.encode()).expect("its own encoding");
        assert_eq!(again.decode().as_ref(), Ok(&decoded));
    }
}
