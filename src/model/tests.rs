//! Values accept what they should and nothing else.
