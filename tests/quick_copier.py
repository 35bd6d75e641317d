"""Copier, quicker where a session renders hundreds of projects.

It renders the same files and only saves work that is repeated: compiling the same texts, reading the same
YAML, merging answers key by key, and calls of git whose answer is known. What is kept is found by its
content, as each update runs in new clones. Tests that run Copier as a command use it as it is.
"""

import pickle
import re
from functools import lru_cache
from pathlib import Path
from types import CodeType
from typing import Any

import copier._main
import copier._template
import copier._user_data
import copier._vcs
import jinja2.compiler
import jinja2.nodes
import pytest
import yaml

INCLUDE = re.compile(rb"!include\s+(\S+)")
FILE_MODE = "is_file_mode_kept"


def install(patch: pytest.MonkeyPatch) -> None:
    """Make Copier quicker in this process until `patch` is undone."""
    patch.setattr(jinja2.Environment, "compile", compiled_once(jinja2.Environment.compile))
    patch.setattr(copier._user_data.AnswersMap, "combined", property(merged))
    worker: Any = copier._main.Worker
    sync = "_sync_git_index_executable_bit"
    patch.setattr(worker, sync, in_repositories(getattr(worker, sync)))
    patch.setattr(worker, "_render_string", but_plain_text(worker._render_string))
    patch.setattr(worker, "answers_relpath", property(but_plain_path(worker.answers_relpath.fget)))
    template, vcs = copier._template, copier._vcs
    patch.setattr(template, "load_template_config", settings_read_once(template.load_template_config))
    patch.setattr(vcs, "is_git_repo_root", with_git_folder(vcs.is_git_repo_root))
    patch.setattr(vcs, "is_git_bundle", of_a_file(vcs.is_git_bundle))
    patch.setattr(yaml, "load", data_read_once(yaml.load))


def compiled_once(compile_source: Any) -> Any:
    """Return Environment.compile with a cache for environments of the same syntax."""
    codes: dict[Any, CodeType] = {}

    def compiled(self: Any, source: Any, name: Any = None, filename: Any = None, **named: Any) -> Any:
        if named or not isinstance(source, str):
            return compile_source(self, source, name, filename, **named)
        key = (source, name, self.lexer, type(self), tuple(sorted(self.extensions)))
        if key in codes:
            self.preprocess(source)  # resets Copier's `yield` tag of the previous text
        else:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(self, "optimized", False)
                patch.setattr(self, "code_generator_class", Unfolded)
                codes[key] = compile_source(self, source, name, filename)
        return moved(codes[key], filename or "<template>")

    return compiled


class Unfolded(jinja2.compiler.CodeGenerator):
    """Compiles a text without running filters of constants: what they return depends on the run."""

    def _output_child_to_const(self, node: Any, frame: Any, finalize: Any) -> str:
        if not isinstance(node, jinja2.nodes.TemplateData | jinja2.nodes.Const):
            raise jinja2.nodes.Impossible
        return super()._output_child_to_const(node, frame, finalize)


def moved(code: CodeType, filename: str) -> CodeType:
    """Return compiled code as if it had been compiled from another file."""
    if code.co_filename == filename:
        return code
    constants = (moved(each, filename) if isinstance(each, CodeType) else each for each in code.co_consts)
    return code.replace(co_filename=filename, co_consts=tuple(constants))


def data_read_once(load: Any) -> Any:
    """Return yaml.load with a cache for loaders of plain data; each caller gets an object of its own."""
    loaders = (yaml.SafeLoader, getattr(yaml, "CSafeLoader", None))
    pickled = lru_cache(maxsize=1024)(lambda text, loader: pickle.dumps(load(text, loader)))

    def loaded(stream: Any, Loader: Any) -> Any:
        if isinstance(stream, str) and Loader in loaders:
            return pickle.loads(pickled(stream, Loader))
        return load(stream, Loader)

    return loaded


def settings_read_once(load: Any) -> Any:
    """Return load_template_config with a cache; each caller gets an object of its own."""
    pickled: dict[Any, bytes] = {}

    def loaded(conf_path: Path, quiet: bool = False) -> Any:
        key = tuple(contents(conf_path, conf_path.parent))
        if key not in pickled:
            pickled[key] = pickle.dumps(load(conf_path, quiet))
        return pickle.loads(pickled[key])

    return loaded


def contents(settings: Path, root: Path) -> list[bytes]:
    """Return the contents of a file of settings and of those that it includes, in their order."""
    found = [settings.read_bytes()]
    for pattern in INCLUDE.findall(found[0]):
        for included in root.glob(pattern.decode()):
            found += contents(included, root)
    return found


def with_git_folder(is_root: Any) -> Any:
    """Return is_git_repo_root, without a call of git for a folder that has no .git."""
    return lambda path: (Path(path) / ".git").exists() and is_root(path)


def of_a_file(is_bundle: Any) -> Any:
    """Return is_git_bundle, without calls of git for a folder."""
    return lambda path: not path.is_dir() and is_bundle(path)


def merged(self: copier._user_data.AnswersMap) -> dict[str, Any]:
    """Return all answers; those of the user win."""
    weakest = {**copier._user_data.DEFAULT_DATA, "_external_data": self.external}
    return {**weakest, **self.user_defaults, **self.last, **self.metadata, **self.init, **self.user}


def but_plain_text(render: Any) -> Any:
    """Return Worker._render_string, without a context of all answers for a text that has no tags."""

    def rendered(self: Any, string: Any, extra_context: Any = None) -> Any:
        if isinstance(string, str) and is_plain(self.jinja_env, string):
            return string
        return render(self, string, extra_context)

    return rendered


def but_plain_path(path: Any) -> Any:
    """Return Worker.answers_relpath, without a context of all answers for a path that has no tags."""

    def rendered(self: Any) -> Path:
        given = str(self.answers_file or self.template.answers_relpath)
        found: Path = Path(given) if is_plain(self.jinja_env, given) else path(self)
        return found

    return rendered


def is_plain(environment: jinja2.Environment, text: str) -> bool:
    """Return whether a text is rendered to itself."""
    environment.preprocess(text)  # resets Copier's `yield` tag of the previous text, as rendering it does
    tags = (
        environment.variable_start_string,
        environment.block_start_string,
        environment.comment_start_string,
    )
    lines = environment.line_statement_prefix or environment.line_comment_prefix
    return not lines and all(tag not in text for tag in (*tags, "\r", "\n"))


def in_repositories(sync: Any) -> Any:
    """Return the method that updates the index of git, without calls of git where it does nothing.

    That is outside of repositories, and in those that read the executable bit of a file.
    """

    def synced(self: Any, *arguments: Any) -> None:
        if FILE_MODE not in vars(self):
            vars(self)[FILE_MODE] = keeps_file_mode(self.subproject.local_abspath)
        if not vars(self)[FILE_MODE]:
            sync(self, *arguments)

    return synced


def keeps_file_mode(folder: Path) -> bool:
    """Return whether git reads executable bits in a folder, or there is no repository."""
    if not any((parent / ".git").exists() for parent in (folder, *folder.parents)):
        return True
    git = copier._vcs.get_git(context_dir=folder)
    return bool(git("config", "--type=bool", "--get", "core.fileMode", retcode=None).strip() != "false")
