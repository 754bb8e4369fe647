"""Carries runs out: claims, children, heartbeats, ends."""
