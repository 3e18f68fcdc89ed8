"""The live view, driven by keys as a person would; what it shows is read off its screen."""

import asyncio
import json
import queue
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tape.errors import BrokerError, SettingsError
from tape.kafka.group import Look, Member
from tape.kafka.growing import Record
from tape.kafka.neighbours import Around
from tape.model.rejected import Rejected
from tape.model.trade import Trade, decode
from tape.synthetic import make_day, write_day
from tape.testing import SettableClock
from tape.view.alert import Seen, one_line, seen
from tape.view.board import KEPT, TRADES_KEPT, Board
from tape.view.event import State, state_of
from tape.view.feed import Arrived, News, Trouble
from tape.view.filters import Filter, parse_rule, parse_symbols
from tape.view.lines import event_text
from tape.view.past import past_events, past_trades
from tape.view.short_reason import short_reason
from tape.view.terminal.app import WatchApp
from tape.view.terminal.rows import row, state_lines
from tests.commands import tape
from tests.flagged import flagged

BELOW = "Price 98.00 is 2.00 % below the trimmed mean 100.00"
RULES = ["High Volume", "Rapid Price Change", "Isolation Forest"]


def message(
    number: int, symbol: str = "NVDA", rules: list[str] | None = None, **more: Any
) -> bytes:
    rules = rules or ["High Volume"]
    fields = {
        "ts_event": f"2025-03-03T15:{number // 60 % 60:02}:{number % 60:02}.123456789Z",
        "symbol": symbol,
        "price": 100.25,
        "size": 20_000 + number,
        "sequence": number,
        "anomaly_id": f"{symbol}-2-1-{number}",
        **more,
    }
    return flagged(rules, [f"{r} number {number}." for r in rules], **fields)


def anomaly(number: int, symbol: str = "NVDA", rules: list[str] | None = None) -> Seen:
    found = seen(message(number, symbol, rules), (0, number))
    assert isinstance(found, Seen)
    return found


def look(at_s: float, end: int, committed: int) -> Look:
    return Look(at_s, {0: 0}, {0: end}, {0: committed}, (Member("a", "a-1", "h", 1),), moving=False)


def no_trades(one: Seen) -> Around | str:
    return "not on stocks any more"


class Screen:
    """The view at work, and what a person sees of it."""

    def __init__(self, app: WatchApp, pilot: Pilot[int], news: "queue.Queue[News]") -> None:
        self.app, self.pilot, self._news = app, pilot, news

    async def tell(self, *news: News) -> None:
        for one in news:
            self._news.put(one)
        await self.settle()

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.settle()

    async def settle(self) -> None:
        """Return when nothing changes any more: a new layout is drawn a few frames later."""
        if isinstance(self.app.screen, type(self.app.screen_stack[0])):
            self.app.tick()
        before: list[list[str]] = []
        while len(before) < 4 or before[-1] != before[-4]:
            await self.pilot.pause(0.03)
            before.append(self.lines)

    @property
    def lines(self) -> list[str]:
        strips = self.app.screen._compositor.render_strips()
        return ["".join(segment.text for segment in strip).rstrip() for strip in strips]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def numbers(self) -> list[int]:
        """The numbers of the anomalies in sight, from top to bottom."""
        found = [line.rpartition("number ")[2] for line in self.lines if "number " in line]
        return [int(text.partition(".")[0]) for text in found]


Scene = Callable[[Screen], Awaitable[None]]


def play(
    scene: Scene,
    size: tuple[int, int] = (100, 24),
    around: Callable[[Seen], Around | str] = no_trades,
) -> int | None:
    """Run a scene with the view, and return the exit code."""

    async def run() -> int | None:
        news: queue.Queue[News] = queue.Queue()
        profiles = {"classic": frozenset(RULES), "calibrated": frozenset({"Calibrated"})}
        app = WatchApp(Board(clock=SettableClock()), news, around, profiles)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await scene(Screen(app, pilot, news))
        return app.return_value

    return asyncio.run(run())


