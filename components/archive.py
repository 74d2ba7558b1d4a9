"""Files as they travel to the host."""

import base64
import io
import tarfile
import textwrap
from collections.abc import Mapping


def pack(files: Mapping[str, str]) -> str:
    """The files as a tar archive in base64: the same bytes for the same content."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in sorted(files):
            content = files[name].encode()
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            entry.mode = 0o444
            archive.addfile(entry, io.BytesIO(content))
    return "\n".join(textwrap.wrap(base64.b64encode(buffer.getvalue()).decode(), 76)) + "\n"
