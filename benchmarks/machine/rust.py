"""A reader in Rust on the same librdkafka: what the fastest language takes to poll and to parse."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

SOURCES = Path(__file__).with_name("rust_consume")
BUILD_S = 600
"""Longest wait for the build, which fetches serde and serde_json."""


def rust_figures(address: str, topic: str, count: int, folder: Path) -> dict[str, float | None]:
    """Return CPU of all threads per message: polled only, and with seven fields parsed by serde.

    None, and a sentence, where it cannot be built.
    """
    program = _built(folder)
    if program is None:
        return {"peer_rust_poll_cpu_us": None, "peer_rust_serde_cpu_us": None}
    found: dict[str, float | None] = {}
    for name, words in (("poll", []), ("serde", ["parse"])):
        command = [str(program), address, topic, str(count), *words]
        done = subprocess.run(command, check=True, capture_output=True, timeout=BUILD_S)
        found[f"peer_rust_{name}_cpu_us"] = json.loads(done.stdout)["cpu_us"]
    return found


def _built(folder: Path) -> Path | None:
    """Build it against the client's own library; None, and why, where that cannot be done."""
    cargo, package = shutil.which("cargo"), importlib.util.find_spec("confluent_kafka")
    libraries = [] if package is None else list(package.submodule_search_locations or [])
    found = [so for one in libraries for so in Path(f"{one}.libs").glob("librdkafka*.so*")]
    if cargo is None or not found:
        why = "no cargo" if cargo is None else "the Kafka client has no library of its own"
        print(f"the reader in Rust is skipped: {why}", file=sys.stderr)
        return None
    (folder / "librdkafka.so").symlink_to(found[0])
    flags = f"-L {folder} -l dylib=rdkafka -C link-arg=-Wl,-rpath,{found[0].parent}"
    command = [cargo, "build", "--release", "--target-dir", str(folder / "target")]
    done = subprocess.run(
        [*command, "--manifest-path", str(SOURCES / "Cargo.toml")],
        capture_output=True,
        text=True,
        env={**os.environ, "RUSTFLAGS": flags},
        timeout=BUILD_S,
        check=False,
    )
    if done.returncode:
        print(f"the reader in Rust is skipped: {done.stderr.strip()[-300:]}", file=sys.stderr)
        return None
    return folder / "target/release/rust_consume"
