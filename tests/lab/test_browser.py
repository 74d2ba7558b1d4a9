"""The shop as a person uses it, in a real browser."""

import shutil
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from lab.engine import BROWSERS
from tests.lab.conftest import Lab


@pytest.fixture
def page(lab: Lab) -> Iterator[Page]:
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    assert found, "no Chromium on this machine: install one (`apt-get install chromium`, or Chrome) and run it again"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found,
            args=["--no-sandbox", "--disable-background-networking", "--disable-component-update"],
        )
        page = browser.new_page(base_url=f"http://{lab.settings['address']}:{lab.settings['httpPort']}")
        page.set_default_timeout(20_000)
        yield page
        browser.close()


def test_a_visitor_registers_orders_and_sees_it_confirmed(page: Page) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto("/")
    page.get_by_label("E-mail").fill(f"reader-{time.time_ns()}@example.org")
    page.get_by_label("Password").fill("correct horse battery staple")
    page.get_by_role("button", name="Create an account").click()
    page.get_by_role("button", name="Add Laurel soap to the basket").click()
    page.get_by_role("button", name="Order", exact=True).click()
    orders = page.get_by_role("region", name="Your orders")
    expect(orders.get_by_text("confirmed")).to_be_visible(timeout=20_000)
    expect(orders).to_contain_text("1 × Laurel soap")
    page.get_by_role("link", name="Dashboard").click()
    expect(page.get_by_text("confirmed").first).to_be_visible(timeout=20_000)
    assert complaints == []
