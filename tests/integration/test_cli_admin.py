"""`baukasten admin`, on a real PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from click.testing import CliRunner, Result

from baukasten_core.cli.main import baukasten, main
from baukasten_core.errors import Conflict, NotFound
from baukasten_core.testing.fixtures_db import DatabaseUrls, create_user


def run(urls: DatabaseUrls, home: Path, *arguments: str, given: str = "") -> Result:
    environment = {"BAUKASTEN_DATABASE_URL": urls.owner, "BAUKASTEN_HOME": str(home)}
    return CliRunner().invoke(
        baukasten, ["admin", *arguments], env=environment, input=given, catch_exceptions=False
    )


def is_admin(urls: DatabaseUrls, email: str) -> bool:
    with psycopg.connect(urls.owner) as connection:
        query = "SELECT is_admin FROM core.users WHERE email = %s"
        row = connection.execute(query, [email]).fetchone()
    assert row is not None
    return bool(row[0])


def test_an_admin_is_made_with_a_password_shown_once(
    database_urls: DatabaseUrls, tmp_path: Path
) -> None:
    email = f"{uuid4().hex}@example.test"
    done = run(database_urls, tmp_path, "create", email)
    assert done.exit_code == 0
    assert "Password: " in done.output
    assert is_admin(database_urls, email)
    with pytest.raises(Conflict):
        run(database_urls, tmp_path, "create", email)


def test_a_password_that_is_asked_for_is_not_printed(
    database_urls: DatabaseUrls, tmp_path: Path
) -> None:
    email, password = f"{uuid4().hex}@example.test", "typed by somebody"
    given = f"{password}\n{password}\n"
    done = run(database_urls, tmp_path, "create", email, "--ask", given=given)
    assert done.exit_code == 0
    assert password not in done.output
    assert is_admin(database_urls, email)


def test_an_account_is_promoted(database_urls: DatabaseUrls, tmp_path: Path) -> None:
    user = create_user(database_urls)
    assert run(database_urls, tmp_path, "promote", user.email.upper()).exit_code == 0
    assert is_admin(database_urls, user.email)
    with pytest.raises(NotFound):
        run(database_urls, tmp_path, "promote", f"{uuid4().hex}@example.test")


def test_without_a_platform_it_says_how_to_start_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BAUKASTEN_HOME", str(tmp_path))
    with pytest.raises(SystemExit):
        main(["admin", "promote", "a@example.test"])
    assert "baukasten up" in capsys.readouterr().err
