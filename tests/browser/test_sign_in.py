"""People sign in with a real OpenID provider in a real browser; each role may what the policy says, and no more."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, TimeoutError, expect

from tailguard.domain.facts import AttemptRefused, OverrideRequested
from tests.browser.driving import free_port, serving
from tests.builders import Team, found_team, held_for_review

pytestmark = pytest.mark.browser

PEOPLE: dict[str, dict[str, object]] = {
    "owner": {"email": "ada@team.example"},
    "engineer": {"email": "lin@team.example", "groups": ["ml"]},
    "reviewer": {"email": "sam@team.example"},
    "lead": {"email": "kim@team.example"},
    "viewer": {"email": "vic@team.example", "groups": ["board"]},
    "stranger": {"email": "eve@elsewhere.example"},
    "unverified": {"email": "ada@team.example", "email_verified": False},
}


@contextmanager
def provider(port: int) -> Iterator[str]:
    """An OpenID provider that knows these people; the address of its metadata."""
    command = [sys.executable, "-m", "oidc_provider_mock", "-p", str(port), "-H", "localhost"]
    for name, claims in PEOPLE.items():
        command += ["--user-claims", json.dumps({"sub": name, "name": name, "email_verified": True, **claims})]
    process = subprocess.Popen(  # noqa: S603  the command above
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    address = f"http://localhost:{port}/.well-known/openid-configuration"
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                with urllib.request.urlopen(address, timeout=1):
                    break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        yield address
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Team]]:
    """A team whose dashboard asks people to sign in; its address, and the team."""
    team = found_team(tmp_path_factory.mktemp("signed") / "team")
    held_for_review(team, 30)
    file = team.workspace.root / "policy.toml"
    text = file.read_text()
    for old, new in (
        ('quality_owner = "ada"', 'quality_owner = "ada@team.example"'),
        ("viewer = []", 'viewer = ["group:board"]'),
        ('engineer = ["lin"]', 'engineer = ["group:ml"]'),
        ('reviewer = ["ada"]', 'reviewer = ["sam@team.example"]'),
        ('data_lead = ["ada"]', 'data_lead = ["kim@team.example"]'),
    ):
        assert old in text, old
        text = text.replace(old, new)
    file.write_text(
        re.sub(r'(?m)^(provenance|mixing|loops|monitoring|drill) = "ada"', r'\1 = "ada@team.example"', text)
    )
    port = free_port()
    with provider(free_port()) as metadata:
        secrets = team.workspace.root / "sign_in.toml"
        secrets.write_text(
            f'[auth]\nredirect_uri = "http://localhost:{port}/oauth2callback"\ncookie_secret = "{"x" * 40}"\n'
            f'client_id = "tailguard"\nclient_secret = "secret"\nserver_metadata_url = "{metadata}"\n'
        )
        secrets.chmod(0o600)
        with serving(team.workspace.root, port=port) as address:
            yield address, team


@contextmanager
def signed_in(browser: Browser, address: str, name: str, path: str = "") -> Iterator[Page]:
    """A tab in which a person has signed in."""
    context = browser.new_context(viewport={"width": 1440, "height": 1200})
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(address)
    page.get_by_role("button", name="Sign in").click()
    page.locator("input[name=sub]").fill(name)
    page.locator("button, input[type=submit]").first.click()
    page.wait_for_url(f"{address}/**")
    if path:
        page.goto(f"{address}/{path.lower()}")
        page.get_by_text(f"{path} · ").last.wait_for()
    try:
        yield page
    finally:
        context.close()


def press(page: Page, button: str, answer: str | re.Pattern[str]) -> None:
    """One press has to count; where it did not, the failure tells what the page says instead."""
    page.get_by_role("button", name=re.compile(f"^{button}")).first.click()
    try:
        page.get_by_text(answer).first.wait_for()
    except TimeoutError:
        errors = [
            *page.get_by_test_id("stAlert").all_inner_texts(),
            *page.get_by_test_id("stException").all_inner_texts(),
        ]
        pytest.fail(
            f"{button} was pressed and nothing said {answer!r}. The page says: {errors or page.inner_text('body')}"
        )


def refused(team: Team) -> list[str]:
    with team.workspace.log.reading() as view:
        return [f"{row.actor}: {row.fact.right}" for row in view.recorded(AttemptRefused)]


def test_nothing_is_shown_before_signing_in(signed: tuple[str, Team], browser: Browser) -> None:
    address, _ = signed
    page = browser.new_page()
    for path in ("", "/runs", "/quarantine?lineage=main"):
        page.goto(address + path)
        expect(page.get_by_role("button", name="Sign in")).to_be_visible(timeout=30_000)
        expect(page.get_by_text("main/0")).to_have_count(0)
        expect(page.get_by_test_id("stMetric")).to_have_count(0)
    page.close()


@pytest.mark.parametrize("name", ["stranger", "unverified"])
def test_who_is_not_on_the_team_sees_nothing_and_the_attempt_is_logged(
    signed: tuple[str, Team], browser: Browser, name: str
) -> None:
    address, team = signed
    with signed_in(browser, address, name) as page:
        expect(page.get_by_text("You cannot look at this dashboard")).to_be_visible(timeout=30_000)
        expect(page.get_by_test_id("stMetric")).to_have_count(0)
    if name == "stranger":
        assert "eve@elsewhere.example: look" in refused(team)


def test_a_viewer_looks_and_decides_nothing(signed: tuple[str, Team], browser: Browser) -> None:
    address, team = signed
    with signed_in(browser, address, "viewer", "Overrides") as page:
        expect(page.get_by_text("vic@team.example").first).to_be_visible()
        page.get_by_role("textbox", name="Reason").fill("I would like to see it through")
        press(page, "Ask", "vic@team.example may not ask for overrides")
    assert "vic@team.example: ask" in refused(team)


def test_an_engineer_by_group_asks_and_may_not_approve_and_the_quality_owner_does(
    signed: tuple[str, Team], browser: Browser
) -> None:
    address, team = signed
    with signed_in(browser, address, "engineer", "Overrides") as page:
        page.get_by_role("textbox", name="Reason").fill("needed for the launch of this week")
        press(page, "Ask", "requested. Another person approves it")
        press(page, "Record the decision", "lin@team.example may not decide on overrides")
    with team.workspace.log.reading() as view:
        assert view.recorded(OverrideRequested)[-1].actor == "lin@team.example"
    assert "lin@team.example: decide" in refused(team)
    with signed_in(browser, address, "owner", "Overrides") as page:
        press(page, "Record the decision", re.compile(r"override-\d+ approved"))


def test_a_reviewer_decides_a_held_record_and_a_data_lead_may_not(signed: tuple[str, Team], browser: Browser) -> None:
    address, team = signed
    with signed_in(browser, address, "lead", "Quarantine") as page:
        press(page, "Human", "kim@team.example may not decide held records")
    with signed_in(browser, address, "reviewer", "Quarantine") as page:
        press(page, "Human", "the next run takes them in")
    assert "kim@team.example: review" in refused(team)


def test_signing_out_ends_it(signed: tuple[str, Team], browser: Browser) -> None:
    address, _ = signed
    with signed_in(browser, address, "owner", "Runs") as page:
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url(
            lambda url: not url.startswith(address), timeout=60_000
        )  # the provider's own page for leaving
        page.goto(f"{address}/runs")
        expect(page.get_by_role("button", name="Sign in")).to_be_visible(timeout=30_000)
        expect(page.get_by_test_id("stMetric")).to_have_count(0)


def test_a_forged_session_is_nobody(signed: tuple[str, Team], browser: Browser) -> None:
    address, _ = signed
    context = browser.new_context()
    forged = json.dumps({"email": "ada@team.example", "email_verified": True, "is_logged_in": True})
    context.add_cookies(
        [{"name": name, "value": forged.replace('"', "%22"), "url": address} for name in ("_streamlit_user", "user")]
    )
    page = context.new_page()
    page.goto(address)

    expect(page.get_by_role("button", name="Sign in")).to_be_visible(timeout=30_000)
    context.close()
