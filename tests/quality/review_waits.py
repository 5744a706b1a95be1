"""What a test waits for on the review page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Page


def settled(page: Page) -> None:
    expect(page.locator("#saved")).to_have_text("saved")


def await_key(page: Page, key: str) -> None:
    expect(page.locator("#key")).to_have_text(key)
