"""The spawner's part in the queue of starts: enters it, leaves it, and tells the page that waits."""

from __future__ import annotations

from collections.abc import AsyncIterator

from jupyterhub.utils import maybe_future
from systemdspawner import SystemdSpawner
from traitlets import Integer

from hubsmith_hub import accounts, refused, start_progress, starts

_CHECK = "hubsmith-check-"
"""Users that `status --spawn` makes. Their servers go first: a busy hub is not a broken one, and an upgrade
whose check takes too long is undone.
"""
STARTS = starts.Starts()
"""The queue of this hub."""


class QueuedSpawner(SystemdSpawner):
    """SystemdSpawner that starts when it is its turn.

    A start holds its place until the server answers or JupyterHub gives it up.
    """

    concurrent_starts = Integer(1, min=1, config=True, help="Servers that start at a time; others wait.")

    answering = False
    """Whether the server's process runs; a subclass says so."""

    async def run_pre_spawn_hook(self) -> None:
        """Wait for a place in the queue, and then run a site's own hook.

        JupyterHub's time limit (start_timeout) begins after this.
        """
        self.refuse_others()
        self.answering = False
        spawn = self._spawn_future
        if spawn is not None and not spawn.done():
            # However it ends: a start that is cancelled in the moment in which it gets its place, too.
            spawn.add_done_callback(lambda _: STARTS.leave(self))
        first = self.user.name.startswith(_CHECK)
        await STARTS.enter(self, self.concurrent_starts, first=first)
        await maybe_future(super().run_pre_spawn_hook())

    def refuse_others(self) -> None:
        """Raise HTTPError for an account that may have no server: before it waits, and before it starts."""
        if problem := accounts.refusal(self.user.name):
            raise refused.error(403, problem)

    async def poll(self) -> int | None:
        """As SystemdSpawner has it."""
        status: int | None = await super().poll()
        if status is None and self._check_pending:
            # The hub was restarted, perhaps during this start. `start_polling` follows when it answers.
            STARTS.occupy(self)
        return status

    def start_polling(self) -> None:
        """JupyterHub calls it for a server that has started."""
        STARTS.leave(self)
        super().start_polling()

    def stop_polling(self) -> None:
        """JupyterHub calls it before it stops a server, whether that has started or not."""
        STARTS.leave(self)
        super().stop_polling()

    def progress(self) -> AsyncIterator[start_progress.Event]:
        """Events for the page that waits; JupyterHub ends them with the start."""
        return start_progress.events(self._progress)

    def _progress(self) -> start_progress.Event:
        before = STARTS.before(self)
        if before is not None:
            return start_progress.waiting(len({one.user.name for one in before} - {self.user.name}))
        return start_progress.LOADING if self.answering else start_progress.STARTING
