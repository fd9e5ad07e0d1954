"""PAM logins, with accounts that are made and closed on the hub's admin page."""

from __future__ import annotations

from jupyterhub.auth import PAMAuthenticator
from jupyterhub.user import User

from hubsmith_hub import accounts
from hubsmith_hub.pages import InitialPasswords, OwnPassword


class HubsmithAuthenticator(PAMAuthenticator):
    """A user added on the admin page gets a Unix account; one deleted there keeps the files and loses the way in."""

    create_system_users = True

    def add_system_user(self, user: User) -> None:
        """Raises AccountError, which the admin page shows as a failure."""
        accounts.create(user.name)
        self.log.info("made the account %s; it gets a password at /hub/passwords", user.name)

    async def add_user(self, user: User) -> None:
        """Also called for every known user when the hub starts."""
        await super().add_user(user)
        accounts.reopen(user.name)

    def delete_user(self, user: User) -> None:
        """Close the account; files and number stay for when the user comes back."""
        super().delete_user(user)
        if self.system_user_exists(user):
            accounts.close(user.name)

    def get_handlers(self, app: object) -> list[tuple[str, type]]:
        """The two pages about passwords, beside the login page."""
        return [*super().get_handlers(app), ("/password", OwnPassword), ("/passwords", InitialPasswords)]
