"""Where Java is pointed to kept classes, and where not."""

from pathlib import Path

import pytest

from tape.kafka.local import class_cache


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    java = tmp_path / "java"
    java.touch()
    monkeypatch.setattr(class_cache, "java_and_classpath", lambda: (str(java), "a.jar:b.jar"))
    monkeypatch.setattr(class_cache, "FOLDER", tmp_path)
    monkeypatch.delenv(class_cache.WRITE, raising=False)
    return class_cache.cache_file()


def test_without_a_cache_java_is_started_as_ever() -> None:
    assert class_cache.class_options() == []


def test_a_cache_of_this_java_and_these_jars_is_used(
    cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cache.touch()
    assert class_cache.class_options()[0] == f"-XX:AOTCache={cache}"
    monkeypatch.setattr(
        class_cache, "java_and_classpath", lambda: (str(tmp_path / "java"), "a.jar:c.jar")
    )
    assert class_cache.class_options() == []
