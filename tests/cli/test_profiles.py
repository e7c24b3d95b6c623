"""Signing in: where tokens are kept, and where they go."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from portal.cli import profiles
from portal.cli.failures import Misuse, NotSignedIn
from portal.cli.profiles import Profile, Profiles
from tests.cli import answers
from tests.cli.answers import problem
from tests.cli.conftest import TOKEN, Call

A, B = "https://a.example", "https://b.example"
BOTH = Profiles("one", {"one": Profile(A, "token-a"), "two": Profile(B, "token-b")})


class TestLogin:
    def test_checks_the_token_and_stores_it_for_its_owner_alone(
        self, call: Call, portal: HTTPServer, config: Path
    ) -> None:
        before = os.umask(0)
        try:
            ended = call("login", portal.url_for("/"), stdin=f"{TOKEN}\n")
        finally:
            os.umask(before)
        assert (ended.code, "as developer" in ended.out) == (0, True), ended.err
        file = config / "profiles.json"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(config.stat().st_mode) == 0o700
        assert json.loads(file.read_text())["profiles"]["default"]["token"] == TOKEN
        assert [path.name for path in config.iterdir()] == ["profiles.json"]
        assert call("whoami").code == 0

    def test_stores_nothing_that_the_portal_does_not_take(
        self, call: Call, httpserver: HTTPServer, config: Path
    ) -> None:
        httpserver.expect_request("/api/v1/me/").respond_with_json(problem(401, "invalid_token"), status=401)
        assert call("login", httpserver.url_for("/"), stdin=TOKEN).code == 4
        assert not config.exists()

    def test_asks_an_older_portal_in_another_way(self, call: Call, httpserver: HTTPServer) -> None:
        httpserver.expect_request("/api/v1/me/").respond_with_json(problem(404, "not_found"), status=404)
        httpserver.expect_request("/api/v1/catalog/items/").respond_with_json(answers.page(answers.ITEM))
        assert call("login", httpserver.url_for("/"), stdin=TOKEN).code == 0

    def test_takes_no_token_on_the_command_line(self, call: Call, httpserver: HTTPServer) -> None:
        assert call("login", httpserver.url_for("/"), "--token", "x").code == 2
        assert call("login", httpserver.url_for("/"), "x").code == 2

    def test_keeps_several_portals_by_name(self, call: Call, portal: HTTPServer) -> None:
        call("login", portal.url_for("/"), stdin=TOKEN)
        call("login", portal.url_for("/"), "--profile", "other", stdin=TOKEN)
        listed = json.loads(call("profiles", "list", "--json").out)
        assert [(row["name"], row["current"]) for row in listed] == [("default", False), ("other", True)]
        assert call("profiles", "use", "default").code == 0
        assert call("profiles", "use", "nobody").code == 2
        assert call("logout").code == 0
        assert [row["name"] for row in json.loads(call("profiles", "list", "--json").out)] == ["other"]
        assert call("logout", "--all").code == 0
        assert call("whoami").code == 4

    def test_names_a_second_portal_after_its_host(self, call: Call, portal: HTTPServer, config: Path) -> None:
        profiles.write(config / "profiles.json", Profiles("default", {"default": Profile(A, "token-a")}))
        call("login", portal.url_for("/"), stdin=TOKEN)
        assert sorted(profiles.read(config / "profiles.json").by_name) == ["default", "localhost"]

    def test_warns_when_others_can_read_the_tokens(
        self, call: Call, portal: HTTPServer, config: Path
    ) -> None:
        call("login", portal.url_for("/"), stdin=TOKEN)
        (config / "profiles.json").chmod(0o644)
        assert "chmod 600" in call("whoami").err

    @pytest.mark.parametrize(
        "content", ["", "[]", '{"current": 1}', '{"profiles": {"a": {"token": "canary"}}}', "\0"]
    )
    def test_says_so_when_the_file_cannot_be_read(self, content: str, call: Call, config: Path) -> None:
        config.mkdir()
        (config / "profiles.json").write_text(content)
        ended = call("whoami")
        assert (ended.code, "cannot be read" in ended.err, "canary" in ended.err) == (2, True, False)


class TestAStoredToken:
    @pytest.mark.parametrize(
        ("wanted", "called"),
        [
            ({}, (A, "token-a", "one")),
            ({"profile": "two"}, (B, "token-b", "two")),
            ({"url": B}, (B, "token-b", "two")),
            ({"url": f"{B}/"}, (B, "token-b", "two")),
            ({"url": B, "profile": "two"}, (B, "token-b", "two")),
            ({"url": "https://c.example", "token": "env"}, ("https://c.example", "env", "")),
            ({"url": B, "token": "env"}, (B, "env", "two")),
            ({"token": "env"}, (A, "env", "one")),
            (
                {"profile": "new", "url": "https://c.example", "token": "env"},
                ("https://c.example", "env", ""),
            ),
        ],
    )
    def test_goes_to_its_own_portal(self, wanted: dict[str, str], called: tuple[str, str, str]) -> None:
        found = profiles.connection(BOTH, **{"profile": "", "url": "", "token": "", **wanted})
        assert (found.url, found.token, found.profile) == called
        assert "token" not in repr(found).replace("token-", "")

    @pytest.mark.parametrize(
        "wanted",
        [
            {"url": "https://c.example"},
            {"url": B, "profile": "one"},
            {"profile": "three"},
            {"profile": "three", "token": "x"},
        ],
    )
    def test_goes_nowhere_else(self, wanted: dict[str, str]) -> None:
        with pytest.raises(NotSignedIn):
            profiles.connection(BOTH, **{"profile": "", "url": "", "token": "", **wanted})

    def test_is_in_no_repr(self) -> None:
        assert "token-a" not in repr(BOTH)

    @pytest.mark.parametrize("name", ["", "a b", "a/b", "x" * 61, "a\n"])
    def test_has_a_plain_name(self, name: str) -> None:
        with pytest.raises(Misuse):
            profiles.check_name(name)
