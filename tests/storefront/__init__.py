"""kabin.js in real Chromium, against a scripted service."""
