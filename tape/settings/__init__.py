"""One frozen, checked settings class per app, read once at start from the environment and `.env`.

The names are part of the interface; they stand alike in `.env.example`, `quix.yaml`, each app's
`app.yaml` and the compose file, which a test checks. Nothing else reads the environment.
"""