def of_episode(number: int, episode: int, priority: float | None) -> Seen:
    worth = {} if priority is None else {"priority": priority}
    found = seen(message(number, episode_id=f"NVDA-2-1-{episode}", **worth))
    assert isinstance(found, Seen)
    return found


def test_an_event_is_one_line_with_the_reason_of_its_worst_trade() -> None:
    async def scene(screen: Screen) -> None:
        trades = [of_episode(1, 1, 4.0), of_episode(2, 1, 9.5), of_episode(3, 1, 9.5)]
        await screen.tell(Arrived([*trades, of_episode(4, 4, 3.2)]))
        assert screen.numbers() == [4, 2]
        assert re.search(r" 9\.5 +3 60,006 .* V High Volume number 2\.", screen.text)
        assert re.search(r" 3\.2 +1 20,004 .* V High Volume number 4\.", screen.text)
        await screen.press("e")
        assert screen.numbers() == [4, 3, 2, 1]
        assert "every trade" in screen.text

    play(scene)


def test_a_key_shows_the_worst_first() -> None:
    async def scene(screen: Screen) -> None:
        worths = [3.0, 8.0, None, 8.0, 5.0]
        await screen.tell(Arrived([of_episode(n, n, worth) for n, worth in enumerate(worths)]))
        assert screen.numbers() == [4, 3, 2, 1, 0]
        await screen.press("p")
        assert screen.numbers() == [3, 1, 4, 0, 2]
        assert "worst first" in screen.text
        await screen.press("p")
        assert screen.numbers() == [4, 3, 2, 1, 0]

    play(scene)


def test_the_bar_stays_on_an_event_whose_worst_trade_changes() -> None:
    async def scene(screen: Screen) -> None:
        await screen.tell(Arrived([of_episode(1, 1, 4.0), of_episode(2, 2, 4.0)]))
        await screen.press("down")
        await screen.tell(Arrived([of_episode(3, 3, 4.0), of_episode(4, 1, 9.0)]))
        assert screen.numbers() == [4, 3, 2]
        assert screen.app.list.current is not None
        assert screen.app.list.current.id == "NVDA-2-1-1"
        await screen.press("e")
        assert screen.app.list.current.id == "NVDA-2-1-4"

    play(scene)


def state(number: int, kind: str = "closed", **fields: Any) -> State:
    """The state of an episode on the wire, as its reader has it."""
    message = {
        "episode_id": f"NVDA-2-1-{number}",
        "symbol": "NVDA",
        "state": kind,
        "flags": 40,
        "rules": {"Calibrated": 40},
        "severity": 8.0,
        "priority": 10.6,
        "rule": "Calibrated",
        "reason": f"{BELOW} of the last 60 trades; rare.",
        "shares": 1_234_567,
        "first_ts_event": "2025-03-03T15:00:00.000000001Z",
        "last_ts_event": "2025-03-03T15:00:01.000000001Z",
        "price_before": 100.0,
        "price_extreme": 98.0,
        "price_after": 100.0,
        "mark": "bad print",
        "text": "40 flagged trades within 1 s.",
        "detector": {"version": "1", "settings": "x"},
        **fields,
    }
    found = state_of(json.dumps(message).encode())
    assert isinstance(found, State)
    return found


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        (200, f"C {BELOW} of the last 60 trades"),
        (100, "C bad print: 2.00 % below the mean"),
        (80, "C bad print: 2.00 %"),
        (50, "C bad print"),
    ],
)
def test_an_event_says_how_bad_how_large_and_why_in_any_width(columns: int, why: str) -> None:
    async def scene(screen: Screen) -> None:
        await screen.tell(Arrived(states=[state(1)]))
        (line,) = [line for line in screen.lines if "NVDA" in line]
        assert why in line
        assert "…" not in line
        assert " 8.0" in line
        assert "10.6" in line
        assert "-2.00 %" in line
        if columns >= 80:
            assert "▁" in line  # the price went down and came back
            assert re.search(r" 40 +1\.23M |  40   1,234,567 ", line)

    play(scene, (columns, 24))


