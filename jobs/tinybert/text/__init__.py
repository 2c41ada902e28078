"""Text: sentences, tokens, and the compiled code that is fast at them."""
