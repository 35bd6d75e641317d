"""Package indexes, certificates and proxies of a private network reach environments and builds."""

from pathlib import Path

import pytest
from lifecycle import package_index

MOUNTS = "RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf pip install"
CORPORATE = {"PIP_INDEX_URL": "https://user:secret@pypi.example.com/simple", "PIP_CERT": "/etc/ssl/corp.pem"}


@pytest.fixture(autouse=True)
def only_these_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Leave out the configuration of this machine."""
    monkeypatch.setattr(
        package_index, "_configuration_files", lambda environ: sorted(tmp_path.glob("*.conf"))
    )
    monkeypatch.setattr(Path, "home", lambda: tmp_path)


def test_variables_override_files_and_later_files_earlier_ones(tmp_path: Path) -> None:
    (tmp_path / "1.conf").write_text("[global]\nindex-url = https://one.example/\ncert = /one.pem\n")
    (tmp_path / "2.conf").write_text("[global]\ncert = /two.pem\nproxy = x\n[install]\nindex-url = y\n")
    found = package_index.pip_settings({"PIP_INDEX_URL": "https://three.example/"})
    assert found == {"index-url": "https://three.example/", "cert": "/two.pem"}


def test_a_file_that_pip_cannot_read_is_left_to_pip(tmp_path: Path) -> None:
    (tmp_path / "1.conf").write_bytes(b"\xff\xfe\x00 no [section")
    (tmp_path / "2.conf").write_text("index-url without a section\n")
    assert package_index.pip_settings({}) == {}


def test_indexes_in_folders_of_this_machine_are_left_out() -> None:
    given = {
        "PIP_EXTRA_INDEX_URL": "file:///wheels https://more.example/simple",
        "PIP_INDEX_URL": "file:///all",
    }
    assert package_index.pip_settings(given) == {"extra-index-url": "https://more.example/simple"}


@pytest.mark.parametrize(
    ("environ", "only_pip"),
    [
        ({}, False),
        (CORPORATE, True),
        ({"PIP_INDEX_URL": "https://pypi.org/simple"}, False),
        ({**CORPORATE, "UV_DEFAULT_INDEX": "https://pypi.example.com/simple"}, False),
    ],
)
def test_uv_is_not_used_where_only_pip_has_the_index(environ: dict[str, str], only_pip: bool) -> None:
    assert package_index.only_pip_has_index(environ) == only_pip


def test_a_build_gets_the_settings_as_secrets() -> None:
    built = package_index.for_build(MOUNTS, CORPORATE)
    assert built.options == [
        *("--secret", "id=ca.pem,src=/etc/ssl/corp.pem"),
        *("--secret", "type=env,id=pip.conf,src=MCC_PIP_CONF"),
    ]
    expected = (
        "[global]\nindex-url = https://user:secret@pypi.example.com/simple\ncert = /run/secrets/ca.pem\n"
    )
    assert built.variables == {"MCC_PIP_CONF": expected}


def test_a_dockerfile_without_the_mount_gets_no_settings() -> None:
    assert package_index.for_build("RUN pip install", CORPORATE) == package_index.BuildOptions([], {})


def test_proxies_are_passed_in_both_cases_and_by_name() -> None:
    built = package_index.for_build(
        "", {"https_proxy": "http://u:secret@proxy.example:8080", "NO_PROXY": ".example"}
    )
    names = [word for word in built.options if word != "--build-arg"]
    assert names == ["HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"]
    assert (
        built.variables["HTTPS_PROXY"]
        == built.variables["https_proxy"]
        == "http://u:secret@proxy.example:8080"
    )


@pytest.mark.parametrize(
    "proxy", ["http://localhost:3128", "http://u:p@127.0.0.1:3128/", "127.0.0.1:80", "http://[::1]:1"]
)
def test_a_proxy_on_this_machine_is_left_out(proxy: str) -> None:
    assert package_index.for_build("", {"HTTP_PROXY": proxy}) == package_index.BuildOptions([], {})


def test_uv_gets_the_index_that_only_pip_has() -> None:
    found = package_index.for_uv({**CORPORATE, "PIP_EXTRA_INDEX_URL": "https://more.example/simple"})
    assert found["UV_DEFAULT_INDEX"] == CORPORATE["PIP_INDEX_URL"] == package_index.index_url(found)
    assert (
        found["UV_INDEX"] == "https://more.example/simple" and found["SSL_CERT_FILE"] == "/etc/ssl/corp.pem"
    )
    own = {**CORPORATE, "UV_INDEX_URL": "https://uv.example/simple"}
    assert package_index.for_uv(own) == own
    assert package_index.index_url(own) == "https://uv.example/simple"
    assert package_index.for_uv({}) == {} and package_index.index_url({}) == package_index.PYPI


def test_the_index_of_a_configuration_file_of_uv(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        '[[index]]\nurl = "https://a.example"\n[[index]]\nurl = "https://b.example"\ndefault = true\n'
    )
    assert package_index.index_url({"UV_CONFIG_FILE": str(own)}) == "https://b.example"
    own.write_text('index-url = "https://c.example"')
    assert package_index.index_url({"UV_CONFIG_FILE": str(own)}) == "https://c.example"
