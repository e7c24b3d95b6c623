"""The installation's own folder (`DRAWBRIDGE_HOME`) and the secrets that are made once in it.

Standard library only and no settings: it runs before there are any.
"""

import base64
import os
import secrets
import stat
from pathlib import Path

SUBFOLDERS = ("archive", "broker", "log", "run", "sandbox", "work")
ENV_FILE = "env"
_HEADER = """\
# The secrets of this installation. Written once by `manage.py init_home`; keep it with your backups, apart
# from the database: what the encryption keys have sealed (state, plans) cannot be read without them.
"""


class HomeUnusable(Exception):
    """The folder cannot hold this installation; the text says why and what to do."""


def make_home(home: Path) -> list[Path]:
    """Make `home` with its subfolders (mode 0700) and its secrets (mode 0600); return what was made.

    What exists is left as it is, so that it can run at every start. Raises HomeUnusable.
    """
    made = [folder for folder in (home, *(home / name for name in SUBFOLDERS)) if _make_folder(folder)]
    if os.name == "posix" and stat.S_IMODE(home.stat().st_mode) & stat.S_IWOTH:
        raise HomeUnusable(
            f"{home} can be written by every user of this machine, who could replace its secrets. "
            f"Run `chmod 700 {home}`, or set DRAWBRIDGE_HOME to a folder of its own."
        )
    env_file = home / ENV_FILE
    if _write_once(env_file, _fresh_secrets()):
        made.append(env_file)
    else:
        os.chmod(env_file, 0o600)
    return made


def _make_folder(folder: Path) -> bool:
    """Make one folder; return whether it was missing."""
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        if folder.is_dir():
            return False
        raise HomeUnusable(f"{folder} is in the way: it is not a folder. Move it aside.") from None
    except OSError as error:
        raise HomeUnusable(
            f"{folder} cannot be made ({error.strerror}). Set DRAWBRIDGE_HOME to a folder that this user may write."
        ) from error
    # mkdir's mode is narrowed by the umask; a umask such as 0277 would lock us out.
    folder.chmod(0o700)
    return True


def _fresh_secrets() -> str:
    """Return the text of a new env file."""
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    return (
        f"{_HEADER}DRAWBRIDGE_SECRET_KEY={secrets.token_urlsafe(64)}\nDRAWBRIDGE_ENCRYPTION_KEYS=k1:{key}\n"
    )


def _write_once(path: Path, text: str) -> bool:
    """Write `path` whole and with mode 0600, or not at all when it exists; return whether it was written.

    The text goes to a file of another name first and is linked into place, so that neither a crash nor a
    second process at the same moment leaves half a file or two different ones.
    """
    if path.exists():
        return False
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        return False
    except OSError as error:
        raise HomeUnusable(
            f"{path} cannot be written ({error.strerror}). Free some space or set DRAWBRIDGE_HOME to another folder."
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    return True
