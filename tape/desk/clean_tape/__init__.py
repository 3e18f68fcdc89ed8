"""The clean tape: every trade with what is known of it, and whether a bar may count it."""
