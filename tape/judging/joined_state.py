"""What several detectors keep of a symbol: one value for a judge, one each in the store."""

from tape.detection.bundle import decode_bundle, encode_bundle
from tape.judging.bars import part_bars
from tape.judging.episode_kernel import EMPTY
from tape.judging.kept_place import decode_seen, encode_seen
from tape.judging.kept_state import decode_kept, encode_kept


def joined(states: dict[str, bytes], first: str | None = None) -> bytes | None:
    """Return the states of a symbol, by profile, as a judge takes them: as one.

    Place, episode and bars come from that of `first`; else from the newest, of equal ones the
    first.
    """
    if not states:
        return None
    seen = {name: decode_seen(blob) for name, blob in states.items()}
    newest = max(seen.values(), key=lambda one: one[0])
    last_record, trades_seen, rest = newest if first is None else seen[first]
    row, alert, after = decode_kept(rest)
    bars, _ = part_bars(after)
    own = {name: part_bars(decode_kept(one[2])[2])[1] for name, one in seen.items()}
    kept = encode_kept(EMPTY if row is None else row, alert, bars + encode_bundle(own))
    return encode_seen(last_record, trades_seen, kept)


def parted(blob: bytes) -> dict[str, bytes]:
    """Return what `joined` takes: by profile what each needs to continue, alone or with others."""
    last_record, trades_seen, rest = decode_seen(blob)
    row, alert, after = decode_kept(rest)
    bars, bundle = part_bars(after)
    assert row is not None  # noqa: S101 - a judge has just written it
    return {
        name: encode_seen(last_record, trades_seen, encode_kept(row, alert, bars + own))
        for name, own in decode_bundle(bundle).items()
    }
