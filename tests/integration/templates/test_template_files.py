import hashlib
from pathlib import Path

import pytest

from engine.adapters.stores.template_files import AssetFiles, TemplateFiles, read_sources
from engine.errors import InputError, MissingInputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "templates"
    (made / "parts").mkdir(parents=True)
    (made / "offer.html.j2").write_text(
        "<style>p{color:red}</style><p>{{ name }}</p>{% include 'parts/é.html.j2' %}".replace("é", "foot")
    )
    (made / "offer.subject.j2").write_text("For {{ name }}")
    (made / "parts" / "foot.html.j2").write_text("<p>Grüße</p>", encoding="utf-8")
    (made / "notes.md").write_text("not a template")
    return made


def test_a_folder_is_read_and_prepared(folder: Path) -> None:
    files = TemplateFiles(folder, ["offer"])
    assert sorted(files.sources) == ["offer.html.j2", "offer.subject.j2", "parts/foot.html.j2"]
    (offer,) = files.sets()
    assert offer.parts["html"].source == "<p style=\"color: red\">{{ name }}</p>{% include 'parts/foot.html.j2' %}"
    assert offer.shared["parts/foot.html.j2"] == '<p style="color: red">Grüße</p>'
    assert files.catalogue.diagnostics == ()


def test_a_template_that_is_not_there_is_told(folder: Path) -> None:
    with pytest.raises(MissingInputError, match=r"offre.subject.j2"):
        TemplateFiles(folder, ["offre"]).sets()


def test_a_folder_that_is_not_there_has_no_templates(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError):
        TemplateFiles(tmp_path / "none", ["offer"]).sets()


def test_a_link_out_of_the_folder_is_refused(folder: Path) -> None:
    secret = folder.parent / "secret.j2"
    secret.write_text("secret")
    (folder / "out.html.j2").symlink_to(secret)
    with pytest.raises(InputError, match="MR234"):
        read_sources(folder)


def test_a_linked_folder_is_not_followed(folder: Path) -> None:
    outside = folder.parent / "outside"
    outside.mkdir()
    (outside / "x.html.j2").write_text("secret")
    (folder / "linked").symlink_to(outside)
    assert not any(name.startswith("linked") for name in read_sources(folder))


def test_a_link_within_the_folder_is_followed(folder: Path) -> None:
    (folder / "same.html.j2").symlink_to(folder / "parts" / "foot.html.j2")
    assert read_sources(folder)["same.html.j2"] == "<p>Grüße</p>"


@pytest.mark.parametrize(("content", "code"), [(b"\xff\xfe", "MR236"), (b"x" * 3_000_000, "MR235")])
def test_a_file_that_cannot_be_a_template_is_told(folder: Path, content: bytes, code: str) -> None:
    (folder / "bad.html.j2").write_bytes(content)
    with pytest.raises(InputError, match=code):
        read_sources(folder)


def test_assets_are_files_below_their_folder(tmp_path: Path, folder: Path) -> None:
    assets = tmp_path / "assets"
    assets.mkdir()
    (assets / "logo.png").write_bytes(b"png")
    (tmp_path / "secret.png").write_bytes(b"secret")
    (assets / "out.png").symlink_to(tmp_path / "secret.png")
    files = AssetFiles(assets)
    assert files.digest("logo.png") == hashlib.sha256(b"png").hexdigest()
    assert [files.digest(path) for path in ("no.png", "../secret.png", "out.png", "/etc/passwd", ".", "")] == [None] * 6
    (folder / "offer.html.j2").write_text("{{ asset('logo.png') }}")
    (offer,) = TemplateFiles(folder, ["offer"], assets=assets, prefix="https://cdn.example.com").sets()
    assert offer.parts["html"].source.startswith('{{ "https://cdn.example.com/logo.')
