"""`python -m workshop`."""

from workshop.cli import app

app(prog_name="workshop")
