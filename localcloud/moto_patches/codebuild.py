"""CodeBuild's projects, where moto has less than `invoke schedule --on aws` needs.

UpdateProject, the limit of builds at once, projects without a source. Nothing is built: moto's StartBuild
only says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.codebuild import responses as motos
from moto.codebuild import urls
from moto.codebuild.exceptions import (
    InvalidInputException,
    ResourceAlreadyExistsException,
    ResourceNotFoundException,
)
from moto.core.responses import ActionResult
from moto.core.utils import unix_time
from moto.utilities.utils import get_partition

LIMIT = "concurrentBuildLimit"
DEFAULT_MINUTES, DEFAULT_QUEUED_MINUTES = 60, 480
_PARTS = (
    "artifacts", "cache", LIMIT, "description", "environment", "logsConfig", "queuedTimeoutInMinutes",
    "serviceRole", "source",
    "sourceVersion", "tags", "timeoutInMinutes", "vpcConfig",
)  # fmt: skip
Project = dict[str, Any]


class ProjectResponse(motos.CodeBuildResponse):
    """moto's, with more of projects."""

    def create_project(self) -> ActionResult:
        """CreateProject: moto asks for the location of a source that is not there, and forgets the limit."""
        name = str(self._get_param("name"))
        motos._validate_required_params_project_name(name)
        if name in self.codebuild_backend.codebuild_projects:
            raise ResourceAlreadyExistsException(f"Project already exists: {self._arn(name)}")
        asked = {each: self._get_param(each) for each in _PARTS}
        self._check(asked)
        project: Project = self.codebuild_backend.create_project(
            project_name=name,
            description=asked["description"],
            project_source=asked["source"],
            artifacts=asked["artifacts"],
            environment=asked["environment"],
            service_role=asked["serviceRole"],
            tags=asked["tags"],
            cache=asked["cache"],
            timeout=asked["timeoutInMinutes"] or DEFAULT_MINUTES,
            queued_timeout=asked["queuedTimeoutInMinutes"] or DEFAULT_QUEUED_MINUTES,
            source_version=asked["sourceVersion"],
            logs_config=asked["logsConfig"],
            vpc_config=asked["vpcConfig"],
        )
        project["lastModified"] = project.pop("lastModifiedDate")  # as botocore knows it
        if asked[LIMIT] is not None:
            _put(project, LIMIT, asked[LIMIT])
        return ActionResult({"project": project})

    def update_project(self) -> ActionResult:
        """UpdateProject, which moto has not."""
        project = self._project(str(self._get_param("name")))
        asked = {name: value for name in _PARTS if (value := self._get_param(name)) is not None}
        self._check({**project, **asked})
        for name, value in asked.items():
            _put(project, name, value)
        project["lastModified"] = unix_time()
        return ActionResult({"project": project})

    def batch_get_projects(self) -> ActionResult:
        """BatchGetProjects: also says which there are not."""
        names: list[str] = self._get_param("names")
        found: list[Project] = self.codebuild_backend.batch_get_projects(names)
        known = {project[key] for project in found for key in ("name", "arn")}
        return ActionResult(
            {"projects": found, "projectsNotFound": [name for name in names if name not in known]}
        )

    def _project(self, name: str) -> Project:
        """What is known of a project; a change of it is kept. Raises ResourceNotFoundException."""
        if found := self.codebuild_backend.codebuild_projects.get(name):
            return found.project_metadata
        raise ResourceNotFoundException(f"Project cannot be found: {self._arn(name)}")

    def _arn(self, name: str) -> str:
        return (
            f"arn:{get_partition(self.region)}:codebuild:{self.region}:{self.current_account}:project/{name}"
        )

    def _check(self, project: Mapping[str, Any]) -> None:
        _check_source(project["source"])
        motos._validate_required_params_service_role(
            self.current_account, self.region, project["serviceRole"]
        )
        motos._validate_required_params_artifacts(project["artifacts"])
        motos._validate_required_params_environment(project["environment"])
        _check_limit(project.get(LIMIT))


def _check_source(source: Mapping[str, Any]) -> None:
    if source["type"] != "NO_SOURCE":
        motos._validate_required_params_source(dict(source))
    elif source.get("location"):
        raise InvalidInputException(
            "Invalid project source: location must be null when the type is NO_SOURCE"
        )
    elif not source.get("buildspec"):
        raise InvalidInputException("Project source buildspec is required when the type is NO_SOURCE")


def _check_limit(limit: int | None) -> None:
    if limit is not None and limit != -1 and limit < 1:
        raise InvalidInputException(f"Invalid {LIMIT}: {limit}. It is at least 1; -1 takes it away")


def _put(project: Project, name: str, value: object) -> None:
    project[name] = value
    if value in ("", -1):
        del project[name]


def install() -> None:
    """From now on moto's addresses of CodeBuild lead here."""
    urls.url_paths["{0}/$"] = ProjectResponse.dispatch
