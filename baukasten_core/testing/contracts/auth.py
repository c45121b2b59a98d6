"""The suite of the auth contract.

    class TestMine(AuthContract):
        @pytest.fixture
        def provider(self) -> AuthProvider:
            return MyProvider()

        @pytest.fixture
        def right(self) -> Credentials:
            return PasswordCredentials("known@example.test", "the right password")

        @pytest.fixture
        def wrong(self) -> Sequence[Credentials]:
            return [PasswordCredentials("known@example.test", "a wrong password")]

The fixture `database` is a real, migrated PostgreSQL as the app role.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from baukasten_core.contracts.auth import (
    AuthProvider,
    BearerCredentials,
    CallbackCredentials,
    Credentials,
    ExternalIdentity,
    Identity,
    PasswordCredentials,
)
from baukasten_core.db.session import Database
from baukasten_core.errors import Unavailable

STRANGE = ("", "\x00", "\ud800", "ü" * 2000, "' OR true --", "bk_", "a.b.c")


class AuthContract:
    """What every auth provider promises."""

    @pytest.fixture
    def provider(self) -> AuthProvider:
        """The provider under test."""
        raise NotImplementedError("give the fixture `provider`")

    @pytest.fixture
    def right(self) -> Credentials:
        """Credentials that prove an identity."""
        raise NotImplementedError("give the fixture `right`")

    @pytest.fixture
    def wrong(self) -> Sequence[Credentials]:
        """Credentials of the provider's kind that prove nothing: wrong, unknown, inactive."""
        raise NotImplementedError("give the fixture `wrong`")

    @pytest.fixture
    def needs_database(self) -> bool:
        """Whether the provider asks the platform's database."""
        return True

    async def test_is_a_provider_with_a_name(self, provider: AuthProvider) -> None:
        assert isinstance(provider, AuthProvider)
        assert provider.name == provider.name.lower() != ""

    async def test_right_credentials_prove_the_same_identity_every_time(
        self, provider: AuthProvider, right: Credentials, database: Database
    ) -> None:
        first = await provider.authenticate(right, database)
        assert isinstance(first, Identity | ExternalIdentity)
        assert await provider.authenticate(right, database) == first

    async def test_wrong_credentials_prove_nothing(
        self, provider: AuthProvider, wrong: Sequence[Credentials], database: Database
    ) -> None:
        for credentials in wrong:
            assert await provider.authenticate(credentials, database) is None

    async def test_other_kinds_of_credentials_are_left_to_others(
        self, provider: AuthProvider, right: Credentials, database: Database
    ) -> None:
        for credentials in (
            PasswordCredentials("nobody@example.test", "nothing"),
            BearerCredentials("nothing"),
            CallbackCredentials("nowhere", "http://localhost/", {}, {}),
        ):
            if type(credentials) is not type(right):
                assert await provider.authenticate(credentials, database) is None

    @pytest.mark.parametrize("text", STRANGE, ids=range(len(STRANGE)))
    async def test_strange_text_proves_nothing_and_breaks_nothing(
        self, provider: AuthProvider, database: Database, text: str
    ) -> None:
        for credentials in (
            PasswordCredentials(text, text),
            BearerCredentials(text),
            CallbackCredentials(text, text, {text: text}, {text: text, "state": text}),
        ):
            assert await provider.authenticate(credentials, database) is None

    async def test_callers_at_the_same_time_each_get_their_answer(
        self,
        provider: AuthProvider,
        right: Credentials,
        wrong: Sequence[Credentials],
        database: Database,
    ) -> None:
        asked = [right, *wrong, right]
        answers = await asyncio.gather(*(provider.authenticate(c, database) for c in asked))
        assert [answer is not None for answer in answers] == [True, *[False] * len(wrong), True]

    async def test_a_database_that_is_down_is_an_error_and_never_a_no(
        self, provider: AuthProvider, right: Credentials, needs_database: bool
    ) -> None:
        if not needs_database:
            pytest.skip("the provider asks no database")
        nowhere = Database("postgresql://nobody@127.0.0.1:1/nothing", connect_timeout=2)
        with pytest.raises(Unavailable):
            await provider.authenticate(right, nowhere)
        await nowhere.close()
