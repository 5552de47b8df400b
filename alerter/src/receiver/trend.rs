//! Pictures of counts over time: block characters for texts, a small PNG for mail (whose readers drop SVG).
//!
//! At most [`BARS_MAX`] bars; more counts are summed, and an oldest rest that does not fill a bar is left out, since it would look
//! like a rise. The PNG has 120 x 24 pixels, two bits each: transparent, a bar, the base line; some 150 bytes. Both colours
//! can be told from white and from black, so it is readable in dark mode.

use png::{BitDepth, ColorType, Compression, Encoder};

/// Bars of a picture: three pixels each.
const BARS_MAX: usize = 40;
/// Pixels.
pub(super) const WIDTH: usize = 120;
/// Pixels.
pub(super) const HEIGHT: usize = 24;
/// Wider bars would not look like a row of them.
const BAR_PIXELS_MAX: usize = 10;
const PIXELS_A_BYTE: usize = 4;
const BAR: u8 = 1;
const BASE: u8 = 2;
/// Red, green and blue of: transparent, bar, base line.
const PALETTE: [u8; 9] = [0, 0, 0, 0x3b, 0x82, 0xf6, 0x88, 0x88, 0x88];
const ALPHA: [u8; 1] = [0];

/// What is drawn, oldest first.
pub(super) fn bars(trend: &[u64]) -> Vec<u64> {
    let size = trend.len().div_ceil(BARS_MAX).max(1);
    let whole = trend.rchunks_exact(size);
    let sums = whole.map(|chunk| chunk.iter().fold(0u64, |sum, count| sum.saturating_add(*count)));
    let mut bars: Vec<u64> = sums.collect();
    bars.reverse();
    bars
}

/// The height of each bar, of so many steps; something is never drawn as nothing.
fn heights(bars: &[u64], steps: u128) -> impl Iterator<Item = u128> {
    let greatest = u128::from(bars.iter().copied().max().unwrap_or(0).max(1));
    bars.iter().map(move |&bar| (u128::from(bar) * steps).div_ceil(greatest))
}

/// `▁▁▃█`
pub(super) fn spark(bars: &[u64]) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    heights(bars, 7).map(|height| BLOCKS[height as usize]).collect()
}

/// The picture.
pub(super) fn png(bars: &[u64]) -> Vec<u8> {
    let mut rows = vec![[0u8; WIDTH / PIXELS_A_BYTE]; HEIGHT];
    let mut dot = |x: usize, y: usize, colour: u8| {
        let shift = 2 * (PIXELS_A_BYTE - 1 - x % PIXELS_A_BYTE);
        let byte = &mut rows[HEIGHT - 1 - y][x / PIXELS_A_BYTE];
        *byte = (*byte & !(3 << shift)) | (colour << shift);
    };
    (0..WIDTH).for_each(|x| dot(x, 0, BASE));
    let bars = &bars[bars.len().saturating_sub(BARS_MAX)..];
    let pitch = (WIDTH / bars.len().max(1)).clamp(1, BAR_PIXELS_MAX);
    let left = WIDTH - pitch * bars.len();
    for (number, height) in heights(bars, HEIGHT as u128 - 1).enumerate() {
        let from = left + pitch * number;
        for x in from..from + pitch - 1 {
            (1..=height as usize).for_each(|y| dot(x, y, BAR));
        }
    }
    encoded(&rows.concat())
}

fn encoded(pixels: &[u8]) -> Vec<u8> {
    const NEVER: &str = "a sound header, all of its pixels, and a Vec that takes everything";
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, WIDTH as u32, HEIGHT as u32);
    encoder.set_color(ColorType::Indexed);
    encoder.set_depth(BitDepth::Two);
    encoder.set_palette(&PALETTE[..]);
    encoder.set_trns(&ALPHA[..]);
    encoder.set_compression(Compression::High);
    let mut writer = encoder.write_header().expect(NEVER);
    writer.write_image_data(pixels).expect(NEVER);
    writer.finish().expect(NEVER);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn block_characters_show_the_counts() {
        let check = |trend: &[u64], expected: &str| assert_eq!(spark(&bars(trend)), expected);
        check(&[], "");
        check(&[0, 0], "▁▁");
        check(&[0, 1, 100], "▁▂█");
        check(&[1, 2, 3, 4, 5, 6, 7], "▂▃▄▅▆▇█");
        check(&[u64::MAX, 0, u64::MAX / 2], "█▁▅");
    }

    #[test]
    fn many_counts_are_summed_from_the_newest_on() {
        // 82 counts are bars of three; the oldest does not fill one.
        let trend: Vec<u64> = (0..82).map(|n| u64::from(n >= 79)).collect();
        let bars = bars(&trend);
        assert_eq!((bars.len(), bars[26], bars[25]), (27, 3, 0));
    }

    /// Colours of the picture, row by row from the top.
    fn pixels(png: &[u8]) -> Vec<Vec<u8>> {
        let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        let info = reader.info();
        assert_eq!((info.width as usize, info.height as usize), (WIDTH, HEIGHT));
        let mut bytes = vec![0; WIDTH / PIXELS_A_BYTE * HEIGHT];
        reader.next_frame(&mut bytes).unwrap();
        let of_byte = |byte: &u8| [6, 4, 2, 0].map(|shift| byte >> shift & 3);
        bytes.chunks(WIDTH / PIXELS_A_BYTE).map(|row| row.iter().flat_map(of_byte).collect()).collect()
    }

    proptest! {
        #[test]
        fn a_picture_has_a_column_for_each_bar(
            trend in prop::collection::vec(prop_oneof![Just(0), 0..10u64, any::<u64>()], 0..200)
        ) {
            let bars = bars(&trend);
            prop_assert!(bars.len() <= BARS_MAX);
            prop_assert_eq!(spark(&bars).chars().count(), bars.len());
            let png = png(&bars);
            prop_assert!(png.len() < 1_000, "{} bytes", png.len());
            let rows = pixels(&png);
            let in_rows = |y: usize| rows[HEIGHT - 1 - y].windows(2).filter(|it| it[0] != BAR && it[1] == BAR).count()
                + usize::from(rows[HEIGHT - 1 - y][0] == BAR);
            let above_zero = bars.iter().filter(|bar| **bar > 0).count();
            prop_assert_eq!(in_rows(1), above_zero);
            prop_assert_eq!(in_rows(HEIGHT - 1) > 0, above_zero > 0);
        }
    }
}
