"""init: settings for an app that has accounts."""
