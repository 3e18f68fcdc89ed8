"""Settings: what works, and one sentence for what does not."""

from pathlib import Path

import pytest

from tape.errors import SettingsError
from tape.settings.alerter import AlerterSettings
from tape.settings.all_settings import names
from tape.settings.databento import FetchSettings
from tape.settings.detector import DetectorSettings
from tape.settings.load import load
from tape.settings.names import NAMES
from tape.settings.page import PageSettings
from tape.settings.producer import ProducerSettings
from tape.settings.sink import SinkSettings
from tape.settings.thresholds_file import read_thresholds
from tests.certificates import Authority


@pytest.fixture(autouse=True)
def _empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_defaults_work_without_any_setting() -> None:
    settings = load(DetectorSettings)
    assert settings.broker_address == "127.0.0.1:19092"
    assert settings.parameters().volume_threshold == 20_000


def test_a_dotenv_file_is_read_and_the_environment_goes_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path(".env").write_text("VOLUME_THRESHOLD=5\nCHANGE_THRESHOLD=0.5\n")
    monkeypatch.setenv("VOLUME_THRESHOLD", "7")
    parameters = load(DetectorSettings).parameters()
    assert (parameters.volume_threshold, parameters.change_threshold) == (7, 0.5)


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("PROFILE: calibrated", "PROFILE"),
        ("set PROFILE=calibrated", "PROFILE"),
        ('$env:PROFILE="calibrated"', "PROFILE"),
        ("profile=calibrated", "PROFILE"),
        ("Instance=a", "INSTANCE"),
        ("quix__broker__address=b:9092", "Quix__Broker__Address"),
        ("PROFILE", "PROFILE"),
        ('input="st', "input"),
        ('output="a" b', "output"),
        ("- SYMBOLS=NVDA", "SYMBOLS"),
    ],
)
def test_a_line_of_dotenv_that_sets_nothing_is_named(line: str, name: str) -> None:
    """It was skipped, and the app ran with the default."""
    Path(".env").write_text(f"# PROFILE: classic\n\nVOLUME_THRESHOLD=5\n{line}\n")
    with pytest.raises(SettingsError, match=rf"^\.env, line 4: {name} is not set there"):
        load(DetectorSettings)


