"""The command line: ``state-ad-spec check MODULE``, ``merge``, ``export``."""