def test_an_event_opens_with_its_trades_and_those_around_its_worst() -> None:
    async def scene(screen: Screen) -> None:
        await screen.tell(Arrived([of_episode(1, 1, 4.0), of_episode(2, 1, 9.5)], [state(1)]))
        await screen.press("enter")
        await screen.app.workers.wait_for_complete()
        await screen.settle()
        assert "40 flagged trades within 1 s." in screen.text
        assert "severity 8.0, priority 10.6, bad print, likely" in screen.text
        assert "its flagged trades, the last 2" in screen.text
        assert screen.numbers() == [1, 2]
        assert [one.size for one in asked] == [20_002]
        assert "the trades around it" in screen.text
        await screen.press("escape")
        assert "8.0 10.6" in screen.text

    asked: list[Seen] = []

    def around(one: Seen) -> Around:
        asked.append(one)
        return Around(trades(5), 2)

    play(scene, (100, 40), around)


def test_keys_filter_by_severity_priority_and_profile() -> None:
    async def scene(screen: Screen) -> None:
        found = [of_episode(1, 1, 4.5), of_episode(2, 2, 9.5)]
        await screen.tell(Arrived(found, [state(3, severity=5.5), state(4, severity=8.0)]))
        assert len([line for line in screen.lines if "NVDA" in line]) == 4
        await screen.press("v", "v", "v")
        assert "severity ≥ 6" in screen.text
        assert len([line for line in screen.lines if "NVDA" in line]) == 1
        await screen.press("escape", "m", "m", "m")
        assert "priority ≥ 8" in screen.text
        assert len([line for line in screen.lines if "NVDA" in line]) == 3
        await screen.press("escape", "f")
        assert "only classic" in screen.text
        assert screen.numbers() == [2, 1]
        await screen.press("f")
        assert len([line for line in screen.lines if "NVDA" in line]) == 4

    play(scene)


def test_of_the_past_as_much_is_shown_as_is_asked_for_of_what_fits() -> None:
    board = Board(past_most=2, chosen=Filter(min_priority=5.0))
    board.add([of_episode(n, n, float(n)) for n in range(9)], live=False)
    board.add([of_episode(20, 20, 6.0), of_episode(21, 21, 1.0)])
    assert [one.id for one in board.shown] == ["NVDA-2-1-20", "NVDA-2-1-8", "NVDA-2-1-7"]
    board.turn()
    assert [one.id for one in board.shown] == ["NVDA-2-1-20", "NVDA-2-1-8", "NVDA-2-1-7"]


def test_the_newest_that_fit_are_chosen_whatever_lies_between() -> None:
    values = [message(n, "AAPL" if n % 3 else "NVDA") for n in range(9)]
    records = [Record("anomalies", 0, n, value, n) for n, value in enumerate(values)]
    select = past_trades(Filter(frozenset({"NVDA"})))
    kept, is_enough = select(records, 2)
    assert (kept, is_enough) == ([records[3], records[6]], True)
    assert select(records, 4) == ([records[0], records[3], records[6]], False)
    assert select(records, 0) == ([], True)
    of_one = [
        Record("episodes", 0, n, state(n, kind).raw, n)
        for n in (1, 2)
        for kind in ("opened", "extended", "closed")
    ]
    assert past_events(Filter())(of_one, 1) == (of_one[3:], True)
    assert past_events(Filter(min_severity=9.0))(of_one, 1) == ([], False)


