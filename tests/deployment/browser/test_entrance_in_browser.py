"""Sign up, sign in, verify, forgot and reset, sign out: as people do it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable

from playwright.sync_api import Page, expect

from baukasten_core.testing.inbox import Inbox
from baukasten_core.testing.people import PASSWORD, Person
from tests.deployment.browser.watch import Open, Watch


def test_the_front_page_says_what_this_is_and_where_data_is_processed(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Baukasten")
    expect(page.get_by_role("heading", name="Where data is processed")).to_be_visible()
    expect(page.get_by_role("heading", name="PrivateGPT")).to_be_visible()
    expect(page.get_by_text("Nothing leaves the house")).to_be_visible()


def test_a_newcomer_signs_up_confirms_the_address_and_is_signed_in(
    page: Page, inbox: Inbox
) -> None:
    email = f"{secrets.token_hex(8)}@example.test"
    page.goto("/")
    page.get_by_role("link", name="Create an account").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Create an account")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create an account").click()
    expect(page).to_have_url(re.compile("/console/projects$"))
    page.goto(f"/console/verify#token={inbox.token(email)}")
    expect(page.get_by_text("Your address is confirmed.")).to_be_visible()
    assert "token" not in page.url, "what is in the address bar can be read over a shoulder"


def test_a_sign_in_with_a_wrong_password_says_so_and_a_right_one_leads_where_one_wanted(
    page: Page, ada: Person
) -> None:
    page.goto("/console/profile")
    expect(page).to_have_url(re.compile("/console/sign-in"))
    page.get_by_label("E-mail address").fill(ada.email)
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("The address or the password is not right.")
    page.get_by_label("Password").fill(ada.password)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/console/profile$"))


def test_a_session_outlives_a_reload_and_no_script_can_read_it(ada_page: Page) -> None:
    ada_page.goto("/console/projects")
    ada_page.reload()
    expect(ada_page.get_by_role("heading", level=1)).to_be_visible()
    kept = ada_page.evaluate(
        "[document.cookie, JSON.stringify(localStorage), JSON.stringify(sessionStorage)].join()"
    )
    assert "ey" not in kept, "a token stands where scripts can read it"


def test_somebody_signs_in_on_another_site(page: Page, watch: Watch) -> None:
    watch.expects("request left the platform")  # for that site's pages, and what they load
    page.goto("/console/sign-in")
    page.get_by_role("link", name="Sign in with Our directory").click()
    page.locator("input[name=login]").fill(f"u{secrets.token_hex(6)}")
    page.locator("input[name=password]").fill("anything")
    page.locator("button[type=submit]").click()
    page.locator("button[type=submit]").click()  # consent
    expect(page).to_have_url(re.compile("/console/projects$"))
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Projects")


def test_signing_out_ends_the_session_and_leads_to_the_sign_in(ada_page: Page) -> None:
    ada_page.goto("/console/projects")
    ada_page.locator("header summary").click()
    ada_page.get_by_role("button", name="Sign out").click()
    expect(ada_page).to_have_url(re.compile("/console/sign-in"))
    ada_page.goto("/console/projects")
    expect(ada_page).to_have_url(re.compile("/console/sign-in"))


def test_a_forgotten_password_is_set_anew_by_mail(
    page: Page, newcomer: Callable[..., Person], inbox: Inbox
) -> None:
    person = newcomer()
    page.goto("/console/sign-in")
    page.get_by_role("link", name="Forgot your password?").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Forgot your password?")
    page.get_by_label("E-mail address").fill(person.email)
    page.get_by_role("button", name="Send the link").click()
    expect(page.get_by_role("status").filter(has_text="on its way")).to_be_visible()
    page.goto(f"/console/reset-password#token={inbox.token(person.email, 2)}")
    page.get_by_label("New password").fill("another password of nobody")
    page.get_by_role("button", name="Set a new password").click()
    expect(page.get_by_text("Your password is set.")).to_be_visible()


def test_a_used_link_says_so_and_offers_a_new_one(page: Page) -> None:
    page.goto("/console/reset-password#token=used-before")
    page.get_by_label("New password").fill("another password of nobody")
    page.get_by_role("button", name="Set a new password").click()
    expect(page.get_by_role("alert")).to_contain_text("was used before or is too old")
    expect(page.get_by_role("link", name="Send a new link")).to_be_visible()


def test_the_language_follows_the_browser_and_then_the_choice(open_page: Open) -> None:
    for locale, said in (("de-AT", "Wo Daten verarbeitet werden"), ("es-ES", "Dónde se procesan")):
        page = open_page(locale=locale)
        page.goto("/")
        expect(page.get_by_role("heading", name=said)).to_be_visible()
        assert page.locator("html").get_attribute("lang") == locale[:2]
    page.locator("header summary").click()
    page.get_by_label("Idioma").select_option("en")
    expect(page.get_by_role("heading", name="Where data is processed")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Where data is processed")).to_be_visible()


def test_pages_come_with_a_strict_policy_and_it_is_in_force(page: Page, watch: Watch) -> None:
    answer = page.goto("/")
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    watch.expects("against the policy")
    page.evaluate(
        "document.head.append(Object.assign(document.createElement('script'), "
        "{textContent: 'window.ran = true'}))"
    )
    assert page.evaluate("window.ran") is None
