"""CodeBuild: projects, and builds that run their buildspec on this machine."""

from typing import Any

from moto.iam.models import iam_backends

from tests.fakes.aws.build import Build
from tests.fakes.aws.resources import now
from tests.fakes.aws.wire import ACCOUNT, Refusal, Request, operation
from tests.fakes.aws.world import World

DEFAULT_TIMEOUT_MINUTES = 60
PLATFORMS = ("LINUX_CONTAINER", "ARM_CONTAINER")


@operation("codebuild", "CreateProject")
def create_project(world: World, request: Request) -> dict[str, Any]:
    projects, parameters = world.region(request.region).projects, request.parameters
    arn = request.arn("codebuild", f"project/{parameters['name']}")
    if parameters["name"] in projects:
        raise Refusal("ResourceAlreadyExistsException", f"Project already exists: {arn}")
    _check_project(world, parameters)
    project = parameters | {"arn": arn, "created": now(), "lastModified": now()}
    project.setdefault("timeoutInMinutes", DEFAULT_TIMEOUT_MINUTES)
    projects[parameters["name"]] = project
    return {"project": project}


@operation("codebuild", "UpdateProject")
def update_project(world: World, request: Request) -> dict[str, Any]:
    project = _project(world, request, request.parameters["name"])
    _check_project(world, project | request.parameters)
    project |= request.parameters | {"lastModified": now()}
    return {"project": project}


def _check_project(world: World, project: dict[str, Any]) -> None:
    environment = project["environment"]
    if environment["type"] not in PLATFORMS:
        raise _wrong(f"The fake builds in {' and '.join(PLATFORMS)}.")
    source = project["source"]
    if source["type"] != "S3" or "/" not in source.get("location", ""):
        raise _wrong("The fake takes a source of type S3 whose location is bucket/key.")
    variables = environment.get("environmentVariables", [])
    if any(variable.get("type", "PLAINTEXT") != "PLAINTEXT" for variable in variables):
        raise _wrong("The fake has environment variables of type PLAINTEXT alone.")
    if project["artifacts"]["type"] != "NO_ARTIFACTS" or "vpcConfig" in project:
        raise _wrong("The fake makes no artifacts and has no VPCs.")
    name = project["serviceRole"].rsplit("/", 1)[-1]
    roles = {role.name: role for role in iam_backends[ACCOUNT]["aws"].roles.values()}
    trust = str(roles[name].assume_role_policy_document) if name in roles else ""
    age = (
        (now() - roles[name].create_date.replace(tzinfo=now().tzinfo)).total_seconds()
        if name in roles
        else 0.0
    )
    if "codebuild.amazonaws.com" not in trust or age < world.settings.role_usable_after_seconds:
        raise _wrong(f"CodeBuild is not authorized to perform: sts:AssumeRole on {project['serviceRole']}")


@operation("codebuild", "DeleteProject")
def delete_project(world: World, request: Request) -> None:
    world.region(request.region).projects.pop(request.parameters["name"], None)


@operation("codebuild", "ListProjects")
def list_projects(world: World, request: Request) -> dict[str, Any]:
    return {"projects": sorted(world.region(request.region).projects)}


@operation("codebuild", "BatchGetProjects")
def batch_get_projects(world: World, request: Request) -> dict[str, Any]:
    projects, names = world.region(request.region).projects, request.parameters["names"]
    found = [projects[name] for name in names if name in projects]
    return {"projects": found, "projectsNotFound": [name for name in names if name not in projects]}


@operation("codebuild", "StartBuild")
def start_build(world: World, request: Request) -> dict[str, Any]:
    region, name = world.region(request.region), request.parameters["projectName"]
    project = _project(world, request, name)
    build = Build(world, request, project, len(region.builds) + 1)
    region.builds[build.described["id"]] = build.described
    world.builds[build.described["id"]] = build
    build.start()
    return {"build": build.described}


@operation("codebuild", "BatchGetBuilds")
def batch_get_builds(world: World, request: Request) -> dict[str, Any]:
    builds, ids = world.region(request.region).builds, request.parameters["ids"]
    found = [builds[name] for name in ids if name in builds]
    return {"builds": found, "buildsNotFound": [name for name in ids if name not in builds]}


@operation("codebuild", "ListBuildsForProject")
def list_builds(world: World, request: Request) -> dict[str, Any]:
    _project(world, request, request.parameters["projectName"])
    builds = world.region(request.region).builds.values()
    return {"ids": [b["id"] for b in builds if b["projectName"] == request.parameters["projectName"]][::-1]}


@operation("codebuild", "StopBuild")
def stop_build(world: World, request: Request) -> dict[str, Any]:
    build = world.builds.get(request.parameters["id"])
    if build is None:
        raise Refusal("ResourceNotFoundException", f"Build {request.parameters['id']} does not exist")
    build.stop()
    return {"build": build.described}


def _project(world: World, request: Request, name: str) -> dict[str, Any]:
    projects = world.region(request.region).projects
    if name not in projects:
        arn = request.arn("codebuild", f"project/{name}")
        raise Refusal("ResourceNotFoundException", f"Project cannot be found: {arn}")
    return projects[name]


def _wrong(message: str) -> Refusal:
    return Refusal("InvalidInputException", message)
