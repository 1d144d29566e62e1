"""Sends events to an app by webhook. Each try sends the same body under the same key."""
