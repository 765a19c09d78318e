from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from iac.core.state.codec import kept_answer, without_credentials
from tests.core.build import applied, desired, sealed

if TYPE_CHECKING:
    from iac.core.model import Fields


def test_all_of_an_answer_is_kept_but_credentials_and_what_state_cannot_hold() -> None:
    answer = {
        "client_uri": None,
        "contacts": ["a@b"],
        "token_endpoint_auth_method": "client_secret_basic",
        "client_secret_expires_at": 0,
        "made_up": {"x": [1, 1.5, True]},
    }
    dropped = {
        "client_secret": "s",
        "registration_access_token": "t",
        "registration_client_uri": "https://user:word@host/",
        "endless": float("inf"),
    }
    assert answer == kept_answer({**answer, **dropped})
    nested = {"made_up": {"x": [1, 1.5, True], "client_secret": "s"}, "apps": [{"push_token": "t", "name": "n"}]}
    assert {**answer, "apps": [{"name": "n"}]} == kept_answer({**answer, **nested})


def test_a_text_that_may_be_a_credential_is_left_out_of_fields_that_are_shown() -> None:
    fields: Fields = {"client_name": "a", "scope": ("b",), "extra.theme": '"u"', "extra.needs_token": "true"}
    assert fields == without_credentials(
        {**fields, "extra.second_secret": '"s"', "extra.push_token": '"t"', "extra.app": '{"token":"t"}'}
    )


def test_who_can_open_a_client_is_told_only_where_it_is_known_of_all_its_secrets() -> None:
    known = replace(sealed(), recipients=("age1c",), state_recipients=("age1b", "age1a"))
    client = applied(desired(), secret=known, rat=replace(sealed(), state_recipients=("age1d",)))
    assert ("age1a", "age1b", "age1c", "age1d") == client.recipients
    assert () == replace(client, rat=sealed()).recipients
    assert () == replace(client, secret=None, rat=None).recipients
