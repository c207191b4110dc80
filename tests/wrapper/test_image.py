"""Which image exactly a container is made of."""

import hashlib
from pathlib import Path

from wrapper import image

HEX = "ab" * 32


def test_an_unpacked_image_is_known_by_the_folder_that_its_name_leads_to(tmp_path: Path) -> None:
    for store in (".flat", ".images"):
        real = tmp_path / store / HEX[:2] / HEX
        real.mkdir(parents=True)
        name = tmp_path / "registry" / store / "dune:v1"
        name.parent.mkdir(parents=True)
        name.symlink_to(real)

        assert image.digest(str(name)) == "sha256:" + HEX


def test_an_image_in_a_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "image.sif"
    file.write_bytes(b"x" * 1000)

    assert image.digest(str(file)) == "file:1000:sha256:" + hashlib.sha256(b"x" * 1000).hexdigest()
    assert image.digest(str(file), limit_bytes=999) == "file:1000"


def test_of_others_nothing_is_said(tmp_path: Path) -> None:
    assert image.digest("docker://alma:9") == ""
    assert image.digest(str(tmp_path)) == ""
    assert image.digest(str(tmp_path / "missing")) == ""
