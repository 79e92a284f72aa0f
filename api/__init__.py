"""Doors: command line, HTTP, web page."""
