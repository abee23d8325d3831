from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from engine.errors import InputError
from engine.templates.catalogue import History, Version, diff, version_digest

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def version(digest: str, template: str = "offer") -> Version:
    return Version(
        template=template, digest=digest, files={"offer.html.j2": "a" * 64}, author="Ann", at=AT, note="first\nline"
    )


def test_a_version_is_one_line_and_comes_back_equal() -> None:
    published = version("0" * 64)
    assert "\n" not in published.line()
    assert History.read([published.line()]).versions == (published,)


def test_the_version_published_last_holds() -> None:
    history = History((version("0" * 64), version("1" * 64), version("2" * 64, "other"), version("0" * 64)))
    assert history.current("offer").digest == "0" * 64
    assert history.templates == ("offer", "other")
    assert [each.digest[0] for each in history.of("offer")] == ["0", "1", "0"]


def test_a_version_is_found_by_the_beginning_of_its_hash() -> None:
    history = History((version("0" * 64), version("0" * 7 + "1" * 57), version("2" * 64), version("2" * 64)))
    assert history.find("offer", "2" * 6).digest == "2" * 64
    assert history.find("offer", "00000001").digest == "0" * 7 + "1" * 57
    for digest in ("0" * 6, "3" * 6, "2", ""):
        with pytest.raises(InputError, match="MR263"):
            history.find("offer", digest)


def test_a_template_that_is_not_published_is_told() -> None:
    with pytest.raises(InputError, match=r"did you mean `offer`\?"):
        History((version("0" * 64),)).current("ofer")


@pytest.mark.parametrize(
    "line", ["", "{}", "no", version("0" * 64).line()[:-1], version("0" * 64).line().replace("Ann", 'Ann", "x": "y')]
)
def test_a_line_that_is_no_version_is_told(line: str) -> None:
    with pytest.raises(InputError, match="line 2"):
        History.read([version("0" * 64).line(), line])


def test_a_moment_without_an_offset_is_refused() -> None:
    with pytest.raises(ValidationError):
        Version(template="a", digest="0" * 64, files={}, author="a", at=datetime(2026, 1, 1))


def test_a_version_is_its_sources_and_its_name() -> None:
    assert version_digest("a", {"x": "1"}) == version_digest("a", {"x": "1"})
    assert len({version_digest("a", {"x": "1"}), version_digest("b", {"x": "1"}), version_digest("a", {"x": "2"})}) == 3


def test_a_diff_names_files_and_lines() -> None:
    assert diff({"a.j2": "x\ny\n", "gone.j2": "z"}, {"a.j2": "x\nw\n", "new.j2": "v"}).splitlines() == [
        "--- a/a.j2", "+++ b/a.j2", "@@ -1,2 +1,2 @@", " x", "-y", "+w",
        "--- a/gone.j2", "+++ b/gone.j2", "@@ -1 +0,0 @@", "-z",
        "--- a/new.j2", "+++ b/new.j2", "@@ -0,0 +1 @@", "+v",
    ]  # fmt: skip
    assert diff({"a": "x"}, {"a": "x"}) == ""
