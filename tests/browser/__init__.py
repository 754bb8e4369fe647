"""The product in a real Chromium, served by the real launcher."""
