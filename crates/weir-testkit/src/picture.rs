//! A picture to send: a PNG written here, so that what reads pictures is not what made them.

use std::io::Write as _;

use flate2::Crc;
use flate2::write::ZlibEncoder;

/// A PNG (ISO/IEC 15948) of these sides, 8 bits of red, green and blue: red above, blue below.
///
/// # Panics
/// When memory cannot be written to.
pub fn png(width: u32, height: u32) -> Vec<u8> {
    let mut rows = ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    for y in 0..height {
        let pixel: [u8; 3] = if y * 2 < height {
            [220, 20, 20]
        } else {
            [20, 20, 220]
        };
        rows.write_all(&[0]).unwrap();
        rows.write_all(&pixel.repeat(usize::try_from(width).unwrap()))
            .unwrap();
    }
    let head = [
        &width.to_be_bytes()[..],
        &height.to_be_bytes(),
        &[8, 2, 0, 0, 0],
    ]
    .concat();
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut out, b"IHDR", &head);
    chunk(&mut out, b"IDAT", &rows.finish().unwrap());
    chunk(&mut out, b"IEND", b"");
    out
}

fn chunk(out: &mut Vec<u8>, kind: &[u8; 4], content: &[u8]) {
    let mut crc = Crc::new();
    crc.update(kind);
    crc.update(content);
    out.extend(u32::try_from(content.len()).unwrap().to_be_bytes());
    out.extend(kind);
    out.extend(content);
    out.extend(crc.sum().to_be_bytes());
}