def test_every_reason_of_ours_is_known_in_short(day: Path) -> None:
    """Whatever our detectors say fits eighteen letters, and still says what they found."""
    for profile in ("classic", "calibrated"):
        out = day / f"{profile}.jsonl"
        assert tape("replay", day, "-o", out, PROFILE=profile).returncode == 0
        for line in out.read_bytes().splitlines():
            for reason in json.loads(line)["reasons"]:
                short = short_reason(reason["text"], reason["rule"], 18)
                assert re.search(r"\d|repeated|at the mean", short), reason["text"]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("watched")
    write_day(make_day(3, ["AAA", "BBB"], 30_000), folder)
    return folder


def test_an_event_is_a_line_when_it_opens_and_one_when_there_is_more_to_say() -> None:
    opened = event_text(state(1, "opened", flags=1, mark=None)) or b""
    assert opened.decode() == (
        f"2025-03-03T15:00:01.000000001Z  NVDA  severity 8.0 priority 10.6  {BELOW} of the last 60 "
        "trades; rare."
    )
    assert event_text(state(1, "extended")) is None
    closed = event_text(state(1))
    assert closed is not None
    assert closed.endswith(b"over: 40 flagged trades within 1 s.")
    assert event_text(state(1, flags=1, mark=None)) is None


def test_anomalies_appear_newest_first() -> None:
    async def scene(screen: Screen) -> None:
        assert "nothing yet" in screen.text
        await screen.tell(Arrived([anomaly(n) for n in range(5)]))
        await screen.tell(Arrived([anomaly(5)]))
        assert screen.numbers() == [5, 4, 3, 2, 1, 0]
        assert "V volume 6" in screen.text

    play(scene)


def test_the_state_of_the_pipeline_is_told() -> None:
    async def scene(screen: Screen) -> None:
        assert "lag unknown" in screen.text
        assert "commit none seen yet" in screen.text
        await screen.tell(look(0, 1_000, 1_000), look(1, 3_000, 1_500))
        assert "stocks 2,000/s" in screen.text
        assert "lag 1,500 ↑" in screen.text
        assert "detectors 1" in screen.text
        assert "commit 0 s ago" in screen.text
        await screen.tell(Arrived(rejected=3, rejected_reason="time_range"))
        assert "rejected 3 (time_range)" in screen.text
        await screen.tell(Trouble("the broker does not answer"))
        assert "the broker does not answer" in screen.text
        await screen.tell(Trouble(""))
        assert "does not answer" not in screen.text

    play(scene)


def test_symbols_and_rules_are_filtered_and_escape_shows_all_again() -> None:
    async def scene(screen: Screen) -> None:
        await screen.tell(
            Arrived([anomaly(1, "NVDA"), anomaly(2, "AAPL"), anomaly(3, "AAPL", RULES[1:])])
        )
        await screen.press("slash", *"aapl", "enter")
        assert screen.numbers() == [3, 2]
        assert "only aapl" in screen.text
        await screen.press("r")
        assert screen.numbers() == [2]
        await screen.press("r")
        assert screen.numbers() == [3]
        assert "only aapl Rapid Price Change" in screen.text
        await screen.press("escape")
        assert screen.numbers() == [3, 2, 1]

    play(scene)


def test_what_is_no_symbol_is_told_and_changes_nothing() -> None:
    async def scene(screen: Screen) -> None:
        await screen.tell(Arrived([anomaly(1)]))
        await screen.press("slash", *"nv", "apostrophe", "enter")
        assert "is not a symbol" in screen.text
        await screen.press("escape")
        assert screen.numbers() == [1]

    play(scene)


def test_a_paused_view_stands_still_and_counts_what_it_misses() -> None:
    async def scene(screen: Screen) -> None:
        await screen.tell(Arrived([anomaly(1)]))
        await screen.press("space")
        await screen.tell(Arrived([anomaly(n) for n in range(2, 9)]))
        assert screen.numbers() == [1]
        assert "paused, 7 new" in screen.text
        await screen.press("space")
        assert screen.numbers() == [8, 7, 6, 5, 4, 3, 2, 1]
        assert "paused" not in screen.text

    play(scene)


