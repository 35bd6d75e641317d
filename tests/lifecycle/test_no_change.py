"""A deployment without changes."""

from tests.lifecycle.commands import Project


def test_a_deployment_without_changes_makes_few_calls(project: Project) -> None:
    project.push("one")
    project.succeed("deploy")
    before = len(project.aws.calls)
    project.succeed("deploy")
    calls = [f"{call.service}.{call.operation}" for call in project.aws.calls[before:]]
    print("\n".join(calls))
    assert len(calls) <= 12, calls
