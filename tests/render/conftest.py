"""Projects for HyperPod."""

from pathlib import Path

import copier
import pytest

from tests.render.clusters import VARIANTS, Object


@pytest.fixture(scope="session")
def projects(template: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a project of each variant."""
    folder = tmp_path_factory.mktemp("hyperpod")
    options: Object = {"defaults": True, "unsafe": True, "quiet": True, "skip_tasks": True}
    for name, answers in VARIANTS.items():
        copier.run_copy(str(template), folder / name, data=answers, **options)
    return {name: folder / name for name in VARIANTS}
