"""Learning from reviews: which alerts were confirmed, and what the next ones are worth."""
