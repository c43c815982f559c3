"""The application's own kernel module, made from what its executable carries."""
