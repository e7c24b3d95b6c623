"""The REST API as a script sees it: one token per person, problems as they come."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import httpx

# The API holds a wait back for up to this long; asking again goes on waiting.
WAIT_S = 25


class DemoFailed(Exception):
    """Something went another way than the demo says; the text tells what."""


@dataclass(frozen=True)
class Answer:
    """What the API answered."""

    status: int
    body: Any
    said: str

    def expect(self, status: int, code: str = "") -> Any:
        """Return the body when the answer is the one that is expected. Raises DemoFailed."""
        if self.status != status or (code and self.body.get("code") != code):
            wanted = f"{status} {code}".strip()
            raise DemoFailed(
                f"{self.said} should have been answered with {wanted}, and was with {self._text()}"
            )
        return self.body

    def _text(self) -> str:
        if not isinstance(self.body, dict):
            return str(self.status)
        fields = "".join(f"\n  {error['field']}: {error['message']}" for error in self.body.get("errors", []))
        return f"{self.status} {self.body.get('code', '')}: {self.body.get('detail', '')}{fields}"


class Api:
    """Calls to one portal, each in somebody's name."""

    def __init__(self, url: str, tokens: Mapping[str, str]) -> None:
        self._http = httpx.Client(base_url=f"{url}/api/v1/", timeout=WAIT_S + 35, trust_env=False)
        self._tokens = dict(tokens)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, who: str, path: str, **query: str | int) -> Any:
        """Read something that must be there."""
        answer = self._http.get(path, params=query, headers=self._headers(who))
        return _answer(answer, f"{who}'s GET {path}").expect(httpx.codes.OK)

    def post(self, who: str, path: str, body: Mapping[str, object], *, key: str = "") -> Answer:
        """Ask for something; the answer may be a no."""
        headers = self._headers(who) | ({"Idempotency-Key": key} if key else {})
        return _answer(self._http.post(path, json=body, headers=headers), f"{who}'s POST {path}")

    def wait(self, who: str, run_id: str, until: str) -> Any:
        """Return the run when it needs approval (`until`) or is over."""
        while True:
            run = self.get(who, f"runs/{run_id}/wait/", until=until, timeout=WAIT_S)
            if run["reached"]:
                return run

    def _headers(self, who: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._tokens[who]}"}


def _answer(response: httpx.Response, said: str) -> Answer:
    try:
        body = response.json()
    except ValueError:
        body = None
    return Answer(response.status_code, body, said)
