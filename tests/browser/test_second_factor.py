"""A member's second factor from the first look to a login without the device, by keyboard, with an app of our own."""

import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from boursomatic.env import ROOT
from tests.browser.conftest import PAGE_MS
from tests.browser.site import Site
from tests.totp import totp

NAME, PASSWORD = "erin", "wine-dark sea 7"
MAKE = """
from django.contrib.auth.models import Group, User
User.objects.filter(username="{name}").delete()
User.objects.create_user("{name}", password="{password}").groups.add(Group.objects.get(name="trainer"))
"""
AXE = (ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text()
