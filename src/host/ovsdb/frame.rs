//! Where one message ends and the next begins: JSON-RPC of Open vSwitch puts nothing between them.

/// No answer is longer. 10,000 ports make 5 MB.
const LONGEST: usize = 64 << 20;

/// Bytes as they come, cut into objects.
#[derive(Debug, Default)]
pub struct Frames {
    bytes: Vec<u8>,
    /// Up to here it is known.
    seen: usize,
    depth: usize,
    in_text: bool,
    is_escaped: bool,
}

/// More came than any answer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message of more than {} MiB", LONGEST >> 20)]
pub struct TooLong;

impl Frames {
    /// What was read.
    ///
    /// # Errors
    /// `TooLong`, after which nothing more is to be read.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        if self.bytes.len() + bytes.len() > LONGEST {
            return Err(TooLong);
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// The next message that is whole.
    pub fn next_message(&mut self) -> Option<Vec<u8>> {
        while let Some(&byte) = self.bytes.get(self.seen) {
            self.seen += 1;
            if self.in_text {
                let was_escaped = std::mem::take(&mut self.is_escaped);
                match byte {
                    b'\\' if !was_escaped => self.is_escaped = true,
                    b'"' if !was_escaped => self.in_text = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_text = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        let rest = self.bytes.split_off(self.seen);
                        self.seen = 0;
                        return Some(std::mem::replace(&mut self.bytes, rest));
                    }
                }
                _ => {}
            }
        }
        None
    }
}
