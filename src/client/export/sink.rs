//! Where an export goes: standard output or a file, packed or not. A file is written under another name and gets its own
//! only when it is whole, so that nobody takes a part of it for all.

use super::Compression;
use crate::client::ClientError;
use crate::terminal::Screen;
use flate2::write::GzEncoder;
use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use zstd::stream::write::Encoder as ZstdEncoder;

/// Bytes collected before they are packed or written.
const BUFFER_BYTES: usize = 64 << 10;

/// Packs what is written to it.
enum Packer<W: Write> {
    Plain(W),
    Gzip(GzEncoder<W>),
    Zstd(ZstdEncoder<'static, W>),
}

impl<W: Write> Packer<W> {
    fn new(out: W, compression: Compression) -> io::Result<Self> {
        Ok(match compression {
            Compression::None => Self::Plain(out),
            Compression::Gzip => Self::Gzip(GzEncoder::new(out, flate2::Compression::default())),
            Compression::Zstd => {
                let mut encoder = ZstdEncoder::new(out, zstd::DEFAULT_COMPRESSION_LEVEL)?;
                encoder.include_checksum(true)?;
                Self::Zstd(encoder)
            }
        })
    }

    /// Ends the packed stream; without that an unpacker finds it cut.
    fn finish(self) -> io::Result<W> {
        let mut out = match self {
            Self::Plain(out) => out,
            Self::Gzip(encoder) => encoder.finish()?,
            Self::Zstd(encoder) => encoder.finish()?,
        };
        out.flush()?;
        Ok(out)
    }
}

impl<W: Write> Write for Packer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(out) => out.write(bytes),
            Self::Gzip(encoder) => encoder.write(bytes),
            Self::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(out) => out.flush(),
            Self::Gzip(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
        }
    }
}

/// Where an export is written to, under way.
pub(super) struct Sink {
    screen: Screen<BufWriter<Packer<Box<dyn Write>>>>,
    file: Option<Unfinished>,
}

/// A file that has not its name yet.
struct Unfinished {
    file: File,
    tmp: PathBuf,
    path: PathBuf,
}

impl Sink {
    /// Opens a file, or standard output when none is named.
    pub(super) fn open(to: Option<&Path>, compression: Compression) -> Result<Self, ClientError> {
        let stdout = io::stdout();
        let terminal = to.is_none() && stdout.is_terminal();
        let file = to.map(Unfinished::create).transpose()?;
        let out: Box<dyn Write> = match &file {
            Some(unfinished) => Box::new(unfinished.file.try_clone()?),
            None => Box::new(stdout.lock()),
        };
        let packer = Packer::new(out, compression)?;
        let screen = Screen::new(BufWriter::with_capacity(BUFFER_BYTES, packer), terminal, false);
        Ok(Self { screen, file })
    }

    /// What is printed on.
    pub(super) fn screen(&mut self) -> &mut Screen<impl Write + use<>> {
        &mut self.screen
    }

    /// Brings everything there and, when it is `whole`, gives the file its name. Whether or not it is, what has come so far
    /// can be read.
    pub(super) fn close(self, whole: Whole) -> Result<(), ClientError> {
        let Self { screen, file } = self;
        screen.into_inner().into_inner().map_err(io::IntoInnerError::into_error)?.finish()?;
        match file {
            Some(unfinished) if whole == Whole::Yes => unfinished.keep(),
            _ => Ok(()),
        }
    }

    /// The name of what is written, when it is a file.
    pub(super) fn tmp(&self) -> Option<PathBuf> {
        self.file.as_ref().map(|file| file.tmp.clone())
    }
}

/// Whether all of an export has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whole {
    Yes,
    No,
}

impl Unfinished {
    fn create(path: &Path) -> Result<Self, ClientError> {
        let mut tmp = path.as_os_str().to_owned();
        tmp.push(".tmp");
        let tmp = PathBuf::from(tmp);
        let file = File::create(&tmp)
            .map_err(|e| ClientError::Failed(format!("cannot write to {}: {e}", tmp.display())))?;
        Ok(Self { file, tmp, path: path.to_owned() })
    }

    fn keep(self) -> Result<(), ClientError> {
        self.file.sync_all()?;
        fs::rename(&self.tmp, &self.path).map_err(|e| {
            ClientError::Failed(format!(
                "cannot rename {} to {}: {e}",
                self.tmp.display(),
                self.path.display()
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn packed(compression: Compression, text: &[u8]) -> Vec<u8> {
        let mut packer = Packer::new(Vec::new(), compression).expect("memory");
        text.chunks(1000).for_each(|chunk| packer.write_all(chunk).expect("memory"));
        packer.finish().expect("memory")
    }

    #[test]
    fn what_is_packed_is_unpacked_to_the_same() {
        let text: Vec<u8> = (0..100_000u32).flat_map(u32::to_le_bytes).collect();
        assert_eq!(packed(Compression::None, &text), text);
        let mut unpacked = Vec::new();
        let gzip = packed(Compression::Gzip, &text);
        flate2::read::GzDecoder::new(&*gzip).read_to_end(&mut unpacked).expect("gzip");
        assert!(unpacked == text && gzip.len() < text.len());
        let zstd = packed(Compression::Zstd, &text);
        assert!(zstd::decode_all(&*zstd).expect("zstd") == text && zstd.len() < text.len());
    }

    #[test]
    fn nothing_packed_is_a_whole_stream_too() {
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&*packed(Compression::Gzip, b""))
            .read_to_end(&mut unpacked)
            .expect("gzip");
        assert!(unpacked.is_empty());
        assert!(zstd::decode_all(&*packed(Compression::Zstd, b"")).expect("zstd").is_empty());
    }

    #[test]
    fn a_file_has_its_name_only_when_it_is_whole() {
        let dir = tempfile::tempdir().expect("a directory");
        let (path, tmp) = (dir.path().join("out.csv"), dir.path().join("out.csv.tmp"));
        let write = |whole| {
            let mut sink = Sink::open(Some(&path), Compression::None).expect("opens");
            sink.screen().bytes(b"a", crate::terminal::Escapes::Text).expect("writes");
            assert_eq!(sink.tmp().as_deref(), Some(&*tmp));
            sink.close(whole).expect("closes");
        };
        write(Whole::No);
        assert!(!path.exists() && fs::read(&tmp).expect("there") == b"a");
        write(Whole::Yes);
        assert!(!tmp.exists() && fs::read(&path).expect("there") == b"a");
    }
}
