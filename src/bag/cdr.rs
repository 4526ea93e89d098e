//! Reads CDR, the wire format of ROS 2 messages, never beyond the end of the bytes.
//!
//! ```text
//! 00 00|01 xx xx      encapsulation: plain CDR, big or little endian
//! numbers             at multiples of their size, counted from after the encapsulation
//! strings             u32 length with the final NUL, then the bytes
//! sequences           u32 count, then the items
//! ```

/// Why bytes are no message.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CdrError {
    /// Fewer bytes than the type needs.
    #[error("{needed} bytes are needed at byte {at}, the message has {length}: it is cut off, or of another type")]
    Short {
        /// Place in the message, bytes from its start.
        at: usize,
        /// Bytes that are needed there.
        needed: usize,
        /// Bytes of the whole message.
        length: usize,
    },
    /// The header is not one of plain CDR.
    #[error("its first bytes {found:02x?} are no plain CDR: is the bag compressed, or recorded by another middleware?")]
    Encapsulation {
        /// The first two bytes.
        found: [u8; 2],
    },
    /// A string is not UTF-8.
    #[error("the text at byte {at} is not UTF-8: is the message of another type, or the bag damaged?")]
    Text {
        /// Place in the message, bytes from its start.
        at: usize,
    },
}

/// A place in the bytes of a message.
#[derive(Clone, Debug)]
pub struct Cdr<'a> {
    body: &'a [u8],
    at: usize,
    is_little: bool,
}

const HEADER: usize = 4;

impl<'a> Cdr<'a> {
    /// Reads the encapsulation.
    ///
    /// # Errors
    /// [`CdrError`].
    pub fn new(bytes: &'a [u8]) -> Result<Self, CdrError> {
        let Some((header, body)) = bytes.split_at_checked(HEADER) else {
            return Err(CdrError::Short { at: 0, needed: HEADER, length: bytes.len() });
        };
        match [header[0], header[1]] {
            [0, order @ (0 | 1)] => Ok(Cdr { body, at: 0, is_little: order == 1 }),
            found => Err(CdrError::Encapsulation { found }),
        }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], CdrError> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.body.len());
        let short = CdrError::Short { at: self.at + HEADER, needed: count, length: self.body.len() + HEADER };
        let taken = &self.body[self.at..end.ok_or(short)?];
        self.at += count;
        Ok(taken)
    }

    fn number<const N: usize>(&mut self) -> Result<[u8; N], CdrError> {
        self.at = self.at.next_multiple_of(N);
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        if !self.is_little {
            bytes.reverse();
        }
        Ok(bytes)
    }

    /// # Errors
    /// [`CdrError::Short`], as of all below.
    pub fn u8(&mut self) -> Result<u8, CdrError> {
        Ok(self.number::<1>()?[0])
    }

    /// An unsigned number of 4 bytes.
    pub fn u32(&mut self) -> Result<u32, CdrError> {
        self.number().map(u32::from_le_bytes)
    }

    /// A signed number of 4 bytes.
    pub fn i32(&mut self) -> Result<i32, CdrError> {
        self.number().map(i32::from_le_bytes)
    }

    /// A number of double precision.
    pub fn f64(&mut self) -> Result<f64, CdrError> {
        self.number().map(f64::from_le_bytes)
    }

    /// A sequence of bytes, borrowed.
    pub fn bytes(&mut self) -> Result<&'a [u8], CdrError> {
        let count = self.u32()? as usize;
        self.take(count)
    }

    /// # Errors
    /// Also [`CdrError::Text`].
    pub fn text(&mut self) -> Result<&'a str, CdrError> {
        let at = self.at + HEADER;
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes.strip_suffix(b"\0").unwrap_or(bytes)).map_err(|_| CdrError::Text { at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_aligned_and_read_either_way() {
        let little = [0, 1, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 2, 0, 0, 0, b'a', 0];
        let mut cdr = Cdr::new(&little).unwrap();
        assert_eq!((cdr.u8(), cdr.f64(), cdr.text()), (Ok(7), Ok(1.0), Ok("a")));
        let mut cdr = Cdr::new(&[0, 0, 0, 0, 0, 0, 1, 0]).unwrap();
        assert_eq!(cdr.u32(), Ok(256));
        assert!(matches!(Cdr::new(&[0, 3, 0, 0]), Err(CdrError::Encapsulation { found: [0, 3] })));
    }

    /// Whatever is cut off or claimed, there is an error and no panic.
    #[test]
    fn nothing_is_read_beyond_the_end() {
        let whole = [0, 1, 0, 0, 4, 0, 0, 0, b'a', b'b', b'c', 0, 9, 0, 0, 0];
        for cut in 0..whole.len() {
            let read = Cdr::new(&whole[..cut]).and_then(|mut cdr| Ok((cdr.text()?, cdr.u32()?)));
            assert!(matches!(read, Err(CdrError::Short { .. })), "cut at {cut}");
        }
        let huge = [0, 1, 0, 0, 0xff, 0xff, 0xff, 0xff];
        assert!(Cdr::new(&huge).unwrap().bytes().is_err());
    }
}
