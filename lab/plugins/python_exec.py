"""Runs a Pulumi program in the project's environment; started by the language host with all settings as JSON."""

import asyncio
import json
import logging
import os
import runpy
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor

import pulumi
import pulumi.runtime

SHOWN = 32


def main(program: str, args: list[str], pwd: str, runtime: dict) -> int:
    """The exit status: 0, 1 after a RunError, SHOWN after any other exception."""
    pulumi.runtime.set_all_config(pulumi.runtime.get_config_env(), pulumi.runtime.get_config_secret_keys_env())
    pulumi.runtime.configure(pulumi.runtime.Settings(**runtime))
    path = os.path.join(program, "__main__.py") if os.path.isdir(program) else program
    sys.argv = [path, *args]
    # A program imports its own packages from beside its `__main__.py`, as if Python had been started on it.
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    os.chdir(pwd)
    # A failing graph leaves futures that nobody awaits; that is no news to the user.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.set_default_executor(executor := ThreadPoolExecutor(max(runtime["parallel"], 1) * 4))
    try:
        loop.run_until_complete(pulumi.runtime.run_in_stack(lambda: _run(path)))
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
        return 1
    except Exception as error:
        pulumi.log.error("Program failed with an unhandled exception:\n" + _from_program(error, path))
        return SHOWN
    finally:
        executor.shutdown(wait=True)
        loop.close()
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def _run(path: str) -> None:
    runpy.run_path(path, run_name="__main__")


def _from_program(error: Exception, path: str) -> str:
    """The traceback from the program's own first line on."""
    frames = traceback.extract_tb(error.__traceback__)
    own = next((i for i, frame in enumerate(frames) if os.path.abspath(frame.filename) == os.path.abspath(path)), 0)
    return "".join(traceback.format_exception(error, limit=own - len(frames)))


if __name__ == "__main__":
    sys.exit(main(**json.loads(sys.argv[1])))
