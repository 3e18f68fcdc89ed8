"""Write the image's bill of materials: `python ops/sbom.py [FILE]`, CycloneDX 1.6 as JSON.

Packages, versions and hashes are those of the lock, licences those of THIRD-PARTY.md. The same
lock gives the same bytes. The packages of Debian are those of the base image, named by its digest.
"""

import re
import sys
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "image" / "requirements.txt"
BASE = re.compile(r"^ARG BASE_IMAGE=(?P<name>[\w.-]+):(?P<tag>[\w.-]+)@(?P<digest>\S+)$", re.M)
ROW = re.compile(r"^\| ([a-z0-9.-]+) \| (\d\S*) \| (.+) \|$", re.M)
VERSION = re.compile(r'^__version__ = "(.+)"$', re.M)


def hashes_of(lock: str, name: str, version: str) -> set[str]:
    """Return the hashes of a release's files, one of which is installed."""
    block = re.search(
        rf"^{re.escape(name)}=={re.escape(version)}[ ;].*?(?=^\S|\Z)", lock, re.M | re.S
    )
    return set(re.findall(r"--hash=sha256:([0-9a-f]{64})", block[0])) if block else set()


def bill() -> Bom:
    """Return what the image holds."""
    lock, licences = LOCK.read_text(), LicenseFactory()
    base = BASE.search((ROOT / "Dockerfile").read_text())
    own = VERSION.search((ROOT / "tape" / "__init__.py").read_text())
    assert base is not None and own is not None  # noqa: S101, PT018 - tests look at both
    bom = Bom(serial_number=uuid5(NAMESPACE_URL, lock + own[1] + base["digest"]))
    bom.metadata.timestamp = None  # type: ignore[assignment]  # the same bytes each time
    bom.metadata.component = Component(
        name="tapewatch", version=own[1], type=ComponentType.CONTAINER, bom_ref="tapewatch"
    )
    bom.components.add(
        Component(
            name=base["name"],
            version=base["tag"],
            type=ComponentType.CONTAINER,
            bom_ref="base",
            purl=PackageURL("docker", None, base["name"], base["digest"]),
        )
    )
    for name, version, licence in ROW.findall((ROOT / "THIRD-PARTY.md").read_text()):
        bom.components.add(
            Component(
                name=name,
                version=version,
                type=ComponentType.LIBRARY,
                bom_ref=f"{name}=={version}",
                purl=PackageURL("pypi", None, name, version),
                licenses=[licences.make_from_string(licence)],
                hashes=[
                    HashType(alg=HashAlgorithm.SHA_256, content=one)
                    for one in hashes_of(lock, name, version)
                ],
            )
        )
    bom.register_dependency(bom.metadata.component, bom.components)
    return bom


def main(words: list[str]) -> None:
    """Write it to a file, or print it."""
    text = make_outputter(bill(), OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=2)
    if words:
        Path(words[0]).write_text(text + "\n", encoding="utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main(sys.argv[1:])