def test_a_value_in_single_quotes_is_taken_as_it_is_or_refused() -> None:
    """A password with ${…} in it became another one without a word."""
    Path(".env").write_text("DATA_DIR=${HOME}/days\nKAFKA_SASL_PASSWORD='a${HOME}b'\n")
    with pytest.raises(SettingsError, match=r"^\.env, line 2: \$\{…\} in KAFKA_SASL_PASSWORD"):
        load(DetectorSettings)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_dotenv_is_read_as_editors_and_shells_write_it(mark: str, end: str) -> None:
    lines = [
        "export PROFILE='calibrated'",
        ' input = "st" # the topic',
        "INPUT=of another program",
        "a note: see output of it",
        "MAX_SYMBOLS=1",
        "MAX_SYMBOLS=700",
    ]
    Path(".env").write_bytes((mark + end.join([*lines, ""])).encode())
    settings = load(DetectorSettings)
    assert (settings.profile, settings.input, settings.max_symbols) == ("calibrated", "st", 700)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VOLUME_THRESHOLD", "-3"),
        ("VOLUME_THRESHOLD", "many"),
        ("CHANGE_THRESHOLD", "nan"),
        ("PROFILE", "clasic"),
        ("TRAINING", "thin"),
        ("output", "stocks"),
        ("EPISODES_TOPIC", "rejected"),
        ("BUDGET_PRICE", "0.9"),
        ("BUDGET_SIZE", "-0.1"),
        ("BUDGET_FEED", "1.2"),
        ("EPISODE_GAP_S", "0"),
        ("EPISODE_GAP_S", "inf"),
        ("output", "no spaces"),
        ("CONTAMINATION", "0.6"),
        ("LOG_LEVEL", "loud"),
        ("KAFKA_SECURITY_PROTOCOL", "SASL_SSL"),
        ("KAFKA_SSL_CA_FILE", "missing.pem"),
        ("VOLUME_TRESHOLD", "5"),
        ("COMMIT_INTERVAL", "5"),
    ],
)
def test_a_value_or_name_that_cannot_work_is_named_in_one_line(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load(DetectorSettings)
    text = str(caught.value)
    assert "\n" not in text
    assert name in text or name in ("output", "KAFKA_SECURITY_PROTOCOL")
    assert caught.value.exit_code == 4


def test_symbols_are_split_and_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMBOLS", "NVDA, AAPL,")
    assert load(ProducerSettings).symbols == {"NVDA", "AAPL"}
    monkeypatch.setenv("SYMBOLS", r"ES.c.0, UD:1V: GN 2391,A\,B")
    assert load(ProducerSettings).symbols == {"ES.c.0", "UD:1V: GN 2391", "A,B"}
    monkeypatch.setenv("SYMBOLS", "O'NEIL")
    with pytest.raises(SettingsError, match="SYMBOLS"):
        load(ProducerSettings)


def test_a_password_appears_in_no_text_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_SASL_PASSWORD", "canary-7f3a")
    monkeypatch.setenv("KAFKA_SASL_USERNAME", "u")
    monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    settings = load(DetectorSettings)
    assert "canary" not in repr(settings) + str(settings.model_dump())
    assert settings.client_config()["sasl.password"] == "canary-7f3a"


def test_thresholds_of_a_symbol_override_the_common_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("t.toml").write_text(
        "[NVDA]\nvolume_threshold = 5\nalerts_per_day = 12\n"
        "[AAPL]\nchange_threshold = 1\n[SPY]\nalerts_per_10k = 0.5\n"
    )
    found = read_thresholds(Path("t.toml"))
    assert found["NVDA"].volume_threshold == 5
    assert found["AAPL"].change_threshold == 1.0
    monkeypatch.setenv("THRESHOLDS_FILE", "t.toml")
    monkeypatch.setenv("ALERTS_PER_DAY", "20")
    parameters = load(DetectorSettings).parameters()
    assert parameters.budget_of("NVDA")[1] == 12
    assert parameters.budget_of("AAPL")[1] == 20
    assert parameters.budget_of("SPY") == (0.5, 0.0)


def test_shares_of_the_alerts_are_a_whole_or_refused_with_their_sum(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BUDGET_PRICE", "1")
    with pytest.raises(SettingsError) as refused:
        load(DetectorSettings)
    assert str(refused.value) == (
        "BUDGET_PRICE, BUDGET_SIZE and BUDGET_FEED are shares of the alerts and add up to 1.5; "
        "make them add up to 1, as 0.5, 0.3 and 0.2 do"
    )
    monkeypatch.setenv("BUDGET_SIZE", "0")
    monkeypatch.setenv("BUDGET_FEED", "0")
    assert load(DetectorSettings).parameters().budget_shares == (1.0, 0.0, 0.0)


@pytest.mark.parametrize(
    "text",
    [
        '["O\'NEIL"]\nvolume_threshold = 5',
        "[NVDA]\nvolume = 5",
        "[NVDA]\nvolume_threshold = -5",
        "[NVDA]\nvolume_threshold = 1.5",
        "[NVDA]\nchange_threshold = nan",
        "[NVDA]\nchange_threshold = true",
        "[NVDA]\nchange_threshold = 1" + 400 * "0",
        "[NVDA]\nalerts_per_day = -5",
        "[NVDA]\nalerts_per_day = 0",
        "[NVDA]\nalerts_per_day = inf",
        "[NVDA]\nalerts_per_day = '20'",
        "[NVDA]\nalerts_per_day = true",
        "[NVDA]\nalerts_per_10k = -1",
        "[NVDA]\nalerts_per_10k = nan",
        "[NVDA]\nalerts_per_10k = 1\nalerts_per_day = 20",
        "NVDA = 5",
        "[NVDA",
        None,
    ],
)
def test_a_wrong_thresholds_file_is_said_in_one_sentence(text: str | None) -> None:
    if text is not None:
        Path("t.toml").write_text(text)
    with pytest.raises(SettingsError, match=r"t\.toml"):
        read_thresholds(Path("t.toml"))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"\x30\x82\x03\x0f\x30\x82\x02\xf7 DER begins so",
        b"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----\n",
        b"-----BEGIN CERTIFICATE-----\nbm90aGluZw==\n-----END CERTIFICATE-----\n",
    ],
)
def test_a_file_that_holds_no_certificate_is_refused_before_any_client_is_made(
    content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("ca.pem").write_bytes(content)
    monkeypatch.setenv("KAFKA_SSL_CA_FILE", "ca.pem")
    with pytest.raises(SettingsError, match=r"KAFKA_SSL_CA_FILE: ca\.pem holds no certificate"):
        load(DetectorSettings)


def test_a_certificate_authority_in_pem_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    file = Authority(Path("ca"), "authority").file
    monkeypatch.setenv("KAFKA_SSL_CA_FILE", str(file))
    assert load(DetectorSettings).ssl_ca_file == file


def test_every_app_s_settings_are_known_by_name() -> None:
    apps = (ProducerSettings, DetectorSettings, SinkSettings, AlerterSettings, PageSettings)
    classes = (*apps, FetchSettings)
    assert set(NAMES) == {name for one in classes for name in names(one)}
