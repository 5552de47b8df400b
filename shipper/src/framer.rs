//! Bytes to lines. A pure function over one chunk that begins where the last one was left: complete lines go, an
//! incomplete last line stays in the file until its newline is there.
//!
//! Limits: a line over [`LINE_BYTES_MAX`] becomes parts of exactly that size and a last one; where a chunk ends makes no
//! difference, as long as it holds [`LINE_BYTES_MAX`] bytes or all there is.

use logweir_base::batch::{BatchLine, LINE_BYTES_MAX, LINES_MAX, LineMeta};
use memchr::memchr;

/// What becomes of what is unfinished at the end of the file: a group of lines that may go on, and an unterminated line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AtEnd {
    /// Both wait.
    Hold,
    /// The group is sent as far as it has come; the line waits for its newline.
    Flush,
    /// Both are sent as they are: nothing more is expected.
    Cut,
}

/// The lines at the front of a chunk.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Framed {
    /// Line table; ranges are those of the file, back to back from the chunk's start.
    pub lines: Vec<BatchLine>,
    /// Bytes the lines cover.
    pub len: usize,
    /// Number of the next part when the chunk ended inside an over-long line, else 0.
    pub part: u32,
    /// The last line was cut: it has no newline.
    pub cut: bool,
}

/// Frames a chunk. `part` is what the chunk before it returned.
pub fn frame(chunk: &[u8], part: u32, at_end: AtEnd) -> Framed {
    frame_limited(chunk, part, at_end, LINE_BYTES_MAX)
}

fn frame_limited(chunk: &[u8], part: u32, at_end: AtEnd, line_max: usize) -> Framed {
    let mut framed = Framed { lines: Vec::with_capacity(chunk.len() / 256 + 1), len: 0, part, cut: false };
    while framed.len < chunk.len() && framed.lines.len() < LINES_MAX {
        let rest = &chunk[framed.len..];
        let window = &rest[..rest.len().min(line_max)];
        match memchr(b'\n', window) {
            Some(newline) => framed.push_line(newline + 1),
            None if window.len() == line_max => framed.push_part(line_max),
            None if at_end == AtEnd::Cut => {
                framed.push_line(rest.len());
                framed.cut = true;
            }
            None => break,
        }
    }
    framed
}

impl Framed {
    /// Keeps the first `lines` lines; what is behind them stays in the file.
    pub fn keep(&mut self, lines: usize) {
        if lines >= self.lines.len() {
            return;
        }
        self.lines.truncate(lines);
        self.len = self.lines.iter().map(|line| line.range_len as usize).sum();
        self.cut = false;
        self.part = next_part(self.lines.last().map(|line| line.meta));
    }

    fn push_line(&mut self, len: usize) {
        let meta = if self.part == 0 { LineMeta::default() } else { LineMeta::part(self.part, true) };
        self.part = 0;
        self.push(len, meta);
    }

    fn push_part(&mut self, len: usize) {
        let meta = LineMeta::part(self.part, false);
        self.part += 1;
        self.push(len, meta);
    }

    fn push(&mut self, len: usize, meta: LineMeta) {
        let range_len = u32::try_from(len).expect("at most LINE_BYTES_MAX");
        self.lines.push(BatchLine { range_len, text_len: range_len, meta });
        self.len += len;
    }
}

/// Number of the part behind a line: 0 unless that is a part and not the last.
fn next_part(last: Option<LineMeta>) -> u32 {
    last.filter(|meta| meta.has(LineMeta::PART))
        .and_then(LineMeta::part_number)
        .map_or(0, |number| number + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LINE_MAX: usize = 8;

    /// Reads `bytes` as a file that grows to the sizes in `growth`, in chunks of `LINE_MAX` or more.
    fn read_growing(bytes: &[u8], growth: &[usize], chunk_max: usize) -> Vec<BatchLine> {
        let mut lines = Vec::new();
        let (mut at, mut part) = (0, 0);
        let mut sizes: Vec<usize> = growth.iter().map(|&size| size.min(bytes.len())).collect();
        sizes.sort_unstable();
        sizes.push(bytes.len());
        for size in sizes {
            loop {
                let chunk = &bytes[at..size.min(at + chunk_max)];
                let framed = frame_limited(chunk, part, AtEnd::Hold, LINE_MAX);
                if framed.len == 0 {
                    break;
                }
                (at, part) = (at + framed.len, framed.part);
                lines.extend(framed.lines);
            }
        }
        lines.extend(frame_limited(&bytes[at..], part, AtEnd::Cut, LINE_MAX).lines);
        lines
    }

    fn any_text() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop_oneof![3 => any::<u8>(), 1 => Just(b'\n'), 1 => Just(0)], 0..120)
    }

    proptest! {
        /// T24, T25, T27: whatever the reads, the same lines; together they are the input, bytes untouched.
        #[test]
        fn t24_t25_any_cut_gives_the_same_lines(
            bytes in any_text(),
            growth in prop::collection::vec(0usize..120, 0..8),
            chunk_max in LINE_MAX..40,
        ) {
            let whole = frame_limited(&bytes, 0, AtEnd::Cut, LINE_MAX);
            prop_assert_eq!(whole.len, bytes.len());
            prop_assert_eq!(&read_growing(&bytes, &growth, chunk_max), &whole.lines);
            let mut at = 0;
            for line in &whole.lines {
                let text = &bytes[at..at + line.range_len as usize];
                at += text.len();
                let ends = text.ends_with(b"\n") || at == bytes.len();
                prop_assert!(memchr(b'\n', &text[..text.len() - 1]).is_none());
                prop_assert_eq!(ends, !line.meta.has(LineMeta::PART) || at == bytes.len());
            }
            prop_assert_eq!(at, bytes.len());
        }
    }

    #[test]
    fn t24_an_over_long_line_has_numbered_parts() {
        let framed = frame_limited(b"aaaaaaaabbbbbbbbcc\nd\n", 0, AtEnd::Hold, LINE_MAX);
        let metas: Vec<_> = framed.lines.iter().map(|line| line.meta).collect();
        let expected = [
            LineMeta::part(0, false),
            LineMeta::part(1, false),
            LineMeta::part(2, true),
            LineMeta::default(),
        ];
        assert_eq!(metas, expected);
    }

    #[test]
    fn lines_that_are_not_kept_are_as_if_never_framed() {
        let text = b"aaaaaaaabb\ncc\nd";
        let mut framed = frame_limited(text, 0, AtEnd::Cut, LINE_MAX);
        assert_eq!((framed.lines.len(), framed.len, framed.cut), (4, text.len(), true));
        for (lines, len, part) in [(3, 14, 0), (2, 11, 0), (1, 8, 1)] {
            framed.keep(lines);
            let rest = frame_limited(&text[framed.len..], framed.part, AtEnd::Cut, LINE_MAX);
            assert_eq!((framed.len, framed.part, framed.cut), (len, part, false));
            assert_eq!(rest.lines.len(), 4 - lines);
        }
    }

    #[test]
    fn a_batch_never_has_more_lines_than_allowed() {
        let framed = frame(&vec![b'\n'; LINES_MAX + 5], 0, AtEnd::Hold);
        assert_eq!((framed.lines.len(), framed.len), (LINES_MAX, LINES_MAX));
    }
}
