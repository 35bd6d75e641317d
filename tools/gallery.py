"""`make gallery`: six rendered projects, and a page of the site for each of them."""

import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests import ownership
from tools import projects
from tools.projects import REPOSITORY

PROJECTS = REPOSITORY / ".site" / "gallery"
PAGES = REPOSITORY / ".site" / "source" / "gallery"
LANGUAGES = {
    ".py": "python",
    ".toml": "toml",
    ".md": "markdown",
    ".yaml": "yaml",
    ".conf": "nginx",
    ".txt": "text",
    ".env": "ini",
    "": "docker",
}


@dataclass(frozen=True)
class Exhibit:
    """A project of the gallery: the answers that lead to it, and its five most important files."""

    title: str
    about: str
    answers: Mapping[str, str]
    files: tuple[str, str, str, str, str]


GALLERY = {
    "flask-sklearn": Exhibit(
        "Predictive model: scikit-learn behind Flask",
        "A scikit-learn model on a SageMaker endpoint, behind Flask and nginx.",
        {"deployment_config": "http-flask", "framework": "sklearn"},
        ("README.md", "serving/model_handler.py", "serving/app.py", "Dockerfile", "do/config.toml"),
    ),
    "fastapi-xgboost": Exhibit(
        "Predictive model: XGBoost behind FastAPI",
        "An XGBoost model on a SageMaker endpoint, behind FastAPI and nginx.",
        {"deployment_config": "http-fastapi", "framework": "xgboost"},
        ("README.md", "serving/model_handler.py", "serving/app.py", "requirements.txt", "nginx.conf"),
    ),
    "vllm": Exhibit(
        "Language model: vLLM on an endpoint",
        "Qwen3-8B behind vLLM on a SageMaker endpoint.",
        {"deployment_config": "transformers-vllm", "model_name": "Qwen/Qwen3-8B"},
        ("README.md", "serving/settings.toml", "Dockerfile", "nginx.conf", "do/config.toml"),
    ),
    "lmi": Exhibit(
        "Language model: LMI on an endpoint",
        "Qwen3-8B in the LMI container of AWS (vLLM under DJL Serving) on a SageMaker endpoint.",
        {"deployment_config": "transformers-lmi", "model_name": "Qwen/Qwen3-8B"},
        ("README.md", "serving/settings.toml", "Dockerfile", "nginx.conf", "do/config.toml"),
    ),
    "triton-fil": Exhibit(
        "Triton: a forest with FIL",
        "An XGBoost model on NVIDIA Triton with the FIL backend, on a SageMaker endpoint.",
        {"deployment_config": "triton-fil"},
        (
            "README.md",
            "model_repository/settings.toml",
            "sample_model/train.py",
            "Dockerfile",
            "do/config.toml",
        ),
    ),
    "hyperpod-vllm": Exhibit(
        "HyperPod: vLLM on a cluster",
        "Qwen3-8B behind vLLM on a HyperPod cluster with Amazon EKS.",
        {
            "deployment_config": "transformers-vllm",
            "model_name": "Qwen/Qwen3-8B",
            "deployment_target": "hyperpod-eks",
            "hyperpod_cluster": "ml-cluster",
        },
        (
            "README.md",
            "kubernetes/deployment.yaml",
            "kubernetes/kustomization.yaml",
            "kubernetes/network-policy.yaml",
            "serving/settings.toml",
        ),
    ),
}


def main() -> int:
    """Render the projects and write their pages."""
    write(PROJECTS, PAGES)
    print(f"{len(GALLERY)} projects in {PROJECTS.relative_to(REPOSITORY)}")
    return 0


def write(rendered: Path, pages: Path) -> None:
    """Render the projects into one folder, and write their pages into another."""
    shutil.rmtree(rendered, ignore_errors=True)
    pages.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        template = projects.copy_of_template(Path(folder))
        for name, exhibit in GALLERY.items():
            project = projects.render(template, rendered / name, exhibit.answers)
            (pages / f"{name}.md").write_text(page(exhibit, project), "utf-8")
    (pages / "index.md").write_text(index(), "utf-8")


def index() -> str:
    """Return the page that lists the projects."""
    lines = [
        "# Gallery",
        "",
        "Six projects as the template renders them. Each page shows the project's tree and its five most",
        "important files. `make gallery` renders all of them in `.site/gallery/`.",
        "",
    ]
    lines += [f"- [{exhibit.title}]({name}.md): {exhibit.about}" for name, exhibit in GALLERY.items()]
    return "\n".join([*lines, ""])


def page(exhibit: Exhibit, project: Path) -> str:
    """Return the page of one project."""
    answers = " ".join(f"-d {name}={value}" for name, value in exhibit.answers.items())
    lines = [
        f"# {exhibit.title}",
        "",
        exhibit.about,
        "",
        "```bash",
        f'copier copy --trust --defaults {answers} "$PWD" ../{project.name}',
        "```",
        "",
        "## Tree",
        "",
        "```text",
        ownership.tree(project),
        "```",
        "",
        '??? note "All files"',
        "",
        "    ```text",
        *(f"    {name}" for name in ownership.files(project)),
        "    ```",
    ]
    for name in exhibit.files:
        text = (project / name).read_text("utf-8").rstrip()
        language = LANGUAGES[Path(name).suffix]
        lines += ["", f"## {name}", "", f"````{language}", text, "````"]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    sys.exit(main())
