"""Wiring: settings, URLs, accounts and what every page and endpoint shares."""

__version__ = "0.2.0"
