"""The layout of the repository: who may import whom, and how many entries a folder has."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
MCC = REPOSITORY / "extensions" / "mcc"
LIFECYCLE = REPOSITORY / "template" / "do" / "lifecycle"
# Bottom up. A module imports from its own level and from those before it.
ROOMS = (
    ("errors",),
    ("catalog",),
    ("artifacts", "inspection", "models", "sources"),
    ("servers", "sizing"),
    ("interview",),
    ("targets",),
    ("face",),
)
FLOORS = (
    ("formats", "project", "chosen", "package_index", "dockerfile"),
    (
        "console",
        "journal",
        "transport",
        "explain",
        "policies",
        "engine",
        "environment",
        "links",
        "listening",
        "base_image",
    ),
    ("aws",),
    ("registry", "resources"),
    ("checks", "load", "pipeline_role", "manifests", "model_files"),
    ("pin",),
    ("predictive", "language_model", "triton", "triton_language_model"),
    ("served",),
    ("sagemaker", "serverless", "transform", "hyperpod"),
    ("target",),
    ("build", "push", "run", "test", "benchmark", "doctor"),
    ("codebuild",),
    ("cli",),
)
NETWORK = {
    "socket",
    "ssl",
    "subprocess",
    "urllib.request",
    "http.client",
    "huggingface_hub",
    "boto3",
    "requests",
}


def imports(path: Path, package: str) -> Iterator[str]:
    """Yield the full names of what a module of `package` imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            base = ".".join(
                [*parts[: len(parts) - node.level + 1], node.module or ""]
                if node.level
                else [node.module or ""]
            )
            yield base.strip(".")
            yield from (f"{base}.{alias.name}".replace("..", ".") for alias in node.names)


def modules(root: Path) -> dict[str, Path]:
    """Return the modules below a folder by their names, like `sagemaker.plan`."""
    paths = [path for path in root.rglob("*.py") if path.name != "__init__.py"]
    return {".".join(path.relative_to(root).with_suffix("").parts): path for path in paths}


def imported(root: Path) -> dict[str, set[str]]:
    """Return, for each module below a folder, those of them that it imports."""
    known = modules(root)
    found = {}
    for name, path in known.items():
        package = ".".join([root.name, *name.split(".")[:-1]])
        wanted = {item.removeprefix(f"{root.name}.") for item in imports(path, package)}
        found[name] = {item for item in wanted if item in known and item != name}
    return found


@pytest.mark.parametrize(("root", "levels"), [(MCC, ROOMS), (LIFECYCLE, FLOORS)], ids=["mcc", "lifecycle"])
def test_modules_import_from_their_level_or_below(root: Path, levels: tuple[tuple[str, ...], ...]) -> None:
    height = {room: number for number, level in enumerate(levels) for room in level}
    upward = [
        f"{name} imports {other}"
        for name, others in imported(root).items()
        for other in others
        if height[other.split(".")[0]] > height[name.split(".")[0]]
    ]
    assert upward == []


@pytest.mark.parametrize("root", [MCC, LIFECYCLE], ids=["mcc", "lifecycle"])
def test_no_modules_import_each_other_in_a_circle(root: Path) -> None:
    left = imported(root)
    while bottom := [name for name, others in left.items() if not others & set(left)]:
        left = {name: others for name, others in left.items() if name not in bottom}
    assert not left, f"a circle among {sorted(left)}"


def test_only_the_face_knows_jinja_and_only_three_rooms_reach_outside() -> None:
    for name, path in modules(MCC).items():
        used, room = set(imports(path, f"mcc.{name.rpartition('.')[0]}")), name.split(".")[0]
        jinja = {item for item in used if item.split(".")[0] in ("jinja2", "copier")}
        # A model's chat template is itself a Jinja template, which is parsed there.
        assert not jinja or room == "face" or name == "interview.chat_templates", name
        assert room in ("models", "sources", "face") or not used & NETWORK, name


def test_the_template_reads_like_a_table_of_contents() -> None:
    template = REPOSITORY / "template"
    assert len(list(template.iterdir())) <= 13
    switch = re.compile(r"\{\{ [a-z_]+ \}\}")
    switches = [path for path in template.rglob("{{*") if path.is_dir() and switch.fullmatch(path.name)]
    assert len([path for path in switches if path.name != "{{ project_name }}"]) <= 31


def test_the_registry_of_filters_has_no_logic() -> None:
    tree = ast.parse((MCC / "face" / "filters.py").read_text())
    logic = (ast.FunctionDef, ast.ClassDef, ast.Lambda, ast.If, ast.For, ast.Try)
    assert [node.lineno for node in ast.walk(tree) if isinstance(node, logic)] == []


def test_what_every_kind_of_project_has_stands_once() -> None:
    sources = [*(REPOSITORY / "template").rglob("*"), *(REPOSITORY / "includes").iterdir()]
    files = [path for path in sources if path.is_file() and path.suffix != ".gz"]
    assert [path.name for path in files if "location = /ping" in path.read_text()] == ["nginx.conf.jinja"]
    names = [path.name.removesuffix(".jinja") for path in files]
    for name in (".gitattributes", ".gitignore", ".dockerignore"):
        assert names.count(name) == 1, name


def test_no_two_test_modules_have_the_same_name() -> None:
    """Folders of tests are no packages, so pytest stops at a second module of a name."""
    names = [path.name for path in (REPOSITORY / "tests").rglob("test_*.py")]
    assert [name for name in set(names) if names.count(name) > 1] == []


def test_no_file_of_code_is_long() -> None:
    folders = ("catalog", "extensions", "hooks", "template", "tests", "tools")
    paths = [path for folder in folders for path in (REPOSITORY / folder).rglob("*") if path.is_file()]
    code = [path for path in paths if re.search(r"(\.py(\.jinja)?|/serve(\.jinja)?)$", str(path))]
    lengths = {str(path): len(path.read_text().splitlines()) for path in code}
    assert len(lengths) > 300 and {name: size for name, size in lengths.items() if size > 300} == {}
