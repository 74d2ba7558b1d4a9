"""The command provider: commands and files on another machine, over SSH."""

from lab.plugins.command.remote import Command, CopyToRemote
from lab.plugins.provider import Provider, serve_provider
from lab.plugins.wire import Engine


class CommandProvider(Provider):
    """Has no settings of its own: every resource brings its connection."""

    version = "1.2.1"
    accept_secrets = True

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.resources = {
            "command:remote:Command": Command(engine),
            "command:remote:CopyToRemote": CopyToRemote(engine),
        }


def main() -> None:
    """Run the plug-in."""
    serve_provider(CommandProvider)