def test_the_bar_stays_on_its_anomaly_while_new_ones_come() -> None:
    async def scene(screen: Screen) -> None:
        await screen.tell(Arrived([anomaly(n) for n in range(100)]))
        await screen.press("down", "down", "down")
        current = screen.app.list.current
        assert current is not None
        assert current.id == "NVDA-2-1-96"
        await screen.tell(Arrived([anomaly(n) for n in range(100, 400)]))
        assert screen.app.list.current is current
        assert 96 in screen.numbers()
        await screen.press("home")
        assert screen.numbers()[0] == 399
        await screen.press("end")
        assert screen.numbers()[-1] == 0

    play(scene)


def trades(count: int) -> list[Trade]:
    found = [
        decode(
            json.dumps(
                {
                    "ts_event": f"2025-03-03T15:00:{n:02}.000000001Z",
                    "publisher_id": 2,
                    "side": "A",
                    "price": 100 + n,
                    "size": 7_000 + n,
                    "symbol": "NVDA",
                    "sequence": n,
                }
            ).encode()
        )
        for n in range(count)
    ]
    return [one for one in found if not isinstance(one, Rejected)]


def test_details_show_all_reasons_and_the_trades_around() -> None:
    async def scene(screen: Screen) -> None:
        await screen.tell(Arrived([anomaly(7, rules=RULES)]))
        await screen.press("e")
        assert "(+2)" in screen.text
        await screen.press("enter")
        await screen.app.workers.wait_for_complete()
        await screen.settle()
        for rule in RULES:
            assert f"{rule}: {rule} number 7." in screen.text
        assert "NVDA-2-1-7, partition 0, offset 7" in screen.text
        assert "7,001" in screen.text
        assert "102.00  +0.99 %  7,002" in screen.text
        await screen.press("escape")
        assert screen.numbers() == [7]

    assert len(trades(5)) == 5
    play(scene, around=lambda one: Around(trades(5), 2))


def test_details_say_why_there_are_no_trades_around() -> None:
    def gone(one: Seen) -> Around:
        raise BrokerError("the trade is not on stocks any more")

    async def scene(screen: Screen) -> None:
        await screen.tell(Arrived([anomaly(7)]))
        await screen.press("enter")
        await screen.app.workers.wait_for_complete()
        await screen.settle()
        assert "the trade is not on stocks any more" in screen.text

    play(scene, around=gone)


@pytest.mark.parametrize(
    ("number", "said"),
    [(7, "begins an episode"), (8, "in the episode of NVDA-2-1-7"), (9, "")],
    ids=["first", "later", "from before there were episodes"],
)
def test_details_say_which_episode_it_belongs_to(number: int, said: str) -> None:
    one = seen(message(number, **({"episode_id": "NVDA-2-1-7"} if said else {})))
    assert isinstance(one, Seen)

    async def scene(screen: Screen) -> None:
        await screen.tell(Arrived([one]))
        await screen.press("e", "enter")
        await screen.settle()
        assert f"NVDA-2-1-{number}" in screen.text
        assert said in screen.text
        assert ("episode" in screen.text) is bool(said)

    play(scene)


@pytest.mark.parametrize(("key", "code"), [("q", 0), ("ctrl+c", 130)])
def test_a_key_ends_it(key: str, code: int) -> None:
    async def scene(screen: Screen) -> None:
        await screen.press(key)

    assert play(scene) == code


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (200, 50), (20, 5)])
def test_it_fits_any_terminal(size: tuple[int, int]) -> None:
    async def scene(screen: Screen) -> None:
        await screen.tell(Arrived([anomaly(n, rules=RULES) for n in range(300)]))
        assert len(screen.lines) == size[1]
        assert max(map(len, screen.lines)) <= size[0]
        assert "NVDA" in screen.text or size[0] == 20

    play(scene, size)


