"""The pins of a version that was resolved for a project are the same after an update."""

from pathlib import Path

import copier
import pytest

from extensions.mcc.catalog import wheel_hashes
from tests.conftest import release
from tests.update.versions import OPTIONS, answers_of, make


def test_a_resolved_version_is_kept_without_a_look_up(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Needs uv and the package index, as the lanes that install packages do."""
    made = tmp_path / "made"
    make(source, made, framework="xgboost", model_format="json", framework_version="3.0.2")
    pins = (made / "requirements.txt").read_text()
    assert "xgboost-cpu==3.0.2 ; sys_platform == 'linux' \\\n    --hash=sha256:" in pins
    assert "numpy==2.2.6 \\\n    --hash=sha256:" in pins
    assert "FROM python:3.12-slim\n" in (made / "Dockerfile").read_text()
    assert (
        "uv resolves one, with numeric libraries of the time of its release (2025-05-25)"
        in capfd.readouterr().err
    )
    lock = answers_of(made)["framework_lock"]
    assert (lock["as_of"], lock["pythons"]) == ("2025-06-02", ["3.11", "3.12", "3.13"])

    servers = source / "catalog" / "web_servers.yml"
    servers.write_text(servers.read_text().replace("typing-extensions==4.16.0", "typing-extensions==4.99.0"))
    hashes = source / "catalog" / "hashes.yml"
    (digest,) = wheel_hashes.known()["typing-extensions==4.16.0"]
    hashes.write_text(f"{hashes.read_text()}  typing-extensions==4.99.0: [{digest}]\n")
    release(source, "v2")
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")  # nothing is looked up
    copier.run_update(made, overwrite=True, **OPTIONS)
    after = (made / "requirements.txt").read_text()
    assert after == pins.replace("typing-extensions==4.16.0", "typing-extensions==4.99.0") != pins
    assert answers_of(made)["framework_lock"] == lock and capfd.readouterr().err == ""
