"""The program of a machine's boot; __main__.py says what it does."""
