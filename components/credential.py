"""Passwords that the platform makes up, and that can be replaced while it serves."""

import pulumi
import pulumi_random as random
from pulumi import Output, ResourceOptions

from config import Platform


class Credential(pulumi.ComponentResource):
    """A generated password, kept encrypted in the state; raising its number under `rotations` replaces it.

    `accepted` has the password and the one before it, by number: while a release is on its way, old containers
    still use the old one. Once the new containers serve, the servers forget it.
    """

    number: int
    current: Output[str]
    accepted: dict[int, Output[str]]

    def __init__(self, name: str, platform: Platform, *, length: int = 32, opts: ResourceOptions | None = None) -> None:
        super().__init__("a4co:index:Credential", name, {}, opts)
        self.number = platform.rotations.get(name, 1)
        self.accepted = {
            number: Output.secret(
                random.RandomPassword(
                    f"{name}-{number}", length=length, special=False, opts=ResourceOptions(parent=self)
                ).result
            )
            for number in (self.number - 1, self.number)
            if number > 0
        }
        self.current = self.accepted[self.number]
        self.register_outputs({})

    @property
    def rotated(self) -> bool:
        """Whether there is an older password to forget."""
        return self.number > 1