def test_memory_stays_bounded() -> None:
    board = Board()
    for n in range(TRADES_KEPT + 50):
        board.add([anomaly(n)])
    assert len(board.newest) == TRADES_KEPT
    assert len(board.events) == KEPT
    assert board.by_rule["High Volume"] == TRADES_KEPT + 50
    assert board.shown[0].id == board.newest[0].id == f"NVDA-2-1-{TRADES_KEPT + 49}"


def test_rates_are_means_of_the_last_ten_seconds() -> None:
    clock = SettableClock()
    board = Board(clock=clock)
    for _ in range(20):
        clock.advance(1)
        board.add([anomaly(1)] * 30)
    assert board.anomalies_per_s == pytest.approx(30)
    clock.advance(5)
    assert board.anomalies_per_s == pytest.approx(15, abs=3.1)
    clock.advance(6)
    assert board.anomalies_per_s == 0


def test_what_was_there_before_counts_for_no_rate() -> None:
    board = Board()
    board.add([anomaly(n) for n in range(50)], live=False)
    assert board.anomalies_per_s == 0
    assert len(board.shown) == 50


@pytest.mark.parametrize(
    "raw",
    [b"", b"null", b"[]", b"{}", b"\xff", b"[" * 100_000, message(1)[:-1], b'{"price": NaN}'],
)
def test_what_is_no_anomaly_is_skipped(raw: bytes) -> None:
    assert isinstance(seen(raw), Rejected)


def test_text_that_would_steer_the_terminal_is_written_as_escapes() -> None:
    steer = "\x1b[2J\x07\u202e"
    raw = message(1, rules=[steer], context=steer, severity=3.0, anomaly_id=steer)
    found = seen(raw)
    assert isinstance(found, Seen)
    for text in (found.id, found.more, *found.rules, *found.reasons, row(found, 80).plain):
        assert text.isprintable()
    assert isinstance(seen(message(1, symbol=steer)), Rejected)


def test_a_message_of_several_lines_becomes_one() -> None:
    pretty = json.dumps(json.loads(message(1)), indent=2).encode()
    line = one_line(pretty)
    assert b"\n" not in line
    assert json.loads(line) == json.loads(message(1))
    assert one_line(message(1)) == message(1)


def test_what_is_suppressed_is_counted_and_shown_apart() -> None:
    found = [seen(message(n, rank=n + 0.25, suppressed=n == 2)) for n in range(4)]
    assert all(isinstance(one, Seen) for one in found)
    board = Board()
    board.add(found)
    board.turn()
    assert [one.id for one in board.shown] == [f"NVDA-2-1-{n}" for n in (3, 1, 0)]
    assert "suppressed 1" in state_lines(board, 200).plain
    assert "suppressed" not in state_lines(Board(), 200).plain
    board.chosen = Filter(suppressed=True)
    (hidden,) = board.shown
    assert isinstance(hidden, Seen)
    assert hidden.more == "rank 2.2, suppressed"
    assert board.chosen.text == "suppressed"


def test_filters_are_parsed_or_told() -> None:
    assert parse_symbols(" nvda,AAPL,", "--symbol") == {"nvda", "AAPL"}
    assert Filter(parse_symbols("nvda,ES.c.0", "")).shows(anomaly(1))
    assert Filter(parse_symbols("nvda,ES.c.0", "")).shows(anomaly(1, "ES.c.0"))
    assert not Filter(parse_symbols("nvda", "")).shows(anomaly(1, "NVDA2"))
    assert parse_rule("vol", "--rule") == "High Volume"
    assert parse_rule("forest", "--rule") == "Isolation Forest"
    assert Filter().text == ""
    for wrong in ("x'y", "a\\b"):
        with pytest.raises(SettingsError, match="--symbol"):
            parse_symbols(wrong, "--symbol")
    for wrong in ("nothing", "i"):
        with pytest.raises(SettingsError, match="--rule"):
            parse_rule(wrong, "--rule")


def test_a_lag_that_cannot_be_seen_is_no_zero() -> None:
    assert "lag unknown" in state_lines(Board(), 80).plain
