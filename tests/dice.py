"""Random moments that can be had again."""

import os
import random


def seeded_dice() -> random.Random:
    """Return dice of a seed that a failing test shows; `TEST_SEED` repeats it."""
    seed = int(os.environ.get("TEST_SEED", random.SystemRandom().randrange(10**6)))
    print(f"TEST_SEED={seed} repeats these moments")
    return random.Random(seed)
