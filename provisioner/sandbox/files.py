"""Writing files that several processes may write at once."""

import os


def make_private_directory(path: str) -> None:
    """Make a directory, and its parents, that only this user may enter."""
    os.makedirs(path, mode=0o700, exist_ok=True)


def write_private(path: str, data: bytes, mode: int = 0o600) -> None:
    """Replace a file atomically."""
    temporary = _write_beside(path, data, mode)
    os.replace(temporary, path)


def create_private(path: str, data: bytes, mode: int = 0o600) -> None:
    """Create a file atomically; the first of several writers wins and the others change nothing."""
    temporary = _write_beside(path, data, mode)
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(temporary)


def _write_beside(path: str, data: bytes, mode: int) -> str:
    temporary = f"{path}.{os.getpid()}.{os.urandom(4).hex()}"
    descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    os.chmod(temporary, mode)  # whatever the umask is
    return temporary
