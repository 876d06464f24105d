//! What Postgres sends of a value, part by part.

/// Bytes that are no value of the type that they were said to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

pub(super) struct Reader<'b>(pub &'b [u8]);

macro_rules! numbers {
    ($($name:ident)*) => {
        $(pub fn $name(&mut self) -> Result<$name, Malformed> {
            self.array().map($name::from_be_bytes)
        })*
    };
}

impl<'b> Reader<'b> {
    numbers!(u8 u16 u32 u64 i16 i32 i64 f32 f64);

    pub fn bytes(&mut self, count: usize) -> Result<&'b [u8], Malformed> {
        let (bytes, rest) = self.0.split_at_checked(count).ok_or(Malformed)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.bytes(N)?.try_into().map_err(|_| Malformed)
    }

    /// All that is left.
    pub fn rest(&mut self) -> &'b [u8] {
        std::mem::take(&mut self.0)
    }

    /// All that is left, as text.
    pub fn text(&mut self) -> Result<String, Malformed> {
        text(self.rest())
    }

    /// A text with a zero behind it.
    pub fn zero_ended(&mut self) -> Result<String, Malformed> {
        let length = self.0.iter().position(|byte| *byte == 0).ok_or(Malformed)?;
        let bytes = self.bytes(length)?;
        self.u8()?;
        text(bytes)
    }

    /// A part with its length before it; none for a null.
    pub fn part(&mut self) -> Result<Option<&'b [u8]>, Malformed> {
        match self.i32()? {
            -1 => Ok(None),
            length => self.bytes(usize::try_from(length).map_err(|_| Malformed)?).map(Some),
        }
    }

    /// A number of things that follow, each of at least one byte.
    pub fn count(&mut self) -> Result<usize, Malformed> {
        let count = usize::try_from(self.i32()?).map_err(|_| Malformed)?;
        if count > self.0.len() { Err(Malformed) } else { Ok(count) }
    }
}

pub(super) fn text(bytes: &[u8]) -> Result<String, Malformed> {
    String::from_utf8(bytes.into()).map_err(|_| Malformed)
}
