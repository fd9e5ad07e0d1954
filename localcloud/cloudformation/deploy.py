"""Bring a stack to its template: make, change and remove resources, or go back when that fails.

Every change of the model is written down before the next call is made, so that a server that was killed goes
on where it was.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from build.aws import session
from localcloud.cloudformation import names, template
from localcloud.cloudformation.resource_types import RESOURCE_TYPES
from localcloud.cloudformation.resource_types.resource_type import ResourceType, is_gone
from localcloud.cloudformation.stacks import Resource, Stack, Stacks
from localcloud.cloudformation.template import Template, TemplateError, Wanted, resolved
from localcloud.faults.consistency import CONSISTENT_AGENT

# a property may have any shape
_PROBLEMS = (ClientError, BotoCoreError, AttributeError, KeyError, TypeError, ValueError)


class _FailedError(Exception):
    """A resource could not be brought to what is wanted; its events say why."""


class _SupersededError(Exception):
    """Something else is wanted of the stack by now: the next look begins with that."""


def reconcile(stacks: Stacks, stack_id: str) -> None:
    """Do what a stack's status says is under way; nothing for one at rest."""
    stack = stacks.stacks.get(stack_id)
    if stack is not None and stack.is_busy:
        Deployment(stacks, stack).run()


class Deployment:
    """One piece of work on a stack, in a thread of its own.

    The model's lock is not held while a service is asked.
    """

    def __init__(self, stacks: Stacks, stack: Stack) -> None:
        self._stacks, self._stack, self._host = stacks, stack, stacks.host
        self._named = names.of(stacks, stack)
        self._began = stack.status
        self._clients: dict[str, session.Client] = {}

    def run(self) -> None:
        """To its end, whatever that is."""
        work = {
            "CREATE_IN_PROGRESS": self._create,
            "UPDATE_IN_PROGRESS": self._update,
            "ROLLBACK_IN_PROGRESS": self._roll_back,
            "UPDATE_ROLLBACK_IN_PROGRESS": self._go_back,
            "DELETE_IN_PROGRESS": self._delete,
        }
        try:
            work[self._began]()
        except _SupersededError:
            return

    def _create(self) -> None:
        try:
            self._converge(template.parse(self._stack.body))
        except _FailedError as failed:
            then = {"DO_NOTHING": "CREATE_FAILED", "DELETE": "DELETE_IN_PROGRESS"}.get(
                self._stack.on_failure, "ROLLBACK_IN_PROGRESS"
            )
            self._become(then, f"The following resource(s) failed to create: [{failed}].")
            self.run_again()
        else:
            self._become("CREATE_COMPLETE")

    def _update(self) -> None:
        try:
            self._converge(template.parse(self._stack.body))
        except _FailedError as failed:
            self._become(
                "UPDATE_ROLLBACK_IN_PROGRESS", f"The following resource(s) failed to update: [{failed}]."
            )
            self.run_again()
        else:
            self._become("UPDATE_COMPLETE")

    def _go_back(self) -> None:
        self._stack.body = self._stack.previous
        try:
            self._converge(template.parse(self._stack.body))
        except _FailedError as failed:
            self._become("UPDATE_ROLLBACK_FAILED", f"The following resource(s) failed to update: [{failed}].")
        else:
            self._become("UPDATE_ROLLBACK_COMPLETE")

    def _roll_back(self) -> None:
        self._remove_all("ROLLBACK_COMPLETE", "ROLLBACK_FAILED")

    def _delete(self) -> None:
        self._remove_all("DELETE_COMPLETE", "DELETE_FAILED")

    def run_again(self) -> None:
        """Go on with what the status says now, if that is work."""
        if self._stack.is_busy:
            Deployment(self._stacks, self._stack).run()

    def _converge(self, wanted: Template) -> None:
        self._refuse_unknown(wanted.resources)
        for name, one in wanted.resources.items():
            self._bring(name, one)
        self._remove(
            [resource for name, resource in self._stack.resources.items() if name not in wanted.resources]
        )
        try:
            outputs = {name: str(resolved(value, self._named)) for name, value in wanted.outputs.items()}
        except TemplateError as problem:
            raise _FailedError(f"Outputs: {problem}") from problem
        with self._host.lock:
            self._stack.outputs = outputs

    def _refuse_unknown(self, wanted: Mapping[str, Wanted]) -> None:
        """Before anything is made."""
        for name, one in wanted.items():
            reason = ""
            if (resource_type := RESOURCE_TYPES.get(one.type)) is None:
                reason = f"The local cloud makes no {one.type}; it makes {', '.join(RESOURCE_TYPES)}."
            elif unknown := sorted(set(one.properties) - resource_type.known):
                reason = f"The local cloud does not know {', '.join(unknown)} of {one.type}."
            if reason:
                known = self._stack.resources.get(name)
                self._fail(
                    known or Resource(name, one.type), "UPDATE_FAILED" if known else "CREATE_FAILED", reason
                )

    def _bring(self, name: str, wanted: Wanted) -> None:
        known, resource_type = self._stack.resources.get(name), RESOURCE_TYPES[wanted.type]
        try:
            properties = resolved(wanted.properties, self._named)
        except TemplateError as problem:
            self._fail(
                known or Resource(name, wanted.type),
                "UPDATE_FAILED" if known else "CREATE_FAILED",
                str(problem),
            )
        if known is None or known.made is None:
            self._make(name, wanted.type, resource_type, properties)
        elif known.type != wanted.type or any(
            known.properties.get(key) != properties.get(key) for key in resource_type.fixed
        ):
            self._make(name, wanted.type, resource_type, properties)
            self._end(known)
        elif known.properties != properties or known.status.endswith("_FAILED"):
            self._update_resource(known, resource_type, properties, known.properties, "UPDATE")

    def _make(
        self, name: str, type_name: str, resource_type: ResourceType, properties: dict[str, Any]
    ) -> None:
        resource = Resource(name, type_name)
        self._note(resource, "CREATE_IN_PROGRESS")
        generated = f"{self._stack.name}-{name}-{secrets.token_hex(6).upper()}"
        try:
            resource.made = resource_type.create(self._client, generated, properties)
        except _PROBLEMS as problem:
            self._fail(resource, "CREATE_FAILED", _reason(problem))
        with self._host.lock:
            self._stack.resources.pop(name, None)  # the newest is the last
            self._stack.resources[name] = resource
        self._host.save()
        self._update_resource(resource, resource_type, properties, None, "CREATE")

    def _update_resource(
        self,
        resource: Resource,
        resource_type: ResourceType,
        properties: dict[str, Any],
        before: dict[str, Any] | None,
        verb: str,
    ) -> None:
        assert resource.made is not None
        if verb == "UPDATE":
            self._note(resource, "UPDATE_IN_PROGRESS")
        try:
            resource_type.update(self._client, resource.made, properties, before)
        except _PROBLEMS as problem:
            self._fail(resource, f"{verb}_FAILED", _reason(problem))
        with self._host.lock:
            resource.properties = properties
        self._note(resource, f"{verb}_COMPLETE")

    def _remove_all(self, done: str, failed: str) -> None:
        try:
            self._remove(list(self._stack.resources.values()))
        except _FailedError as problem:
            self._become(failed, f"The following resource(s) failed to delete: [{problem}].")
        else:
            self._become(done)

    def _remove(self, resources: Iterable[Resource]) -> None:
        """The last ones made first."""
        for resource in reversed(list(resources)):
            self._end(resource)
            with self._host.lock:
                self._stack.resources.pop(resource.logical_id, None)

    def _end(self, resource: Resource) -> None:
        if resource.made is None:
            return
        self._note(resource, "DELETE_IN_PROGRESS")
        try:
            RESOURCE_TYPES[resource.type].delete(self._client, resource.made)
        except (ClientError, BotoCoreError) as problem:
            if not (isinstance(problem, ClientError) and is_gone(problem)):
                self._fail(resource, "DELETE_FAILED", _reason(problem))
        self._note(resource, "DELETE_COMPLETE")

    def _client(self, service: str) -> session.Client:
        if service not in self._clients:
            caller = self._stack.caller
            cloud = session.Cloud(
                "local", self._stacks.region_name, self._host.url, caller.access_key, "unasked"
            )
            self._clients[service] = session.client(cloud, service, caller.token, agent=CONSISTENT_AGENT)
        return self._clients[service]

    def _fail(self, resource: Resource, status: str, reason: str) -> None:
        # the server is ending: no fault of the resource, and the next start goes on
        if self._host.work_queue.closed:
            raise _SupersededError
        self._note(resource, status, reason)
        raise _FailedError(resource.logical_id)

    def _note(self, resource: Resource, status: str, reason: str = "") -> None:
        with self._host.lock:
            self._still_wanted()
            self._stack.note(resource, status, reason)
        self._host.save()

    def _become(self, status: str, reason: str = "") -> None:
        with self._host.lock:
            self._still_wanted()
            self._stack.become(status, reason)
        self._host.save()

    def _still_wanted(self) -> None:
        if self._stack.status != self._began:
            raise _SupersededError


def _reason(problem: Exception) -> str:
    return f"The property {problem} is missing." if isinstance(problem, KeyError) else str(problem)
