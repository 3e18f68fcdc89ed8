"""Faults in bytes, drawn at random."""

import random

BYTES = b'0123456789.-+"{}[]:,\\TABNZnae \n\r\t\x00\xff'


def mutated(dice: random.Random, raw: bytes) -> bytes:
    """Bytes with one to three faults: bytes replaced, dropped, doubled, put in, cut off."""
    text = bytearray(raw)
    for _ in range(dice.randint(1, 3)):
        at = dice.randrange(len(text)) if text else 0
        match dice.randrange(6):
            case 0 | 1:
                text[at : at + 1] = bytes([dice.choice(BYTES)])
            case 2:
                del text[at : at + dice.randint(1, 9)]
            case 3:
                text[at:at] = bytes(dice.choice(BYTES) for _ in range(dice.randint(1, 9)))
            case 4:
                text[at:at] = text[at : at + dice.randint(1, 40)]
            case _ if dice.random() < 0.2:
                del text[at:]
    return bytes(text)
